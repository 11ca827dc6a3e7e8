//! Whether a layout fits its GPUs, its model and its batch: what does not divide, in data and in a sentence.

use super::{Degree, Layout, Schedule};
use crate::field::{Choice, choice};
use crate::model::Architecture;
use crate::units::grouped;
use std::fmt;

/// What a layout divides beside the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Tokens of a sequence.
    pub sequence: u64,
    /// Sequences of one micro-batch on one rank.
    pub micro_batch: u64,
    /// Sequences of a step over all ranks.
    pub global_batch: u64,
    /// GPUs there are; none where as many are taken as the layout needs.
    pub gpus: Option<u64>,
}

impl Batch {
    /// Micro-batches that each data-parallel rank works through in a step, m; rounded down, at least 1.
    pub const fn micro_batches(&self, layout: &Layout) -> u64 {
        match self
            .global_batch
            .checked_div(self.micro_batch * layout.data)
        {
            Some(whole) if whole > 1 => whole,
            _ => 1,
        }
    }
}

/// The product of a layout's degrees: `8 × 4 × 2 × 8 = 512 GPUs ✓`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// Data, tensor, pipeline and context degree.
    pub degrees: [u64; 4],
    /// GPUs there are; none where that is open.
    pub available: Option<u64>,
}

impl Product {
    /// GPUs the layout takes.
    pub fn gpus(&self) -> u64 {
        self.degrees.iter().product()
    }

    /// Whether there are as many.
    pub fn fits(&self) -> bool {
        self.available
            .is_none_or(|available| available == self.gpus())
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, degree) in self.degrees.iter().enumerate() {
            if index > 0 {
                f.write_str(" × ")?;
            }
            f.write_str(&grouped((*degree).into()))?;
        }
        f.write_str(" = ")?;
        f.write_str(&grouped(self.gpus().into()))?;
        f.write_str(" GPUs")?;
        match self.available {
            Some(available) if available != self.gpus() => {
                f.write_str(", but there are ")?;
                f.write_str(&grouped(available.into()))
            }
            Some(_) => f.write_str(" ✓"),
            None => Ok(()),
        }
    }
}

choice!(
    /// What a layout divides.
    Divided {
        /// Query heads, a.
        Heads "heads" "query heads",
        /// Key and value heads, g.
        KeyHeads "kv" "key and value heads",
        /// Inner size of the dense feed-forward network.
        FeedForward "ffn" "feed-forward size",
        /// Inner size of an expert.
        ExpertSize "expert-ffn" "expert size",
        /// Experts of a layer, E.
        Experts "experts" "experts",
        /// Transformer layers, L.
        Layers "layers" "layers",
        /// Tokens of a sequence, s.
        Sequence "seq" "sequence length",
        /// Sequences of a step.
        GlobalBatch "batch" "global batch",
        /// Micro-batches of a step on each data-parallel rank, m.
        MicroBatches "micro-batches" "micro-batches",
        /// GPUs.
        Gpus "gpus" "GPUs",
        /// The data-parallel degree, which sharding groups divide.
        Data "dp" "data parallel",
        /// Ranks of one pipeline stage: data × tensor × context.
        StageRanks "stage-ranks" "ranks of a pipeline stage",
        /// Pipeline stages, p.
        Stages "pp" "pipeline stages",
    }
);

/// Something of a layout that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// A degree has to divide something, and does not.
    DoesNotDivide {
        /// The degree.
        degree: Degree,
        /// Its value.
        value: u64,
        /// What it has to divide.
        of: Divided,
        /// That one's value.
        whole: u64,
    },
    /// Something has to be a multiple of a number that several degrees make.
    NotAMultiple {
        /// What has to be.
        of: Divided,
        /// Its value.
        value: u64,
        /// Of this.
        step: u64,
        /// What that is.
        why: &'static str,
    },
    /// Something has to be at least a number.
    TooFew {
        /// What has to be.
        of: Divided,
        /// Its value.
        value: u64,
        /// This.
        least: u64,
        /// Why.
        why: &'static str,
    },
    /// The product is not the GPUs there are.
    Gpus {
        /// The product.
        product: Product,
        /// The data-parallel degree that takes them all.
        data: u64,
    },
    /// A degree above 1 does nothing here, or is refused.
    Needs {
        /// The degree.
        degree: Degree,
        /// Its value.
        value: u64,
        /// What it needs.
        what: &'static str,
    },
    /// Layers are not spread evenly: allowed, but launchers have to be told how.
    Uneven {
        /// Layers of the model.
        layers: u64,
        /// Stages they are spread over, chunks counted.
        stages: u64,
    },
}

