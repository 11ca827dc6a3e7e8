//! Tensors as they are counted: shape, dtype, and the bytes their storage takes.

use crate::field::choice;
use crate::units::Bytes;
use std::fmt;

/// PyTorch's caching allocator hands out multiples of this many bytes (`kMinBlockSize`, c10/cuda/CUDACachingAllocator).
pub const GRANULE: u128 = 512;

/// Bytes that an allocation of `bytes` takes.
pub const fn rounded(bytes: u128) -> u128 {
    (bytes + GRANULE - 1) & !(GRANULE - 1)
}

/// An element's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// True or false, in a byte.
    Bool,
    /// A quantised value, in a byte.
    Byte,
    /// BF16 or FP16.
    Sixteen,
    /// FP32.
    Fp32,
    /// A 32-bit integer.
    Int32,
    /// A 64-bit integer: PyTorch's indices.
    Int64,
    /// A complex number of two FP32.
    Complex,
}

impl Dtype {
    /// Bytes of an element: 1, 2, 4 or 8.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Bool | Self::Byte => 1,
            Self::Sixteen => 2,
            Self::Fp32 | Self::Int32 => 4,
            Self::Int64 | Self::Complex => 8,
        }
    }

    /// What the page calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Byte => "8-bit",
            Self::Sixteen => "16-bit",
            Self::Fp32 => "FP32",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Complex => "complex64",
        }
    }
}

/// The sides of a tensor, four at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    sides: [u64; 4],
    rank: u8,
}

impl Shape {
    /// Its sides.
    pub fn sides(&self) -> &[u64] {
        self.sides.get(..usize::from(self.rank)).unwrap_or(&[])
    }

    /// Its elements: exact, for sides whose product fits 128 bits.
    pub const fn elements(&self) -> u128 {
        let [a, b, c, d] = self.sides;
        (a as u128 * b as u128) * (c as u128 * d as u128)
    }

    /// Bytes of its storage in the allocator.
    pub const fn bytes(&self, dtype: Dtype) -> u128 {
        rounded(self.elements() * dtype.bytes() as u128)
    }
}

macro_rules! shapes_of {
    ($($rank:literal $($side:ident)*),+) => {
        $(impl From<[u64; $rank]> for Shape {
            fn from([$($side),*]: [u64; $rank]) -> Self {
                const ONE: u64 = 1;
                let mut sides = [ONE; 4];
                sides[..$rank].copy_from_slice(&[$($side),*]);
                Self { sides, rank: $rank }
            }
        })+
    };
}
shapes_of!(1 a, 2 a b, 3 a b c, 4 a b c d);

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, side) in self.sides().iter().enumerate() {
            if index > 0 {
                f.write_str(" × ")?;
            }
            f.write_str(&crate::units::grouped(u128::from(*side)))?;
        }
        Ok(())
    }
}

/// What a tensor is called: whose it is, and what of it. Either may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name(pub &'static str, pub &'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.0.is_empty() || self.1.is_empty() {
            ""
        } else {
            ": "
        };
        write!(f, "{}{separator}{}", self.0, self.1)
    }
}

choice!(
    /// What a byte is held for: the segments of the chart, in its order.
    Segment {
        /// Parameters.
        Weights "weights" "Weights",
        /// Gradients of parameters.
        Gradients "gradients" "Gradients",
        /// What the optimizer keeps between steps, a master copy of the weights included.
        Optimizer "optimizer" "Optimizer",
        /// What the forward pass of the blocks keeps for the backward pass.
        Activations "activations" "Activations",
        /// What the head and the loss keep.
        Head "head" "Logits and loss",
        /// Gradients of activations, recomputed activations, the optimizer's scratch.
        Temporaries "temporaries" "Temporaries",
        /// Copies of weights in another dtype, made for a product.
        Casts "casts" "Weight casts",
        /// Token ids, labels, and the model's buffers.
        Inputs "inputs" "Inputs and buffers",
    }
);

/// How many segments there are.
pub(super) const SEGMENTS: usize = 8;

/// Where in the model a tensor belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The step as a whole.
    Step,
    /// Before the first block.
    Embedding,
    /// In blocks with a feed-forward network.
    Blocks,
    /// In blocks with experts.
    ExpertBlocks,
    /// After the last block.
    Head,
}

/// A line of the list: tensors alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What they are held for.
    pub segment: Segment,
    /// Where they belong.
    pub place: Place,
    /// What they are called.
    pub name: Name,
    /// Shape of one.
    pub shape: Shape,
    /// Element type.
    pub dtype: Dtype,
    /// How many there are.
    pub count: u64,
    /// Bytes of all of them, each rounded up to the allocator's [`GRANULE`].
    pub bytes: Bytes,
}
