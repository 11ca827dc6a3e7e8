//! Held against other people's measurements: `tests/reference/measured.jsonl` (each row names its source), and figures
//! of the same sources that are not in that table. What is left out, and why rows differ, is in `docs/measured.md`.

#[allow(dead_code)]
#[path = "../src/command/check/mod.rs"]
mod check;

use check::Outcome;
use petaday::memory::detailed::{
    AdapterDtype, Adapters, Base, Dtype, Layer, LayerRun, Overheads, Step, Targets, footprint,
    layer_tensors, model_of,
};
use petaday::memory::ranks::reserved::pools;
use petaday::model::Architecture;
use petaday::model::huggingface::import_class;
use petaday::training::{Loss, Optimizer, OptimizerStep, Recomputation, Stack};
use serde_json::{Value, json};

const MEASURED: &str = include_str!("reference/measured.jsonl");

const RANKS: &str = include_str!("reference/ranks/ranks_fsdp.jsonl");
const STREAMS: &str = include_str!("reference/ranks/streams.jsonl");

/// Usable rows of one GPU or of several, encoders aside: each one's id and error.
fn errors(several: bool) -> Vec<(String, f64)> {
    let rows = check::rows(MEASURED).unwrap();
    let held = rows.iter().filter(|row| {
        let gpus = row["world"]["gpus"].as_u64().unwrap_or(1);
        let class = row["model"]["hf_config_class"].as_str().unwrap_or_default();
        row["usable"] == true && (gpus > 1) == several && !class.contains("Bert")
    });
    held.map(|row| match check::outcome(row) {
        Outcome::Compared(compared) => (row["id"].to_string(), compared.error()),
        Outcome::LeftOut(rule) => panic!("{}: {rule}", row["id"]),
    })
    .collect()
}

/// The least bound that this share of magnitudes keep.
#[track_caller]
fn quantile(errors: &[(String, f64)], share: f64) -> f64 {
    let mut sorted: Vec<f64> = errors.iter().map(|(_, error)| error.abs()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() as f64 * share).ceil() as usize).max(1) - 1]
}

#[track_caller]
fn hold(errors: &[(String, f64)], share: f64, limit: f64) {
    let reached = quantile(errors, share);
    assert!(reached <= limit, "{reached}, {errors:?}");
}

#[test]
fn one_gpu() {
    let errors = errors(false);
    assert_eq!(errors.len(), 29);
    hold(&errors, 0.5, 0.004);
    hold(&errors, 0.9, 0.025);
    hold(&errors, 1.0, 0.07);
}

#[test]
fn several_gpus() {
    let errors = errors(true);
    assert_eq!(errors.len(), 14);
    hold(&errors, 0.5, 0.045);
    hold(&errors, 1.0, 0.08);
}

/// A step as litgpt's `finetune_lora` takes it.
fn litgpt<'a>(model: &'a Architecture, base: Base, micro_batch: u64, sequence: u64) -> Step<'a> {
    Step {
        micro_batch,
        accumulation: 128 / micro_batch,
        optimizer: if base == Base::AsTrained {
            Optimizer::AdamW
        } else {
            // Paged: in memory that PyTorch does not allocate.
            Optimizer::PlainSgd
        },
        adapters: Some(Adapters {
            rank: 8,
            targets: Targets::QUERY.and(Targets::VALUE),
            dtype: AdapterDtype::AsModel,
            base,
            dropout: true,
        }),
        loss: Loss::Chunked,
        loss_chunks: sequence.div_ceil(128),
        stack: Stack::LitGpt,
        ..Step::of(model, sequence)
    }
}

#[track_caller]
fn model(stack: Stack, class: &str, config: &Value) -> Architecture {
    let imported = import_class(class, config).unwrap_or_else(|why| panic!("{class}: {why}"));
    model_of(stack, &imported.architecture)
}

