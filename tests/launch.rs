//! Launch settings, read back: every option exists in the tool, with a value it takes, and says what the layout is.
//!
//! What exists is in tests/reference/options, each list taken from the tool's own source or documentation.

mod support;

use petaday::field::{Choice, LayerSet};
use petaday::hardware::{Accelerator, Arithmetic};
use petaday::launch::{Launch, accelerate, deepspeed, megatron, torchtitan, training_arguments};
use petaday::layout::{Layout, Schedule, Sharding};
use petaday::model::{MODELS, Model};
use petaday::plan::{Question, Recomputed, Search};
use petaday::training::{
    AttentionKernel, GradientDtype, Optimizer, OptimizerStep, Precision, Stack,
};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

/// Options of a tool, each with the values it takes where the list says so.
struct Options(BTreeMap<&'static str, &'static str>);

impl Options {
    fn of(list: &'static str) -> Self {
        let lines = list.lines().filter(|line| !line.starts_with('#'));
        Self(
            lines
                .map(|line| line.split_once(' ').unwrap_or((line, "")))
                .collect(),
        )
    }

    /// Asserts that the option exists and takes the value; none for a switch.
    #[track_caller]
    fn admit(&self, key: &str, value: Option<&str>) {
        let takes = self.0.get(key).unwrap_or_else(|| panic!("no option {key}"));
        match (*takes, value) {
            ("switch", value) => assert_eq!(value, None, "{key} takes no value"),
            (_, None) => panic!("{key} takes a value"),
            ("", Some(value)) => assert!(!value.is_empty(), "{key}"),
            ("int", Some(value)) => assert!(value.parse::<u64>().is_ok(), "{key} {value}"),
            (takes, Some(value)) => {
                assert!(
                    takes.split('|').any(|one| one == value),
                    "{key} {value}: {takes}"
                );
            }
        }
    }
}

const MEGATRON: &str = include_str!("reference/options/megatron_lm.txt");
const DEEPSPEED: &str = include_str!("reference/options/deepspeed.txt");
const TORCHTITAN: &str = include_str!("reference/options/torchtitan.txt");
const TRANSFORMERS: &str = include_str!("reference/options/transformers.txt");
const ACCELERATE: &str = include_str!("reference/options/accelerate.txt");

/// Megatron-LM's flags: a bash array of `--flag` and `--flag value`.
fn flags(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut lines = text.lines().skip_while(|line| line.starts_with("# "));
    assert_eq!(lines.next(), Some("ARGUMENTS=("));
    let mut flags = Vec::new();
    for line in lines {
        if line == ")" {
            return flags;
        }
        let line = line.strip_prefix("    ").expect("an indented flag");
        assert!(line.starts_with("--"), "{line}");
        let (flag, value) = match line.split_once(' ') {
            Some((flag, value)) => (flag, Some(value)),
            None => (line, None),
        };
        if let Some(value) = value {
            let quoted = value.starts_with('"') && value.ends_with('"');
            let special = |text: &str| text.contains([' ', '(', ')', '*', '|', '[', '$', '"']);
            let inner = value.trim_matches('"');
            assert!(
                quoted || !special(value),
                "{value} would be split by a shell"
            );
            assert!(!inner.contains(['"', '$', '`', '\\']), "{value}");
        }
        flags.push((flag, value));
    }
    panic!("no end of the array");
}

/// DeepSpeed's object, behind its comments.
fn object(text: &str) -> serde_json::Value {
    let start = text.find("\n{\n").expect("an object");
    assert!(text[..start].lines().all(|line| line.starts_with("# ")));
    serde_json::from_str(&text[start..]).expect("JSON")
}

/// Every key of nested tables with its value as text: objects' own keys too.
fn json_keys(value: &serde_json::Value, path: &str, found: &mut Vec<(String, String)>) {
    let Some(object) = value.as_object() else {
        return;
    };
    for (key, value) in object {
        let path = format!("{path}{key}");
        let text = match value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Object(_) => "{}".to_owned(),
            other => other.to_string(),
        };
        json_keys(value, &format!("{path}."), found);
        found.push((path, text));
    }
}

