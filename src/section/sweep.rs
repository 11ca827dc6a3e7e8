//! Time, memory and cost against one input, with the best layout at each of its values.

use super::plan::{mfu_percent, question, refused, scale_of, seconds_of, setting};
use crate::chart::{SWEEP_HEIGHT, SWEEP_WIDTH, sweep_chart};
use crate::field::{Choice, MAX_LAYERS, choice};
use crate::html::{Table, aside, escaped, paragraph, setter};
use crate::plan::{Candidate, Point, Progress, Question, Search, Swept};
use crate::scenario::{Field, Scenario};
use crate::units::{decimal, editable, grouped, significant};

choice!(
    /// An input that is varied, all else as it is.
    Input {
        /// GPUs; the batch stays.
        Gpus "gpus" "GPUs",
        /// Tokens of a sequence; a step has as many sequences.
        Sequence "seq" "Sequence",
        /// Sequences of a micro-batch; a step has as many.
        MicroBatch "batch" "Micro-batch",
        /// Layers, and with them parameters.
        Layers "layers" "Layers",
    }
);

impl Input {
    const fn swept(self) -> Swept {
        match self {
            Self::Gpus => Swept::Gpus,
            Self::Sequence => Swept::Sequence,
            Self::MicroBatch => Swept::MicroBatch,
            Self::Layers => Swept::Layers,
        }
    }

    /// What a value sets beside the layout.
    fn change(self, value: u64) -> Option<(Field, String)> {
        let field = match self {
            Self::Gpus => Field::Gpus,
            Self::Sequence => Field::Sequence,
            Self::Layers => Field::LAYERS,
            // The layout says it.
            Self::MicroBatch => return None,
        };
        Some((field, value.to_string()))
    }

    /// Halvings and doublings of what there is, in order.
    fn values(self, question: &Question) -> Vec<u64> {
        let around = |value: u64, down: u32, up: u32, least: u64, most: u64| {
            let below = (1..=down).rev().map(move |times| value >> times);
            let above = (0..=up).map(move |times| value.saturating_mul(1 << times));
            let all = below.chain(above);
            all.filter(|value| (least..=most).contains(value)).collect()
        };
        let mut values: Vec<u64> = match self {
            Self::Gpus => around(question.gpus, 3, 3, 1, 1_000_000),
            Self::Sequence => around(question.sequence, 2, 4, 1, 1 << 24),
            Self::MicroBatch => (0..8)
                .map(|times| 1 << times)
                .filter(|size| question.global_batch.is_multiple_of(*size))
                .collect(),
            Self::Layers => around(question.architecture.layers, 2, 2, 1, MAX_LAYERS - 1),
        };
        values.dedup();
        values
    }
}

/// A sweep under way: a search for each value, in slices. Cancelled by dropping it.
pub struct Sweeper {
    scenario: Scenario,
    input: Input,
    asked: Result<Asked, String>,
}

struct Asked {
    question: Question,
    values: Vec<u64>,
    points: Vec<Point>,
    /// The question's own fastest step, by which a measured utilization scales the rest.
    fastest: Option<f64>,
    search: Option<Search>,
    /// Whether the question itself is still to be searched.
    first: bool,
}

impl Asked {
    fn is_done(&self) -> bool {
        !self.first && self.points.len() >= self.values.len()
    }

    /// The question whose turn it is, and its value.
    fn next(&self, input: Input) -> Option<(Question, u64)> {
        if self.first {
            return Some((self.question, 0));
        }
        let value = *self.values.get(self.points.len())?;
        Some((input.swept().at(&self.question, value), value))
    }

    fn step(&mut self, input: Input, layouts: u64) {
        let Some((question, value)) = self.next(input) else {
            return;
        };
        let search = self
            .search
            .get_or_insert_with(|| Search::new(question.task(), question.space()));
        if search.step(layouts) != Progress::Done {
            return;
        }
        if self.first {
            self.fastest = search.best().first().map(|best| best.seconds);
            self.first = false;
        } else {
            self.points.push(Point::found(&question, value, search));
        }
        self.search = None;
    }
}

impl Sweeper {
    /// Prepares the sweep of an input.
    pub fn new(scenario: &Scenario, input: Input) -> Self {
        let asked = question(scenario).map(|question| Asked {
            values: input.values(&question),
            points: Vec::new(),
            fastest: None,
            search: None,
            first: true,
            question,
        });
        Self {
            scenario: *scenario,
            input,
            asked,
        }
    }

    /// Counts on for about so many layouts, at most to the end of one value's; whether all is counted.
    pub fn step(&mut self, layouts: u64) -> bool {
        match &mut self.asked {
            Ok(asked) => {
                asked.step(self.input, layouts);
                asked.is_done()
            }
            Err(_) => true,
        }
    }

    /// Counts all that is left.
    pub fn finish(&mut self) {
        while !self.step(u64::MAX) {}
    }

    /// What is known of each value so far.
    pub fn points(&self) -> &[Point] {
        match &self.asked {
            Ok(asked) => &asked.points,
            Err(_) => &[],
        }
    }

