//! Parameters, main gradients and optimizer states of one rank.
//!
//! Megatron-core copies all parameters of a stage into one contiguous buffer under the distributed optimizer, and all
//! main gradients into another; each is divided evenly over the data-parallel ranks, across tensors' borders
//! (distributed/param_and_grad_buffer.py).

use super::layer::Group;
use super::run::{Adam, MainGradients, Run};
use crate::memory::ranks::tensor::{Dtype, GRANULE, Sink, Tensor, rounded};
use crate::units::Bytes;

/// Elements to which the distributed optimizer aligns each parameter's start in the buffer.
const ALIGNMENT: u128 = 64;
/// Elements of which a buffer's size is a multiple, beside the data-parallel degree.
const BUFFER_MULTIPLE: u64 = 128;

/// Parameters of one group, counted as the buffer lays them out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Elements.
    pub elements: u128,
    /// Elements with each tensor's start aligned.
    pub aligned: u128,
    /// Bytes of 16-bit tensors of their own.
    pub separate: u128,
    /// Bytes of an FP32 tensor for each.
    pub singles: u128,
    /// Tensors.
    pub tensors: u128,
    /// Elements of the largest.
    pub largest: u128,
}

impl Sink for Parameters {
    #[inline]
    fn hold(&mut self, tensor: Tensor) {
        let (elements, count) = (tensor.elements(), u128::from(tensor.count));
        self.elements += elements * count;
        self.aligned += elements.div_ceil(ALIGNMENT) * ALIGNMENT * count;
        self.separate += rounded(2 * elements) * count;
        self.singles += rounded(4 * elements) * count;
        self.tensors += count;
        self.largest = self.largest.max(elements);
    }
}

impl Parameters {
    /// None.
    pub const NONE: Self = Self {
        elements: 0,
        aligned: 0,
        separate: 0,
        singles: 0,
        tensors: 0,
        largest: 0,
    };

    /// With others beside them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            aligned: self.aligned + other.aligned,
            separate: self.separate + other.separate,
            singles: self.singles + other.singles,
            tensors: self.tensors + other.tensors,
            largest: self.largest.max(other.largest),
        }
    }
}

/// Bytes of a rank's states.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// 16-bit parameters.
    pub parameters: Bytes,
    /// Main gradients.
    pub gradients: Bytes,
    /// FP32 parameters and Adam's two moments.
    pub optimizer: Bytes,
    /// What the optimizer's step holds beside them.
    pub step: Bytes,
}

/// Elements of a group's buffer: the least multiple of the data-parallel degree and of 128 that holds its parameters.
fn buffer(parameters: &Parameters, data: u64) -> u128 {
    // In 64 bits, several times as fast: 1.8e19 elements suffice.
    let multiple = BUFFER_MULTIPLE / gcd(BUFFER_MULTIPLE, data) * data;
    let aligned = u64::try_from(parameters.aligned).unwrap_or(u64::MAX);
    u128::from(aligned.div_ceil(multiple)) * u128::from(multiple)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// An even share of a buffer, which is a multiple of the ranks.
fn even(elements: u128, data: u64) -> u128 {
    u64::try_from(elements).map_or(elements / u128::from(data), |elements| {
        (elements / data).into()
    })
}

/// What the first rank's even share of a group's buffer covers: found by walking the tensors, last registered first.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    left: u128,
    singles: u128,
    tensors: u128,
    largest: u128,
}

impl Share {
    /// The share of one of `data` ranks.
    pub fn new(parameters: &Parameters, run: &Run, data: u64) -> Self {
        let left = if run.distributed_optimizer {
            even(buffer(parameters, data), data)
        } else {
            parameters.aligned
        };
        Self {
            left,
            singles: 0,
            tensors: 0,
            largest: 0,
        }
    }

    /// Whether it covers no further tensor.
    #[inline]
    pub const fn full(&self) -> bool {
        self.left == 0
    }

