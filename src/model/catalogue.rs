//! Models that can be picked by name.
//!
//! A row holds inputs only, those in which the model differs from its family's base; what they come to is held against
//! published counts by `tests/models.rs`. The fields are those of the `config.json` that stands at `hub`; of models that
//! were never released, those of the paper.

use super::{Architecture, Family};
use crate::unshown;
use Family::*;

/// A model of the catalogue.
#[derive(Debug, PartialEq)]
pub struct Model {
    /// What links call it; never changed, never reused.
    pub id: &'static str,
    /// What its makers call it.
    pub name: &'static str,
    /// Its repository on the Hugging Face hub; empty where there is none.
    pub hub: &'static str,
    /// Whose code it runs on.
    pub family: Family,
    /// What differs from [`Family::base`], as [`Architecture::described`] reads it.
    pub fields: &'static str,
    /// Where the model is described.
    pub source: &'static str,
}

impl Model {
    /// The model of this id.
    pub fn find(id: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.id == id)
    }

    /// The model of this name, id or hub repository, whatever the case, spaces and dashes: `Llama 3.1 8B`,
    /// `LLAMA3.1_8B`.
    pub fn named(name: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| {
            [model.id, model.name, model.hub]
                .into_iter()
                .any(|own| !own.is_empty() && bare(own).eq(bare(name)))
        })
    }

    /// The models that `text` may mean, best first: those whose name starts with it, then those where a word of the name
    /// starts with each of its words, then those where name or hub repository contain all of them. Case, punctuation
    /// and the order of the words do not matter; a text without letters and digits means every model.
    pub fn search(text: &str) -> impl Iterator<Item = &'static Self> {
        let ranked = move |rank| {
            MODELS
                .iter()
                .filter(move |model| model.rank(text) == Some(rank))
        };
        [Rank::Start, Rank::Words, Rank::Anywhere]
            .into_iter()
            .flat_map(ranked)
    }

    /// What it is made of.
    pub fn architecture(&self) -> Architecture {
        // A test reads every row, so that none falls back.
        Architecture::described(self.family, self.fields).unwrap_or(self.family.base())
    }

    fn rank(&self, text: &str) -> Option<Rank> {
        let is_start = |of: &str, start: &str| {
            let mut of = bare(of);
            bare(start).all(|letter| of.next() == Some(letter))
        };
        if is_start(self.name, text) {
            return Some(Rank::Start);
        }
        if words(text).all(|word| words(self.name).any(|own| is_start(own, word))) {
            return Some(Rank::Words);
        }
        let is_within = |of: &str, part: &str| {
            let mut starts = of.char_indices().filter_map(|(start, _)| of.get(start..));
            starts.any(|rest| is_start(rest, part))
        };
        let found = |word| is_within(self.name, word) || is_within(self.hub, word);
        words(text).all(found).then_some(Rank::Anywhere)
    }
}

/// How well a model fits a search.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Start,
    Words,
    Anywhere,
}

/// A name's letters, digits and points, in lower case: 1.3B is not 13B.
fn bare(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|letter| is_kept(*letter))
        .map(|letter| letter.to_ascii_lowercase())
}

/// Runs of letters, digits and points.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|letter| !is_kept(letter))
        .filter(|word| !word.is_empty())
}

fn is_kept(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '.'
}

/// A row.
const fn model(
    id: &'static str,
    name: &'static str,
    hub: &'static str,
    family: Family,
    source: &'static str,
    fields: &'static str,
) -> Model {
    Model {
        id,
        name,
        hub: unshown(hub),
        family,
        fields,
        source: unshown(source),
    }
}

const LLAMA_3: &str = "Llama 3, arXiv:2407.21783; Llama 3.1 to 3.3 model cards";
const LLAMA_4: &str = "Llama 4 model card, Meta 2025; the text model";
const LLAMA_2: &str = "Llama 2, arXiv:2307.09288";
const LLAMA_1: &str = "LLaMA, arXiv:2302.13971, Table 2";
const CODE_LLAMA: &str = "Code Llama, arXiv:2308.12950";
const QWEN_3: &str = "Qwen3, arXiv:2505.09388, Tables 1 and 2";
const QWEN_2_5: &str = "Qwen2.5, arXiv:2412.15115";
const QWEN_2: &str = "Qwen2, arXiv:2407.10671, Table 1";
const QWEN_1_5: &str = "Qwen1.5 model cards, Qwen team 2024";
const DEEPSEEK_V3: &str = "DeepSeek-V3, arXiv:2412.19437, §4.2; without multi-token prediction";
const DEEPSEEK_R1: &str = "DeepSeek-R1, arXiv:2501.12948; DeepSeek-V3's architecture";
const DEEPSEEK_V2: &str = "DeepSeek-V2, arXiv:2405.04434, §3.1.2 and Appendix B";
const DEEPSEEK_LLM: &str = "DeepSeek LLM, arXiv:2401.02954, Table 2";
const DEEPSEEK_CODER: &str = "DeepSeek-Coder, arXiv:2401.14196";
const KIMI: &str = "Kimi K2, arXiv:2507.20534";
const GPT_OSS: &str = "gpt-oss model card, arXiv:2508.10925";
const MISTRAL_NEWS: &str = "Mistral AI's announcements, 2024 and 2025";
const MISTRAL: &str = "Mistral 7B, arXiv:2310.06825, Table 1";
const MIXTRAL: &str = "Mixtral of Experts, arXiv:2401.04088, Table 1";
const GEMMA_3: &str = "Gemma 3, arXiv:2503.19786; the text model";
const GEMMA_2: &str = "Gemma 2, arXiv:2408.00118, Table 1";
const GEMMA: &str = "Gemma, arXiv:2403.08295, Table 1";
const PHI_4: &str = "Phi-4, arXiv:2412.08905";
const PHI_3: &str = "Phi-3, arXiv:2404.14219";
const PHI: &str = "Phi-1.5, arXiv:2309.05463; Phi-2 model card";
const GLM_4_5: &str = "GLM-4.5, arXiv:2508.06471, Table 1; without multi-token prediction";
const GLM_4: &str = "GLM-4-0414 model cards, Zhipu 2025";
const OLMO_3: &str = "Olmo 3 model cards, Ai2 2025";
const OLMO_2: &str = "OLMo 2, arXiv:2501.00656";
const OLMO: &str = "OLMo, arXiv:2402.00838, Table 1";
const SMOLLM_3: &str = "SmolLM3 model card, Hugging Face 2025";
const SMOLLM_2: &str = "SmolLM2, arXiv:2502.02737";
const TINY_LLAMA: &str = "TinyLlama, arXiv:2401.02385";
const GRANITE: &str = "Granite 3.0 model cards, IBM 2024";
const COMMAND_R: &str = "Command R model cards, Cohere 2024";
const YI: &str = "Yi, arXiv:2403.04652";
const FALCON_3: &str = "Falcon 3 model card, TII 2024";
const FALCON: &str = "Falcon, arXiv:2311.16867";
const STARCODER_2: &str = "StarCoder2, arXiv:2402.19173";
const STABLELM: &str = "StableLM model cards, Stability AI 2023 and 2024";
const DBRX: &str = "DBRX model card, Databricks 2024";
const NEMOTRON: &str = "Nemotron-4 340B, arXiv:2406.11704, Table 1";
const MPT: &str = "MPT model cards, MosaicML 2023";
const GPT_3: &str = "GPT-3, arXiv:2005.14165, Table 2.1; 13B's width and XL's heads as they multiply out; banded layers' width unpublished";
const GPT_2: &str = "GPT-2, Radford et al. 2019, Table 2";
const GPT_J: &str = "GPT-J, Wang and Komatsuzaki 2021";
const GPT_NEO: &str = "GPT-Neo, Black et al. 2021";
const GPT_NEOX: &str = "GPT-NeoX-20B, arXiv:2204.06745";
const PYTHIA: &str = "Pythia, arXiv:2304.01373, Table 1";
const OPT: &str = "OPT, arXiv:2205.01068, Table 1";
const BLOOM: &str = "BLOOM, arXiv:2211.05100";
const MT_NLG: &str = "MT-NLG, arXiv:2201.11990, §2";
const MEGATRON: &str = "Megatron-LM, arXiv:2104.04473, Table 1";