fn toml_keys(table: &toml::Table, path: &str, found: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let path = format!("{path}{key}");
        match value {
            toml::Value::Table(table) => toml_keys(table, &format!("{path}."), found),
            toml::Value::String(text) => found.push((path, text.clone())),
            toml::Value::Integer(count) => found.push((path, count.to_string())),
            toml::Value::Boolean(yes) => found.push((path, yes.to_string())),
            other => found.push((path, other.type_str().to_owned())),
        }
    }
}

/// The arguments of a call in Python, those of `fsdp_config` after a point.
fn arguments(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines().skip_while(|line| line.starts_with("# "));
    assert_eq!(lines.next(), Some("TrainingArguments("));
    let mut found = Vec::new();
    let mut nested = false;
    for line in lines {
        match line {
            ")" => return found,
            "    fsdp_config={" => {
                nested = true;
                found.push(("fsdp_config".to_owned(), "{".to_owned()));
            }
            "    }," => nested = false,
            line if nested => {
                let line = line.trim().strip_suffix(',').expect("a comma");
                let (key, value) = line.split_once(": ").expect("a key");
                found.push((
                    format!("fsdp_config.{}", key.trim_matches('"')),
                    value.to_owned(),
                ));
            }
            line => {
                let line = line.trim().strip_suffix(',').expect("a comma");
                let (key, value) = line.split_once('=').expect("a keyword");
                found.push((key.to_owned(), value.trim_matches('"').to_owned()));
            }
        }
    }
    panic!("no end of the call");
}

/// YAML of pairs, and of pairs one level below a key.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut section = String::new();
    for line in text.lines().filter(|line| !line.starts_with("# ")) {
        if let Some(name) = line.strip_suffix(':') {
            section = name.to_owned();
            found.push((section.clone(), "{".to_owned()));
        } else if let Some(pair) = line.strip_prefix("  ") {
            let (key, value) = pair.split_once(": ").expect("a pair");
            found.push((format!("{section}.{key}"), value.to_owned()));
        } else {
            let (key, value) = line.split_once(": ").expect("a pair");
            found.push((key.to_owned(), value.to_owned()));
        }
    }
    found
}

/// Reads all settings of a launch back; every option has to exist once, with a value it takes.
#[track_caller]
fn check(launch: &Launch) {
    let options = Options::of(MEGATRON);
    let text = megatron(launch);
    let found = flags(&text);
    for (flag, value) in &found {
        options.admit(flag, value.map(|value| value.trim_matches('"')));
    }
    once(found.iter().map(|(flag, _)| (*flag).to_owned()));

    let options = Options::of(DEEPSPEED);
    let mut found = Vec::new();
    json_keys(&object(&deepspeed(launch)), "", &mut found);
    admit_all(&options, found);

    let options = Options::of(TORCHTITAN);
    let text = torchtitan(launch);
    let table: toml::Table = text.parse().unwrap_or_else(|why| panic!("{why}\n{text}"));
    // torchtitan/distributed/parallel_dims.py: degrees multiply to all ranks, and experts' ranks are among those that
    // share weights, a sequence or matrices.
    let degree = |key: &str| {
        let degree = table["parallelism"]
            .get(key)
            .and_then(toml::Value::as_integer);
        degree.unwrap_or(1) as u64
    };
    let sharing = degree("data_parallel_shard_degree")
        * degree("context_parallel_degree")
        * degree("tensor_parallel_degree");
    let ranks = sharing * degree("data_parallel_replicate_degree");
    assert_eq!(
        ranks * degree("pipeline_parallel_degree"),
        launch.layout.gpus()
    );
    assert!(
        sharing.is_multiple_of(degree("expert_parallel_degree")),
        "{text}"
    );
    let mut found = Vec::new();
    toml_keys(&table, "", &mut found);
    admit_all(&options, found);

    admit_all(
        &Options::of(TRANSFORMERS),
        arguments(&training_arguments(launch)),
    );
    admit_all(&Options::of(ACCELERATE), pairs(&accelerate(launch)));
}