impl Misfit {
    /// Whether launchers refuse it.
    pub const fn stops(&self) -> bool {
        !matches!(self, Self::Uneven { .. })
    }

    /// The degree it is about, where it is about one.
    pub const fn degree(&self) -> Option<Degree> {
        match self {
            Self::DoesNotDivide { degree, .. } | Self::Needs { degree, .. } => Some(*degree),
            Self::Uneven { .. } => Some(Degree::Pipeline),
            Self::Gpus { .. } => Some(Degree::Data),
            Self::NotAMultiple { .. } | Self::TooFew { .. } => None,
        }
    }

    /// The valid values nearest to the given one, below and above: of the degree that does not divide, else of what has
    /// to be a multiple. Equal where there is one only.
    pub fn nearest(&self) -> [u64; 2] {
        match *self {
            Self::DoesNotDivide { value, whole, .. } => nearest_divisors(value, whole),
            Self::NotAMultiple { value, step, .. } => {
                let below = value / step * step;
                [below.max(step), below + step]
            }
            Self::TooFew { least, .. } => [least; 2],
            Self::Gpus { data, .. } => [data; 2],
            Self::Needs { .. } => [1; 2],
            Self::Uneven { layers, stages } => nearest_divisors(stages, layers),
        }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: u64| grouped(value.into());
        let [below, above] = self.nearest();
        match *self {
            Self::DoesNotDivide {
                degree,
                value,
                of,
                whole,
            } => {
                equals(f, degree.label(), value)?;
                f.write_str(" does not divide ")?;
                equals(f, of.label(), whole)?;
                f.write_str("; nearest that do: ")?;
            }
            Self::NotAMultiple {
                of,
                value,
                step,
                why,
            } => {
                equals(f, &capitalised(of.label()), value)?;
                f.write_str(" is not a multiple of ")?;
                f.write_str(&number(step))?;
                f.write_str(", ")?;
                f.write_str(why)?;
                f.write_str("; nearest that are: ")?;
            }
            Self::TooFew {
                of,
                value,
                least,
                why,
            } => {
                equals(f, &capitalised(of.label()), value)?;
                f.write_str(" is below ")?;
                f.write_str(&number(least))?;
                f.write_str(", ")?;
                return f.write_str(why);
            }
            Self::Needs {
                degree,
                value,
                what,
            } => {
                equals(f, degree.label(), value)?;
                f.write_str(" needs ")?;
                return f.write_str(what);
            }
            Self::Gpus { product, data } => {
                fmt::Display::fmt(&product, f)?;
                f.write_str("; all of them with ")?;
                return equals(f, "data parallel", data);
            }
            Self::Uneven { layers, stages } => {
                f.write_str(&number(layers))?;
                f.write_str(" layers are not spread evenly over ")?;
                f.write_str(&number(stages))?;
                f.write_str(" stages, the ends get fewer; nearest that divide them: ")?;
            }
        }
        f.write_str(&number(below))?;
        if above != below {
            f.write_str(", ")?;
            f.write_str(&number(above))?;
        }
        Ok(())
    }
}

