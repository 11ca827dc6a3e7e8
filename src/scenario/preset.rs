//! Scenarios to start from. A link names its preset and what differs from it, so a released row never
//! changes: a better one gets a new id.

use super::{Held, Rate, Scenario};
use crate::hardware::{ACCELERATORS, Accelerator};
use crate::training::{GradientDtype, Optimizer, Precision, Recomputation};

/// A named scenario.
pub struct Preset {
    /// What links call it.
    pub id: &'static str,
    /// What the page calls it.
    pub name: &'static str,
    /// Where its figures come from.
    pub source: &'static str,
    /// The scenario.
    pub scenario: Scenario,
}

impl Preset {
    /// The preset of this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.id == id)
    }
}

/// The catalogue's row of this id, while compiling: a wrong id does not build.
const fn gpu(id: &str) -> &'static Accelerator {
    let mut index = 0;
    loop {
        if same(ACCELERATORS[index].id, id) {
            return &ACCELERATORS[index];
        }
        index += 1;
    }
}

const fn same(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let mut index = 0;
    while index < left.len() && index < right.len() && left[index] == right[index] {
        index += 1;
    }
    index == left.len() && index == right.len()
}

const ARTICLE: Scenario = Scenario {
    preset: "article",
    parameters: 7_000_000_000,
    tokens: 140_000_000_000,
    gpus: 64,
    gpu: gpu("h100-sxm"),
    rate: Rate::Tflops(40.0),
    precision: Precision::Fp32,
    gradients: GradientDtype::Follow,
    optimizer: Optimizer::AdamW,
    recomputation: Recomputation::None,
    sequence: 128,
    micro_batch: 512,
    hidden: 4_096,
    layers: 24,
    heads: 16,
    tensor_parallel: 1,
    held: Held::CLUSTER,
};

/// Every preset; the first is what the page opens on.
pub static PRESETS: &[Preset] = &[
    Preset {
        id: "article",
        name: "The article’s 7B",
        source: "the article's case study; tokens and cluster are ours",
        scenario: ARTICLE,
    },
    Preset {
        id: "gpt2-small",
        name: "GPT-2 small on one GPU",
        source: "Radford et al. 2019, Table 2 (shape); parameters counted from it; tokens and rate are ours",
        scenario: Scenario {
            preset: "gpt2-small",
            parameters: 124_439_808,
            tokens: 10_000_000_000,
            gpus: 1,
            gpu: gpu("rtx-4090"),
            rate: Rate::MfuPercent(40.0),
            precision: Precision::SixteenBit,
            sequence: 1_024,
            micro_batch: 8,
            hidden: 768,
            layers: 12,
            heads: 12,
            ..ARTICLE
        },
    },
    Preset {
        id: "llama2-7b",
        name: "Llama-2-7B shape, 2 T tokens",
        source: "Touvron et al. 2023, arXiv:2307.09288, Table 1; cluster and MFU are ours",
        scenario: Scenario {
            preset: "llama2-7b",
            parameters: 6_738_415_616,
            tokens: 2_000_000_000_000,
            rate: Rate::MfuPercent(40.0),
            precision: Precision::Mixed,
            sequence: 4_096,
            micro_batch: 1,
            layers: 32,
            heads: 32,
            ..ARTICLE
        },
    },
    Preset {
        id: "gpt3-175b",
        name: "GPT-3 175B on 1,024 A100",
        source: "Brown et al. 2020, Tables 2.1 and D.1; Narayanan et al. 2021, arXiv:2104.04473, §5.1: 140 TFLOP/s with recomputation, 105 without counting it",
        scenario: Scenario {
            preset: "gpt3-175b",
            parameters: 174_600_000_000,
            tokens: 300_000_000_000,
            gpus: 1_024,
            gpu: gpu("a100-80"),
            rate: Rate::Tflops(105.0),
            precision: Precision::Mixed,
            recomputation: Recomputation::Full,
            sequence: 2_048,
            micro_batch: 1,
            hidden: 12_288,
            layers: 96,
            heads: 96,
            tensor_parallel: 8,
            ..ARTICLE
        },
    },
    Preset {
        id: "gpt-22b",
        name: "22B of the recomputation paper",
        source: "Korthikanti et al. 2022, arXiv:2205.05198, Table 3 (shape, 8 GPUs, t = 8, b = 4); tokens and MFU are ours",
        scenario: Scenario {
            preset: "gpt-22b",
            parameters: 22_000_000_000,
            tokens: 300_000_000_000,
            gpus: 8,
            gpu: gpu("a100-80"),
            rate: Rate::MfuPercent(40.0),
            precision: Precision::Mixed,
            recomputation: Recomputation::Selective,
            sequence: 2_048,
            micro_batch: 4,
            hidden: 6_144,
            layers: 48,
            heads: 64,
            tensor_parallel: 8,
            ..ARTICLE
        },
    },
];
