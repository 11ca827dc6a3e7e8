//! Every layout of a task on so many accelerators, in slices.
//!
//! The degrees run over what divides the accelerators; within each shape of micro-batch over pipelines, chunks and what
//! is shared. Recomputation and the last stage's layers are solved, not tried out. A combination that cannot be is
//! counted by its reason where it is found; the batch is never changed to make one possible.

use super::memory::{Flow, Load, Rank, Shares, StateBytes, candidates, rank_shape};
use super::stages::{SPARED, Stages, last_chunk};
use super::step_time::{Parameters, Roads};
use super::{AttentionForm, Costs, Place, Recomputed, Shape, StepTime, Task};
use crate::layout::{Layout, Schedule, Sharding};
use crate::memory::ranks::megatron::{RankShape, Run};

/// What is searched: how many accelerators, which batch, into how much memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Space {
    /// Accelerators, all of them used.
    pub gpus: u64,
    /// Sequences of a step, over all ranks.
    pub global_batch: u64,
    /// Bytes of one accelerator that a training step can fill.
    pub capacity: f64,
    /// Bytes of the states of a parameter.
    pub states: StateBytes,
    /// How the stack runs a layer, for its memory; the micro-batch is the search's, the sequence the task's.
    pub run: Run,
    /// What data-parallel ranks may share.
    pub shardings: &'static [Sharding],
    /// Whether gradients or weights may be shared where there are stages: launchers mostly refuse, for every micro-batch
    /// would reduce or gather.
    pub sharded_pipelines: bool,
    /// The order of the stages' work.
    pub schedule: Schedule,
    /// Chunks that a rank may hold at most; 1 for no interleaving.
    pub most_chunks: u64,
    /// Ranks of tensor parallelism at most: those of a scale-up domain, or more.
    pub most_tensor: u64,
    /// Ranks of context parallelism at most; 1 where the software has none.
    pub most_context: u64,
    /// Whether the software has sequence parallelism: both with and without are then looked at.
    pub sequence_parallel: bool,
    /// Whether every layer is recomputed whole, fit or not, as software does that knows nothing else.
    pub recompute_all: bool,
    /// Sequences of a micro-batch, where only so many are looked at.
    pub micro_batch: Option<u64>,
}

/// Why a combination cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The tensor-parallel degree does not divide the heads.
    Heads,
    /// Context-parallel ranks cannot share the sequence: each takes two pieces of it.
    Sequence,
    /// More stages than layers.
    Layers,
    /// Data-parallel ranks cannot share the batch evenly.
    Batch,
    /// Expert-parallel ranks would have to be more than there are ranks.
    Experts,
    /// Interleaving takes micro-batches in rounds of one for each stage.
    Interleaving,
    /// Gradients or weights would be shared among ranks of a pipeline.
    Sharding,
    /// It does not fit, whatever is recomputed.
    Memory,
}

impl Reason {
    /// Every reason, in the order in which they are looked for.
    pub const ALL: [Self; 8] = [
        Self::Heads,
        Self::Sequence,
        Self::Layers,
        Self::Batch,
        Self::Experts,
        Self::Interleaving,
        Self::Sharding,
        Self::Memory,
    ];

    /// What files call it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Heads => "heads",
            Self::Sequence => "sequence",
            Self::Layers => "layers",
            Self::Batch => "batch",
            Self::Experts => "experts",
            Self::Interleaving => "interleaving",
            Self::Sharding => "sharding",
            Self::Memory => "memory",
        }
    }

    /// As a reader is told it.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Heads => "the tensor-parallel degree does not divide the attention heads",
            Self::Sequence => "the context-parallel degree does not divide the sequence in halves",
            Self::Layers => "there are more pipeline stages than layers",
            Self::Batch => "the data-parallel degree does not divide the global batch",
            Self::Experts => "the expert-parallel degree does not divide the ranks",
            Self::Interleaving => "interleaving needs a multiple of the stages in micro-batches",
            Self::Sharding => {
                "pipeline stages do not share gradients or weights with this software"
            }
            Self::Memory => "memory is too small, even with every layer recomputed",
        }
    }
}

