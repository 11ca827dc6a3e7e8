//! Tensors of a rank, listed or only summed: one definition, whoever looks.

use crate::memory::detailed;
use crate::units::Bytes;

/// What an element is stored as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 8 bytes.
    Int64,
    /// 4 bytes.
    Fp32,
    /// 4 bytes.
    Int32,
    /// 2 bytes.
    Bf16,
    /// 8 bytes: two FP32.
    Complex,
    /// 1 byte.
    Fp8,
    /// 1 byte: a quantised value.
    Byte,
    /// 1 byte.
    Bool,
}

impl Dtype {
    /// Bytes of one element.
    pub const fn bytes(self) -> u128 {
        match self {
            Self::Int64 | Self::Complex => 8,
            Self::Fp32 | Self::Int32 => 4,
            Self::Bf16 => 2,
            Self::Fp8 | Self::Byte | Self::Bool => 1,
        }
    }

    /// Its name, as PyTorch writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int64 => "int64",
            Self::Fp32 => "float32",
            Self::Int32 => "int32",
            Self::Bf16 => "bfloat16",
            Self::Complex => "complex64",
            Self::Fp8 => "float8",
            Self::Byte => "uint8",
            Self::Bool => "bool",
        }
    }
}

impl From<detailed::Dtype> for Dtype {
    fn from(dtype: detailed::Dtype) -> Self {
        match dtype {
            detailed::Dtype::Bool => Self::Bool,
            detailed::Dtype::Byte => Self::Byte,
            detailed::Dtype::Sixteen => Self::Bf16,
            detailed::Dtype::Fp32 => Self::Fp32,
            detailed::Dtype::Int32 => Self::Int32,
            detailed::Dtype::Int64 => Self::Int64,
            detailed::Dtype::Complex => Self::Complex,
        }
    }
}

/// The allocator's granule: PyTorch's CUDA caching allocator rounds every tensor up to a multiple of it
/// (c10/cuda/CUDACachingAllocator.cpp, `kMinBlockSize`).
pub const GRANULE: u128 = 512;

/// Bytes that the allocator gives to a tensor of `bytes`.
pub const fn rounded(bytes: u128) -> u128 {
    bytes.div_ceil(GRANULE) * GRANULE
}

/// Equal tensors on one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// What it is, in the words of the code that keeps it.
    pub name: &'static str,
    /// Its sides; unused ones are 1.
    pub shape: [u64; 4],
    /// What an element is stored as.
    pub dtype: Dtype,
    /// How many there are.
    pub count: u64,
}

impl Tensor {
    /// One tensor.
    pub const fn new(name: &'static str, shape: [u64; 4], dtype: Dtype) -> Self {
        Self {
            name,
            shape,
            dtype,
            count: 1,
        }
    }

    /// Elements of one.
    pub const fn elements(&self) -> u128 {
        let [a, b, c, d] = self.shape;
        a as u128 * b as u128 * c as u128 * d as u128
    }

    /// Bytes of one, rounded up as the allocator does.
    pub const fn bytes_each(&self) -> u128 {
        rounded(self.elements() * self.dtype.bytes())
    }

    /// Bytes of all of them.
    pub const fn bytes(&self) -> Bytes {
        Bytes(self.bytes_each() * self.count as u128)
    }
}

/// Whoever looks at tensors: a sum, a list.
pub trait Sink {
    /// Takes a tensor.
    fn hold(&mut self, tensor: Tensor);
}

/// Only the sum: allocates nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum(pub u128);

impl Sink for Sum {
    #[inline]
    fn hold(&mut self, tensor: Tensor) {
        self.0 += tensor.bytes().0;
    }
}

impl Sink for Vec<Tensor> {
    fn hold(&mut self, tensor: Tensor) {
        if tensor.elements() > 0 && tensor.count > 0 {
            self.push(tensor);
        }
    }
}

/// A sink that sees each tensor `times` as often: the layers of a stage from one of them.
pub struct Times<'a, S> {
    /// Whoever really looks.
    pub sink: &'a mut S,
    /// How often.
    pub times: u64,
}

impl<S: Sink> Sink for Times<'_, S> {
    #[inline]
    fn hold(&mut self, tensor: Tensor) {
        self.sink.hold(Tensor {
            count: tensor.count * self.times,
            ..tensor
        });
    }
}

/// What is allocated at a moment, above a level where one starts to look, and the most it has been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    now: i128,
    released: u128,
    top: Top,
}

impl Top {
    /// The level where one started to look.
    pub const NONE: Self = Self {
        above: 0,
        released: 0,
    };

    /// The higher of two.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        if other.above > self.above {
            other
        } else {
            self
        }
    }
}

/// The highest point of a [`Level`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// Bytes above the level where one started to look.
    pub above: i128,
    /// Bytes kept from the forward pass that had been given back by then.
    pub released: u128,
}

impl Level {
    /// Takes `bytes`.
    #[inline]
    pub fn take(&mut self, bytes: u128) {
        self.now += bytes as i128;
        if self.now > self.top.above {
            self.top = Top {
                above: self.now,
                released: self.released,
            };
        }
    }

    /// Gives `bytes` back that were taken before.
    #[inline]
    pub fn give(&mut self, bytes: u128) {
        self.now -= bytes as i128;
    }

    /// Gives `bytes` back that were kept from the forward pass, below the level where one started to look.
    #[inline]
    pub fn release(&mut self, bytes: u128) {
        self.now -= bytes as i128;
        self.released += bytes;
    }

    /// Takes back a release: others still read what was kept.
    #[inline]
    pub fn keep(&mut self, bytes: u128) {
        self.now += bytes as i128;
        self.released = self.released.saturating_sub(bytes);
    }

    /// Bytes kept from the forward pass that have been given back.
    pub const fn released(self) -> u128 {
        self.released
    }

    /// Bytes above the level where one started to look; below it where more was given back than taken.
    pub const fn now(self) -> i128 {
        self.now
    }

    /// The highest point so far; never below where one started to look.
    pub const fn top(self) -> Top {
        self.top
    }
}
