//! Low-rank adapters on a frozen model (LoRA, arXiv:2106.09685), the base as it is or in four bits (QLoRA,
//! arXiv:2305.14314).

use super::saved::Linear;
use super::tensor::Dtype;
use crate::field::choice;
pub use crate::training::Base;

choice!(
    /// Dtype of the adapters' weights.
    AdapterDtype {
        /// FP32, peft's default (`autocast_adapter_dtype`).
        Fp32 "fp32" "FP32",
        /// 16 bits in a 16-bit model, as in torchtune and LitGPT.
        AsModel "model" "As the model",
    }
);

/// Linear layers that adapters are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Targets(u8);

impl Targets {
    /// No layer.
    pub const NONE: Self = Self(0);
    /// Queries.
    pub const QUERY: Self = Self(1);
    /// Keys.
    pub const KEY: Self = Self(2);
    /// Values.
    pub const VALUE: Self = Self(4);
    /// The output projection of attention.
    pub const OUTPUT: Self = Self(8);
    /// The gate projection.
    pub const GATE: Self = Self(16);
    /// The up projection, or the first of a network without gate.
    pub const UP: Self = Self(32);
    /// The down projection.
    pub const DOWN: Self = Self(64);
    /// The head.
    pub const HEAD: Self = Self(128);
    /// Every linear layer of the blocks; routed experts and the head are none.
    pub const ALL: Self = Self(127);

    /// The layers of a Hugging Face module of this name, such as `q_proj`; none where no family has one.
    pub fn of_module(name: &str) -> Option<Self> {
        Some(match name {
            "q_proj" | "q_a_proj" | "q_b_proj" => Self::QUERY,
            "k_proj" => Self::KEY,
            "v_proj" => Self::VALUE,
            "kv_a_proj_with_mqa" | "kv_b_proj" => Self::KEY.and(Self::VALUE),
            "qkv_proj" | "query_key_value" | "c_attn" | "Wqkv" => {
                Self::QUERY.and(Self::KEY).and(Self::VALUE)
            }
            "o_proj" | "out_proj" | "dense" => Self::OUTPUT,
            "gate_proj" => Self::GATE,
            "up_proj" | "fc1" | "c_fc" | "fc_in" | "dense_h_to_4h" => Self::UP,
            "gate_up_proj" => Self::GATE.and(Self::UP),
            "lm_head" => Self::HEAD,
            "down_proj" | "fc2" | "fc_out" | "dense_4h_to_h" => Self::DOWN,
            _ => return None,
        })
    }

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is a layer in both.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every layer of `other` is among these.
    pub const fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Adapters on a frozen model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adapters {
    /// Rank r of each adapter.
    pub rank: u64,
    /// The layers that have one.
    pub targets: Targets,
    /// Dtype of their weights.
    pub dtype: AdapterDtype,
    /// Dtype of the frozen base.
    pub base: Base,
    /// Whether their input passes through dropout.
    pub dropout: bool,
}

impl Adapters {
    /// Whether a linear layer has an adapter. A fused projection has one where any of its parts is named.
    pub(super) const fn on(&self, linear: Linear) -> bool {
        self.targets.meets(part_of(linear))
    }

    /// Element type of their weights beside parameters of `parameter`.
    pub(super) const fn dtype(&self, parameter: Dtype) -> Dtype {
        match self.dtype {
            AdapterDtype::Fp32 => Dtype::Fp32,
            AdapterDtype::AsModel => parameter,
        }
    }
}

/// What a linear layer is called among targets.
const fn part_of(linear: Linear) -> Targets {
    match linear {
        Linear::QueryKeyValue => Targets::QUERY.and(Targets::KEY).and(Targets::VALUE),
        Linear::Query | Linear::QueryDown | Linear::QueryUp => Targets::QUERY,
        Linear::Key => Targets::KEY,
        Linear::Value => Targets::VALUE,
        Linear::KeyValueDown | Linear::KeyValueUp => Targets::KEY.and(Targets::VALUE),
        Linear::Output => Targets::OUTPUT,
        Linear::GateUp => Targets::GATE.and(Targets::UP),
        Linear::Gate | Linear::SharedGate => Targets::GATE,
        Linear::Up | Linear::SharedUp => Targets::UP,
        Linear::Down | Linear::SharedDown => Targets::DOWN,
        Linear::SharedScale | Linear::Router | Linear::ExpertsGateUp | Linear::ExpertsDown => {
            Targets::NONE
        }
        Linear::Head => Targets::HEAD,
    }
}