    /// Charts and their table.
    pub fn html(&self) -> String {
        let asked = match &self.asked {
            Ok(asked) => asked,
            Err(why) => return refused(&self.scenario, why),
        };
        let mut html = chips(self.input);
        if !asked.is_done() {
            return html
                + &paragraph(&format!(
                    "Searching: {} of {} values.",
                    asked.points.len(),
                    asked.values.len()
                ));
        }
        let scale = asked.fastest.map_or(1.0, |fastest| {
            scale_of(&self.scenario, &asked.question, fastest)
        });
        html.push_str(&charts(&self.scenario, asked, self.input, scale));
        html.push_str(&table(&self.scenario, asked, self.input, scale));
        html
    }
}

/// The whole sweep of an input at once.
pub fn sweep_html(scenario: &Scenario, input: Input) -> String {
    let mut sweeper = Sweeper::new(scenario, input);
    sweeper.finish();
    sweeper.html()
}

/// Layouts that a section counts at once before it leaves the rest to slices.
const AT_ONCE: u64 = 100_000;

/// The sweep of GPUs as far as it is cheap.
pub(super) fn html(scenario: &Scenario) -> String {
    let mut sweeper = Sweeper::new(scenario, Input::Gpus);
    // As many slices as there may be values: each counts to the end of one where it is small.
    for _ in 0..SLICES {
        if sweeper.step(AT_ONCE / SLICES) {
            break;
        }
    }
    sweeper.html()
}

const SLICES: u64 = 10;

fn chips(on: Input) -> String {
    let mut html = String::from("<p class=\"filters\">");
    for input in Input::ALL {
        html.push_str(&format!(
            "<button type=\"button\" class=\"chip\" data-sweep=\"{}\" aria-pressed=\"{}\">{}</button> ",
            input.key(),
            *input == on,
            input.label()
        ));
    }
    html + "</p>"
}

/// The first point that fits: what others are compared with.
fn first(points: &[Point]) -> Option<&Point> {
    points.iter().find(|point| point.best.is_some())
}

fn charts(scenario: &Scenario, asked: &Asked, input: Input, scale: f64) -> String {
    let points = &asked.points;
    let tokens = scenario.tokens() as f64;
    let capacity = points.first().map(|point| point.capacity / 1e9);
    let from = first(points);
    type Figure<'a> = Box<dyn Fn(&Point) -> Option<f64> + 'a>;
    let figures: [(&str, Option<f64>, Figure); 4] = [
        (
            "Seconds of a step",
            None,
            Box::new(|point| point.step().map(|step| scale * step.0)),
        ),
        (
            "Memory, GB",
            capacity,
            Box::new(|point| point.best.or(point.smallest).map(|one| one.bytes / 1e9)),
        ),
        (
            "GPU-hours of the run",
            None,
            Box::new(|point| point.gpu_hours(tokens).map(|hours| scale * hours)),
        ),
        (
            "Efficiency, %",
            None,
            Box::new(|point| Some(100.0 * point.efficiency(from?)?)),
        ),
    ];
    let mut html = String::from("<div class=\"sweeps\">");
    for (caption, limit, figure) in figures {
        let figures: Vec<Option<f64>> = points.iter().map(&figure).collect();
        html.push_str(&chart(caption, input, asked, &figures, limit));
    }
    html + "</div>"
}

/// One chart: its line breaks where nothing fits, and a hairline marks where that begins or ends.
fn chart(
    caption: &str,
    input: Input,
    asked: &Asked,
    figures: &[Option<f64>],
    limit: Option<f64>,
) -> String {
    let drawn = sweep_chart(&asked.values, figures, limit);
    let (width, height) = (SWEEP_WIDTH, SWEEP_HEIGHT);
    // Room for labels: of figures at the left, of values below.
    let mut svg = format!(
        "<figure><figcaption>{caption}</figcaption><svg class=\"sweep\" viewBox=\"-56 -10 {} {}\" role=\"img\" \
         aria-label=\"{caption} against {}; the table below has the figures\">",
        width + 66,
        height + 32,
        input.label()
    );
    for (y, figure) in &drawn.ticks {
        svg.push_str(&format!(
            "<path class=\"grid\" d=\"M0 {y}H{width}\"/><text class=\"left\" x=\"-6\" y=\"{}\">{}</text>",
            y + 4,
            editable(*figure, 3)
        ));
    }
    if let Some(y) = drawn.limit {
        svg.push_str(&format!("<path class=\"limit\" d=\"M0 {y}H{width}\"/>"));
    }
    for (index, (x, value)) in drawn.places.iter().zip(&asked.values).enumerate() {
        // Every other label where they stand close.
        if drawn.places.len() <= 6 || index % 2 == 0 {
            svg.push_str(&format!(
                "<text class=\"below\" x=\"{x}\" y=\"{}\">{}</text>",
                height + 16,
                grouped((*value).into())
            ));
        }
    }
    let fits: Vec<bool> = asked
        .points
        .iter()
        .map(|point| point.best.is_some())
        .collect();
    for (places, fits) in drawn.places.windows(2).zip(fits.windows(2)) {
        if let ([left, right], [before, after]) = (places, fits)
            && before != after
        {
            let x = (left + right) / 2;
            svg.push_str(&format!("<path class=\"crossing\" d=\"M{x} 0V{height}\"/>"));
        }
    }
    for two in drawn.points.windows(2) {
        if let [Some((x1, y1)), Some((x2, y2))] = two {
            svg.push_str(&format!(
                "<path class=\"line\" d=\"M{x1} {y1}L{x2} {y2}\"/>"
            ));
        }
    }
    for (point, fits) in drawn.points.iter().zip(fits) {
        if let Some((x, y)) = point {
            let class = if fits { "point" } else { "point misses" };
            svg.push_str(&format!(
                "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>"
            ));
        }
    }
    svg + "</svg></figure>"
}

