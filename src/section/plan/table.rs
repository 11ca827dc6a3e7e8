//! The table of the best layouts: sorted by a column, filtered by chips.

use super::apply;
use super::question::mfu_percent;
use super::time::seconds_of;
use crate::field::{Choice, choice};
use crate::html::{Table, aside, paragraph, setter};
use crate::layout::Sharding;
use crate::plan::{Candidate, Question, Recomputed, Search};
use crate::scenario::Scenario;
use crate::units::{decimal, grouped, significant};

choice!(
    /// A column to sort by. Degrees and times come the smallest first, rates and room the largest.
    Column {
        /// The step's time: the ranking.
        Rank "rank" "#",
        /// Seconds of a step.
        Step "step" "Step",
        /// Tokens a second.
        Rate "rate" "Tokens/s",
        /// Model FLOP utilization.
        Mfu "mfu" "MFU",
        /// Memory of the fullest GPU.
        Memory "memory" "Memory, GB",
        /// What is left of what there is.
        Margin "margin" "Free, GB",
        /// Tensor-parallel degree.
        Tensor "tp" "Tensor",
        /// Stages, and chunks of a rank.
        Pipeline "pp" "Pipeline",
        /// Context-parallel degree.
        Context "cp" "Context",
        /// Expert-parallel degree.
        Expert "ep" "Expert",
        /// Data-parallel degree.
        Data "dp" "Data",
        /// What data-parallel ranks share.
        Sharding "sharding" "Shared",
        /// Sequences of a micro-batch.
        MicroBatch "batch" "Micro-batch",
        /// Micro-batches of a step.
        Accumulation "accum" "Accumulated",
        /// Layers of a rank that are recomputed.
        Recomputed "recompute" "Recomputed",
    }
);

choice!(
    /// What rows have to be. Several go together.
    Filter {
        /// No pipeline.
        OneStage "no-pp" "No pipeline",
        /// No tensor parallelism.
        OneTensor "no-tp" "No tensor parallelism",
        /// No context parallelism.
        OneContext "no-cp" "No context parallelism",
        /// Nothing is recomputed.
        Kept "no-recompute" "Nothing recomputed",
        /// Weights are not shared.
        WholeWeights "no-fsdp" "Weights not shared",
        /// Not beaten in both time and memory.
        Front "front" "Best in time or memory",
        /// All that are alike but for chunks, what is shared, sequence parallelism; else the fastest of them alone.
        Variants "variants" "Every variant",
    }
);

impl Filter {
    fn passes(self, found: &Candidate, front: &[Candidate]) -> bool {
        match self {
            Self::OneStage => found.place.pipeline <= 1,
            Self::OneTensor => found.shape.tensor <= 1,
            Self::OneContext => found.shape.context <= 1,
            Self::Kept => layers(found) == 0 && found.place.recomputed != Recomputed::Attention,
            Self::WholeWeights => {
                !matches!(found.place.sharding, Sharding::Fsdp2 | Sharding::Zero3)
            }
            Self::Front => front.contains(found),
            Self::Variants => true,
        }
    }
}

/// Layers of a rank that are recomputed whole.
const fn layers(found: &Candidate) -> u64 {
    match found.place.recomputed {
        Recomputed::Layer => found.place.recomputed_layers,
        Recomputed::Nothing | Recomputed::Attention => 0,
    }
}

/// What variants have in common.
const fn degrees(found: &Candidate) -> [u64; 6] {
    let (shape, place) = (&found.shape, &found.place);
    [
        shape.tensor,
        shape.context,
        shape.expert,
        place.pipeline,
        place.data,
        shape.micro_batch,
    ]
}

impl Column {
    /// What rows are sorted by, ascending.
    fn of(self, found: &Candidate) -> f64 {
        let (shape, place) = (&found.shape, &found.place);
        match self {
            Self::Rank | Self::Step => found.seconds,
            // All have the same tokens: the fastest has the most of them a second, and the highest utilization.
            Self::Rate | Self::Mfu => found.seconds,
            Self::Tensor => shape.tensor as f64,
            Self::Pipeline => (place.pipeline * 1_000 + place.chunks) as f64,
            Self::Context => shape.context as f64,
            Self::Expert => shape.expert as f64,
            Self::Data => place.data as f64,
            Self::Sharding => f64::from(place.sharding as u8),
            Self::MicroBatch => shape.micro_batch as f64,
            Self::Accumulation => place.micro_batches as f64,
            Self::Recomputed => match place.recomputed {
                Recomputed::Nothing => 0.0,
                Recomputed::Attention => 0.5,
                Recomputed::Layer => place.recomputed_layers as f64,
            },
            // The capacity is the same for all.
            Self::Memory | Self::Margin => found.bytes,
        }
    }
}

/// Rows that are shown.
const ROWS: usize = 20;

/// What the table is made of.
pub(super) struct Shown<'a> {
    pub scenario: &'a Scenario,
    pub question: &'a Question,
    pub search: &'a Search,
    /// What seconds are multiplied by.
    pub scale: f64,
}

