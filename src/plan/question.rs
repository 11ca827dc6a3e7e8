//! What a plan is asked for, in a reader's terms, turned into a task and a space to search.

use super::{
    AttentionForm, Constants, Graphs, Machine, Software, Space, StateBytes, Task, operand_bytes,
};
use crate::hardware::{Accelerator, Arithmetic, AttentionKernels};
use crate::layout::{Schedule, Sharding};
use crate::memory::ranks::megatron::{CoreAttention, CrossEntropy, MainGradients, Run};
use crate::model::Architecture;
use crate::training::{AttentionKernel, GradientDtype, Optimizer, Precision, Stack};

/// A model, its data, its training and a machine: all of a plan but the layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// The model.
    pub architecture: Architecture,
    /// Tokens of a sequence.
    pub sequence: u64,
    /// Sequences of a step, over all ranks.
    pub global_batch: u64,
    /// Accelerators.
    pub gpus: u64,
    /// Which.
    pub accelerator: Accelerator,
    /// Whose code runs.
    pub stack: Stack,
    /// Training precision.
    pub precision: Precision,
    /// Arithmetic of the linear layers' products, if narrower than the precision's.
    pub narrow: Option<Arithmetic>,
    /// Dtype of gradients.
    pub gradients: GradientDtype,
    /// Optimizer.
    pub optimizer: Optimizer,
    /// The attention kernel.
    pub attention: AttentionKernel,
    /// TFLOP/s that large matrix products of the linear layers reach on the reader's own machine; the catalogue's
    /// otherwise.
    pub matrix_tflops: Option<f64>,
    /// Bytes of each accelerator to leave free: context, communicators, fragments.
    pub reserve: f64,
    /// Chunks of layers that a pipeline rank may hold.
    pub most_chunks: u64,
    /// Whether tensor-parallel groups may be larger than what scale-up links join.
    pub tensor_beyond_links: bool,
    /// Sequences of a micro-batch, where they are given and not searched.
    pub micro_batch: Option<u64>,
}

impl Question {
    /// Of a model on so many of these accelerators: BF16 with FP32 master and gradients, AdamW, Megatron-core.
    pub const fn of(
        architecture: Architecture,
        sequence: u64,
        global_batch: u64,
        accelerator: &Accelerator,
        gpus: u64,
    ) -> Self {
        Self {
            architecture,
            sequence,
            global_batch,
            gpus,
            accelerator: *accelerator,
            stack: Stack::Megatron,
            precision: Precision::MainGradients,
            narrow: None,
            gradients: GradientDtype::Follow,
            optimizer: Optimizer::AdamW,
            attention: AttentionKernel::Flash,
            matrix_tflops: None,
            reserve: RESERVE * accelerator.usable.0 as f64,
            most_chunks: 16,
            tensor_beyond_links: false,
            micro_batch: None,
        }
    }

    /// What layouts are judged on.
    pub fn task(&self) -> Task {
        let wide = self.precision.arithmetic();
        let linear = self.narrow.unwrap_or(wide);
        let written = matches!(
            self.attention,
            AttentionKernel::Eager | AttentionKernel::Math
        );
        let machine = Machine::of(&self.accelerator, linear, wide, AttentionKernels::Current);
        let software = match self.stack {
            Stack::Megatron => Software {
                graphs: Graphs::Partial,
                ..Software::megatron()
            },
            Stack::HuggingFace
            | Stack::Liger
            | Stack::TorchTune
            | Stack::LitGpt
            | Stack::TorchTitan => Software::eager(),
        };
        let states = self.states();
        Task {
            architecture: self.architecture,
            sequence: self.sequence,
            machine: match self.matrix_tflops {
                Some(tflops) => machine.with_matrix(tflops * 1e12),
                None => machine,
            },
            software: Software {
                attention: if written {
                    AttentionForm::Written
                } else {
                    software.attention
                },
                ..software
            },
            constants: Constants::FITTED,
            operand_bytes: operand_bytes(linear),
            element_bytes: operand_bytes(wide),
            gradient_bytes: f64::from(self.gradients.bytes(self.precision)),
            adapters_only: false,
            imbalance: 1.0,
            // States are read and written; the gradient is read for the norm and for the step and set to zero, the weight
            // written.
            optimizer_bytes: 2.0 * states.optimizer + 16.0,
        }
    }