fn table(scenario: &Scenario, asked: &Asked, input: Input, scale: f64) -> String {
    let points = &asked.points;
    let mut table = Table::new(
        "The best layout at each value",
        &[
            input.label(),
            "Step",
            "Tokens/s",
            "MFU",
            "Memory, GB",
            "GPU-hours",
            "Cost",
            "Efficiency",
            "Best layout",
        ],
        &[8],
    );
    for point in points {
        table.row(
            if point.best.is_some() { "" } else { "misses" },
            &row(scenario, asked, input, point, scale),
        );
    }
    let mut html = table.end();
    for two in points.windows(2) {
        if let [before, after] = two
            && before.best.is_some() != after.best.is_some()
        {
            let (fits, fails) = if before.best.is_some() {
                (before, after)
            } else {
                (after, before)
            };
            html.push_str(&paragraph(&format!(
                "{}: {} fits, {} does not; the capacity is crossed between them.",
                input.label(),
                grouped(fits.value.into()),
                grouped(fails.value.into())
            )));
        }
    }
    let from = first(points).map_or_else(String::new, |from| grouped(from.value.into()));
    let beside = if from.is_empty() {
        "None of them fits; memory is that of the nearest layout.".to_owned()
    } else {
        format!(
            "Efficiency is tokens a second of each GPU over those at {from}; GPU-hours and cost are of all {} tokens.",
            crate::units::count(scenario.tokens())
        )
    };
    html + &aside(&beside)
}

fn row(scenario: &Scenario, asked: &Asked, input: Input, point: &Point, scale: f64) -> Vec<String> {
    let dash = || "–".to_owned();
    let value = grouped(point.value.into());
    let Some(best) = &point.best else {
        let mut cells = vec![value, "does not fit".to_owned(), dash(), dash()];
        let least = point.smallest.map(|one| decimal(one.bytes / 1e9, 1));
        cells.push(least.unwrap_or_else(dash));
        cells.extend([dash(), dash(), dash(), dash()]);
        return cells;
    };
    let changed = input.swept().at(&asked.question, point.value);
    let seconds = scale * best.seconds;
    let tokens = scenario.tokens() as f64;
    let set = setting(
        scenario,
        best,
        input.change(point.value).into_iter().collect(),
    );
    let hours = point.gpu_hours(tokens).map(|hours| scale * hours);
    let money = |price: f64| {
        let dollars = point.dollars(tokens, price).map(|dollars| scale * dollars);
        dollars.map(|dollars| significant(dollars, 3))
    };
    let cost = match (scenario.price_per_gpu_hour(), scenario.gpu().price) {
        (Some(price), _) => money(price).map(|price| ["$", &price].concat()),
        (None, Some(price)) => money(price.low)
            .zip(money(price.high))
            .map(|(low, high)| ["$", &low, " to ", &high].concat()),
        (None, None) => None,
    };
    let efficiency = first(&asked.points).and_then(|from| point.efficiency(from));
    // Layers make another model, whose utilization the scenario's does not tell.
    let mfu = (input != Input::Layers)
        .then(|| significant(mfu_percent(scenario, &changed, seconds), 3) + "%");
    vec![
        set.map_or_else(|| value.clone(), |set| setter(&set, "quiet", &value)),
        seconds_of(seconds),
        point
            .tokens_per_second()
            .map_or_else(dash, |rate| significant(rate / scale, 4)),
        mfu.unwrap_or_else(dash),
        decimal(best.bytes / 1e9, 1),
        hours.map_or_else(dash, |hours| significant(hours, 4)),
        cost.unwrap_or_else(dash),
        efficiency.map_or_else(dash, |share| significant(100.0 * share, 3) + "%"),
        escaped(&in_short(best)),
    ]
}

/// A layout by its degrees that are not 1, and its micro-batch.
fn in_short(found: &Candidate) -> String {
    let (shape, place) = (&found.shape, &found.place);
    let mut parts = Vec::new();
    for (name, degree) in [
        ("tensor", shape.tensor),
        ("context", shape.context),
        ("expert", shape.expert),
        ("pipeline", place.pipeline),
        ("chunks", place.chunks),
        ("data", place.data),
    ] {
        if degree > 1 {
            parts.push([name, " ", &grouped(degree.into())].concat());
        }
    }
    parts.push(["micro-batch ", &grouped(shape.micro_batch.into())].concat());
    parts.join(", ")
}
