//! The layout over the GPUs: whether its degrees go together, and what a GPU of each pipeline stage holds.

use super::bars::{self, Bar};
use super::memory::{button, communicators, detailed, parts_of, refused, sentence};
use crate::estimate::gigabytes;
use crate::field::{Choice, Value};
use crate::html::{Table, aside, escaped, paragraph};
use crate::layout::{Degree, Divided, Launcher, Layout, Misfit, Sharding};
use crate::memory::counted;
use crate::memory::ranks::cluster::Cluster;
use crate::memory::ranks::device::SOURCES;
use crate::memory::ranks::pipeline::{Chunk, Split, Work, work};
use crate::memory::ranks::{Line, Part, StageFootprint};
use crate::scenario::{Detail, Field, Scenario};
use crate::training::{Optimizer, Precision, Stack};
use crate::units::{Bytes, grouped, hundredths, significant};

/// At most so many bars: what lies between is said in words.
const BARS: usize = 6;

pub fn html(scenario: &Scenario) -> String {
    let (scenario, note) = match detailed(scenario) {
        Ok(detailed) => detailed,
        Err(why) => return sentence(&why.to_string()),
    };
    let layout = scenario.layout();
    let rank = match counted::counted(&scenario) {
        Ok(cluster) => stages(&scenario, &layout, &cluster) + &buffers(&scenario, &cluster),
        Err(why) => sentence(&why.to_string()) + &instead(&scenario),
    };
    note + &product(&scenario, &layout) + &rank + &launchers(&layout)
}

fn product(scenario: &Scenario, layout: &Layout) -> String {
    let product = layout.product(Some(scenario.gpus()));
    let mut html = paragraph(&format!(
        "<strong>{product}</strong> <small>data × tensor × pipeline × context parallel</small>"
    ));
    let misfits = layout.misfits(scenario.architecture(), &counted::batch(scenario));
    if misfits.is_empty() {
        html.push_str(&aside(
            "Heads, feed-forward size, layers, sequence and batch divide as the degrees ask.",
        ));
    }
    for misfit in &misfits {
        let class = if misfit.stops() {
            "misfit"
        } else {
            "misfit allowed"
        };
        html.push_str(&format!(
            "<p class=\"{class}\">{}. {}</p>",
            escaped(&misfit.to_string()),
            remedies(scenario, layout, misfit)
        ));
    }
    html
}

/// Buttons for the nearest values that mend a misfit.
fn remedies(scenario: &Scenario, layout: &Layout, misfit: &Misfit) -> String {
    let [below, above] = misfit.nearest();
    let mut values = vec![below];
    if above != below {
        values.push(above);
    }
    let mended = |value: u64| {
        let (field, value) = remedy(layout, misfit, value)?;
        let changed = scenario.with(field, Value::Count(value)).ok()?;
        let left = changed
            .layout()
            .misfits(changed.architecture(), &counted::batch(&changed));
        let gone = !left.iter().any(|other| same(other, misfit));
        let worse = refused(&changed) > refused(scenario);
        let label = format!("{} = {}", field.label(), grouped(value.into()));
        (gone && !worse).then(|| button(scenario, &[(field, Value::Count(value))], &label))
    };
    let buttons: Vec<String> = values.into_iter().filter_map(mended).collect();
    buttons.join(" ")
}

/// Whether two misfits are of the same kind, whatever their values.
fn same(one: &Misfit, other: &Misfit) -> bool {
    match (one, other) {
        (
            Misfit::DoesNotDivide {
                degree: a, of: b, ..
            },
            Misfit::DoesNotDivide {
                degree: c, of: d, ..
            },
        ) => a == c && b == d,
        (Misfit::NotAMultiple { of: a, .. }, Misfit::NotAMultiple { of: b, .. })
        | (Misfit::TooFew { of: a, .. }, Misfit::TooFew { of: b, .. }) => a == b,
        (Misfit::Needs { degree: a, .. }, Misfit::Needs { degree: b, .. }) => a == b,
        (Misfit::Gpus { .. }, Misfit::Gpus { .. })
        | (Misfit::Uneven { .. }, Misfit::Uneven { .. }) => true,
        _ => false,
    }
}