fn equals(f: &mut fmt::Formatter<'_>, name: &str, value: u64) -> fmt::Result {
    f.write_str(name)?;
    f.write_str(" = ")?;
    f.write_str(&grouped(value.into()))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// The divisors of `whole` on either side of `value`.
fn nearest_divisors(value: u64, whole: u64) -> [u64; 2] {
    let divides = |d: &u64| whole.is_multiple_of(*d);
    let below = (1..=value.min(whole)).rev().find(divides);
    let above = (value.max(1)..=whole).find(divides);
    let below = below.unwrap_or(1);
    [below, above.unwrap_or(below)]
}

impl Layout {
    /// The product of its degrees beside the GPUs there are.
    pub const fn product(&self, available: Option<u64>) -> Product {
        Product {
            degrees: [self.data, self.tensor, self.pipeline, self.context],
            available,
        }
    }

    /// Everything that does not fit, in the order a reader can mend it; nothing where it all does.
    ///
    /// The rules are Megatron-LM's (d98e8a6: megatron/core/transformer/transformer_config.py, parallel_state.py,
    /// num_microbatches_calculator.py, pipeline_parallel/schedules.py, megatron/training/arguments.py) and, for
    /// DualPipe, deepseek-ai/DualPipe's (dualpipe.py, dualpipev.py); other launchers refuse the same.
    pub fn misfits(&self, model: &Architecture, batch: &Batch) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        self.gpu_misfits(batch, &mut misfits);
        self.tensor_misfits(model, &mut misfits);
        self.expert_misfits(model, &mut misfits);
        self.sequence_misfits(batch, &mut misfits);
        self.pipeline_misfits(model, batch, &mut misfits);
        misfits
    }

    fn gpu_misfits(&self, batch: &Batch, misfits: &mut Vec<Misfit>) {
        let replica = self.tensor * self.pipeline * self.context;
        match batch.gpus {
            Some(gpus) if replica > 0 && !gpus.is_multiple_of(replica) => {
                misfits.push(Misfit::NotAMultiple {
                    of: Divided::Gpus,
                    value: gpus,
                    step: replica,
                    why: "tensor × pipeline × context parallel",
                });
            }
            Some(gpus) if gpus != self.gpus() => misfits.push(Misfit::Gpus {
                product: self.product(Some(gpus)),
                data: gpus / replica.max(1),
            }),
            _ => {}
        }
        self.divides(Degree::ShardGroup, Divided::Data, self.data, misfits);
        let at_once = self.data * batch.micro_batch;
        if at_once > 0 && (batch.global_batch == 0 || !batch.global_batch.is_multiple_of(at_once)) {
            misfits.push(Misfit::NotAMultiple {
                of: Divided::GlobalBatch,
                value: batch.global_batch,
                step: at_once,
                why: "data parallel × micro-batch",
            });
        }
    }

    fn tensor_misfits(&self, model: &Architecture, misfits: &mut Vec<Misfit>) {
        let attention = &model.attention;
        self.divides(Degree::Tensor, Divided::Heads, attention.heads, misfits);
        // Fewer key heads than ranks are copied.
        let copied = attention.kv_heads > 0 && self.tensor.is_multiple_of(attention.kv_heads);
        if attention.latent.is_none() && !copied {
            self.divides(
                Degree::Tensor,
                Divided::KeyHeads,
                attention.kv_heads,
                misfits,
            );
        }
        let dense = model
            .experts
            .is_none_or(|experts| experts.layers.count_below(model.layers) < model.layers);
        if dense {
            let size = model.feed_forward.size;
            self.divides(Degree::Tensor, Divided::FeedForward, size, misfits);
        }
    }

    fn expert_misfits(&self, model: &Architecture, misfits: &mut Vec<Misfit>) {
        let Some(experts) = model.experts else {
            for degree in [Degree::Expert, Degree::ExpertTensor] {
                let value = self.degree(degree);
                if value > 1 {
                    misfits.push(Misfit::Needs {
                        degree,
                        value,
                        what: "a model with experts",
                    });
                }
            }
            return;
        };
        self.divides(Degree::Expert, Divided::Experts, experts.count, misfits);
        let size = experts.size;
        self.divides(Degree::ExpertTensor, Divided::ExpertSize, size, misfits);
        let ranks = self.data * self.tensor * self.context;
        let group = self.expert * self.expert_tensor;
        if group > 1 && !ranks.is_multiple_of(group) {
            misfits.push(Misfit::NotAMultiple {
                of: Divided::StageRanks,
                value: ranks,
                step: group,
                why: "expert × expert tensor parallel",
            });
        }
    }

    fn sequence_misfits(&self, batch: &Batch, misfits: &mut Vec<Misfit>) {
        // Each rank has one slice of the first half and one of the second, so that causal attention is balanced.
        let (slices, why) = match (self.context > 1, self.sequence_parallel && self.tensor > 1) {
            (true, true) => (
                2 * self.context * self.tensor,
                "2 × context parallel × tensor parallel",
            ),
            (true, false) => (2 * self.context, "2 × context parallel"),
            (false, true) => (
                self.tensor,
                "tensor parallel, which divides the sequence too",
            ),
            (false, false) => return,
        };
        if !batch.sequence.is_multiple_of(slices) {
            misfits.push(Misfit::NotAMultiple {
                of: Divided::Sequence,
                value: batch.sequence,
                step: slices,
                why,
            });
        }
    }

    fn pipeline_misfits(&self, model: &Architecture, batch: &Batch, misfits: &mut Vec<Misfit>) {
        if self.pipeline <= 1 {
            if self.chunks > 1 {
                misfits.push(Misfit::Needs {
                    degree: Degree::Chunks,
                    value: self.chunks,
                    what: "a pipeline",
                });
            }
            return;
        }
        let stages = self.virtual_stages();
        if model.layers < stages {
            misfits.push(Misfit::TooFew {
                of: Divided::Layers,
                value: model.layers,
                least: stages,
                why: "pipeline stages × chunks",
            });
        } else if !model.layers.is_multiple_of(stages) {
            misfits.push(Misfit::Uneven {
                layers: model.layers,
                stages,
            });
        }
        let micro_batches = batch.micro_batches(self);
        let many = |of, value: u64, step: u64, why| {
            (!value.is_multiple_of(step)).then_some(Misfit::NotAMultiple {
                of,
                value,
                step,
                why,
            })
        };
        let (of, p) = (Divided::MicroBatches, self.pipeline);
        match self.schedule {
            Schedule::OneForwardOneBackward if self.chunks > 1 => misfits.extend(many(
                of,
                micro_batches,
                p,
                "the pipeline stages, in rounds of which interleaving takes them",
            )),
            Schedule::DualPipe | Schedule::DualPipeV => {
                let both = self.schedule == Schedule::DualPipe;
                if both {
                    let why = "the two directions of DualPipe";
                    misfits.extend(many(Divided::Stages, p, 2, why));
                    misfits.extend(many(of, micro_batches, 2, why));
                }
                if micro_batches < 2 * p {
                    misfits.push(Misfit::TooFew {
                        of,
                        value: micro_batches,
                        least: 2 * p,
                        why: "2 × pipeline stages, which DualPipe needs",
                    });
                }
            }
            _ => {}
        }
    }

    fn divides(&self, degree: Degree, of: Divided, whole: u64, misfits: &mut Vec<Misfit>) {
        let value = self.degree(degree);
        if value != 1 && (value == 0 || !whole.is_multiple_of(value)) {
            misfits.push(Misfit::DoesNotDivide {
                degree,
                value,
                of,
                whole,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Sharding;
    use crate::model::Family;

    const BATCH: Batch = Batch {
        sequence: 4_096,
        micro_batch: 1,
        global_batch: 128,
        gpus: None,
    };

    #[track_caller]
    fn says(family: Family, layout: Layout, batch: Batch, expected: &[&str]) {
        let said: Vec<String> = layout
            .misfits(&family.base(), &batch)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(said, expected);
    }

    fn layout(data: u64, tensor: u64, pipeline: u64, context: u64) -> Layout {
        Layout {
            data,
            tensor,
            pipeline,
            context,
            shard_group: data,
            ..Layout::ONE_GPU
        }
    }

    #[test]
    fn the_product_is_checked() {
        let all = layout(8, 4, 2, 8);
        assert_eq!(
            all.product(Some(512)).to_string(),
            "8 × 4 × 2 × 8 = 512 GPUs ✓"
        );
        assert_eq!(all.product(None).to_string(), "8 × 4 × 2 × 8 = 512 GPUs");
        assert_eq!(
            all.product(Some(1_024)).to_string(),
            "8 × 4 × 2 × 8 = 512 GPUs, but there are 1,024"
        );
    }

    #[test]
    fn what_does_not_divide_says_so() {
        // Llama-2-7B: 32 layers, 32 heads, 11,008 inner columns.
        says(Family::Llama, layout(8, 4, 2, 2), BATCH, &[]);
        says(
            Family::Llama,
            layout(1, 3, 1, 1),
            BATCH,
            &[
                "Tensor parallel = 3 does not divide query heads = 32; nearest that do: 2, 4",
                "Tensor parallel = 3 does not divide key and value heads = 32; nearest that do: 2, 4",
                "Tensor parallel = 3 does not divide feed-forward size = 11,008; nearest that do: 2, 4",
            ],
        );
        says(
            Family::Llama,
            layout(24, 1, 1, 1),
            BATCH,
            &[
                "Global batch = 128 is not a multiple of 24, data parallel × micro-batch; nearest that are: 120, 144",
            ],
        );
        says(
            Family::Llama,
            layout(1, 1, 1, 3),
            BATCH,
            &[
                "Sequence length = 4,096 is not a multiple of 6, 2 × context parallel; nearest that are: 4,092, 4,098",
            ],
        );
        says(
            Family::Llama,
            layout(1, 1, 5, 1),
            BATCH,
            &[
                "32 layers are not spread evenly over 5 stages, the ends get fewer; nearest that divide them: 4, 8",
            ],
        );
        says(
            Family::Llama,
            Layout {
                chunks: 9,
                ..layout(1, 1, 4, 1)
            },
            BATCH,
            &["Layers = 32 is below 36, pipeline stages × chunks"],
        );
        says(
            Family::Llama,
            Layout {
                expert: 2,
                ..layout(2, 1, 1, 1)
            },
            BATCH,
            &["Expert parallel = 2 needs a model with experts"],
        );
        says(
            Family::Mixtral,
            Layout {
                expert: 3,
                ..layout(2, 1, 1, 1)
            },
            BATCH,
            &[
                "Expert parallel = 3 does not divide experts = 8; nearest that do: 2, 4",
                "Ranks of a pipeline stage = 2 is not a multiple of 3, expert × expert tensor parallel; nearest that are: 3",
            ],
        );
        says(
            Family::Llama,
            Layout {
                shard_group: 3,
                ..layout(8, 1, 1, 1)
            },
            BATCH,
            &["Sharding group = 3 does not divide data parallel = 8; nearest that do: 2, 4"],
        );
    }

    #[test]
    fn gpus_and_schedules() {
        let gpus = |gpus| Batch {
            gpus: Some(gpus),
            ..BATCH
        };
        says(Family::Llama, layout(8, 8, 1, 1), gpus(64), &[]);
        says(
            Family::Llama,
            layout(8, 8, 1, 1),
            gpus(60),
            &[
                "GPUs = 60 is not a multiple of 8, tensor × pipeline × context parallel; nearest that are: 56, 64",
            ],
        );
        says(
            Family::Llama,
            layout(8, 4, 2, 1),
            gpus(128),
            &["8 × 4 × 2 × 1 = 64 GPUs, but there are 128; all of them with data parallel = 16"],
        );
        let dual = Layout {
            schedule: Schedule::DualPipe,
            ..layout(8, 1, 8, 1)
        };
        says(Family::Llama, dual, BATCH, &[]);
        says(
            Family::Llama,
            Layout {
                data: 16,
                shard_group: 16,
                ..dual
            },
            BATCH,
            &["Micro-batches = 8 is below 16, 2 × pipeline stages, which DualPipe needs"],
        );
        let interleaved = Layout {
            chunks: 2,
            ..layout(32, 1, 8, 1)
        };
        says(
            Family::Llama,
            interleaved,
            BATCH,
            &[
                "Micro-batches = 4 is not a multiple of 8, the pipeline stages, in rounds of which interleaving takes them; nearest that are: 8",
            ],
        );
        assert_eq!(interleaved.sharding, Sharding::None);
    }
}