#[track_caller]
fn admit_all(options: &Options, found: Vec<(String, String)>) {
    for (key, value) in &found {
        options.admit(key, Some(value));
    }
    once(found.into_iter().map(|(key, _)| key));
}

#[track_caller]
fn once(keys: impl Iterator<Item = String>) {
    let mut keys: Vec<String> = keys.collect();
    keys.sort();
    if let Some(twice) = keys.windows(2).find(|pair| pair[0] == pair[1]) {
        panic!("{} stands twice", twice[0]);
    }
}

fn launch(model: &str) -> Launch {
    let architecture = Model::find(model).expect("a model").architecture();
    Launch {
        architecture,
        layout: Layout::ONE_GPU,
        last: None,
        server: 8,
        sequence: 4_096,
        micro_batch: 1,
        global_batch: 256,
        stack: Stack::Megatron,
        precision: Precision::MainGradients,
        gradients: GradientDtype::Follow,
        narrow: None,
        optimizer: Optimizer::AdamW,
        optimizer_step: OptimizerStep::Fused,
        attention: AttentionKernel::Flash,
        recomputed: Recomputed::Nothing,
        recomputed_layers: 0,
    }
}

#[track_caller]
fn has_flags(launch: &Launch, expected: &str) {
    let text = megatron(launch);
    let found = flags(&text);
    for line in expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (flag, value) = match line.split_once(' ') {
            Some((flag, value)) => (flag, Some(value)),
            None => (line, None),
        };
        assert!(found.contains(&(flag, value)), "{line} not in\n{text}");
    }
}

/// What differs by choice, one at a time and with each sharding, on every model of the catalogue.
#[test]
fn every_option_exists() {
    for model in MODELS {
        let plain = launch(model.id);
        check(&plain);
        let layout = Layout {
            data: 4,
            tensor: 2,
            sequence_parallel: true,
            pipeline: 4,
            context: 2,
            expert: if plain.architecture.experts.is_some() {
                2
            } else {
                1
            },
            sharding: Sharding::Distributed,
            shard_group: 4,
            ..Layout::ONE_GPU
        };
        check(&Launch { layout, ..plain });
    }
    for id in ["llama-3-8b", "mixtral-8x7b", "gpt-3-175b"] {
        let plain = launch(id);
        for &sharding in Sharding::ALL {
            for (data, tensor, context, pipeline, group) in [
                (8, 1, 1, 1, 8),
                (8, 2, 1, 1, 2),
                (4, 1, 2, 2, 4),
                (1, 8, 1, 4, 1),
                (1, 1, 1, 1, 1),
            ] {
                let layout = Layout {
                    data,
                    tensor,
                    sequence_parallel: tensor > 2,
                    context,
                    pipeline,
                    sharding,
                    shard_group: group,
                    ..Layout::ONE_GPU
                };
                let on = Launch { layout, ..plain };
                check(&on);
                for &precision in Precision::ALL {
                    for &gradients in GradientDtype::ALL {
                        check(&Launch {
                            precision,
                            gradients,
                            ..on
                        });
                    }
                }
                for &optimizer in Optimizer::ALL {
                    for &optimizer_step in OptimizerStep::ALL {
                        check(&Launch {
                            optimizer,
                            optimizer_step,
                            ..on
                        });
                    }
                }
                for &schedule in Schedule::ALL {
                    for (chunks, last) in [(1, None), (2, None), (2, Some(2)), (1, Some(1))] {
                        let layout = Layout {
                            schedule,
                            chunks,
                            ..layout
                        };
                        check(&Launch { layout, last, ..on });
                    }
                }
                for (recomputed, recomputed_layers) in [
                    (Recomputed::Attention, u64::MAX),
                    (Recomputed::Layer, 1),
                    (Recomputed::Layer, 3),
                    (Recomputed::Layer, u64::MAX),
                ] {
                    check(&Launch {
                        recomputed,
                        recomputed_layers,
                        ..on
                    });
                }
            }
        }
        for &attention in AttentionKernel::ALL {
            check(&Launch { attention, ..plain });
        }
        for &stack in Stack::ALL {
            check(&Launch { stack, ..plain });
        }
        for narrow in [Arithmetic::Fp8, Arithmetic::Fp4] {
            check(&Launch {
                narrow: Some(narrow),
                ..plain
            });
        }
    }
}

