//! Memory of a step: its figures, its moments, every tensor of the peak, what to change, and what others would say.

mod changes;
mod moments;

pub(super) use changes::{button, refused};

use super::tensors::{self, Row};
use crate::estimate::gigabytes;
use crate::field::{Choice, Value};
use crate::formula::Source;
use crate::html::{Table, aside, escaped, paragraph, source};
use crate::memory::counted;
use crate::memory::detailed::{self, Footprint, Segment, Step, footprint};
use crate::memory::ranks::Part;
use crate::memory::ranks::cluster::{Cluster, Framework};
use crate::memory::ranks::device::OnRank;
use crate::scenario::{Estimator, Field, Invalid, Scenario};
use crate::units::{Bytes, hundredths};

static TENSORS: Source = Source {
    citation: "counted tensor by tensor, each rounded up to the allocator’s 512 bytes",
    url: "",
};
static WORKSPACE: Source = Source {
    citation: "PyTorch, CUDA semantics: CUBLAS_WORKSPACE_CONFIG",
    url: "https://docs.pytorch.org/docs/stable/notes/cuda.html#cublas-workspaces",
};
static RESERVED: Source = Source {
    citation: "PyTorch, CUDA semantics: memory management",
    url: "https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-memory-management",
};
static POOLS: Source = Source {
    citation: "127 recorded FSDP2 ranks: their streams’ pools do not lend to each other",
    url: "",
};
static NCCL: Source = Source {
    citation: "NVIDIA/nccl, issues 964 and 1685: an upper figure",
    url: "https://github.com/NVIDIA/nccl/issues/964",
};
static CONTEXT: Source = Source {
    citation: "unslothai/unsloth-zoo, pull request 1053: 426 MiB",
    url: "https://github.com/unslothai/unsloth-zoo/pull/1053",
};
static USED: Source = Source {
    citation: "reserved as a rule, NCCL’s buffers and the context",
    url: "",
};

pub fn html(scenario: &Scenario) -> String {
    let (scenario, note) = match detailed(scenario) {
        Ok(detailed) => detailed,
        Err(why) => return sentence(&why.to_string()),
    };
    let cluster = match counted::counted(&scenario) {
        Ok(cluster) => cluster,
        Err(why) => {
            return note
                + &sentence(&why.to_string())
                + &aside("What to choose instead stands under “Layout over the GPUs”.");
        }
    };
    let model = counted::model(&scenario);
    let step = counted::step(&scenario, &model);
    let on_gpu = counted::on_gpu(&scenario, &cluster);
    let whole = Whole::of(&cluster, &step);
    let mut html = note + &figures(&scenario, &cluster, &on_gpu, whole.as_ref());
    match &whole {
        Some(whole) => {
            html.push_str(&moments::html(&scenario, whole, &on_gpu));
            html.push_str(&segments(&step, whole));
        }
        None => html.push_str(&parts(&scenario, &cluster)),
    }
    html + &changes::html(&scenario) + &conventions(&step, whole.is_some())
}

/// The scenario as the detailed estimator takes it, and what to say where it is the rule of thumb's.
pub(super) fn detailed(scenario: &Scenario) -> Result<(Scenario, String), Invalid> {
    if scenario.is_detailed() {
        return Ok((*scenario, String::new()));
    }
    let value = Value::Choice(Estimator::Detailed.index());
    let mut changes = vec![(Field::Estimator, value)];
    changes.extend(scenario.followers(Field::Estimator, value));
    let detailed = scenario.with_all(&changes)?;
    let note = "As the detailed estimator counts it; the answer above is the rule of thumb’s.";
    Ok((detailed, aside(note)))
}

pub(super) fn sentence(text: &str) -> String {
    paragraph(&format!("{}.", escaped(text).trim_end_matches('.')))
}

/// A step that no rank shares: its moments are known one by one.
struct Whole {
    footprint: Footprint,
    /// DDP's buckets, which stand throughout.
    buckets: Bytes,
}

impl Whole {
    fn of(cluster: &Cluster, step: &Step) -> Option<Self> {
        if !matches!(cluster.framework, Framework::OneGpu | Framework::Ddp) {
            return None;
        }
        let footprint = footprint(step);
        let tensors = footprint.peak().total();
        Some(Self {
            buckets: Bytes(cluster.worst.peak.0.saturating_sub(tensors.0)),
            footprint,
        })
    }
}

/// The moment of the peak, in words.
fn moment(cluster: &Cluster, whole: Option<&Whole>) -> String {
    match whole {
        Some(whole) => whole.footprint.peak_moment().label().to_owned(),
        None => cluster.worst.moment.label().to_owned(),
    }
}