/// A layout that was counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// How micro-batches are cut.
    pub shape: Shape,
    /// Where they are put, what is recomputed.
    pub place: Place,
    /// Seconds of a step.
    pub seconds: f64,
    /// Bytes of the fullest rank's largest moment.
    pub bytes: f64,
}

impl Candidate {
    /// As a layout.
    pub const fn layout(&self) -> Layout {
        Layout {
            data: self.place.data,
            tensor: self.shape.tensor,
            sequence_parallel: self.shape.sequence_parallel,
            pipeline: self.place.pipeline,
            schedule: self.place.schedule,
            chunks: self.place.chunks,
            context: self.shape.context,
            expert: self.shape.expert,
            expert_tensor: self.shape.expert_tensor,
            sharding: self.place.sharding,
            shard_group: self.place.shard_group,
        }
    }

    /// Whether it comes before another in the ranking: faster, or as fast and smaller, or else by its degrees.
    fn before(&self, other: &Self) -> bool {
        let key = |one: &Self| {
            let (shape, place) = (&one.shape, &one.place);
            (
                (shape.tensor, shape.context, place.pipeline, shape.expert),
                (place.chunks, shape.micro_batch, shape.sequence_parallel),
                place.sharding as u8,
            )
        };
        (self.seconds, self.bytes) < (other.seconds, other.bytes)
            || (self.seconds, self.bytes) == (other.seconds, other.bytes) && key(self) < key(other)
    }
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many of so many shapes are done.
    Searching {
        /// Shapes done.
        done: usize,
        /// Shapes in all.
        of: usize,
    },
    /// All is counted.
    Done,
}

/// A search under way. Cancelled by dropping it.
pub struct Search {
    task: Task,
    space: Space,
    parameters: Parameters,
    pipelines: Vec<Pipeline>,
    /// Tensor, context and the pipelines that they leave room for.
    cuts: Vec<Cut>,
    shapes: Vec<(Shape, u32)>,
    next: usize,
    counted: u64,
    fitting: u64,
    rejected: [u64; Reason::ALL.len()],
    best: Ranking,
    front: Vec<Candidate>,
    miss: Option<Candidate>,
    loads: Vec<Load>,
    shares: Vec<(Sharding, Shares)>,
}

/// A pipeline degree and number of chunks, its last chunk spared 0 to 3 layers.
struct Pipeline {
    stages: u64,
    chunks: u64,
    splits: [Option<SplitRanks>; SPARED as usize + 1],
}

/// Ranks of one split, as time and memory depend on them.
struct SplitRanks {
    last: Option<u64>,
    stages: Stages,
    ranks: Vec<Rank>,
}

/// Tensor and context degree, and what they leave: pipelines, each with its data-parallel degree.
struct Cut {
    places: Vec<(u64, u64, std::ops::Range<usize>)>,
}

impl Search {
    /// The best layouts that are kept.
    pub const KEPT: usize = 500;

    /// Prepares a search: lists shapes and pipelines, counts what is impossible for any micro-batch.
    pub fn new(task: Task, space: Space) -> Self {
        let mut search = Self {
            task,
            space: Space {
                run: Run {
                    sequence: task.sequence,
                    ..space.run
                },
                ..space
            },
            parameters: Parameters::of(&task.architecture),
            pipelines: Vec::new(),
            cuts: Vec::new(),
            shapes: Vec::new(),
            next: 0,
            counted: 0,
            fitting: 0,
            rejected: [0; Reason::ALL.len()],
            best: Ranking::new(Self::KEPT),
            front: Vec::with_capacity(FRONT),
            miss: None,
            loads: Vec::new(),
            shares: Vec::new(),
        };
        search.list();
        search
    }