/// Of a layout that a plan found.
#[test]
fn a_plan_is_launched() {
    let architecture = Model::find("llama-3-70b").expect("a model").architecture();
    let accelerator = Accelerator::find("h100-sxm").expect("an H100");
    for stack in [Stack::Megatron, Stack::TorchTitan, Stack::HuggingFace] {
        let question = Question {
            stack,
            ..Question::of(architecture, 8_192, 512, accelerator, 256)
        };
        let mut search = Search::new(question.task(), question.space());
        search.finish();
        for found in search.best().iter().take(100) {
            let launch = Launch::of(&question, found);
            check(&launch);
            assert_eq!(launch.layout.gpus(), 256);
        }
    }
}

/// Megatron-LM core_v0.14.0, examples/mixtral/train_mixtral_8x7b_distributed.sh, of its MODEL_ARGS, MOE_ARGS and
/// MODEL_PARALLEL_ARGS those that are neither kernels' nor the optimisation's.
#[test]
fn mixtral_as_its_makers_launch_it() {
    let mixtral = Launch {
        layout: Layout {
            data: 8,
            pipeline: 4,
            expert: 8,
            sharding: Sharding::Distributed,
            shard_group: 8,
            ..Layout::ONE_GPU
        },
        ..launch("mixtral-8x7b")
    };
    has_flags(
        &mixtral,
        "--disable-bias-linear
        --seq-length 4096
        --max-position-embeddings 32768
        --num-layers 32
        --hidden-size 4096
        --ffn-hidden-size 14336
        --num-attention-heads 32
        --attention-dropout 0.0
        --hidden-dropout 0.0
        --normalization RMSNorm
        --position-embedding-type rope
        --swiglu
        --untie-embeddings-and-output-weights
        --group-query-attention
        --num-query-groups 8
        --num-experts 8
        --moe-router-topk 2
        --moe-grouped-gemm
        --moe-token-dispatcher-type alltoall
        --overlap-param-gather
        --overlap-grad-reduce
        --micro-batch-size 1
        --global-batch-size 256
        --bf16
        --tensor-model-parallel-size 1
        --pipeline-model-parallel-size 4
        --expert-model-parallel-size 8
        --use-distributed-optimizer",
    );
    let text = megatron(&mixtral);
    assert!(!text.contains("--moe-layer-freq") && !text.contains("pre-softmax"));
}

/// The same, examples/llama/train_llama3_8b_h100_fp8.sh with DTYPE=fp8; its norms are 1 + weight by choice.
#[test]
fn llama_as_its_makers_launch_it() {
    let llama = Launch {
        layout: Layout {
            data: 4,
            tensor: 2,
            sequence_parallel: true,
            sharding: Sharding::Distributed,
            shard_group: 4,
            ..Layout::ONE_GPU
        },
        sequence: 8_192,
        global_batch: 128,
        gradients: GradientDtype::SixteenBit,
        narrow: Some(Arithmetic::Fp8),
        attention: AttentionKernel::Cudnn,
        ..launch("llama-3-8b")
    };
    has_flags(
        &llama,
        "--num-layers 32
        --hidden-size 4096
        --ffn-hidden-size 14336
        --num-attention-heads 32
        --group-query-attention
        --num-query-groups 8
        --kv-channels 128
        --seq-length 8192
        --position-embedding-type rope
        --attention-dropout 0.0
        --hidden-dropout 0.0
        --swiglu
        --attention-backend fused
        --untie-embeddings-and-output-weights
        --disable-bias-linear
        --global-batch-size 128
        --bf16
        --grad-reduce-in-bf16
        --cross-entropy-loss-fusion
        --fp8-format hybrid
        --tensor-model-parallel-size 2
        --sequence-parallel
        --use-distributed-optimizer
        --overlap-grad-reduce
        --overlap-param-gather",
    );
}