#[track_caller]
fn within(step: &Step, printed: f64, share: f64) {
    let ours = Overheads::DEFAULT
        .on(footprint(step).peak().total())
        .allocated;
    let error = ours.0 as f64 / printed - 1.0;
    assert!(error.abs() <= share, "{error} of {printed}");
}

/// litgpt, tutorials/resource-tables.md (measured at 8641822), "Finetuning with LoRA on 1 GPU": GB of 10^9 bytes.
#[test]
fn litgpt_rows_that_are_not_in_the_table() {
    let phi = json!({"hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 32,
        "intermediate_size": 8192, "vocab_size": 51200, "partial_rotary_factor": 0.5});
    let phi = model(Stack::LitGpt, "PhiConfig", &phi);
    let stable = json!({"hidden_size": 4096, "num_hidden_layers": 16, "num_attention_heads": 32,
        "intermediate_size": 16384, "vocab_size": 50688, "rotary_pct": 0.25});
    let stable = model(Stack::LitGpt, "GPTNeoXConfig", &stable);
    let llama = json!({"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
        "intermediate_size": 11008, "vocab_size": 32000});
    let llama = model(Stack::LitGpt, "LlamaConfig", &llama);
    let (nf4, double) = (Base::Nf4, Base::Nf4DoubleQuantised);
    for (model, sequence, base, micro_batch, printed) in [
        (&phi, 1044, nf4, 1, 3.78e9),
        (&phi, 1044, Base::AsTrained, 2, 6.76e9),
        (&stable, 1034, Base::AsTrained, 1, 9.69e9),
        (&stable, 1034, nf4, 1, 6.35e9),
        (&stable, 1034, double, 1, 6.19e9),
        (&stable, 1034, Base::AsTrained, 2, 12.10e9),
        (&stable, 1034, Base::AsTrained, 4, 16.92e9),
        (&llama, 1304, Base::AsTrained, 1, 21.30e9),
    ] {
        within(&litgpt(model, base, micro_batch, sequence), printed, 0.015);
    }
}