    fn reject(&mut self, reason: Reason, times: u64) {
        if let Some(count) = self.rejected.get_mut(reason as usize) {
            *count += times;
        }
    }

    fn list(&mut self) {
        let Space {
            gpus,
            global_batch,
            most_tensor,
            most_context,
            ..
        } = self.space;
        let (architecture, sequence) = (self.task.architecture, self.task.sequence);
        for tensor in divisors(gpus).filter(|tensor| *tensor <= most_tensor) {
            let contexts = divisors(gpus / tensor);
            for context in contexts.filter(|context| *context <= most_context) {
                let mut places = Vec::new();
                for stages in divisors(gpus / tensor / context) {
                    let data = gpus / tensor / context / stages;
                    if !architecture.attention.heads.is_multiple_of(tensor) {
                        self.reject(Reason::Heads, 1);
                    } else if context > 1 && !sequence.is_multiple_of(2 * context) {
                        self.reject(Reason::Sequence, 1);
                    } else if stages > architecture.layers {
                        self.reject(Reason::Layers, 1);
                    } else if !global_batch.is_multiple_of(data) {
                        self.reject(Reason::Batch, 1);
                    } else {
                        places.push((stages, data, self.pipelines_of(stages)));
                    }
                }
                self.list_shapes(tensor, context, places);
            }
        }
    }

    /// The pipelines of so many stages, prepared once.
    fn pipelines_of(&mut self, stages: u64) -> std::ops::Range<usize> {
        let known = |pipeline: &Pipeline| pipeline.stages == stages;
        if let Some(start) = self.pipelines.iter().position(known) {
            let count = self.pipelines.iter().filter(|one| known(one)).count();
            return start..start + count;
        }
        let start = self.pipelines.len();
        let layers = self.task.architecture.layers;
        let most = match self.space.schedule {
            Schedule::OneForwardOneBackward if stages > 1 => {
                (layers / stages).min(self.space.most_chunks).max(1)
            }
            _ => 1,
        };
        for chunks in 1..=most {
            let even = last_chunk(layers, stages, chunks);
            let splits = std::array::from_fn(|spared| {
                let spared = spared as u64;
                if spared > even || (spared > 0 && stages == 1) {
                    return None;
                }
                let last = (spared > 0).then(|| even - spared);
                Some(SplitRanks {
                    last,
                    stages: Stages::of(layers, stages, chunks, last),
                    ranks: candidates(&self.task.architecture, stages, chunks, last),
                })
            });
            self.pipelines.push(Pipeline {
                stages,
                chunks,
                splits,
            });
        }
        start..self.pipelines.len()
    }

    /// The shapes of one tensor and context degree: expert degrees, micro-batches, with and without sequence
    /// parallelism.
    fn list_shapes(
        &mut self,
        tensor: u64,
        context: u64,
        places: Vec<(u64, u64, std::ops::Range<usize>)>,
    ) {
        if places.is_empty() {
            return;
        }
        let cut = self.cuts.len() as u32;
        let mut micro_batches = micro_batches(self.space.global_batch, &places);
        if let Some(only) = self.space.micro_batch {
            micro_batches.retain(|micro_batch| *micro_batch == only);
        }
        let experts = self
            .task
            .architecture
            .experts
            .map_or(1, |experts| experts.count);
        for expert in divisors(experts) {
            let mut possible = 0;
            for (_, data, _) in &places {
                if (tensor * context * data).is_multiple_of(expert) {
                    possible += 1;
                } else {
                    self.reject(Reason::Experts, 1);
                }
            }
            if possible == 0 {
                continue;
            }
            for &micro_batch in &micro_batches {
                for sequence_parallel in [false, true] {
                    if sequence_parallel && (tensor == 1 || !self.space.sequence_parallel) {
                        continue;
                    }
                    let shape = Shape {
                        micro_batch,
                        tensor,
                        sequence_parallel,
                        context,
                        expert,
                        expert_tensor: 1,
                    };
                    self.shapes.push((shape, cut));
                }
            }
        }
        self.cuts.push(Cut { places });
    }