/// Every model, of a family after the other and growing, the most looked-for families first.
#[rustfmt::skip] // A row is easier to compare in a line.
pub static MODELS: &[Model] = &[
    model("llama-3.1-8b", "Llama-3.1-8B", "meta-llama/Llama-3.1-8B", Llama, LLAMA_3,
        "vocab=128256&context=131072&kv=8&ffn=14336"),
    model("llama-3.1-70b", "Llama-3.1-70B", "meta-llama/Llama-3.1-70B", Llama, LLAMA_3,
        "layers=80&hidden=8192&vocab=128256&context=131072&heads=64&kv=8&ffn=28672"),
    model("llama-3.1-405b", "Llama-3.1-405B", "meta-llama/Llama-3.1-405B", Llama, LLAMA_3,
        "layers=126&hidden=16384&vocab=128256&context=131072&heads=128&kv=8&ffn=53248"),
    model("llama-3.2-1b", "Llama-3.2-1B", "meta-llama/Llama-3.2-1B", Llama, LLAMA_3,
        "layers=16&hidden=2048&vocab=128256&tied=yes&context=131072&kv=8&head-dim=64&rotary=64&ffn=8192"),
    model("llama-3.2-3b", "Llama-3.2-3B", "meta-llama/Llama-3.2-3B", Llama, LLAMA_3,
        "layers=28&hidden=3072&vocab=128256&tied=yes&context=131072&heads=24&kv=8&ffn=8192"),
    model("llama-3.3-70b", "Llama-3.3-70B", "meta-llama/Llama-3.3-70B-Instruct", Llama, LLAMA_3,
        "layers=80&hidden=8192&vocab=128256&context=131072&heads=64&kv=8&ffn=28672"),
    model("llama-3-8b", "Llama-3-8B", "meta-llama/Meta-Llama-3-8B", Llama, LLAMA_3,
        "vocab=128256&context=8192&kv=8&ffn=14336"),
    model("llama-3-70b", "Llama-3-70B", "meta-llama/Meta-Llama-3-70B", Llama, LLAMA_3,
        "layers=80&hidden=8192&vocab=128256&context=8192&heads=64&kv=8&ffn=28672"),
    model("llama-4-scout", "Llama-4-Scout", "meta-llama/Llama-4-Scout-17B-16E", Llama4, LLAMA_4,
        "layers=48&hidden=5120&vocab=202048&context=10485760&heads=40&kv=8&ffn=16384"),
    model("llama-4-maverick", "Llama-4-Maverick", "meta-llama/Llama-4-Maverick-17B-128E", Llama4, LLAMA_4,
        "layers=48&hidden=5120&vocab=202048&context=1048576&heads=40&kv=8&qk-norm=none&ffn=16384&experts=128\
         &moe-layers=1-:2"),
    model("llama-2-7b", "Llama-2-7B", "meta-llama/Llama-2-7b-hf", Llama, LLAMA_2, ""),
    model("llama-2-13b", "Llama-2-13B", "meta-llama/Llama-2-13b-hf", Llama, LLAMA_2,
        "layers=40&hidden=5120&heads=40&kv=40&ffn=13824"),
    model("llama-2-70b", "Llama-2-70B", "meta-llama/Llama-2-70b-hf", Llama, LLAMA_2,
        "layers=80&hidden=8192&heads=64&kv=8&ffn=28672"),
    model("llama-7b", "LLaMA-7B", "huggyllama/llama-7b", Llama, LLAMA_1, "context=2048"),
    model("llama-13b", "LLaMA-13B", "huggyllama/llama-13b", Llama, LLAMA_1,
        "layers=40&hidden=5120&context=2048&heads=40&kv=40&ffn=13824"),
    model("llama-30b", "LLaMA-30B", "huggyllama/llama-30b", Llama, LLAMA_1,
        "layers=60&hidden=6656&context=2048&heads=52&kv=52&ffn=17920"),
    model("llama-65b", "LLaMA-65B", "huggyllama/llama-65b", Llama, LLAMA_1,
        "layers=80&hidden=8192&context=2048&heads=64&kv=64&ffn=22016"),
    model("codellama-34b", "CodeLlama-34B", "codellama/CodeLlama-34b-hf", Llama, CODE_LLAMA,
        "layers=48&hidden=8192&context=16384&heads=64&kv=8&ffn=22016"),
    model("qwen3-0.6b", "Qwen3-0.6B", "Qwen/Qwen3-0.6B", Qwen3, QWEN_3,
        "layers=28&hidden=1024&vocab=151936&tied=yes&context=40960&heads=16&kv=8&ffn=3072"),
    model("qwen3-1.7b", "Qwen3-1.7B", "Qwen/Qwen3-1.7B", Qwen3, QWEN_3,
        "layers=28&hidden=2048&vocab=151936&tied=yes&context=40960&heads=16&kv=8&ffn=6144"),
    model("qwen3-4b", "Qwen3-4B", "Qwen/Qwen3-4B", Qwen3, QWEN_3,
        "layers=36&hidden=2560&vocab=151936&tied=yes&context=40960&kv=8&ffn=9728"),
    model("qwen3-8b", "Qwen3-8B", "Qwen/Qwen3-8B", Qwen3, QWEN_3,
        "layers=36&vocab=151936&context=40960&kv=8&ffn=12288"),
    model("qwen3-14b", "Qwen3-14B", "Qwen/Qwen3-14B", Qwen3, QWEN_3,
        "layers=40&hidden=5120&vocab=151936&context=40960&heads=40&kv=8&ffn=17408"),
    model("qwen3-30b-a3b", "Qwen3-30B-A3B", "Qwen/Qwen3-30B-A3B", Qwen3Moe, QWEN_3,
        "layers=48&hidden=2048&vocab=151936&context=40960&kv=4&ffn=6144"),
    model("qwen3-32b", "Qwen3-32B", "Qwen/Qwen3-32B", Qwen3, QWEN_3,
        "layers=64&hidden=5120&vocab=151936&context=40960&heads=64&kv=8&ffn=25600"),
    model("qwen3-235b-a22b", "Qwen3-235B-A22B", "Qwen/Qwen3-235B-A22B", Qwen3Moe, QWEN_3,
        "layers=94&vocab=151936&context=40960&heads=64&kv=4&ffn=12288&expert-ffn=1536"),
    model("qwen3-coder-480b-a35b", "Qwen3-Coder-480B-A35B", "Qwen/Qwen3-Coder-480B-A35B-Instruct", Qwen3Moe, QWEN_3,
        "layers=62&hidden=6144&vocab=151936&context=262144&heads=96&kv=8&ffn=8192&experts=160&expert-ffn=2560"),
    model("qwen2.5-0.5b", "Qwen2.5-0.5B", "Qwen/Qwen2.5-0.5B", Qwen2, QWEN_2_5,
        "layers=24&hidden=896&vocab=151936&tied=yes&context=32768&heads=14&kv=2&head-dim=64&rotary=64\
         &ffn=4864"),
    model("qwen2.5-1.5b", "Qwen2.5-1.5B", "Qwen/Qwen2.5-1.5B", Qwen2, QWEN_2_5,
        "layers=28&hidden=1536&vocab=151936&tied=yes&context=32768&heads=12&kv=2&ffn=8960"),
    model("qwen2.5-3b", "Qwen2.5-3B", "Qwen/Qwen2.5-3B", Qwen2, QWEN_2_5,
        "layers=36&hidden=2048&vocab=151936&tied=yes&context=32768&heads=16&kv=2"),
    model("qwen2.5-7b", "Qwen2.5-7B", "Qwen/Qwen2.5-7B", Qwen2, QWEN_2_5,
        "layers=28&hidden=3584&vocab=152064&context=131072&heads=28&kv=4&ffn=18944"),
    model("qwen2.5-14b", "Qwen2.5-14B", "Qwen/Qwen2.5-14B", Qwen2, QWEN_2_5,
        "layers=48&hidden=5120&vocab=152064&context=131072&heads=40&kv=8&ffn=13824"),
    model("qwen2.5-32b", "Qwen2.5-32B", "Qwen/Qwen2.5-32B", Qwen2, QWEN_2_5,
        "layers=64&hidden=5120&vocab=152064&context=131072&heads=40&kv=8&ffn=27648"),
    model("qwen2.5-72b", "Qwen2.5-72B", "Qwen/Qwen2.5-72B", Qwen2, QWEN_2_5,
        "layers=80&hidden=8192&vocab=152064&context=131072&heads=64&kv=8&ffn=29568"),
    model("qwen2-0.5b", "Qwen2-0.5B", "Qwen/Qwen2-0.5B", Qwen2, QWEN_2,
        "layers=24&hidden=896&vocab=151936&tied=yes&context=131072&heads=14&kv=2&head-dim=64&rotary=64\
         &ffn=4864"),
    model("qwen2-1.5b", "Qwen2-1.5B", "Qwen/Qwen2-1.5B", Qwen2, QWEN_2,
        "layers=28&hidden=1536&vocab=151936&tied=yes&context=131072&heads=12&kv=2&ffn=8960"),
    model("qwen2-7b", "Qwen2-7B", "Qwen/Qwen2-7B", Qwen2, QWEN_2,
        "layers=28&hidden=3584&vocab=152064&context=131072&heads=28&kv=4&ffn=18944"),
    model("qwen2-57b-a14b", "Qwen2-57B-A14B", "Qwen/Qwen2-57B-A14B", Qwen2Moe, QWEN_2,
        "layers=28&hidden=3584&vocab=151936&context=131072&heads=28&kv=4&ffn=18944&experts=64&active=8\
         &expert-ffn=2560&shared-ffn=20480"),
    model("qwen2-72b", "Qwen2-72B", "Qwen/Qwen2-72B", Qwen2, QWEN_2,
        "layers=80&hidden=8192&vocab=152064&context=131072&heads=64&kv=8&ffn=29568"),
    model("qwen1.5-0.5b", "Qwen1.5-0.5B", "Qwen/Qwen1.5-0.5B", Qwen2, QWEN_1_5,
        "layers=24&hidden=1024&vocab=151936&tied=yes&context=32768&heads=16&kv=16&head-dim=64&rotary=64\
         &ffn=2816"),
    model("qwen1.5-1.8b", "Qwen1.5-1.8B", "Qwen/Qwen1.5-1.8B", Qwen2, QWEN_1_5,
        "layers=24&hidden=2048&vocab=151936&context=32768&heads=16&kv=16&ffn=5504"),
    model("qwen1.5-moe-a2.7b", "Qwen1.5-MoE-A2.7B", "Qwen/Qwen1.5-MoE-A2.7B", Qwen2Moe, QWEN_1_5,
        "layers=24&hidden=2048&vocab=151936&context=8192&heads=16&kv=16&ffn=5632"),
    model("qwen1.5-4b", "Qwen1.5-4B", "Qwen/Qwen1.5-4B", Qwen2, QWEN_1_5,
        "layers=40&hidden=2560&vocab=151936&context=32768&heads=20&kv=20&ffn=6912"),
    model("qwen1.5-7b", "Qwen1.5-7B", "Qwen/Qwen1.5-7B", Qwen2, QWEN_1_5, "vocab=151936&context=32768"),
    model("qwen1.5-14b", "Qwen1.5-14B", "Qwen/Qwen1.5-14B", Qwen2, QWEN_1_5,
        "layers=40&hidden=5120&vocab=152064&context=32768&heads=40&kv=40&ffn=13696"),
    model("qwen1.5-32b", "Qwen1.5-32B", "Qwen/Qwen1.5-32B", Qwen2, QWEN_1_5,
        "layers=64&hidden=5120&vocab=152064&context=32768&heads=40&kv=8&ffn=27392"),
    model("qwen1.5-72b", "Qwen1.5-72B", "Qwen/Qwen1.5-72B", Qwen2, QWEN_1_5,
        "layers=80&hidden=8192&vocab=152064&context=32768&heads=64&kv=64&ffn=24576"),
    model("qwen1.5-110b", "Qwen1.5-110B", "Qwen/Qwen1.5-110B", Qwen2, QWEN_1_5,
        "layers=80&hidden=8192&vocab=152064&context=32768&heads=64&kv=8&ffn=49152"),
    model("deepseek-v3", "DeepSeek-V3", "deepseek-ai/DeepSeek-V3", DeepSeekV3, DEEPSEEK_V3,
        "layers=61&hidden=7168&vocab=129280&context=163840&heads=128&kv=128&q-rank=1536&ffn=18432"),
    model("deepseek-r1", "DeepSeek-R1", "deepseek-ai/DeepSeek-R1", DeepSeekV3, DEEPSEEK_R1,
        "layers=61&hidden=7168&vocab=129280&context=163840&heads=128&kv=128&q-rank=1536&ffn=18432"),
    model("deepseek-v2-lite", "DeepSeek-V2-Lite", "deepseek-ai/DeepSeek-V2-Lite", DeepSeekV2, DEEPSEEK_V2,
        "layers=27&hidden=2048&vocab=102400&context=163840&heads=16&kv=16&ffn=10944&moe-layers=1-"),
    model("deepseek-v2", "DeepSeek-V2", "deepseek-ai/DeepSeek-V2", DeepSeekV2, DEEPSEEK_V2,
        "layers=60&hidden=5120&vocab=102400&context=163840&heads=128&kv=128&q-rank=1536&ffn=12288&experts=160\
         &expert-ffn=1536&moe-layers=1-&shared-ffn=3072&grouped=yes"),
    model("deepseek-llm-7b", "DeepSeek-LLM-7B", "deepseek-ai/deepseek-llm-7b-base", Llama, DEEPSEEK_LLM,
        "layers=30&vocab=102400"),
    model("deepseek-coder-33b", "DeepSeek-Coder-33B", "deepseek-ai/deepseek-coder-33b-base", Llama, DEEPSEEK_CODER,
        "layers=62&hidden=7168&vocab=32256&context=16384&heads=56&kv=8&ffn=19200"),
    model("kimi-k2", "Kimi-K2", "moonshotai/Kimi-K2-Base", DeepSeekV3, KIMI,
        "layers=61&hidden=7168&vocab=163840&context=131072&heads=64&kv=64&q-rank=1536&ffn=18432&experts=384\
         &moe-layers=1-"),
    model("gpt-oss-20b", "gpt-oss-20b", "openai/gpt-oss-20b", GptOss, GPT_OSS,
        "layers=24&hidden=2880&vocab=201088&context=131072&heads=64&kv=8&head-dim=64&rotary=64&ffn=2880\
         &experts=32"),
    model("gpt-oss-120b", "gpt-oss-120b", "openai/gpt-oss-120b", GptOss, GPT_OSS,
        "layers=36&hidden=2880&vocab=201088&context=131072&heads=64&kv=8&head-dim=64&rotary=64&ffn=2880"),
    model("mistral-large-2407", "Mistral-Large-2407", "mistralai/Mistral-Large-Instruct-2407", Mistral, MISTRAL_NEWS,
        "layers=88&hidden=12288&vocab=32768&context=131072&heads=96&kv=8&ffn=28672"),
    model("mistral-7b-v0.1", "Mistral-7B-v0.1", "mistralai/Mistral-7B-v0.1", Mistral, MISTRAL,
        "context=32768&kv=8&window=4096&ffn=14336"),
    model("mistral-7b-v0.3", "Mistral-7B-v0.3", "mistralai/Mistral-7B-v0.3", Mistral, MISTRAL,
        "vocab=32768&context=32768&kv=8&ffn=14336"),
    model("mistral-nemo-12b", "Mistral-Nemo-12B", "mistralai/Mistral-Nemo-Base-2407", Mistral, MISTRAL_NEWS,
        "layers=40&hidden=5120&vocab=131072&context=131072&kv=8&ffn=14336"),
    model("mistral-small-24b", "Mistral-Small-24B", "mistralai/Mistral-Small-24B-Base-2501", Mistral, MISTRAL_NEWS,
        "layers=40&hidden=5120&vocab=131072&context=32768&kv=8&ffn=32768"),
    model("mixtral-8x7b", "Mixtral-8x7B", "mistralai/Mixtral-8x7B-v0.1", Mixtral, MIXTRAL,
        "context=32768&kv=8&ffn=14336"),
    model("mixtral-8x22b", "Mixtral-8x22B", "mistralai/Mixtral-8x22B-v0.1", Mixtral, MIXTRAL,
        "layers=56&hidden=6144&context=65536&heads=48&kv=8&ffn=16384&expert-ffn=16384"),
    model("gemma-3-270m", "Gemma-3-270M", "google/gemma-3-270m", Gemma3, GEMMA_3,
        "layers=18&hidden=640&vocab=262144&context=32768&heads=4&kv=1&window=512&ffn=2048"),
    model("gemma-3-1b", "Gemma-3-1B", "google/gemma-3-1b-pt", Gemma3, GEMMA_3,
        "layers=26&hidden=1152&vocab=262144&context=32768&heads=4&kv=1&window=512&ffn=6912"),
    model("gemma-3-4b", "Gemma-3-4B", "google/gemma-3-4b-pt", Gemma3, GEMMA_3,
        "layers=34&hidden=2560&vocab=262208&context=131072&heads=8&kv=4&window=1024&ffn=10240"),
    model("gemma-3-12b", "Gemma-3-12B", "google/gemma-3-12b-pt", Gemma3, GEMMA_3,
        "layers=48&hidden=3840&vocab=262208&context=131072&heads=16&kv=8&window=1024&ffn=15360"),
    model("gemma-3-27b", "Gemma-3-27B", "google/gemma-3-27b-pt", Gemma3, GEMMA_3,
        "layers=62&hidden=5376&vocab=262208&context=131072&kv=16&head-dim=128&rotary=128&window=1024\
         &ffn=21504"),
    model("gemma-2-2b", "Gemma-2-2B", "google/gemma-2-2b", Gemma2, GEMMA_2,
        "layers=26&hidden=2304&vocab=256000&context=8192&heads=8&kv=4&ffn=9216"),
    model("gemma-2-9b", "Gemma-2-9B", "google/gemma-2-9b", Gemma2, GEMMA_2,
        "layers=42&hidden=3584&vocab=256000&context=8192&heads=16&kv=8&ffn=14336"),
    model("gemma-2-27b", "Gemma-2-27B", "google/gemma-2-27b", Gemma2, GEMMA_2,
        "layers=46&hidden=4608&vocab=256000&context=8192&kv=16&head-dim=128&rotary=128&ffn=36864"),
    model("gemma-2b", "Gemma-2B", "google/gemma-2b", Gemma, GEMMA,
        "layers=18&hidden=2048&vocab=256000&context=8192&heads=8&kv=1&ffn=16384"),
    model("gemma-7b", "Gemma-7B", "google/gemma-7b", Gemma, GEMMA,
        "layers=28&hidden=3072&vocab=256000&context=8192&heads=16&kv=16&ffn=24576"),
    model("phi-4", "Phi-4", "microsoft/phi-4", Phi3, PHI_4,
        "layers=40&hidden=5120&vocab=100352&context=16384&heads=40&kv=10&ffn=17920"),
    model("phi-3-mini-4k", "Phi-3-mini-4k", "microsoft/Phi-3-mini-4k-instruct", Phi3, PHI_3,
        "hidden=3072&vocab=32064&head-dim=96&rotary=96&window=2047&ffn=8192"),
    model("phi-3.5-mini", "Phi-3.5-mini", "microsoft/Phi-3.5-mini-instruct", Phi3, PHI_3,
        "hidden=3072&vocab=32064&context=131072&head-dim=96&rotary=96&ffn=8192"),
    model("phi-3-medium-4k", "Phi-3-medium-4k", "microsoft/Phi-3-medium-4k-instruct", Phi3, PHI_3,
        "layers=40&hidden=5120&vocab=32064&heads=40&kv=10&window=2047&ffn=17920"),
    model("phi-1.5", "Phi-1.5", "microsoft/phi-1_5", Phi, PHI,
        "layers=24&hidden=2048&vocab=51200&head-dim=64&rotary=32&ffn=8192"),
    model("phi-2", "Phi-2", "microsoft/phi-2", Phi, PHI,
        "hidden=2560&vocab=51200&head-dim=80&rotary=32&ffn=10240&resid-drop=yes"),
    model("glm-4.5-air", "GLM-4.5-Air", "zai-org/GLM-4.5-Air", Glm4Moe, GLM_4_5,
        "layers=46&vocab=151552&context=131072&heads=96&kv=8&qkv-bias=yes&ffn=10944"),
    model("glm-4.5", "GLM-4.5", "zai-org/GLM-4.5", Glm4Moe, GLM_4_5,
        "layers=92&hidden=5120&vocab=151552&context=131072&heads=96&kv=8&qkv-bias=yes&qk-norm=head&ffn=12288\
         &experts=160&expert-ffn=1536&moe-layers=3-&shared-ffn=1536"),
    model("glm-4-9b-0414", "GLM-4-9B-0414", "zai-org/GLM-4-9B-0414", Glm4, GLM_4,
        "layers=40&vocab=151552&context=32768&kv=2&ffn=13696"),
    model("glm-4-32b-0414", "GLM-4-32B-0414", "zai-org/GLM-4-32B-0414", Glm4, GLM_4,
        "layers=61&hidden=6144&vocab=151552&context=32768&heads=48&kv=2&qkv-bias=no&ffn=23040"),
    model("olmo-3-7b", "Olmo-3-7B", "allenai/Olmo-3-1025-7B", Olmo3, OLMO_3, "vocab=100278&context=65536"),
    model("olmo-3-32b", "Olmo-3-32B", "allenai/Olmo-3-1125-32B", Olmo3, OLMO_3,
        "layers=64&hidden=5120&vocab=100278&context=65536&heads=40&kv=8&ffn=27648"),
    model("olmo-2-1b", "OLMo-2-1B", "allenai/OLMo-2-0425-1B", Olmo2, OLMO_2,
        "layers=16&hidden=2048&vocab=100352&heads=16&kv=16&ffn=8192"),
    model("olmo-2-7b", "OLMo-2-7B", "allenai/OLMo-2-1124-7B", Olmo2, OLMO_2, "vocab=100352"),
    model("olmo-2-13b", "OLMo-2-13B", "allenai/OLMo-2-1124-13B", Olmo2, OLMO_2,
        "layers=40&hidden=5120&vocab=100352&heads=40&kv=40&ffn=13824"),
    model("olmo-2-32b", "OLMo-2-32B", "allenai/OLMo-2-0325-32B", Olmo2, OLMO_2,
        "layers=64&hidden=5120&vocab=100352&heads=40&kv=8&ffn=27648"),
    model("olmo-1b", "OLMo-1B", "allenai/OLMo-1B-hf", Olmo, OLMO,
        "layers=16&hidden=2048&vocab=50304&tied=yes&context=2048&heads=16&kv=16&ffn=8192"),
    model("olmo-7b", "OLMo-7B", "allenai/OLMo-7B-hf", Olmo, OLMO, "vocab=50304&context=2048"),
    model("smollm3-3b", "SmolLM3-3B", "HuggingFaceTB/SmolLM3-3B", SmolLm3, SMOLLM_3,
        "layers=36&hidden=2048&vocab=128256&context=65536&heads=16&kv=4"),
    model("smollm2-135m", "SmolLM2-135M", "HuggingFaceTB/SmolLM2-135M", Llama, SMOLLM_2,
        "layers=30&hidden=576&vocab=49152&tied=yes&context=8192&heads=9&kv=3&head-dim=64&rotary=64&ffn=1536"),
    model("smollm2-360m", "SmolLM2-360M", "HuggingFaceTB/SmolLM2-360M", Llama, SMOLLM_2,
        "hidden=960&vocab=49152&tied=yes&context=8192&heads=15&kv=5&head-dim=64&rotary=64&ffn=2560"),
    model("smollm2-1.7b", "SmolLM2-1.7B", "HuggingFaceTB/SmolLM2-1.7B", Llama, SMOLLM_2,
        "layers=24&hidden=2048&vocab=49152&tied=yes&context=8192&head-dim=64&rotary=64&ffn=8192"),
    model("tinyllama-1.1b", "TinyLlama-1.1B", "TinyLlama/TinyLlama-1.1B", Llama, TINY_LLAMA,
        "layers=22&hidden=2048&context=2048&kv=4&head-dim=64&rotary=64&ffn=5632"),
    model("granite-3.0-2b", "Granite-3.0-2B", "ibm-granite/granite-3.0-2b-base", Granite, GRANITE,
        "layers=40&hidden=2048&vocab=49155&tied=yes&kv=8&head-dim=64&rotary=64&ffn=8192&attn-drop=yes"),
    model("granite-3.0-8b", "Granite-3.0-8B", "ibm-granite/granite-3.0-8b-base", Granite, GRANITE,
        "layers=40&vocab=49155&tied=yes&kv=8&ffn=12800&attn-drop=yes"),
    model("command-r", "Command-R", "CohereForAI/c4ai-command-r-v01", Cohere, COMMAND_R,
        "layers=40&hidden=8192&vocab=256000&context=131072&heads=64&kv=64&ffn=22528"),
    model("command-r-plus", "Command-R-plus", "CohereForAI/c4ai-command-r-plus", Cohere, COMMAND_R,
        "layers=64&hidden=12288&vocab=256000&context=131072&heads=96&kv=8&qk-norm=each&ffn=33792"),
    model("yi-6b", "Yi-6B", "01-ai/Yi-6B", Llama, YI, "vocab=64000&kv=4"),
    model("yi-9b", "Yi-9B", "01-ai/Yi-9B", Llama, YI, "layers=48&vocab=64000&kv=4"),
    model("yi-34b", "Yi-34B", "01-ai/Yi-34B", Llama, YI, "layers=60&hidden=7168&vocab=64000&heads=56&kv=8&ffn=20480"),
    model("falcon3-7b", "Falcon3-7B", "tiiuae/Falcon3-7B-Base", Llama, FALCON_3,
        "layers=28&hidden=3072&vocab=131072&context=32768&heads=12&kv=4&head-dim=256&rotary=256&ffn=23040"),
    model("falcon-7b", "Falcon-7B", "tiiuae/falcon-7b", Falcon, FALCON,
        "hidden=4544&vocab=65024&heads=71&head-dim=64&rotary=64&ffn=18176"),
    model("falcon-40b", "Falcon-40B", "tiiuae/falcon-40b", Falcon, FALCON,
        "layers=60&hidden=8192&vocab=65024&heads=128&kv=8&head-dim=64&rotary=64&ffn=32768&norm-at=parallel2"),
    model("falcon-180b", "Falcon-180B", "tiiuae/falcon-180B", Falcon, FALCON,
        "layers=80&hidden=14848&vocab=65024&tied=no&heads=232&kv=8&head-dim=64&rotary=64&ffn=59392\
         &norm-at=parallel2"),
    model("starcoder2-3b", "StarCoder2-3B", "bigcode/starcoder2-3b", StarCoder2, STARCODER_2,
        "layers=30&hidden=3072&vocab=49152&context=16384&heads=24&kv=2&window=4096&ffn=12288&attn-drop=yes\
         &resid-drop=yes&embed-drop=yes"),
    model("starcoder2-7b", "StarCoder2-7B", "bigcode/starcoder2-7b", StarCoder2, STARCODER_2,
        "hidden=4608&vocab=49152&context=16384&heads=36&kv=4&window=4096&ffn=18432&attn-drop=yes\
         &resid-drop=yes&embed-drop=yes"),
    model("starcoder2-15b", "StarCoder2-15B", "bigcode/starcoder2-15b", StarCoder2, STARCODER_2,
        "layers=40&hidden=6144&vocab=49152&tied=no&context=16384&heads=48&kv=4&window=4096&ffn=24576\
         &attn-drop=yes&resid-drop=yes&embed-drop=yes"),
    model("stablelm-2-1.6b", "StableLM-2-1.6B", "stabilityai/stablelm-2-1_6b", StableLm, STABLELM,
        "layers=24&hidden=2048&vocab=100352&head-dim=64&qkv-bias=yes&rotary=16&ffn=5632"),
    model("stablelm-3b-4e1t", "StableLM-3B-4E1T", "stabilityai/stablelm-3b-4e1t", StableLm, STABLELM,
        "hidden=2560&vocab=50304&head-dim=80&rotary=20&ffn=6912"),
    model("dbrx", "DBRX", "databricks/dbrx-base", Dbrx, DBRX,
        "layers=40&hidden=6144&vocab=100352&context=32768&heads=48&kv=8&ffn=10752&expert-ffn=10752"),
    model("nemotron-4-340b", "Nemotron-4-340B", "nvidia/Nemotron-4-340B-Base", Nemotron, NEMOTRON,
        "layers=96&hidden=18432&vocab=256000&heads=96&kv=8&head-dim=192&rotary=96&ffn=73728"),
    model("mpt-7b", "MPT-7B", "mosaicml/mpt-7b", Mpt, MPT, "vocab=50432"),
    model("mpt-30b", "MPT-30B", "mosaicml/mpt-30b", Mpt, MPT,
        "layers=48&hidden=7168&vocab=50432&context=8192&heads=64&kv=64&head-dim=112&ffn=28672"),
    model("gpt-3-small", "GPT-3 Small", "", Gpt2, GPT_3,
        "layers=12&hidden=768&vocab=50257&positions=2048&context=2048&heads=12&kv=12&head-dim=64&ffn=3072"),
    model("gpt-3-large", "GPT-3 Large", "", Gpt2, GPT_3,
        "layers=24&hidden=1536&vocab=50257&positions=2048&context=2048&heads=16&kv=16&head-dim=96&ffn=6144"),
    model("gpt-3-xl", "GPT-3 XL", "", Gpt2, GPT_3,
        "layers=24&hidden=2048&vocab=50257&positions=2048&context=2048&heads=16&kv=16&ffn=8192"),
    model("gpt-3-2.7b", "GPT-3 2.7B", "", Gpt2, GPT_3,
        "hidden=2560&vocab=50257&positions=2048&context=2048&head-dim=80&ffn=10240"),
    model("gpt-3-6.7b", "GPT-3 6.7B", "", Gpt2, GPT_3, "vocab=50257&positions=2048&context=2048"),
    model("gpt-3-13b", "GPT-3 13B", "", Gpt2, GPT_3,
        "layers=40&hidden=5120&vocab=50257&positions=2048&context=2048&heads=40&kv=40&ffn=20480"),
    model("gpt-3-175b", "GPT-3 175B", "", Gpt2, GPT_3,
        "layers=96&hidden=12288&vocab=50257&positions=2048&context=2048&heads=96&kv=96&ffn=49152"),
    model("gpt-2-small", "GPT-2 small", "openai-community/gpt2", Gpt2, GPT_2,
        "layers=12&hidden=768&vocab=50257&heads=12&kv=12&head-dim=64&ffn=3072"),
    model("gpt-2-medium", "GPT-2 medium", "openai-community/gpt2-medium", Gpt2, GPT_2,
        "layers=24&hidden=1024&vocab=50257&heads=16&kv=16&head-dim=64&ffn=4096"),
    model("gpt-2-large", "GPT-2 large", "openai-community/gpt2-large", Gpt2, GPT_2,
        "layers=36&hidden=1280&vocab=50257&heads=20&kv=20&head-dim=64&ffn=5120"),
    model("gpt-2-xl", "GPT-2 XL", "openai-community/gpt2-xl", Gpt2, GPT_2,
        "layers=48&hidden=1600&vocab=50257&heads=25&kv=25&head-dim=64&ffn=6400"),
    model("gpt-j-6b", "GPT-J-6B", "EleutherAI/gpt-j-6b", GptJ, GPT_J,
        "layers=28&vocab=50400&heads=16&kv=16&head-dim=256"),
    model("gpt-neo-125m", "GPT-Neo-125M", "EleutherAI/gpt-neo-125m", GptNeo, GPT_NEO,
        "layers=12&hidden=768&vocab=50257&heads=12&kv=12&head-dim=64&ffn=3072"),
    model("gpt-neo-1.3b", "GPT-Neo-1.3B", "EleutherAI/gpt-neo-1.3B", GptNeo, GPT_NEO,
        "layers=24&hidden=2048&vocab=50257&heads=16&kv=16&ffn=8192"),
    model("gpt-neo-2.7b", "GPT-Neo-2.7B", "EleutherAI/gpt-neo-2.7B", GptNeo, GPT_NEO,
        "hidden=2560&vocab=50257&heads=20&kv=20&ffn=10240"),
    model("gpt-neox-20b", "GPT-NeoX-20B", "EleutherAI/gpt-neox-20b", GptNeoX, GPT_NEOX,
        "layers=44&hidden=6144&vocab=50432&heads=64&kv=64&head-dim=96&rotary=24&ffn=24576&act=gelu_fast"),
    model("pythia-70m", "Pythia-70m", "EleutherAI/pythia-70m", GptNeoX, PYTHIA,
        "layers=6&hidden=512&vocab=50304&heads=8&kv=8&head-dim=64&rotary=16&ffn=2048"),
    model("pythia-160m", "Pythia-160m", "EleutherAI/pythia-160m", GptNeoX, PYTHIA,
        "layers=12&hidden=768&vocab=50304&heads=12&kv=12&head-dim=64&rotary=16&ffn=3072"),
    model("pythia-410m", "Pythia-410m", "EleutherAI/pythia-410m", GptNeoX, PYTHIA,
        "layers=24&hidden=1024&vocab=50304&heads=16&kv=16&head-dim=64&rotary=16&ffn=4096"),
    model("pythia-1b", "Pythia-1b", "EleutherAI/pythia-1b", GptNeoX, PYTHIA,
        "layers=16&hidden=2048&vocab=50304&heads=8&kv=8&head-dim=256&rotary=64&ffn=8192"),
    model("pythia-1.4b", "Pythia-1.4b", "EleutherAI/pythia-1.4b", GptNeoX, PYTHIA,
        "layers=24&hidden=2048&vocab=50304&heads=16&kv=16&ffn=8192"),
    model("pythia-2.8b", "Pythia-2.8b", "EleutherAI/pythia-2.8b", GptNeoX, PYTHIA,
        "hidden=2560&vocab=50304&head-dim=80&rotary=20&ffn=10240"),
    model("pythia-6.9b", "Pythia-6.9b", "EleutherAI/pythia-6.9b", GptNeoX, PYTHIA, "vocab=50432"),
    model("pythia-12b", "Pythia-12b", "EleutherAI/pythia-12b", GptNeoX, PYTHIA,
        "layers=36&hidden=5120&vocab=50688&heads=40&kv=40&ffn=20480"),
    model("opt-125m", "OPT-125m", "facebook/opt-125m", Opt, OPT,
        "layers=12&hidden=768&vocab=50272&heads=12&kv=12&head-dim=64&ffn=3072"),
    model("opt-350m", "OPT-350m", "facebook/opt-350m", Opt, OPT,
        "layers=24&hidden=1024&vocab=50272&embedding=512&heads=16&kv=16&head-dim=64&ffn=4096&norm-at=after_sum\
         &last-norm=no"),
    model("opt-1.3b", "OPT-1.3b", "facebook/opt-1.3b", Opt, OPT,
        "layers=24&hidden=2048&vocab=50272&head-dim=64&ffn=8192"),
    model("opt-2.7b", "OPT-2.7b", "facebook/opt-2.7b", Opt, OPT, "hidden=2560&vocab=50272&head-dim=80&ffn=10240"),
    model("opt-6.7b", "OPT-6.7b", "facebook/opt-6.7b", Opt, OPT, "vocab=50272"),
    model("opt-13b", "OPT-13b", "facebook/opt-13b", Opt, OPT,
        "layers=40&hidden=5120&vocab=50272&heads=40&kv=40&ffn=20480"),
    model("opt-30b", "OPT-30b", "facebook/opt-30b", Opt, OPT,
        "layers=48&hidden=7168&vocab=50272&heads=56&kv=56&ffn=28672"),
    model("opt-66b", "OPT-66b", "facebook/opt-66b", Opt, OPT,
        "layers=64&hidden=9216&vocab=50272&heads=72&kv=72&ffn=36864"),
    model("opt-175b", "OPT-175b", "facebook/opt-175b", Opt, OPT,
        "layers=96&hidden=12288&vocab=50272&heads=96&kv=96&ffn=49152"),
    model("bloom-560m", "BLOOM-560m", "bigscience/bloom-560m", Bloom, BLOOM,
        "layers=24&hidden=1024&vocab=250880&heads=16&kv=16&head-dim=64&ffn=4096"),
    model("bloom-1b1", "BLOOM-1b1", "bigscience/bloom-1b1", Bloom, BLOOM,
        "layers=24&hidden=1536&vocab=250880&heads=16&kv=16&head-dim=96&ffn=6144"),
    model("bloom-1b7", "BLOOM-1b7", "bigscience/bloom-1b7", Bloom, BLOOM,
        "layers=24&hidden=2048&vocab=250880&heads=16&kv=16&ffn=8192"),
    model("bloom-3b", "BLOOM-3b", "bigscience/bloom-3b", Bloom, BLOOM,
        "layers=30&hidden=2560&vocab=250880&head-dim=80&ffn=10240"),
    model("bloom-7b1", "BLOOM-7b1", "bigscience/bloom-7b1", Bloom, BLOOM, "layers=30&vocab=250880"),
    model("bloom-176b", "BLOOM-176B", "bigscience/bloom", Bloom, BLOOM,
        "layers=70&hidden=14336&vocab=250880&heads=112&kv=112&ffn=57344"),
    model("mt-nlg-530b", "MT-NLG 530B", "", Gpt2, MT_NLG,
        "layers=105&hidden=20480&vocab=51200&positions=2048&context=2048&heads=128&kv=128&head-dim=160\
         &ffn=81920"),
    model("megatron-gpt-1t", "Megatron GPT 1T", "", Gpt2, MEGATRON,
        "layers=128&hidden=25600&vocab=51200&positions=2048&context=2048&heads=160&kv=160&head-dim=160\
         &ffn=102400"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_reads() {
        for model in MODELS {
            let read = Architecture::described(model.family, model.fields);
            assert_eq!(read.err(), None, "{}", model.id);
            let id = |letter: char| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter)
            };
            assert!(model.id.chars().all(id), "{}", model.id);
            assert_eq!(Model::find(model.id), Some(model));
            for name in [model.id, model.name] {
                assert_eq!(Model::named(name), Some(model), "{name}");
            }
        }
    }

    #[track_caller]
    fn found(text: &str, first: &[&str]) {
        let found: Vec<_> = Model::search(text).map(|model| model.id).collect();
        assert_eq!(found.get(..first.len()).unwrap_or(&found), first, "{text}");
    }

    #[test]
    fn searches() {
        found(
            "llama3.1",
            &["llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b"],
        );
        found(
            "70B llama",
            &[
                "llama-3.1-70b",
                "llama-3.3-70b",
                "llama-3-70b",
                "llama-2-70b",
            ],
        );
        found("GPT2", &["gpt-2-small", "gpt-2-medium"]);
        found("r1", &["deepseek-r1"]);
        found("8x7b", &["mixtral-8x7b"]);
        found("moonshot", &["kimi-k2"]);
        found("Qwen3 235b", &["qwen3-235b-a22b"]);
        assert_eq!(Model::search("").count(), MODELS.len());
        assert_eq!(Model::search(" ").count(), MODELS.len());
        assert_eq!(
            Model::search("\u{1F980} 7b").count(),
            Model::search("7b").count()
        );
        assert_eq!(Model::search("no such model").count(), 0);
        assert_eq!(
            Model::named("Qwen3_30B_a3B").map(|model| model.id),
            Some("qwen3-30b-a3b")
        );
        assert_eq!(Model::named(""), None);
    }
}