/// The field that mends a misfit, and its value for one of [`Misfit::nearest`].
fn remedy(layout: &Layout, misfit: &Misfit, value: u64) -> Option<(Field, u64)> {
    let detail = Field::Detail;
    Some(match misfit {
        Misfit::DoesNotDivide { degree, .. } | Misfit::Needs { degree, .. } => match degree {
            Degree::Data => return None,
            Degree::Tensor => (Field::TensorParallel, value),
            Degree::Pipeline => (detail(Detail::Pipeline), value),
            Degree::Chunks => (detail(Detail::Chunks), value),
            Degree::Context => (detail(Detail::Context), value),
            Degree::Expert => (detail(Detail::Expert), value),
            Degree::ExpertTensor => (detail(Detail::ExpertTensor), value),
            Degree::ShardGroup => (detail(Detail::ShardGroup), value),
        },
        Misfit::NotAMultiple { of, .. } | Misfit::TooFew { of, .. } => match of {
            Divided::Gpus => (Field::Gpus, value),
            Divided::Sequence => (Field::Sequence, value),
            Divided::MicroBatches => (detail(Detail::Accumulation), value),
            Divided::Stages => (detail(Detail::Pipeline), value),
            Divided::StageRanks => (Field::Gpus, value.checked_mul(layout.pipeline)?),
            Divided::Layers => (Field::LAYERS, value),
            _ => return None,
        },
        Misfit::Gpus { product, .. } => (Field::Gpus, product.gpus()),
        Misfit::Uneven { .. } => {
            let each = layout.virtual_stages() / layout.pipeline.max(1);
            if !value.is_multiple_of(each.max(1)) {
                return None;
            }
            (detail(Detail::Pipeline), value / each.max(1))
        }
    })
}

type Set = Vec<(Field, Value)>;

/// Choices that are counted, where this one is not: those that change least.
fn instead(scenario: &Scenario) -> String {
    let detail = |detail: Detail, value| (Field::Detail(detail), value);
    let sharding = |sharding: Sharding| detail(Detail::Sharding, Value::Choice(sharding.index()));
    let one = |of: Detail| detail(of, Value::Count(1));
    let precision = |precision: Precision| (Field::Precision, Value::Choice(precision.index()));
    let adamw = (Field::Optimizer, Value::Choice(Optimizer::AdamW.index()));
    let fsdp2 = sharding(Sharding::Fsdp2);
    let distributed = sharding(Sharding::Distributed);
    let megatron = detail(Detail::Stack, Value::Choice(Stack::Megatron.index()));
    let master = precision(Precision::MainGradients);
    let trained = [
        detail(Detail::Adapters, Value::Count(0)),
        detail(Detail::Frozen, Value::Count(0)),
    ];
    let no_experts = vec![one(Detail::Expert), one(Detail::ExpertTensor)];
    let all: [(&str, Set); 15] = [
        ("FSDP2", vec![fsdp2]),
        (
            "FSDP2 in mixed precision",
            vec![fsdp2, precision(Precision::Mixed)],
        ),
        ("AdamW", vec![adamw]),
        ("BF16 with FP32 master and gradients", vec![master]),
        ("a distributed optimizer", vec![distributed]),
        ("Megatron-core", vec![megatron, distributed]),
        (
            "Megatron-core in BF16 with FP32 master and gradients",
            vec![megatron, distributed, master],
        ),
        (
            "Megatron-core with AdamW in BF16 with FP32 master and gradients",
            vec![megatron, distributed, master, adamw],
        ),
        ("DDP", vec![sharding(Sharding::None)]),
        (
            "no tensor parallelism",
            vec![(Field::TensorParallel, Value::Count(1))],
        ),
        ("no pipeline", vec![one(Detail::Pipeline)]),
        ("no context parallelism", vec![one(Detail::Context)]),
        ("no expert parallelism", no_experts),
        ("all weights trained", trained.to_vec()),
        (
            "all weights trained by Megatron-core in BF16 with AdamW",
            [&trained[..], &[megatron, distributed, master, adamw]].concat(),
        ),
    ];
    let mut found: Vec<&(&str, Set)> = Vec::new();
    for choice in &all {
        let more = |less: &&(&str, Set)| less.1.iter().all(|one| choice.1.contains(one));
        let changed = scenario.with_all(&choice.1);
        if !found.iter().any(more)
            && changed.is_ok_and(|changed| counted::counted(&changed).is_ok())
        {
            found.push(choice);
        }
    }
    let buttons: Vec<String> = found
        .iter()
        .map(|(label, set)| button(scenario, set, label))
        .collect();
    if buttons.is_empty() {
        return aside("Several choices have to change before it is counted.");
    }
    paragraph(&format!("Counted is it with: {}", buttons.join(" ")))
}

/// Stages that hold the same, as one.
struct Group {
    first: StageFootprint,
    last: u64,
}