    /// Counts on for at least `layouts` combinations, if so many are left, and not for many more.
    pub fn step(&mut self, layouts: u64) -> Progress {
        let until = self.counted.saturating_add(layouts);
        while let Some(&(shape, cut)) = self.shapes.get(self.next) {
            if self.counted >= until {
                return Progress::Searching {
                    done: self.next,
                    of: self.shapes.len(),
                };
            }
            self.next += 1;
            self.count_shape(shape, cut as usize);
        }
        self.best.sort();
        Progress::Done
    }

    /// Counts all that is left.
    pub fn finish(&mut self) {
        self.step(u64::MAX);
    }

    fn count_shape(&mut self, shape: Shape, cut: usize) {
        let costs = self.task.costs_of(shape, &self.parameters);
        let rank_shape = rank_shape(&self.task.architecture, &self.space.run, &shape);
        let Some(cut) = self.cuts.get(cut) else {
            return;
        };
        let mut tally = Tally {
            task: &self.task,
            space: &self.space,
            costs: &costs,
            shape: &rank_shape,
            counted: 0,
            fitting: 0,
            rejected: &mut self.rejected,
            best: &mut self.best,
            front: &mut self.front,
            miss: &mut self.miss,
            loads: &mut self.loads,
            shares: &mut self.shares,
        };
        for (_, data, pipelines) in &cut.places {
            let ranks = shape.tensor * shape.context * data;
            let share = self.space.global_batch / data;
            if !share.is_multiple_of(shape.micro_batch) || !ranks.is_multiple_of(shape.expert) {
                continue;
            }
            let micro_batches = share / shape.micro_batch;
            let pipelines = self.pipelines.get(pipelines.clone()).unwrap_or_default();
            let Some(first) = pipelines.first() else {
                continue;
            };
            let place = Place {
                data: *data,
                pipeline: first.stages,
                chunks: 1,
                schedule: self.space.schedule,
                micro_batches,
                sharding: Sharding::None,
                shard_group: *data,
                last: None,
                recomputed: Recomputed::Nothing,
                recomputed_layers: 0,
            };
            let roads = self.task.roads(&costs, &place);
            tally.share(*data);
            for pipeline in pipelines {
                tally.count(pipeline, *data, micro_batches, &roads);
            }
        }
        self.counted += tally.counted;
        self.fitting += tally.fitting;
    }

    /// Layouts that fit and those that do not: all whose step could be.
    pub const fn counted(&self) -> u64 {
        self.counted
    }

    /// Layouts that fit.
    pub const fn fitting(&self) -> u64 {
        self.fitting
    }

    /// Combinations that cannot be, by reason, in the order of [`Reason::ALL`].
    pub fn rejected(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.into_iter().zip(self.rejected)
    }

    /// The layouts that fit, the fastest first, at most [`Search::KEPT`] of them; in no order before the search is done.
    pub fn best(&self) -> &[Candidate] {
        &self.best.kept
    }

    /// Layouts that fit and that no other beats both in time and in memory, the fastest first.
    pub fn front(&self) -> &[Candidate] {
        &self.front
    }

    /// Of layouts that do not fit, with every layer recomputed, the one that misses by least.
    pub const fn nearest_miss(&self) -> Option<&Candidate> {
        self.miss.as_ref()
    }

    /// The step of a layout that was found, by cause.
    pub fn step_time(&self, candidate: &Candidate) -> StepTime {
        let costs = self.task.costs(candidate.shape);
        self.task.step_time(&costs, &candidate.place)
    }

    /// The task.
    pub const fn task(&self) -> &Task {
        &self.task
    }

    /// The space.
    pub const fn space(&self) -> &Space {
        &self.space
    }
}