    /// Walks over whole layers at once, as long as all their tensors are covered.
    #[inline]
    pub fn over(&mut self, layer: &Parameters) -> bool {
        let whole = layer.aligned <= self.left;
        if whole {
            self.left -= layer.aligned;
            self.singles += layer.singles;
            self.tensors += layer.tensors;
            self.largest = self.largest.max(layer.largest);
        }
        whole
    }
}

impl Sink for Share {
    fn hold(&mut self, tensor: Tensor) {
        for _ in 0..tensor.count {
            if self.left == 0 {
                return;
            }
            let covered = tensor.elements().min(self.left);
            self.left -= (tensor.elements().div_ceil(ALIGNMENT) * ALIGNMENT).min(self.left);
            self.singles += rounded(4 * covered);
            self.tensors += 1;
            self.largest = self.largest.max(covered);
        }
    }
}

/// The most tensors that one layer, or one end of the model, registers.
const REGISTERED: usize = 32;

/// Tensors in the reverse of their order: buffers are filled from the last registered parameter on.
pub struct Reversed {
    tensors: [Tensor; REGISTERED],
    count: usize,
}

impl Sink for Reversed {
    fn hold(&mut self, tensor: Tensor) {
        if let Some(place) = self.tensors.get_mut(self.count) {
            *place = tensor;
            self.count += 1;
        }
    }
}

impl Reversed {
    /// Hands the tensors that `list` lists to `share`, the last first.
    pub fn walk(share: &mut Share, list: impl FnOnce(&mut Self)) {
        let mut reversed = Self {
            tensors: [Tensor::new("", [0; 4], Dtype::Bf16); REGISTERED],
            count: 0,
        };
        list(&mut reversed);
        for tensor in reversed.tensors.iter().take(reversed.count).rev() {
            share.hold(*tensor);
        }
    }
}

/// Bytes of the states of a group whose parameters are `parameters`, of which this rank's optimizer has `share`.
pub fn states(parameters: &Parameters, share: &Share, run: &Run, data: u64) -> States {
    let (weights, elements) = if run.distributed_optimizer {
        let elements = buffer(parameters, data);
        (rounded(2 * elements), elements)
    } else {
        (parameters.separate, parameters.elements)
    };
    if parameters.tensors == 0 {
        return States::default();
    }
    let width = match run.main_gradients {
        MainGradients::Fp32 => 4,
        MainGradients::Bf16 => 2,
    };
    let counters = match run.adam {
        Adam::TorchFused => GRANULE * share.tensors,
        Adam::Fused | Adam::PrecisionAware | Adam::TorchLoop => 0,
    };
    let copies = match (run.main_gradients, run.adam) {
        (MainGradients::Fp32, _) | (_, Adam::PrecisionAware) => 0,
        (MainGradients::Bf16, _) => share.singles,
    };
    // An FP32 copy and two moments.
    let states = match run.adam {
        Adam::PrecisionAware => 2 * share.singles,
        Adam::Fused | Adam::TorchFused | Adam::TorchLoop => 3 * share.singles,
    };
    let temporaries = match run.adam {
        Adam::TorchLoop => 2 * rounded(4 * share.largest),
        Adam::Fused | Adam::PrecisionAware | Adam::TorchFused => 0,
    };
    States {
        parameters: Bytes(weights),
        gradients: Bytes(rounded(width * elements)),
        optimizer: Bytes(states + counters),
        step: Bytes(copies + temporaries),
    }
}

/// Which ranks a group's states are divided over: data × context ranks for everything but experts, and for experts
/// those that hold the same ones.
pub fn shards(group: Group, layout: &crate::layout::Layout) -> u64 {
    let ranks = layout.data.max(1) * layout.context.max(1);
    match group {
        Group::Dense => ranks,
        Group::Experts => {
            let model = layout.expert.max(1) * layout.expert_tensor.max(1);
            (ranks * layout.tensor.max(1) / model).max(1)
        }
    }
}