/// Neighbouring stages that hold the same, together.
fn groups(cluster: &Cluster) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for stage in &cluster.stages {
        match groups.last_mut() {
            Some(group)
                if StageFootprint {
                    stage: group.first.stage,
                    ..*stage
                } == group.first =>
            {
                group.last = stage.stage;
            }
            _ => groups.push(Group {
                first: *stage,
                last: stage.stage,
            }),
        }
    }
    groups
}

/// The groups that are shown: the ends, the worst, and some in between.
fn shown(groups: Vec<Group>, worst: u64) -> Vec<Group> {
    let count = groups.len();
    if count <= BARS {
        return groups;
    }
    let is_worst = |group: &Group| (group.first.stage..=group.last).contains(&worst);
    let among = |index: usize| (1..BARS - 1).any(|step| step * (count - 1) / (BARS - 1) == index);
    groups
        .into_iter()
        .enumerate()
        .filter(|(index, group)| {
            *index == 0 || *index + 1 == count || is_worst(group) || among(*index)
        })
        .map(|(_, group)| group)
        .collect()
}

fn stages(scenario: &Scenario, layout: &Layout, cluster: &Cluster) -> String {
    let count = cluster.stages.len();
    let worst = cluster.worst.stage;
    let all = groups(cluster);
    let between = all.len() > BARS;
    let shown = shown(all, worst);
    let bar = |group: &Group| Bar {
        name: name(group, count),
        pieces: Part::ALL
            .iter()
            .map(|&part| (part.key(), group.first.of(part)))
            .chain([(BESIDE.0, beside(scenario, cluster, &group.first))])
            .collect(),
        mark: if count > 1 && (group.first.stage..=group.last).contains(&worst) {
            "the worst"
        } else {
            ""
        },
    };
    let bars: Vec<Bar> = shown.iter().map(bar).collect();
    let parts: Vec<_> = Part::ALL
        .iter()
        .map(|part| (part.key(), part.label()))
        .chain([BESIDE])
        .collect();
    let lead = if count > 1 {
        format!(
            "Stage {} of {count} holds most: <strong>{} GB</strong> in tensors, at {}. The code is {}’s; ranks of one stage \
             hold the same.",
            worst + 1,
            gigabytes(cluster.worst.peak),
            escaped(cluster.worst.moment.label()),
            cluster.framework.label()
        )
    } else {
        format!(
            "Every GPU holds the same ({}): <strong>{} GB</strong> in tensors, at {}.",
            cluster.framework.label(),
            gigabytes(cluster.worst.peak),
            escaped(cluster.worst.moment.label())
        )
    };
    let mut html = paragraph(&lead)
        + &bars::html(
            "Memory of each pipeline stage",
            "the stages below open to the same figures",
            &bars,
            scenario,
        )
        + &bars::legend(&parts);
    html.push_str(&aside(
        "Bars are what nvidia-smi shows as a rule; each opens below to what it holds in tensors.",
    ));
    if between {
        html.push_str(&aside(
            "Stages that are not shown lie between their neighbours.",
        ));
    }
    for (group, bar) in shown.iter().zip(&bars) {
        html.push_str(&stage(scenario, layout, group, bar));
    }
    html
}

/// What nvidia-smi shows as a rule beside tensors.
const BESIDE: (&str, &str) = ("beside", "Unused, workspace, NCCL, context");

fn beside(scenario: &Scenario, cluster: &Cluster, stage: &StageFootprint) -> Bytes {
    let alone = Cluster {
        framework: cluster.framework,
        stages: Vec::new(),
        worst: *stage,
    };
    let used = counted::on_gpu(scenario, &alone).used;
    Bytes(used.0.saturating_sub(stage.peak.0))
}

fn name(group: &Group, count: usize) -> String {
    let (first, last) = (group.first.stage + 1, group.last + 1);
    match (count, first == last) {
        (1, _) => "Every GPU".to_owned(),
        (_, true) => format!("Stage {first}"),
        (_, false) => format!("Stages {first} to {last}"),
    }
}

/// A stage, opening to its tensors.
fn stage(scenario: &Scenario, layout: &Layout, group: &Group, bar: &Bar) -> String {
    let footprint = &group.first;
    let micro_batches = scenario.details().count(Detail::Accumulation);
    let layers = scenario.architecture().layers;
    let work = work(
        layers,
        layout,
        Split::default(),
        micro_batches,
        footprint.stage,
    );
    let of = if layout.pipeline > 1 {
        aside(&has(&work, layout))
    } else {
        String::new()
    };
    format!(
        "<details class=\"stage\"><summary>{} <strong>{} GB</strong> <small>{} GiB, largest at {}</small></summary>\
         {}{}</details>",
        bar.name,
        gigabytes(footprint.peak),
        hundredths(footprint.peak.gib()),
        escaped(footprint.moment.label()),
        of,
        parts_of(scenario, footprint.stage, footprint)
    )
}

