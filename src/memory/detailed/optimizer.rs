//! Optimizers: what each keeps, and what its step allocates. In TENSORS.md, 5.

use super::states::{Trained, has_main_gradients, has_master};
use super::step::Step;
use super::tally::Tally;
use super::tensor::{Dtype, Name, Place, Segment, Shape, rounded};
use crate::training::{Optimizer, OptimizerStep, Stack};

/// Below so many elements bitsandbytes keeps a tensor's states in FP32 (`min_8bit_size`).
const SMALLEST_IN_8_BIT: u128 = 4_096;
/// Elements that share a constant in bitsandbytes' 8-bit states.
const BLOCK_OF_8_BIT: u128 = 256;

/// An optimizer as a step carries it out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    optimizer: Optimizer,
    step: OptimizerStep,
    /// It steps FP32 copies of 16-bit weights.
    master: bool,
    /// Gradients stand in FP32 beside 16-bit weights.
    main_gradients: bool,
    /// States in 8 bits are torchao's, which torchtune names first, and not bitsandbytes'.
    torchao: bool,
}

impl Rule {
    pub fn of(step: &Step) -> Self {
        Self {
            optimizer: step.optimizer,
            step: step.optimizer_step,
            master: has_master(step.precision),
            main_gradients: has_main_gradients(step.precision),
            torchao: step.stack == Stack::TorchTune,
        }
    }

    /// Dtype of the weights it steps, and of states that follow them.
    fn dtype(&self, tensor: &Trained) -> Dtype {
        if self.master {
            Dtype::Fp32
        } else {
            tensor.dtype
        }
    }

    /// What it keeps of a tensor.
    pub fn keep(&self, tensor: &Trained, count: u64, states: &mut Tally) {
        let dtype = self.dtype(tensor);
        let mut add = |what, shape: Shape, dtype| {
            let (place, name) = (tensor.place, Name(tensor.name.0, what));
            states.add(Segment::Optimizer, place, name, shape, dtype, count);
        };
        if self.master {
            add("master copy", tensor.shape, Dtype::Fp32);
        }
        match self.optimizer {
            Optimizer::PlainSgd => {}
            Optimizer::Sgd | Optimizer::Lion => add("momentum", tensor.shape, dtype),
            Optimizer::Muon if tensor.hidden_matrix => add("momentum", tensor.shape, dtype),
            Optimizer::AdamW | Optimizer::Muon => {
                add("momentum", tensor.shape, dtype);
                add("variance", tensor.shape, dtype);
                if self.step == OptimizerStep::Fused {
                    add("step counter", [1].into(), Dtype::Fp32);
                }
            }
            Optimizer::AdamW8Bit => {
                let elements = tensor.shape.elements();
                if elements < SMALLEST_IN_8_BIT {
                    // As wide as the parameter in torchao's.
                    let dtype = if self.torchao { dtype } else { Dtype::Fp32 };
                    add("momentum", tensor.shape, dtype);
                    add("variance", tensor.shape, dtype);
                } else {
                    let blocks = elements.div_ceil(BLOCK_OF_8_BIT);
                    let blocks: Shape = [u64::try_from(blocks).unwrap_or(u64::MAX)].into();
                    add("momentum, 8 bit", tensor.shape, Dtype::Byte);
                    add("momentum’s constants", blocks, Dtype::Fp32);
                    add("variance, 8 bit", tensor.shape, Dtype::Byte);
                    add("variance’s constants", blocks, Dtype::Fp32);
                }
            }
            Optimizer::Adafactor => match *tensor.shape.sides() {
                [rows, columns] => {
                    add("row factors", [rows].into(), dtype);
                    add("column factors", [columns].into(), dtype);
                }
                [many, rows, columns] => {
                    add("row factors", [many, rows].into(), dtype);
                    add("column factors", [many, columns].into(), dtype);
                }
                _ => add("variance", tensor.shape, dtype),
            },
        }
    }

    /// What it keeps whatever the tensors: bitsandbytes’ code books.
    pub fn keep_once(&self, states: &mut Tally) {
        if self.optimizer == Optimizer::AdamW8Bit {
            let name = Name("", "code books of 8-bit states, signed and unsigned");
            let (segment, place) = (Segment::Optimizer, Place::Step);
            states.add(segment, place, name, [256], Dtype::Fp32, 2);
        }
    }