/// The table, its chips and what is marked in it. `filters` are keys of [`Filter`], separated by commas.
pub(super) fn html(shown: &Shown, sort: &str, filters: &str) -> String {
    let column = Column::find(sort).unwrap_or(Column::Rank);
    let filters: Vec<Filter> = filters.split(',').filter_map(Filter::find).collect();
    let (kept, front) = (shown.search.best(), shown.search.front());
    // The front reaches further than what is kept.
    let all = if filters.contains(&Filter::Front) {
        front
    } else {
        kept
    };
    let mut found: Vec<&Candidate> = all
        .iter()
        .filter(|one| filters.iter().all(|filter| filter.passes(one, front)))
        .collect();
    if !filters.contains(&Filter::Variants) {
        let mut seen = Vec::new();
        found.retain(|one| {
            let is_new = !seen.contains(&degrees(one));
            if is_new {
                seen.push(degrees(one));
            }
            is_new
        });
    }
    found.sort_by(|one, other| column.of(one).total_cmp(&column.of(other)));
    let passing = found.len();
    found.truncate(ROWS);
    let mut html = chips(&filters);
    if found.is_empty() {
        return html + &paragraph("None of the fastest layouts is like that; take a filter away.");
    }
    let experts = shown.question.architecture.experts.is_some();
    let columns: Vec<Column> = Column::ALL
        .iter()
        .copied()
        .filter(|column| *column != Column::Expert || experts)
        .collect();
    let heads: Vec<String> = columns.iter().map(|one| head(*one, column)).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let words: &[usize] = if experts { &[11, 14] } else { &[10, 13] };
    let mut table = Table::new("The best layouts", &heads, words);
    for one in &found {
        let rank = kept.iter().position(|other| other == *one);
        let own = apply::is_own(shown.scenario, one);
        let cells: Vec<String> = columns
            .iter()
            .map(|column| match column {
                Column::Rank => name(shown, one, rank, front.contains(one), own),
                column => cell(shown, one, *column),
            })
            .collect();
        let class = match (own, front.contains(one)) {
            (true, _) => "chosen",
            (false, true) => "front",
            (false, false) => "",
        };
        table.row(class, &cells);
    }
    html.push_str(&table.end());
    let of = if !filters.contains(&Filter::Front) && kept.len() == Search::KEPT {
        format!(
            "{} of {}, out of the {} fastest",
            found.len(),
            grouped(passing as u128),
            Search::KEPT
        )
    } else {
        format!("{} of {}", found.len(), grouped(passing as u128))
    };
    html + &aside(&format!(
        "{of}. ◆ is beaten by none in both time and memory. A row’s number puts its layout into the fields, which \
         recompute one block in so many: at least as many layers as the row says."
    ))
}

fn chips(on: &[Filter]) -> String {
    let mut html = String::from("<p class=\"filters\">");
    for filter in Filter::ALL {
        html.push_str(&format!(
            "<button type=\"button\" class=\"chip\" data-filter=\"{}\" aria-pressed=\"{}\">{}</button> ",
            filter.key(),
            on.contains(filter),
            filter.label()
        ));
    }
    html + "</p>"
}

fn head(column: Column, sorted: Column) -> String {
    format!(
        "<button type=\"button\" class=\"quiet\" data-sort=\"{}\" aria-pressed=\"{}\">{}</button>",
        column.key(),
        column == sorted,
        column.label()
    )
}

/// The row's number, a button that takes its layout.
fn name(shown: &Shown, found: &Candidate, rank: Option<usize>, front: bool, own: bool) -> String {
    let rank = rank.map_or_else(|| "–".to_owned(), |rank| (rank + 1).to_string());
    let marks = match (front, own) {
        (true, true) => " ◆ ✓",
        (true, false) => " ◆",
        (false, true) => " ✓",
        (false, false) => "",
    };
    match apply::settings(shown.scenario, found) {
        Some(set) => setter(&set, "quiet", &["Use ", &rank].concat()) + marks,
        None => rank + marks,
    }
}

fn cell(shown: &Shown, found: &Candidate, column: Column) -> String {
    let (shape, place) = (&found.shape, &found.place);
    let count = |count: u64| grouped(count.into());
    let seconds = shown.scale * found.seconds;
    match column {
        Column::Rank => String::new(),
        Column::Tensor if shape.sequence_parallel => [&count(shape.tensor), " + sequence"].concat(),
        Column::Tensor => count(shape.tensor),
        Column::Pipeline if place.chunks > 1 => {
            [&count(place.pipeline), " × ", &count(place.chunks)].concat()
        }
        Column::Pipeline => count(place.pipeline),
        Column::Context => count(shape.context),
        Column::Expert => count(shape.expert),
        Column::Data => count(place.data),
        Column::Sharding => match place.sharding {
            Sharding::None => "nothing".to_owned(),
            sharding => sharding.label().to_owned(),
        },
        Column::MicroBatch => count(shape.micro_batch),
        Column::Accumulation => count(place.micro_batches),
        Column::Recomputed => match (place.recomputed, place.recomputed_layers) {
            (Recomputed::Nothing, _) | (_, 0) => "nothing".to_owned(),
            (Recomputed::Attention, _) => "attention".to_owned(),
            (Recomputed::Layer, layers) => {
                let most = shown
                    .question
                    .architecture
                    .layers
                    .div_ceil(place.pipeline.max(1));
                if layers >= most {
                    "every layer".to_owned()
                } else {
                    [&count(layers), " of ", &count(most), " layers"].concat()
                }
            }
        },
        Column::Step => seconds_of(seconds),
        Column::Rate => {
            let tokens = shown.question.global_batch as f64 * shown.question.sequence as f64;
            significant(tokens / seconds, 4)
        }
        Column::Mfu => {
            let mfu = mfu_percent(shown.scenario, shown.question, seconds);
            significant(mfu, 3) + "%"
        }
        Column::Memory => decimal(found.bytes / 1e9, 1),
        Column::Margin => decimal((shown.search.space().capacity - found.bytes) / 1e9, 1),
    }
}