/// Points of the front that there is room for; a front of time against memory has a few dozen.
const FRONT: usize = 1_024;

/// The counting of one shape.
struct Tally<'a> {
    task: &'a Task,
    space: &'a Space,
    costs: &'a Costs,
    shape: &'a RankShape,
    counted: u64,
    fitting: u64,
    rejected: &'a mut [u64; Reason::ALL.len()],
    best: &'a mut Ranking,
    front: &'a mut Vec<Candidate>,
    miss: &'a mut Option<Candidate>,
    loads: &'a mut Vec<Load>,
    shares: &'a mut Vec<(Sharding, Shares)>,
}

impl Tally<'_> {
    /// Prepares what so many data-parallel ranks may share.
    fn share(&mut self, data: u64) {
        let (states, shape) = (&self.space.states, &self.costs.shape);
        let one = |sharding: &Sharding| (*sharding, Shares::of(states, *sharding, shape, data));
        // One rank alone shares with nobody.
        let alone = data * shape.context == 1;
        let shardings = self.space.shardings.iter();
        let shardings = shardings.take(if alone { 1 } else { usize::MAX });
        self.shares.clear();
        self.shares.extend(shardings.map(one));
    }

    fn count(&mut self, pipeline: &Pipeline, data: u64, micro_batches: u64, roads: &Roads) {
        if pipeline.chunks > 1 && !micro_batches.is_multiple_of(pipeline.stages) {
            self.rejected[Reason::Interleaving as usize] += 1;
            return;
        }
        let (layer, head) = (self.costs.layer[0].total(), self.costs.head);
        let slowest = |split: &SplitRanks| split.stages.slowest(layer, 0.0, 0.0, head);
        let mut split: Option<&SplitRanks> = None;
        let mut fastest = f64::INFINITY;
        for one in pipeline.splits.iter().flatten() {
            let time = slowest(one);
            if time < fastest {
                (fastest, split) = (time, Some(one));
            }
        }
        let Some(split) = split else { return };
        let flow = Flow {
            stages: pipeline.stages,
            chunks: pipeline.chunks,
            schedule: self.space.schedule,
            micro_batches,
        };
        self.loads.clear();
        let loads = split.ranks.iter();
        self.loads
            .extend(loads.map(|rank| Load::new(self.shape, rank, &flow)));
        for index in 0..self.shares.len() {
            let Some(&(sharding, shares)) = self.shares.get(index) else {
                return;
            };
            let each_micro_batch = !matches!(
                sharding,
                Sharding::None | Sharding::Zero1 | Sharding::Distributed
            );
            if each_micro_batch && pipeline.stages > 1 && !self.space.sharded_pipelines {
                self.rejected[Reason::Sharding as usize] += 1;
                continue;
            }
            let place = Place {
                data,
                pipeline: pipeline.stages,
                chunks: pipeline.chunks,
                schedule: self.space.schedule,
                micro_batches,
                sharding,
                shard_group: data,
                last: split.last,
                recomputed: Recomputed::Nothing,
                recomputed_layers: 0,
            };
            self.counted += 1;
            self.weigh(place, &split.stages, roads, &shares);
        }
    }

    /// Solves what is recomputed, then ranks.
    fn weigh(&mut self, place: Place, stages: &Stages, roads: &Roads, shares: &Shares) {
        let solved = if self.space.recompute_all {
            self.whole(place, stages, roads, shares)
        } else {
            self.solved(place, stages, roads, shares)
        };
        match solved {
            Some((place, seconds, bytes)) => self.keep(place, seconds, bytes),
            None => self.turn_down(place, stages, roads, shares),
        }
    }

    fn seconds(&self, place: &Place, stages: &Stages, roads: &Roads) -> f64 {
        let time = self.task.step_time_on(self.costs, place, stages, roads);
        time.total()
    }

    /// Bytes of the fullest rank.
    fn fullest(&self, place: &Place, shares: &Shares) -> f64 {
        let peak = |load: &Load| {
            load.with(shares)
                .peak(self.shape, place.recomputed, place.recomputed_layers)
        };
        self.loads.iter().map(peak).fold(0.0, f64::max)
    }

    /// The place with every layer recomputed, with its seconds and bytes; none where it does not fit.
    fn whole(
        &self,
        place: Place,
        stages: &Stages,
        roads: &Roads,
        shares: &Shares,
    ) -> Option<(Place, f64, f64)> {
        let place = every_layer(place);
        let bytes = self.fullest(&place, shares);
        let fits = bytes <= self.space.capacity;
        fits.then(|| (place, self.seconds(&place, stages, roads), bytes))
    }

    /// The place with the recomputation that costs least time, with its seconds and bytes; none where it does not fit
    /// whatever is recomputed.
    #[inline]
    fn solved(
        &self,
        place: Place,
        stages: &Stages,
        roads: &Roads,
        shares: &Shares,
    ) -> Option<(Place, f64, f64)> {
        let capacity = self.space.capacity;
        // No recomputation takes states away.
        let states = |load: &Load| load.with(shares).constant();
        if self.loads.iter().any(|load| states(load) > capacity) {
            return None;
        }
        // As it is, if it fits so.
        let mut plainly: f64 = 0.0;
        let mut fitting = 0;
        for load in self.loads.iter() {
            let bytes = load.with(shares).peak(self.shape, Recomputed::Nothing, 0);
            plainly = plainly.max(bytes);
            if bytes > capacity {
                break;
            }
            fitting += 1;
        }
        if plainly <= capacity {
            return Some((place, self.seconds(&place, stages, roads), plainly));
        }
        let mut layers = Some(0);
        for load in self.loads.iter().skip(fitting) {
            match load.with(shares).least_recomputed(self.shape, capacity) {
                Some(least) => layers = layers.map(|layers: u64| layers.max(least)),
                None => {
                    layers = None;
                    break;
                }
            }
        }
        let whole = layers.map(|layers| Place {
            recomputed: Recomputed::Layer,
            recomputed_layers: layers,
            ..place
        });
        let mut found = whole.map(|place| (place, self.seconds(&place, stages, roads)));
        if self.task.software.attention != AttentionForm::Fused {
            // Recomputing the scores of every layer may cost less than a few layers whole, or more.
            let selective = Place {
                recomputed: Recomputed::Attention,
                recomputed_layers: u64::MAX,
                ..place
            };
            if self.fullest(&selective, shares) <= capacity {
                let time = self.seconds(&selective, stages, roads);
                if found.is_none_or(|(_, other)| time < other) {
                    found = Some((selective, time));
                }
            }
        }
        found.map(|(place, seconds)| (place, seconds, self.fullest(&place, shares)))
    }

    /// Counts a layout that does not fit, and keeps it if none misses by less.
    fn turn_down(&mut self, place: Place, stages: &Stages, roads: &Roads, shares: &Shares) {
        self.rejected[Reason::Memory as usize] += 1;
        let place = every_layer(place);
        let nearest = self.miss.map_or(f64::INFINITY, |miss| miss.bytes);
        let mut bytes: f64 = 0.0;
        for load in self.loads.iter() {
            let loaded = load.with(shares);
            if loaded.constant() >= nearest {
                return;
            }
            bytes = bytes.max(loaded.peak(self.shape, Recomputed::Layer, u64::MAX));
            if bytes >= nearest {
                return;
            }
        }
        *self.miss = Some(Candidate {
            shape: self.costs.shape,
            place,
            seconds: self.seconds(&place, stages, roads),
            bytes,
        });
    }

    fn keep(&mut self, place: Place, seconds: f64, bytes: f64) {
        self.fitting += 1;
        if !self.best.takes(seconds) && !on_front(self.front, seconds, bytes) {
            return;
        }
        let candidate = Candidate {
            shape: self.costs.shape,
            place,
            seconds,
            bytes,
        };
        self.best.offer(candidate);
        offer_to_front(self.front, candidate);
    }
}

