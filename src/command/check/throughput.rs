//! Tables of training throughput: tokens per second, and the MFU or TFLOP/s that the source makes of them.
//!
//! A row says by `source_table` who counted, so under whose convention its tokens per second are to be read:
//!
//! | source | convention | compared |
//! |---|---|---|
//! | llm-foundry | 6·N + 12·L·h·s | MFU, at the row's own peak |
//! | Megatron-LM | 6·(P − V·h) + 12·L·h·s | TFLOP/s |
//! | Megatron-Bridge | its matrix products without routers, causal scores | TFLOP/s |
//! | MaxText | the same | MFU, at the row's own peak |
//!
//! Left out, in this order, are rows of other sources; rows that print no throughput; rows whose architecture neither
//! their own fields nor the catalogue, by their model's name, tell (hybrids with state-space layers are in neither); and
//! rows that print no MFU or TFLOP/s to compare.

use super::{Comparison, Outcome, Table, architectures, positive};
use petaday::flop::Convention;
use petaday::model::{Activation, Architecture, Family};
use serde_json::Value as Json;

/// Rows with a throughput, from a named table.
pub const TABLE: Table = Table { holds, outcome };

fn holds(row: &Json) -> bool {
    row.get("source_table").is_some()
}

/// Who counted.
#[derive(Clone, Copy, PartialEq)]
enum Counted {
    LlmFoundry,
    MegatronLm,
    MegatronBridge,
    MaxText,
}

impl Counted {
    fn by(row: &Json) -> Option<Self> {
        let table = row["source_table"].as_str()?;
        [
            ("llm-foundry", Self::LlmFoundry),
            ("Megatron-LM", Self::MegatronLm),
            ("Megatron-Bridge", Self::MegatronBridge),
            ("MaxText", Self::MaxText),
        ]
        .into_iter()
        .find(|(start, _)| table.starts_with(start))
        .map(|(_, counted)| counted)
    }

    fn convention(self) -> Convention {
        match self {
            Self::LlmFoundry => Convention::LlmFoundry,
            Self::MegatronLm => Convention::MegatronLm,
            Self::MegatronBridge | Self::MaxText => Convention::MegatronBridge,
        }
    }
}

fn outcome(row: &Json) -> Outcome {
    let Some(counted) = Counted::by(row) else {
        return Outcome::LeftOut("the source's way of counting is not known");
    };
    let Some(rate) = tokens_per_second(row) else {
        return Outcome::LeftOut("no throughput printed");
    };
    let Some(sequence) = positive(row, "seq_len") else {
        return Outcome::LeftOut("no sequence length printed");
    };
    let named = || row["model"].as_str().and_then(architectures::named);
    let Some(model) = architectures::gpt(row, sequence).or_else(named) else {
        return Outcome::LeftOut("architecture not known");
    };
    let flop_per_second = rate * flop_per_token(counted, row, &model, sequence as u64);
    let peak = positive(row, "peak_flops_used_for_mfu");
    match (
        peak.zip(positive(row, "mfu_pct")),
        positive(row, "model_tflops_per_gpu"),
    ) {
        (Some((peak, mfu)), _) => {
            let ours = 100.0 * flop_per_second / peak;
            Outcome::Compared(Comparison::of_reals("MFU, %", ours, mfu))
        }
        (None, Some(tflops)) => {
            let compared = Comparison::of_reals("TFLOP/s per GPU", flop_per_second / 1e12, tflops);
            let lacks_layer = counted == Counted::MegatronBridge
                && model.family == Family::DeepSeekV3
                && compared.error() < -0.02;
            Outcome::Compared(if lacks_layer {
                compared.because("theirs trains a multi-token-prediction layer too")
            } else {
                compared
            })
        }
        (None, None) => Outcome::LeftOut("no MFU or TFLOP/s printed"),
    }
}

/// Tokens per second of one GPU, from whichever print of it has the most digits.
fn tokens_per_second(row: &Json) -> Option<f64> {
    let all = positive(row, "tokens_per_s").zip(positive(row, "gpus"));
    let each = positive(row, "tokens_per_s_per_gpu");
    all.map(|(rate, gpus)| rate / gpus).or(each)
}

fn flop_per_token(counted: Counted, row: &Json, model: &Architecture, sequence: u64) -> f64 {
    let convention = counted.convention();
    let section = row["section"].as_str().unwrap_or_default();
    if counted != Counted::MegatronBridge {
        return convention.flop_per_token(model, sequence);
    }
    let counts = as_counted(model, container(section));
    if section.contains("LoRA") {
        // No gradients of frozen weights: four FLOP a weight, not six. Scores are of the packed samples, not of the
        // sequence, and so short that they do not show.
        let weights = petaday::flop::weights(&counts);
        let routers = weights[petaday::flop::Part::Router as usize];
        return 4.0 * (weights.iter().sum::<u64>() - routers) as f64;
    }
    convention.flop_per_token(&counts, sequence)
}

/// The model as Megatron-Bridge of a container counted it. Until 26.06 (its pull request 3947) a gate counted only where
/// the activation is SiLU, and a window as if there were none.
fn as_counted(model: &Architecture, container: Option<(u32, u32)>) -> Architecture {
    let mut counted = *model;
    if container.is_some_and(|version| version < (26, 6)) {
        counted.attention.window = None;
        // gpt-oss's own gate is x·sigmoid(1.702·x).
        let swiglu =
            model.feed_forward.activation == Activation::Silu && model.family != Family::GptOss;
        counted.feed_forward.gated &= swiglu;
    }
    counted
}

/// Year and month of the container that a section is about: `26.04.01 NeMo Container / …` → (26, 4).
fn container(section: &str) -> Option<(u32, u32)> {
    let version = section.split_whitespace().next()?;
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}
