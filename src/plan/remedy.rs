//! What would make a layout fit where none does: each remedy is tried by a search of its own.

use super::answer::words;
use super::{Candidate, Question, Search};
use crate::layout::Sharding;
use crate::training::{GradientDtype, Optimizer, Precision, Stack};
use crate::units::grouped;

/// Something to change, with which a layout fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Remedy {
    /// The least number of accelerators with which one fits, all else as it is.
    Gpus(u64),
    /// The longest of the halved sequences with which one fits.
    Sequence(u64),
    /// AdamW with both moments in 8 bits.
    EightBitOptimizer,
    /// Gradients of 2 bytes.
    SixteenBitGradients,
    /// Weights shared as torchtitan shares them, by FSDP2 beside pipeline stages too.
    SharedWeights,
    /// Tensor-parallel groups larger than what scale-up links join.
    TensorBeyondLinks,
}

impl Remedy {
    /// What to do, to stand in "It would fit …".
    pub fn phrase(self) -> String {
        match self {
            Self::Gpus(1) => String::from("on 1 GPU"),
            Self::Gpus(gpus) => ["on ", &grouped(gpus.into()), " GPUs"].concat(),
            Self::Sequence(tokens) => {
                ["with sequences of ", &grouped(tokens.into()), " tokens"].concat()
            }
            Self::EightBitOptimizer => String::from("with 8-bit AdamW"),
            Self::SixteenBitGradients => String::from("with 16-bit gradients"),
            Self::SharedWeights => String::from("with weights shared by FSDP2, as torchtitan does"),
            Self::TensorBeyondLinks => {
                String::from("with tensor-parallel groups beyond one scale-up domain")
            }
        }
    }

    /// As a sentence, with the fastest layout that fits then.
    pub fn sentence(self, fits: &Candidate) -> String {
        ["It would fit ", &self.phrase(), ": ", &words(fits), "."].concat()
    }
}

/// What would make a layout fit, each with the fastest one that fits then, the number of accelerators first. Each is
/// tried alone, by a search as long as the question's own; a number of accelerators by several.
pub fn remedies(question: &Question) -> Vec<(Remedy, Candidate)> {
    let mut found = Vec::new();
    if let Some((gpus, fits)) = least_gpus(question, SERVER, MOST_GPUS) {
        found.push((Remedy::Gpus(gpus), fits));
    }
    let mut sequence = question.sequence / 2;
    while sequence >= SHORTEST {
        let shorter = Question {
            sequence,
            ..*question
        };
        if let Some(fits) = fastest(&shorter) {
            found.push((Remedy::Sequence(sequence), fits));
            break;
        }
        sequence /= 2;
    }
    let alone = [
        (
            Remedy::EightBitOptimizer,
            question.optimizer == Optimizer::AdamW,
            Question {
                optimizer: Optimizer::AdamW8Bit,
                ..*question
            },
        ),
        (
            Remedy::SixteenBitGradients,
            question.precision != Precision::Fp32
                && question.gradients.bytes(question.precision) == 4,
            Question {
                gradients: GradientDtype::SixteenBit,
                ..*question
            },
        ),
        (
            Remedy::SharedWeights,
            question.gpus > 1
                && (!question.space().shardings.contains(&Sharding::Fsdp2)
                    || !question.space().sharded_pipelines),
            Question {
                stack: Stack::TorchTitan,
                ..*question
            },
        ),
        (
            Remedy::TensorBeyondLinks,
            !question.tensor_beyond_links
                && question.gpus > u64::from(question.accelerator.scale_up),
            Question {
                tensor_beyond_links: true,
                ..*question
            },
        ),
    ];
    for (remedy, changes, changed) in alone {
        if let Some(fits) = changes.then(|| fastest(&changed)).flatten() {
            found.push((remedy, fits));
        }
    }
    found
}

/// The least number of accelerators on which a layout fits, and the fastest one there: the divisors of a server, then
/// whole servers, at most `most`.
///
/// Each number is searched, from the one on whose memory holds all states once: what fits on a number need not fit on
/// a larger one, whose divisors are others.
pub fn least_gpus(question: &Question, server: u64, most: u64) -> Option<(u64, Candidate)> {
    let server = server.max(1);
    let bytes = question.states().all() * question.architecture.parameters() as f64;
    let least = (bytes / question.space().capacity).ceil().max(1.0);
    let on = |gpus: u64| {
        let question = Question { gpus, ..*question };
        fastest(&question).map(|fits| (gpus, fits))
    };
    let parts = (1..server).filter(|part| server.is_multiple_of(*part));
    if let Some(found) = parts.filter(|part| *part as f64 >= least).find_map(on) {
        return Some(found);
    }
    let mut servers = (least / server as f64).ceil().max(1.0) as u64;
    // Doubling finds out whether there is an end to counting up.
    let mut end = servers.next_power_of_two();
    let found = loop {
        if end.saturating_mul(server) > most {
            return None;
        }
        if let Some(found) = on(end * server) {
            break found;
        }
        end *= 2;
    };
    while servers < end {
        if let Some(found) = on(servers * server) {
            return Some(found);
        }
        servers += 1;
    }
    Some(found)
}

/// The fastest layout of a question.
fn fastest(question: &Question) -> Option<Candidate> {
    let mut search = Search::new(question.task(), question.space());
    search.finish();
    search.best().first().copied()
}

/// Accelerators of a server.
const SERVER: u64 = 8;

/// The most accelerators that are tried.
const MOST_GPUS: u64 = 131_072;

/// The shortest sequence that is tried.
const SHORTEST: u64 = 512;