/// The place with every layer recomputed whole.
const fn every_layer(mut place: Place) -> Place {
    place.recomputed = Recomputed::Layer;
    place.recomputed_layers = u64::MAX;
    place
}

/// Whether a layout of such time and size would be on the front: none there is as fast and as small. The front is sorted:
/// slower is smaller.
fn on_front(front: &[Candidate], seconds: f64, bytes: f64) -> bool {
    let faster = front.partition_point(|other| other.seconds <= seconds);
    faster == 0
        || front
            .get(faster - 1)
            .is_none_or(|other| bytes < other.bytes)
}

/// Puts a candidate on the front if it belongs there; takes off those that it beats.
fn offer_to_front(front: &mut Vec<Candidate>, candidate: Candidate) {
    if !on_front(front, candidate.seconds, candidate.bytes) {
        return;
    }
    let place = front.partition_point(|other| other.seconds < candidate.seconds);
    let behind = front.get(place..).unwrap_or_default();
    let beaten = behind
        .iter()
        .take_while(|other| candidate.bytes <= other.bytes)
        .count();
    if beaten > 0 {
        front.splice(place..place + beaten, [candidate]);
    } else if front.len() < FRONT {
        front.insert(place, candidate);
    }
}

/// The best so many candidates, the worst of them on top of a heap.
struct Ranking {
    kept: Vec<Candidate>,
    room: usize,
}