/// litgpt, config_hub/finetune/README.md (2685705), LoRA rows whose yaml has the rank 8 or 32 on query and value.
#[test]
fn litgpt_configurations_that_are_not_in_the_table() {
    let small = json!({"hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 8192, "vocab_size": 128256, "head_dim": 64});
    let small = model(Stack::LitGpt, "LlamaConfig", &small);
    let falcon = json!({"hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
        "vocab_size": 65024, "multi_query": true, "parallel_attn": true,
        "new_decoder_architecture": false});
    let falcon = model(Stack::LitGpt, "FalconConfig", &falcon);
    for (model, printed) in [(&small, 4.49e9), (&falcon, 16.69e9)] {
        let mut step = litgpt(model, Base::AsTrained, 1, 512);
        step.accumulation = 8;
        if let Some(adapters) = &mut step.adapters {
            adapters.rank = 32;
        }
        within(&step, printed, 0.01);
    }
}

/// torchtune, README.md at 1814feb17, "Optimization flags": GiB of active memory; each line adds to the one before.
#[test]
fn torchtune_rows_that_are_not_in_the_table() {
    let config = json!({"hidden_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 24,
        "num_key_value_heads": 8, "intermediate_size": 8192, "vocab_size": 128256,
        "tie_word_embeddings": true, "head_dim": 128});
    let model = model(Stack::TorchTune, "LlamaConfig", &config);
    let checkpointed = Step {
        micro_batch: 2,
        optimizer_step: OptimizerStep::Fused,
        recomputation: Recomputation::Full,
        loss: Loss::Chunked,
        loss_chunks: 8,
        stack: Stack::TorchTune,
        compiled: true,
        ..Step::of(&model, 4096)
    };
    let in_backward = Step {
        optimizer_in_backward: true,
        ..checkpointed
    };
    let offloaded = Step {
        offload: true,
        ..in_backward
    };
    // torchao's AdamW8bit.
    let quantised = Step {
        optimizer: Optimizer::AdamW8Bit,
        ..offloaded
    };
    for (step, gib, share) in [
        (&checkpointed, 24.9, 0.025),
        (&in_backward, 23.1, 0.025),
        (&offloaded, 21.8, 0.025),
        (&quantised, 17.6, 0.07),
    ] {
        within(step, gib * f64::from(1 << 30), share);
    }
}

/// Liger-Kernel at ead96b6, benchmark/data/all_benchmark_data.csv, metric "memory", mode "full", A100: MiB.
#[test]
fn liger_benchmarks() {
    let head = Layer::HeadAndLoss {
        hidden: 4096,
        vocabulary: 128_256,
    };
    let network = Layer::FeedForward {
        hidden: 4096,
        size: 11_008,
    };
    let loss = |vocabulary| Layer::CrossEntropy { vocabulary };
    let (sixteen, single) = (Dtype::Sixteen, Dtype::Fp32);
    for (layer, dtype, liger, tokens, mib, handles) in [
        (head, sixteen, true, 4096, 4245.5478515625, 2),
        (head, sixteen, true, 8192, 4466.9697265625, 2),
        (head, sixteen, false, 4096, 6092.2822265625, 2),
        (head, sixteen, false, 32_768, 27582.5, 2),
        // SwiGLU; GeGLU of as many tokens has the same.
        (network, sixteen, true, 4096, 1100.25, 2),
        (network, sixteen, true, 8192, 1582.25, 2),
        (network, sixteen, true, 16_384, 2546.25, 2),
        (network, sixteen, true, 32_768, 4474.25, 2),
        (network, sixteen, true, 65_536, 8330.25, 2),
        (network, sixteen, false, 16_384, 3452.25, 2),
        (network, sixteen, false, 32_768, 6372.25, 2),
        (network, sixteen, false, 65_536, 12212.25, 2),
        (loss(4096), single, true, 16_384, 256.32861328125, 0),
        (loss(65_536), single, true, 16_384, 4096.32861328125, 0),
        (loss(4096), single, false, 16_384, 1280.1259765625, 0),
        (loss(65_536), single, false, 16_384, 20480.125, 0),
    ] {
        let run = LayerRun {
            layer,
            tokens,
            dtype,
            liger,
        };
        let tensors = layer_tensors(&run).iter().map(|entry| entry.bytes).sum();
        let overheads = Overheads {
            handles,
            ..Overheads::DEFAULT
        };
        let error = overheads.on(tensors).allocated.0 as f64 / (mib * 1_048_576.0) - 1.0;
        assert!(error.abs() <= 0.001, "{run:?}: {error}");
    }
}

/// Recorded ranks of FSDP2 say what each stream's pool of memory holds at most: `stream_peaks`.
#[test]
fn pools_of_streams() {
    let mut errors = Vec::new();
    let rows = check::rows(RANKS).unwrap();
    for streams in check::rows(STREAMS).unwrap() {
        let row = rows.iter().find(|row| row["id"] == streams["id"]).unwrap();
        let inputs = &row["inputs"];
        if inputs["strategy"] != "fsdp2" || inputs["accum"].as_u64().unwrap_or(1) > 1 {
            continue;
        }
        let model = check::groundtruth::architecture(inputs).unwrap();
        let run = check::ranks::fsdp(inputs).unwrap();
        let step = Step {
            precision: run.precision(),
            accumulation: 1,
            ..check::groundtruth::step(inputs, &model).unwrap()
        };
        let rank = check::ranks::footprint(row).unwrap();
        let ours = pools(&step, run, None, &rank);
        let theirs = streams["reserved_at_least"].as_f64().unwrap();
        let pools = ours.compute.0 + ours.gradients.0 + ours.gathers.0;
        errors.push((row["id"].to_string(), pools as f64 / theirs - 1.0));
    }
    // Where optimizer or blocks hold most, the pool of the stream that computes may hold more at another moment.
    assert_eq!(errors.len(), 57);
    hold(&errors, 0.5, 0.003);
    hold(&errors, 0.9, 0.1);
    hold(&errors, 1.0, 0.13);
}
