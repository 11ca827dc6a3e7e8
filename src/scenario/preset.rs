//! Scenarios to start from. A link names its preset and what differs from it, so a released row never
//! changes: a better one gets a new id.

use super::{Details, Estimator, Field, Held, Invalid, OwnHardware, Rate, Scenario, Unknown};
use crate::cost;
use crate::flop::Convention;
use crate::hardware::{ACCELERATORS, Accelerator};
use crate::model::{Architecture, Attention, Family, FeedForward};
use crate::training::{GradientDtype, Optimizer, Precision, Recomputation};

/// A named scenario.
pub struct Preset {
    /// What links call it.
    pub id: &'static str,
    /// What the page calls it.
    pub name: &'static str,
    /// Where its figures come from.
    pub source: &'static str,
    /// What differs from the article's case study, as a link writes it.
    changes: &'static str,
}

/// What the page opens on.
pub const OPENING: &str = "llama2-7b-fsdp";

impl Preset {
    /// The preset of this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.id == id)
    }

    /// The preset's scenario.
    pub fn scenario(&'static self) -> Scenario {
        // Every row is read by a test: none falls back.
        self.read().unwrap_or(ARTICLE)
    }

    fn read(&'static self) -> Result<Scenario, Invalid> {
        let mut changes = Vec::new();
        for pair in self.changes.split('&').filter(|pair| !pair.is_empty()) {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            if let Some(field) = Field::ALL.into_iter().find(|field| field.key() == key) {
                changes.push((field, field.parse(text)?));
            }
        }
        let scenario = ARTICLE.with_all(&changes)?;
        Ok(Scenario {
            preset: self.id,
            ..scenario
        })
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

/// The article names hidden size, layers and heads; the rest is a GPT's of that width.
const ARTICLE_SHAPE: Architecture = {
    let gpt = Family::Gpt2.built();
    Architecture {
        layers: 24,
        hidden: 4_096,
        vocabulary: 50_257,
        attention: Attention {
            heads: 16,
            kv_heads: 16,
            head_dim: 256,
            ..gpt.attention
        },
        feed_forward: FeedForward {
            size: 16_384,
            ..gpt.feed_forward
        },
        ..gpt
    }
};

const ARTICLE: Scenario = Scenario {
    preset: "article",
    estimator: Estimator::RuleOfThumb,
    model: None,
    architecture: ARTICLE_SHAPE,
    convention: Convention::ExactCausal,
    parameters: 7_000_000_000,
    tokens: 140_000_000_000,
    gpus: 64,
    gpu: gpu("h100-sxm"),
    own: OwnHardware {
        memory_gb: None,
        peak_tflops: None,
        power_watts: None,
        price_per_hour: None,
    },
    rate: Rate::Tflops(40.0),
    precision: Precision::Fp32,
    gradients: GradientDtype::Follow,
    optimizer: Optimizer::AdamW,
    recomputation: Recomputation::None,
    sequence: 128,
    micro_batch: 512,
    tensor_parallel: 1,
    details: Details::DEFAULT,
    pue: cost::DEFAULT_PUE,
    grid_grams_per_kwh: cost::DEFAULT_GRID_G_PER_KWH,
    deadline_days: None,
    budget_dollars: None,
    unknown: Unknown::Gpus,
    held: Held::CLUSTER,
};

/// Every preset; the first is what a link without one changes.
pub static PRESETS: &[Preset] = &[
    Preset {
        id: "article",
        name: "The article’s 7B",
        source: "the article's case study; tokens and cluster are ours",
        changes: "",
    },
    Preset {
        id: "gpt2-small",
        name: "GPT-2 small on one GPU",
        source: "Radford et al. 2019, Table 2 (shape); parameters counted from it; tokens and rate are ours",
        changes: "model=gpt-2-small&hidden=768&layers=12&heads=12&params=124439808&tokens=10B&gpus=1&gpu=rtx-4090&mfu=40\
                  &precision=16bit&seq=1024&batch=8",
    },
    Preset {
        id: "llama2-7b",
        name: "Llama-2-7B shape, 2 T tokens",
        source: "Touvron et al. 2023, arXiv:2307.09288, Table 1; cluster and MFU are ours",
        changes: "model=llama-2-7b&layers=32&heads=32&params=6738415616&tokens=2T&mfu=40&precision=mixed&seq=4096&batch=1",
    },
    Preset {
        id: "gpt3-175b",
        name: "GPT-3 175B on 1,024 A100",
        source: "Brown et al. 2020, Tables 2.1 and D.1; Narayanan et al. 2021, arXiv:2104.04473, §5.1: 140 TFLOP/s with recomputation, 105 without counting it",
        changes: "model=gpt-3-175b&hidden=12288&layers=96&heads=96&params=174600000000&tokens=300B&gpus=1024&gpu=a100-80\
                  &tflops=105&precision=mixed&recompute=full&seq=2048&batch=1&tp=8",
    },
    Preset {
        id: "gpt-22b",
        name: "22B of the recomputation paper",
        source: "Korthikanti et al. 2022, arXiv:2205.05198, Table 3 (shape, 8 GPUs, t = 8, b = 4); tokens and MFU are ours",
        changes: "hidden=6144&layers=48&heads=64&kv=64&head-dim=96&ffn=24576&vocab=51200&positions=2048&params=22B&tokens=300B&gpus=8&gpu=a100-80&mfu=40\
                  &precision=mixed&recompute=selective&seq=2048&batch=4&tp=8",
    },
    Preset {
        id: "llama2-7b-fsdp",
        name: "Llama-2-7B on 64 H100",
        source: "Touvron et al. 2023, arXiv:2307.09288, Tables 1 and 2: 184,320 A100-hours are 39% MFU; cluster and FSDP2 are ours",
        changes: "est=detailed&model=llama-2-7b&tokens=2T&mfu=40&precision=mixed&seq=4096&batch=1&sharding=fsdp2&opt-step=fused",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_reads() {
        for preset in PRESETS {
            let read = preset.read();
            assert!(read.is_ok(), "{}: {read:?}", preset.id);
            for pair in preset.changes.split('&').filter(|pair| !pair.is_empty()) {
                let key = pair.split('=').next().unwrap_or_default();
                assert!(Field::ALL.iter().any(|field| field.key() == key), "{pair}");
            }
        }
    }
}