fn figures(
    scenario: &Scenario,
    cluster: &Cluster,
    on_gpu: &OnRank,
    whole: Option<&Whole>,
) -> String {
    let peak = cluster.worst.peak;
    let usable = scenario.usable();
    let of = if cluster.stages.len() > 1 {
        format!(" on pipeline stage {}", cluster.worst.stage + 1)
    } else {
        String::new()
    };
    let fits = if on_gpu.used <= usable {
        let free = Bytes(usable.0 - on_gpu.used.0);
        format!("It fits, {} GB free.", gigabytes(free))
    } else {
        let over = Bytes(on_gpu.used.0 - usable.0);
        format!("It does not fit: {} GB too much.", gigabytes(over))
    };
    let lead = paragraph(&format!(
        "The fullest GPU{of} allocates <strong>{} GB</strong> at its peak: {}. nvidia-smi shows <strong>{} GB</strong> as a \
         rule, of {} GB on one {}. {fits}",
        gigabytes(on_gpu.allocated),
        escaped(&moment(cluster, whole).to_lowercase()),
        gigabytes(on_gpu.used),
        gigabytes(usable),
        escaped(scenario.gpu().short),
    ));
    let guess = match whole {
        Some(whole) if !whole.footprint.recorded => aside(
            "No step of this family’s code was recorded: it is counted as its nearest relative by its flags.",
        ),
        _ => String::new(),
    };
    let mut table = Table::new(
        "Memory of the fullest GPU",
        &["What", "GB", "GiB", "Source"],
        &[3],
    );
    let mut row = |class: &str, what: &str, bytes: Bytes, from: &Source| {
        let cells = [
            what.to_owned(),
            hundredths(bytes.gb()),
            hundredths(bytes.gib()),
            source(from),
        ];
        table.row(class, &cells);
    };
    row("", "Tensors at the peak", peak, &TENSORS);
    let workspace = Bytes(on_gpu.allocated.0.saturating_sub(peak.0));
    if workspace.0 > 0 {
        row("", "cuBLAS workspace", workspace, &WORKSPACE);
    }
    row(
        "total",
        "Allocated <small>max_memory_allocated</small>",
        on_gpu.allocated,
        &RESERVED,
    );
    let [least, usual, most] = on_gpu.reserved;
    if least == most {
        row(
            "",
            "Reserved, at least <small>max_memory_reserved</small>",
            least,
            &RESERVED,
        );
    } else {
        row(
            "",
            "Reserved, at least <small>max_memory_reserved</small>",
            least,
            &POOLS,
        );
        row("", "Reserved, as a rule", usual, &POOLS);
        row("", "Reserved, at most", most, &POOLS);
    }
    if on_gpu.communicators > 0 {
        row("", &communicators(on_gpu.communicators), on_gpu.nccl, &NCCL);
    }
    let context = on_gpu.used.0.saturating_sub(usual.0 + on_gpu.nccl.0);
    row("", "CUDA context", Bytes(context), &CONTEXT);
    row(
        "total",
        "Used <small>nvidia-smi</small>",
        on_gpu.used,
        &USED,
    );
    lead + &guess + &table.end()
}

/// What NCCL's buffers are of.
pub(super) fn communicators(count: u64) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("NCCL’s buffers of {count} communicator{many}")
}

/// The segments of one GPU's peak, each opening to its tensors.
fn segments(step: &Step, whole: &Whole) -> String {
    let (moment, peak) = (whole.footprint.peak_moment(), whole.footprint.peak());
    let all = Bytes(peak.total().0 + whole.buckets.0);
    let entries = detailed::tensors(step, moment);
    let list = |&segment: &Segment| {
        let of = entries.iter().filter(|entry| entry.segment == segment);
        let rows: Vec<_> = of.map(Row::from).collect();
        let bytes = peak.of(segment);
        tensors::part(segment.key(), segment.label(), &rows, bytes, all)
    };
    let buckets = if whole.buckets.0 > 0 {
        vec![Row::sum(
            "buckets that gradients are reduced in",
            whole.buckets,
            "torch, csrc/distributed/c10d/reducer.cpp",
        )]
    } else {
        Vec::new()
    };
    heading("Every tensor of the peak", all)
        + &Segment::ALL.iter().map(list).collect::<String>()
        + &tensors::part("buffers", "DDP’s buckets", &buckets, whole.buckets, all)
}

/// The parts of the fullest rank's peak, each opening to its tensors.
fn parts(scenario: &Scenario, cluster: &Cluster) -> String {
    let worst = &cluster.worst;
    heading("Every tensor of the peak", worst.peak)
        + &parts_of(scenario, worst.stage, worst)
        + &aside(
            "Moments of a step are drawn where a GPU shares nothing; here its largest is counted.",
        )
}

/// The parts of a stage's peak, each opening to its tensors.
pub(super) fn parts_of(
    scenario: &Scenario,
    stage: u64,
    footprint: &crate::memory::ranks::StageFootprint,
) -> String {
    let lines = counted::lines(scenario, stage).unwrap_or_default();
    let list = |&part: &Part| {
        let of = lines.iter().filter(|line| line.part == part);
        let rows: Vec<_> = of.map(Row::from).collect();
        tensors::part(
            part.key(),
            part.label(),
            &rows,
            footprint.of(part),
            footprint.peak,
        )
    };
    Part::ALL.iter().map(list).collect()
}

fn heading(text: &str, bytes: Bytes) -> String {
    format!(
        "<h3>{text} <small>{} GB, {} GiB</small></h3>",
        hundredths(bytes.gb()),
        hundredths(bytes.gib())
    )
}

/// Other habits' figures for the same step.
fn conventions(step: &Step, whole: bool) -> String {
    let mut table = Table::new(
        "The same step as others count it",
        &["Habit", "GB", "GiB", "What it does"],
        &[3],
    );
    for (index, convention) in detailed::conventions(step).into_iter().enumerate() {
        table.row(
            if index == 0 { "chosen" } else { "" },
            &[
                escaped(convention.habit),
                hundredths(convention.bytes.gb()),
                hundredths(convention.bytes.gib()),
                escaped(convention.effect),
            ],
        );
    }
    let undivided = if whole {
        ""
    } else {
        " All of it on one GPU, undivided."
    };
    format!(
        "<h3>Why do others say something else?</h3>{}",
        aside(&format!(
            "Calculators differ in what they leave out, and some say GB for GiB: a figure in GiB is 7% less than in GB.{undivided}"
        ))
    ) + &table.end()
}