/// Python's reading of a list such as `([0]*3+[1]*58)`.
fn list(text: &str) -> Vec<bool> {
    let text = text.trim_matches(['"', '(', ')']);
    let mut list = Vec::new();
    for run in text.split('+') {
        let (value, count) = run.split_once('*').expect("a run");
        let count: usize = count.parse().expect("a count");
        list.extend(std::iter::repeat_n(value == "[1]", count));
    }
    list
}

#[track_caller]
fn value_of(launch: &Launch, flag: &str) -> String {
    let text = megatron(launch);
    let found = flags(&text);
    let value = found.iter().find(|(own, _)| *own == flag);
    value.and_then(|(_, value)| *value).expect(flag).to_owned()
}

/// DeepSeek-V3: the first three of 61 layers are dense (arXiv:2412.19437, §4.2).
#[test]
fn sparse_layers_are_listed() {
    let of = list(&value_of(&launch("deepseek-v3"), "--moe-layer-freq"));
    assert_eq!(of.len(), 61);
    assert!(
        of.iter()
            .enumerate()
            .all(|(layer, sparse)| *sparse == (layer >= 3))
    );
    let mut every_other = launch("deepseek-v3");
    if let Some(experts) = &mut every_other.architecture.experts {
        experts.layers = LayerSet::every(2, 1);
    }
    let of = list(&value_of(&every_other, "--moe-layer-freq"));
    assert!(
        of.iter()
            .enumerate()
            .all(|(layer, sparse)| *sparse == (layer % 2 == 1))
    );
}