/// The layers a stage has, and how many micro-batches of them wait for their backward pass.
fn has(work: &Work, layout: &Layout) -> String {
    let chunk = |chunk: &Chunk| {
        let ends = match (chunk.first, chunk.last) {
            (true, true) => ", embedding and head",
            (true, false) => " and the embedding",
            (false, true) => " and the head",
            (false, false) => "",
        };
        let layers = match chunk.layers {
            0 => "No layers".to_owned(),
            1 => format!("Layer {}", chunk.start + 1),
            many => format!("Layers {} to {}", chunk.start + 1, chunk.start + many),
        };
        format!("{layers}{ends}, {} in flight", chunk.in_flight)
    };
    let chunks: Vec<String> = work.chunks().iter().map(chunk).collect();
    format!(
        "{}: micro-batches whose activations wait for their backward pass, as {} has them.",
        chunks.join("; "),
        layout.schedule.label()
    )
}

/// Three digits, of what a reader may weigh.
fn small(value: f64) -> String {
    if value > 0.0 && value < 0.001 {
        "&lt;0.001".to_owned()
    } else {
        significant(value, 3)
    }
}

/// Buffers and communicators of the fullest rank.
fn buffers(scenario: &Scenario, cluster: &Cluster) -> String {
    let on_gpu = counted::on_gpu(scenario, cluster);
    let lines = counted::lines(scenario, cluster.worst.stage).unwrap_or_default();
    let mut table = Table::new(
        "Buffers and communicators of the fullest GPU",
        &["What", "GB", "GiB", "Source"],
        &[3],
    );
    let mut row = |what: &str, bytes: Bytes, source: &str| {
        let cells = [
            escaped(what),
            small(bytes.gb()),
            small(bytes.gib()),
            escaped(source),
        ];
        table.row("", &cells);
    };
    let mut sums: Vec<(&str, &str, Bytes)> = Vec::new();
    let of_buffers = |line: &&Line| line.part == Part::Buffers && !line.negative;
    for line in lines.iter().filter(of_buffers) {
        let name = match (line.of, line.tensor.name) {
            ("", name) | (name, "") => name,
            (of, _) => of,
        };
        match sums
            .iter_mut()
            .find(|(of, source, _)| (*of, *source) == (name, line.source))
        {
            Some((_, _, sum)) => sum.0 += line.bytes.0,
            None => sums.push((name, line.source, line.bytes)),
        }
    }
    for (name, source, bytes) in sums {
        row(name, bytes, source);
    }
    let [pools, nccl, all_to_all] = SOURCES;
    let source = if scenario.layout().expert > 1 {
        format!("{nccl}; {all_to_all}: an upper figure")
    } else {
        format!("{nccl}: an upper figure")
    };
    if on_gpu.communicators > 0 {
        row(&communicators(on_gpu.communicators), on_gpu.nccl, &source);
    }
    let [least, usual, most] = on_gpu.reserved;
    if most > least {
        let above = |reserved: Bytes| Bytes(reserved.0.saturating_sub(on_gpu.allocated.0));
        row("Reserved above allocated, at least", above(least), pools);
        row("Reserved above allocated, as a rule", above(usual), pools);
        row("Reserved above allocated, at most", above(most), pools);
    }
    format!("<h3>Buffers and communicators</h3>{}", table.end())
}

/// What launchers call each degree.
fn launchers(layout: &Layout) -> String {
    let mut columns = vec!["Degree", "Value"];
    columns.extend(Launcher::ALL.iter().map(|launcher| launcher.label()));
    let mut table = Table::new("What launchers call each degree", &columns, &[2, 3, 4, 5]);
    for &degree in Degree::ALL {
        let mut cells = vec![
            degree.label().to_owned(),
            grouped(layout.degree(degree).into()),
        ];
        for launcher in Launcher::ALL {
            let told = degree
                .named_by(*launcher)
                .zip(launcher.value(degree, layout));
            cells.push(told.map_or_else(
                || "–".to_owned(),
                |(name, value)| format!("<code>{}</code> {}", escaped(name), grouped(value.into())),
            ));
        }
        table.row("", &cells);
    }
    let read = |launcher: &Launcher| escaped(launcher.source());
    let sources: Vec<String> = Launcher::ALL.iter().map(read).collect();
    format!(
        "<h3>What launchers call it</h3>{}{}",
        table.end(),
        aside(&format!(
            "– is worked out, or there is no such thing. Read in {}.",
            sources.join("; ")
        ))
    )
}