impl Ranking {
    fn new(room: usize) -> Self {
        Self {
            kept: Vec::with_capacity(room),
            room,
        }
    }

    /// Whether there is room for a layout of such time.
    fn takes(&self, seconds: f64) -> bool {
        self.kept.len() < self.room
            || self
                .kept
                .first()
                .is_some_and(|worst| seconds <= worst.seconds)
    }

    fn offer(&mut self, candidate: Candidate) {
        if self.kept.len() < self.room {
            self.kept.push(candidate);
            self.rise();
        } else if candidate.before(&self.kept[0]) {
            self.kept[0] = candidate;
            self.sink();
        }
    }

    fn rise(&mut self) {
        let mut child = self.kept.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if !self.kept[parent].before(&self.kept[child]) {
                return;
            }
            self.kept.swap(parent, child);
            child = parent;
        }
    }

    fn sink(&mut self) {
        let mut parent = 0;
        loop {
            let left = 2 * parent + 1;
            let worse = |one: usize, other: usize| {
                other < self.kept.len() && self.kept[one].before(&self.kept[other])
            };
            let mut worst = parent;
            for child in [left, left + 1] {
                if worse(worst, child) {
                    worst = child;
                }
            }
            if worst == parent {
                return;
            }
            self.kept.swap(parent, worst);
            parent = worst;
        }
    }

    fn sort(&mut self) {
        self.kept.sort_by(|one, other| {
            if one.before(other) {
                std::cmp::Ordering::Less
            } else if other.before(one) {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        });
    }
}

/// The divisors of a count, ascending.
fn divisors(count: u64) -> impl Iterator<Item = u64> {
    let root = count.isqrt();
    let small = (1..=root).filter(move |divisor| count.is_multiple_of(*divisor));
    let large = (1..=root)
        .rev()
        .filter(move |divisor| count.is_multiple_of(*divisor) && divisor * divisor != count)
        .map(move |divisor| count / divisor);
    small.chain(large)
}

/// Micro-batches that divide some rank's share of the batch, ascending.
fn micro_batches(global_batch: u64, places: &[(u64, u64, std::ops::Range<usize>)]) -> Vec<u64> {
    let shares = places.iter().map(|(_, data, _)| global_batch / data);
    let mut all: Vec<u64> = shares.flat_map(divisors).collect();
    all.sort_unstable();
    all.dedup();
    all
}