    /// Bytes of one parameter's states.
    pub fn states(&self) -> StateBytes {
        StateBytes::of(self.precision, self.gradients, self.optimizer)
    }

    /// What is searched.
    pub fn space(&self) -> Space {
        let gradients = self.gradients.bytes(self.precision);
        let written = matches!(
            self.attention,
            AttentionKernel::Eager | AttentionKernel::Math
        );
        Space {
            gpus: self.gpus,
            global_batch: self.global_batch,
            capacity: self.accelerator.usable.0 as f64 - self.reserve,
            states: self.states(),
            run: Run {
                sequence: self.sequence,
                main_gradients: if gradients == 4 {
                    MainGradients::Fp32
                } else {
                    MainGradients::Bf16
                },
                core_attention: if written {
                    CoreAttention::Unfused
                } else {
                    CoreAttention::Flash
                },
                cross_entropy: CrossEntropy::TransformerEngine,
                ..Run::DEFAULT
            },
            shardings: match self.stack {
                Stack::Megatron => &[Sharding::None, Sharding::Distributed, Sharding::Fsdp2],
                Stack::TorchTitan => &[Sharding::None, Sharding::Fsdp2],
                Stack::HuggingFace | Stack::Liger | Stack::TorchTune | Stack::LitGpt => &[
                    Sharding::None,
                    Sharding::Zero1,
                    Sharding::Zero2,
                    Sharding::Zero3,
                    Sharding::Fsdp2,
                ],
            },
            sharded_pipelines: self.stack == Stack::TorchTitan,
            schedule: Schedule::OneForwardOneBackward,
            most_chunks: self.most_chunks,
            most_tensor: if self.tensor_beyond_links {
                self.gpus
            } else {
                u64::from(self.accelerator.scale_up).max(1)
            },
            most_context: self.gpus,
            sequence_parallel: true,
            recompute_all: false,
            micro_batch: self.micro_batch,
        }
    }
}

/// Share of memory left free unless a reader says otherwise: the context takes 0.3 to 1.3 GB, communicators and fragments
/// the rest; pools that do not lend to each other took 1 to 37% more than was allocated, 13% in the median, on recorded
/// FSDP ranks.
const RESERVE: f64 = 0.08;

impl StateBytes {
    /// Of a training precision, gradients and optimizer. 8-bit states with their block constants; Adafactor's factors
    /// and Muon's AdamW for the rest are too few to show.
    pub fn of(precision: Precision, gradients: GradientDtype, optimizer: Optimizer) -> Self {
        let gradient = f64::from(gradients.bytes(precision));
        let (weight, master, moment) = match precision {
            Precision::Fp32 => (4.0, 0.0, 4.0),
            Precision::SixteenBit => (2.0, 0.0, 2.0),
            // Under autocast the FP32 weights have a 16-bit cast beside them.
            Precision::Mixed => (6.0, 0.0, 4.0),
            Precision::Master | Precision::MainGradients | Precision::Fp16MainGradients => {
                (2.0, 4.0, 4.0)
            }
        };
        let states = match optimizer {
            Optimizer::AdamW => 2.0 * moment,
            Optimizer::AdamW8Bit => 2.0 + 2.0 * 4.0 / 256.0,
            Optimizer::Sgd | Optimizer::Lion | Optimizer::Muon => moment,
            Optimizer::PlainSgd | Optimizer::Adafactor => 0.0,
        };
        Self {
            weight,
            gradient: match precision {
                // Megatron-LM keeps the 16-bit gradients too.
                Precision::Fp16MainGradients => gradient + 2.0,
                _ => gradient,
            },
            optimizer: master + states,
            step: if master > 0.0 && gradient < 4.0 {
                4.0
            } else {
                0.0
            },
        }
    }
}