/// Megatron-core's reading of `--pipeline-model-parallel-layout` (core/transformer/pipeline_parallel_layer_layout.py):
/// parentheses are written out, then single letters; stages stand between bars.
fn layers_of_stages(layout: &str) -> Vec<usize> {
    let mut text = layout.trim_matches('"').to_owned();
    while let Some(open) = text.find('(') {
        let close = text.find(")*").expect("a factor");
        let digits: String = text[close + 2..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let inner = text[open + 1..close].repeat(digits.parse().expect("a factor"));
        text = [&text[..open], &inner, &text[close + 2 + digits.len()..]].concat();
    }
    while let Some(star) = text.find('*') {
        let digits: String = text[star + 1..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let inner = text[star - 1..star].repeat(digits.parse().expect("a factor"));
        text = [&text[..star - 1], &inner, &text[star + 1 + digits.len()..]].concat();
    }
    assert!(text.starts_with('E') && text.ends_with('L'), "{text}");
    assert!(text.chars().all(|letter| "EtL|".contains(letter)), "{text}");
    text.split('|')
        .map(|stage| stage.matches('t').count())
        .collect()
}

/// Llama 3 405B on 16 stages has one layer less on the first and on the last (arXiv:2407.21783, §3.3.2).
#[test]
fn uneven_pipelines_are_spelt_out() {
    let llama = launch("llama-3.1-405b");
    let pipeline = |pipeline, chunks, last| Launch {
        layout: Layout {
            pipeline,
            chunks,
            ..Layout::ONE_GPU
        },
        last,
        ..llama
    };
    let of =
        |launch: &Launch| layers_of_stages(&value_of(launch, "--pipeline-model-parallel-layout"));
    let mut expected = vec![8; 16];
    (expected[0], expected[15]) = (7, 7);
    assert_eq!(of(&pipeline(16, 1, None)), expected);
    for (stages, chunks, last) in [
        (16, 1, Some(5)),
        (8, 4, None),
        (5, 3, Some(0)),
        (4, 1, None),
        (2, 9, Some(1)),
    ] {
        let on = pipeline(stages, chunks, last);
        let layers = of(&on);
        assert_eq!(layers.len() as u64, stages * chunks);
        assert_eq!(layers.iter().sum::<usize>(), 126);
        if let Some(last) = last {
            assert_eq!(layers.last().copied(), Some(last as usize));
        }
        // torchtitan names the same layers.
        let table: toml::Table = torchtitan(&on).parse().expect("TOML");
        let parts = table["parallelism"]["module_fqns_per_model_part"]
            .as_array()
            .expect("parts");
        let mut next = 0;
        for (part, count) in parts.iter().zip(&layers) {
            let names: Vec<&str> = part
                .as_array()
                .expect("names")
                .iter()
                .filter_map(toml::Value::as_str)
                .collect();
            let own: Vec<&&str> = names
                .iter()
                .filter(|name| name.starts_with("layers."))
                .collect();
            assert_eq!(own.len(), *count);
            for name in own {
                assert_eq!(*name, format!("layers.{next}"));
                next += 1;
            }
        }
        assert_eq!(next, 126);
    }
    // Even ones need no such text: 7 layers on each of 18 chunks.
    assert_eq!(
        value_of(
            &pipeline(9, 2, None),
            "--num-virtual-stages-per-pipeline-rank"
        ),
        "2"
    );
}

/// Batches multiply out as each tool defines them.
#[test]
fn batches_multiply_out() {
    let on = Launch {
        layout: Layout {
            data: 16,
            tensor: 4,
            sequence_parallel: true,
            pipeline: 1,
            sharding: Sharding::Zero3,
            shard_group: 16,
            ..Layout::ONE_GPU
        },
        micro_batch: 2,
        ..launch("llama-3-8b")
    };
    let json = object(&deepspeed(&on));
    let count = |key: &str| json[key].as_u64().expect(key);
    // docs/_pages/config-json.md: the batch is micro-batch × accumulation × ranks.
    assert_eq!(count("train_batch_size"), 256);
    assert_eq!(
        count("train_micro_batch_size_per_gpu") * count("gradient_accumulation_steps") * 16,
        256
    );
    assert_eq!(json["zero_optimization"]["stage"], 3);
    let find = |found: &[(String, String)], key: &str| {
        let value = found.iter().find(|(own, _)| own == key);
        value.map(|(_, value)| value.clone()).expect("a key")
    };
    let found = arguments(&training_arguments(&on));
    assert_eq!(find(&found, "per_device_train_batch_size"), "2");
    assert_eq!(find(&found, "gradient_accumulation_steps"), "8");
    // A pipeline of torchtitan divides the local batch.
    let pipelined = Launch {
        layout: Layout {
            data: 8,
            pipeline: 2,
            sharding: Sharding::Fsdp2,
            shard_group: 8,
            ..on.layout
        },
        ..on
    };
    let table: toml::Table = torchtitan(&pipelined).parse().expect("TOML");
    assert_eq!(table["training"]["local_batch_size"].as_integer(), Some(32));
    assert_eq!(
        table["training"]["global_batch_size"].as_integer(),
        Some(256)
    );
    assert_eq!(
        table["parallelism"]["pipeline_parallel_microbatch_size"].as_integer(),
        Some(2)
    );
    assert_eq!(
        table["parallelism"]["data_parallel_shard_degree"].as_integer(),
        Some(8)
    );
    // torchtitan/distributed/parallel_dims.py and accelerate/parallelism_config.py: degrees multiply to all ranks.
    let degrees = [
        "data_parallel_replicate_degree",
        "data_parallel_shard_degree",
        "tensor_parallel_degree",
        "context_parallel_degree",
        "pipeline_parallel_degree",
    ];
    let product: i64 = degrees
        .iter()
        .map(|key| table["parallelism"][*key].as_integer().expect("a degree"))
        .product();
    assert_eq!(product, 64);
    let sharded = Launch {
        layout: Layout {
            sharding: Sharding::Fsdp2,
            shard_group: 8,
            ..on.layout
        },
        ..on
    };
    let found = pairs(&accelerate(&sharded));
    let product: u64 = ["dp_replicate_size", "dp_shard_size", "tp_size", "cp_size"]
        .iter()
        .map(|key| {
            find(
                &found,
                &format!("parallelism_config.parallelism_config_{key}"),
            )
        })
        .map(|degree| degree.parse::<u64>().expect("a degree"))
        .product();
    assert_eq!(product, 64);
    assert_eq!(find(&found, "num_processes"), "64");
    assert_eq!(find(&found, "num_machines"), "8");
}

/// What a tool has no option for stands in a comment.
#[test]
fn what_is_missing_is_said() {
    let says = |text: &str, words: &str| {
        let comments = text.lines().filter(|line| line.starts_with("# "));
        assert!(
            comments.clone().any(|line| line.contains(words)),
            "{words} not in\n{text}"
        );
    };
    let dual = Launch {
        layout: Layout {
            pipeline: 4,
            schedule: Schedule::DualPipe,
            ..Layout::ONE_GPU
        },
        optimizer: Optimizer::Adafactor,
        ..launch("gemma-2-9b")
    };
    says(&megatron(&dual), "DualPipe");
    says(&megatron(&dual), "this optimizer");
    says(&megatron(&dual), "soft cap");
    says(&deepspeed(&dual), "pipeline stages");
    says(&torchtitan(&dual), "DualPipe");
    says(&torchtitan(&dual), "sizes of a model");
    says(&training_arguments(&dual), "pipeline parallelism");
    says(&accelerate(&dual), "pipeline parallelism");
}

/// Where a tool recomputes every n-th layer only, at least as many as are needed, by the largest such n: from the n-th
/// on (torchtitan/distributed/activation_checkpoint.py), from the first on (transformers/modeling_utils.py).
#[test]
fn enough_layers_are_recomputed() {
    let plain = launch("llama-3-8b");
    for layers in 1..=32 {
        let on = Launch {
            recomputed: Recomputed::Layer,
            recomputed_layers: layers,
            ..plain
        };
        let table: toml::Table = torchtitan(&on).parse().expect("TOML");
        let section = table["activation_checkpoint"].as_table().expect("a table");
        let from_the_nth = |n: u64| (1..=32).filter(|layer| layer % n == 0).count() as u64;
        match section["mode"].as_str() {
            Some("full") => assert!(layers > from_the_nth(2), "{layers}"),
            Some("selective") => {
                let n = section["selective_ac_option"].as_str().expect("text");
                let n: u64 = n.parse().expect("a number");
                assert!(
                    from_the_nth(n) >= layers && from_the_nth(n + 1) < layers,
                    "{layers} {n}"
                );
            }
            mode => panic!("{mode:?}"),
        }
        check(&on);
        let found = arguments(&training_arguments(&on));
        let find = |key: &str| {
            found
                .iter()
                .find(|(own, _)| own == key)
                .map(|(_, value)| value)
        };
        assert_eq!(
            find("activation_checkpointing").map(String::as_str),
            Some("True")
        );
        let Some(kwargs) = find("activation_checkpointing_kwargs") else {
            assert_eq!(layers, 32);
            continue;
        };
        let n = kwargs
            .strip_prefix("{\"every_n_layers\": ")
            .and_then(|rest| rest.strip_suffix('}'));
        let n: u64 = n.expect("a number").parse().expect("a number");
        let from_the_first = |n: u64| (0..32).filter(|layer| layer % n == 0).count() as u64;
        assert!(from_the_first(n) >= layers, "{layers} {n}");
        assert!(n == 32 || from_the_first(n + 1) < layers, "{layers} {n}");
    }
}

proptest! {
    #![proptest_config(support::cases(256))]

    /// Of any architecture on any layout, options exist, once, with values they take.
    #[test]
    fn any_architecture_is_launched(
        architecture in support::architecture(), degrees in (0..4u32, 0..4u32, 0..4u32, 0..3u32), chunks in 1..5u64,
        sharding in select(Sharding::ALL.to_vec()), precision in select(Precision::ALL.to_vec()),
        layers in 0..64u64,
    ) {
        let [data, tensor, pipeline, context] =
            [degrees.0, degrees.1, degrees.2, degrees.3].map(|exponent| 1 << exponent);
        let layout = Layout {
            data,
            tensor,
            sequence_parallel: tensor > 1,
            pipeline,
            chunks: if pipeline > 1 { chunks } else { 1 },
            context,
            expert: if architecture.experts.is_some() { data } else { 1 },
            sharding,
            shard_group: data.div_ceil(2),
            ..Layout::ONE_GPU
        };
        check(&Launch {
            architecture,
            layout,
            precision,
            recomputed: Recomputed::Layer,
            recomputed_layers: layers,
            ..launch("llama-3-8b")
        });
    }
}