    /// What its step allocates for all tensors at once.
    pub fn scratch(&self, tensor: &Trained, count: u64, scratch: &mut Tally) {
        let mut add = |what, dtype| {
            let (place, name) = (tensor.place, Name(tensor.name.0, what));
            let (segment, shape) = (Segment::Temporaries, tensor.shape);
            scratch.add(segment, place, name, shape, dtype, count);
        };
        if self.master && !self.main_gradients {
            add("gradient, FP32 copy", Dtype::Fp32);
        }
        let adam = self.optimizer == Optimizer::AdamW
            || self.optimizer == Optimizer::Muon && !tensor.hidden_matrix;
        if adam && self.step == OptimizerStep::Foreach {
            // `_foreach_sqrt` of all variances.
            add("variance’s square root", self.dtype(tensor));
        }
    }

    /// Whether its step goes from tensor to tensor.
    pub fn walks(&self) -> bool {
        match self.optimizer {
            Optimizer::AdamW => self.step == OptimizerStep::Loop,
            Optimizer::AdamW8Bit => self.torchao,
            Optimizer::Adafactor | Optimizer::Lion | Optimizer::Muon => true,
            Optimizer::Sgd | Optimizer::PlainSgd => false,
        }
    }

    /// A tensor on the walk.
    pub fn walked(&self, tensor: &Trained) -> Walked {
        let bytes = tensor.shape.bytes(self.dtype(tensor));
        let (alone, beside) = match self.optimizer {
            // Two temporaries of its size, while the last tensor's still has a name in Python.
            Optimizer::AdamW => (2 * bytes, bytes),
            // The update, while the last tensor's still has a name.
            Optimizer::Adafactor => (bytes, bytes),
            Optimizer::Lion => (2 * bytes, bytes),
            // Both new moments in FP32, and quantised: the scale of a block needs all of it (torchao 0.6.1,
            // prototype/low_bit_optim/adam.py, `single_param_adam`).
            Optimizer::AdamW8Bit => {
                let wide = 2 * tensor.shape.bytes(Dtype::Fp32);
                (wide + 2 * tensor.shape.bytes(Dtype::Byte), 0)
            }
            Optimizer::Muon if tensor.hidden_matrix => (newton_schulz(tensor, bytes), bytes),
            _ => (0, 0),
        };
        Walked { alone, beside }
    }

    /// The scratch of a tensor that is stepped by itself, as soon as its gradient is there.
    pub fn scratch_alone(&self, tensor: &Trained) -> u128 {
        match (self.optimizer, self.step) {
            (Optimizer::AdamW, OptimizerStep::Fused) => 0,
            (Optimizer::AdamW, OptimizerStep::Foreach) => tensor.shape.bytes(self.dtype(tensor)),
            _ if self.walks() => self.walked(tensor).alone,
            _ => 0,
        }
    }

    /// The scratch of the worst place on the walk.
    pub fn scratch_of_chain(&self, chain: &Chain, scratch: &mut Tally) {
        let name = Name("optimizer", "largest tensors’ temporaries");
        // One line: its shape is given in bytes.
        let bytes = u64::try_from(chain.worst).unwrap_or(u64::MAX);
        let (segment, place) = (Segment::Temporaries, Place::Step);
        scratch.add(segment, place, name, [bytes], Dtype::Byte, 1);
    }
}

/// Temporaries of Muon's orthogonalisation of an m × n matrix: the update, two 16-bit matrices and two 16-bit squares of
/// the shorter side (torch.optim.Muon, `_zeropower_via_newtonschulz`).
fn newton_schulz(tensor: &Trained, bytes: u128) -> u128 {
    let (rows, columns) = match *tensor.shape.sides() {
        [rows, columns] => (u128::from(rows), u128::from(columns)),
        [many, rows, columns] => (u128::from(many) * u128::from(rows), u128::from(columns)),
        _ => return bytes,
    };
    let shorter = rows.min(columns);
    bytes + 2 * rounded(2 * rows * columns) + 2 * rounded(2 * shorter * shorter)
}

/// A tensor as an optimizer that goes from one to the next sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walked {
    /// Bytes of its own temporaries.
    alone: u128,
    /// Bytes that outlive it until the next tensor's are made.
    beside: u128,
}

/// Tensors one after the other: the first and the last, and the worst place between.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    first: Option<u128>,
    last: u128,
    worst: u128,
}

impl Chain {
    /// Adds a tensor at the end.
    pub fn push(&mut self, tensor: Walked) {
        self.first.get_or_insert(tensor.alone);
        self.worst = self.worst.max(tensor.alone + self.last);
        self.last = tensor.beside;
    }

    /// Adds another chain at the end.
    pub fn extend(&mut self, other: &Self) {
        let Some(first) = other.first else {
            return;
        };
        self.first.get_or_insert(first);
        self.worst = self.worst.max(other.worst).max(first + self.last);
        self.last = other.last;
    }
}
