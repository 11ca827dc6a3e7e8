//! The moments of a step, of which the peak is the largest. In TENSORS.md, 6.

use super::blocks::{BlockCost, Ends};
use super::optimizer::Rule;
use super::run::{Block, Kind, Run};
use super::saved::Tape;
use super::stack::LEAVING;
use super::states::{States, Trained};
use super::step::Step;
use super::tally::Tally;
use super::tensor::{Dtype, Name, Place, Segment, Shape};
use crate::field::{LayerSet, choice};
use crate::training::Precision;

choice!(
    /// A moment of a step at which memory has a local maximum, in order of time.
    Moment {
        /// Inside a block's forward pass.
        Forward "forward" "Forward: inside a block",
        /// All activations are kept and the loss is computed.
        Loss "loss" "Forward: the loss",
        /// The backward pass of loss, head and final norm.
        Head "head" "Backward: the head",
        /// The backward pass of the last block.
        LastBlock "last" "Backward: the last block",
        /// The backward pass of the block in between that holds most.
        InnerBlock "inner" "Backward: a block in between",
        /// The backward pass of the first block.
        FirstBlock "first" "Backward: the first block",
        /// The embedding's gradient.
        Embedding "embedding" "Backward: the embedding",
        /// The optimizer's step.
        Optimizer "optimizer" "The optimizer’s step",
    }
);

/// How many moments there are.
pub(super) const MOMENTS: usize = 8;

/// Segments that a block's kept tensors are of.
const KEPT: [Segment; 2] = [Segment::Activations, Segment::Casts];

/// What blocks of one kind come to.
#[derive(Debug)]
struct Summary {
    /// Which blocks, and how many.
    layers: LayerSet,
    count: u64,
    /// Kept from the forward pass to its backward pass.
    saved: Tally,
    /// Kept while it is on its way to the host.
    leaving: Tally,
    /// Weight casts beyond these that stand until the loss is computed.
    cached: Tally,
    /// The highest point of its forward pass, what it keeps till then included.
    forward: Tally,
    /// The highest point of its backward pass, all that it kept included.
    peak: Tally,
    /// Gradients that stay.
    gradients: Tally,
    /// Bytes kept, at the peak and of gradients.
    totals: [u128; 3],
}

impl Summary {
    fn of(run: &Run, kind: Kind, layers: LayerSet, count: u64, tape: &mut Tape) -> Self {
        let block = Block { run, kind };
        block.keep(tape);
        let mut kept = Tally::of_tape(tape);
        let largest = tape.largest();
        let forward = block.forward(tape);
        let recomputation = block.recomputation(tape);
        let cached = block.cached(tape);
        let pass = block.backward(tape);
        debug_assert_eq!(pass.left, 0, "a saved tensor was never given back");
        if kind.recomputed {
            // Only the block's input was there before.
            kept.only(Segment::Activations);
            block.add_selected(&mut kept);
        }
        let mut leaving = Tally::new(run.listing);
        if run.step.offload {
            block.add_leaving(&mut leaving, largest);
            kept = Tally::new(run.listing);
        }
        let peak = match recomputation {
            Some(recomputation) => pass.peak.larger(recomputation),
            None => pass.peak,
        };
        Self {
            layers,
            count,
            totals: [kept.total(), peak.total(), pass.gradients.total()],
            saved: kept,
            leaving,
            cached,
            forward,
            peak,
            gradients: pass.gradients,
        }
    }

    /// How many of these blocks are among the first `layers`.
    fn below(&self, layers: u64) -> u64 {
        self.layers.count_below(layers)
    }
}

/// Blocks of every kind that a model has, by [`Kind::code`]. They are large, and stay where they are made.
#[derive(Debug)]
pub(super) struct Kinds {
    by_code: [Option<Summary>; Kind::COUNT],
    /// A bit for each code that there is.
    present: u32,
}

impl Kinds {
    /// No block yet.
    pub fn none() -> Self {
        Self {
            by_code: std::array::from_fn(|_| None),
            present: 0,
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Summary> {
        let mut left = self.present;
        std::iter::from_fn(move || {
            let code = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            self.by_code.get(code)?.as_ref()
        })
    }

    /// Sums up a block of each kind.
    fn sum(&mut self, run: &Run, tape: &mut Tape) {
        let all = run.architecture.layers;
        let mut rest = LayerSet::below(all);
        while let Some(first) = rest.first() {
            let kind = run.kind(first);
            let layers = run.layers_of(&kind);
            let count = layers.count_below(all);
            let code = kind.code();
            self.by_code[code] = Some(Summary::of(run, kind, layers, count, tape));
            self.present |= 1 << code;
            rest = rest.intersection(&layers.with(first).complement());
        }
    }
}

/// A step, summed up so that every moment is a few sums.
#[derive(Debug)]
pub(super) struct Outline<'a> {
    pub run: Run<'a>,
    pub states: States,
    /// Weights, optimizer states, inputs, and gradients that stand throughout.
    lasting: Tally,
    /// What is kept before the blocks: with the tables and masks of one kind of layer, and of all.
    before: [Tally; 2],
    head_saved: Tally,
    head_peak: Tally,
    head_gradients: Tally,
    kinds: &'a Kinds,
    /// Blocks whose backward pass runs: all but frozen ones.
    first: u64,
    /// Everything that the forward pass kept.
    kept: Tally,
}

impl<'a> Outline<'a> {
    /// Sums a step up; with `listing`, tensor by tensor. Its blocks are left in `kinds`.
    pub fn of(step: &'a Step<'a>, listing: bool, kinds: &'a mut Kinds) -> Self {
        let run = Run::of(step, listing);
        let states = run.states();
        let mut lasting = Tally::new(listing);
        lasting.plus_of([Segment::Weights], &states.weights, 1);
        lasting.plus_of([Segment::Optimizer], &states.optimizer, 1);
        lasting.plus_of([Segment::Gradients], &states.main_gradients, 1);
        run.add_inputs(&mut lasting);
        if step.accumulation > 1 && step.precision != Precision::MainGradients {
            lasting.plus_of([Segment::Gradients], &states.gradients, 1);
        }
        let mut tape = Tape::new(listing);
        let recomputed = run.recomputes_blocks();
        let all = run.before(&mut tape, recomputed, true);
        let one = if run.two_windows {
            run.before(&mut tape, recomputed, false)
        } else {
            all.clone()
        };
        run.keep_head(&mut tape);
        let head_saved = Tally::of_tape(&tape);
        let pass = run.head_backward(&mut tape);
        debug_assert_eq!(
            pass.left, 0,
            "a saved tensor of the head was never given back"
        );
        kinds.sum(&run, &mut tape);
        let mut outline = Self {
            kept: Tally::new(listing),
            kinds,
            run,
            states,
            lasting,
            before: [one, all],
            head_saved,
            head_peak: pass.peak,
            head_gradients: pass.gradients,
            first: step.frozen_layers.min(run.architecture.layers),
        };
        let mut kept = Tally::new(listing);
        outline.all_kept(&mut kept);
        outline.kept = kept;
        outline
    }

    fn layers(&self) -> u64 {
        self.run.architecture.layers
    }

    fn kinds(&self) -> impl Iterator<Item = &Summary> {
        self.kinds.iter()
    }

    fn kind_of(&self, layer: u64) -> Option<&Summary> {
        self.kinds().find(|kind| kind.layers.contains(layer))
    }

    /// What stands in every moment of forward and backward pass while layers up to `layer` have to run.
    fn around(&self, layer: u64, tally: &mut Tally) {
        tally.set(&self.lasting);
        tally.plus_of(KEPT, &self.before[self.sets_up_to(layer)], 1);
    }

    /// Which of [`Outline::before`] the layers up to `layer` need.
    fn sets_up_to(&self, layer: u64) -> usize {
        usize::from(layer + 1 >= self.layers() || self.run.both_windows_below(layer + 1))
    }

    /// A block's forward pass: the largest of any kind, where the last block of the kind runs.
    fn forward(&self, tally: &mut Tally) {
        let mut largest = (0, 0);
        for kind in self.kinds() {
            let Some(layer) = kind.layers.last_below(self.layers()) else {
                continue;
            };
            let below = self.kinds().map(|below| {
                let each = below.totals[0] + below.cached.of(Segment::Casts);
                each * u128::from(below.below(layer))
            });
            let leaving = u128::from(LEAVING) * kind.leaving.of(Segment::Activations);
            let here = below.sum::<u128>() + leaving + kind.forward.total();
            // Of moments alike the latest.
            largest = largest.max((here, layer));
        }
        let (_, layer) = largest;
        self.around(self.layers(), tally);
        if !self.run.recomputes_blocks() {
            self.run.add_masks(tally, true);
        }
        for kind in self.kinds() {
            let below = kind.below(layer);
            tally.plus_of(KEPT, &kind.saved, below);
            tally.plus_of([Segment::Casts], &kind.cached, below);
        }
        if let Some(kind) = self.kind_of(layer) {
            tally.plus_of([Segment::Activations], &kind.leaving, LEAVING);
            tally.plus(&kind.forward);
        }
    }

    /// Everything that the forward pass kept.
    fn all_kept(&self, tally: &mut Tally) {
        self.around(self.layers(), tally);
        for kind in self.kinds() {
            tally.plus_of(KEPT, &kind.saved, kind.count);
        }
        // The others of the last five are the final norm's.
        if self.run.step.offload
            && let Some(kind) = self.kinds().max_by_key(|kind| kind.leaving.total())
        {
            tally.plus_of([Segment::Activations], &kind.leaving, 1);
        }
    }

    /// The loss: the logits stand, and so does autocast's cache.
    fn loss(&self, tally: &mut Tally) {
        let run = &self.run;
        tally.set(&self.kept);
        for kind in self.kinds() {
            tally.plus_of([Segment::Casts], &kind.cached, kind.count);
        }
        tally.plus_of([Segment::Head, Segment::Casts], &self.head_saved, 1);
        run.add_logits(tally);
        if run.autocast || run.adapters().is_some() {
            run.add_last_hidden(tally);
        }
    }

    fn head(&self, tally: &mut Tally) {
        tally.set(&self.kept);
        tally.plus(&self.head_peak);
        self.keep_logits(tally);
    }

    fn keep_logits(&self, tally: &mut Tally) {
        if self.run.keeps_logits() {
            self.run.add_kept_logits(tally);
        }
    }

    /// The backward pass of one block.
    fn block(&self, layer: u64, tally: &mut Tally) {
        self.around(layer, tally);
        tally.plus_of([Segment::Gradients], &self.head_gradients, 1);
        self.keep_logits(tally);
        for kind in self.kinds() {
            tally.plus_of(KEPT, &kind.saved, kind.below(layer));
            let after = kind.count - kind.below(layer + 1);
            tally.plus_of([Segment::Gradients], &kind.gradients, after);
        }
        if let Some(kind) = self.kind_of(layer) {
            tally.plus(&kind.peak);
        }
    }

    /// The block in between whose backward pass holds most. In a run of blocks of one kind it rises or falls evenly: with
    /// each block further on, one more is kept and one less has its gradients.
    fn inner_block(&self) -> Option<u64> {
        let (first, last) = (self.first + 1, self.layers().checked_sub(2)?);
        if first > last {
            return None;
        }
        // Relative to where the walk starts, so that the sums stay positive.
        let saved = self
            .kinds()
            .map(|kind| kind.totals[0] * u128::from(kind.count));
        let mut level: u128 = saved.sum();
        let before = [self.before[0].total(), self.before[1].total()];
        let mut largest = (0, last);
        let mut end = self.layers();
        while end > self.first {
            let top = end - 1;
            let Some(kind) = self.kind_of(top) else {
                end = top;
                continue;
            };
            let start = self.start_of_run(top, kind);
            let [saved, peak, gradients] = kind.totals;
            let around = peak + before[self.sets_up_to(top)];
            for layer in [top.min(last), start.max(first)] {
                if (start..end).contains(&layer) && (first..=last).contains(&layer) {
                    let after = u128::from(top - layer);
                    let here = level + after * gradients + around - (after + 1) * saved;
                    if here > largest.0 {
                        largest = (here, layer);
                    }
                }
            }
            let blocks = u128::from(end - start);
            level = level + blocks * gradients - blocks * saved;
            end = start;
        }
        Some(largest.1)
    }

    /// The first of the blocks up to `top` that are all trained, of its kind, and have as much before them.
    fn start_of_run(&self, top: u64, kind: &Summary) -> u64 {
        let others = self.kinds().filter(|other| !std::ptr::eq(*other, kind));
        let other = others.filter_map(|other| other.layers.last_below(top));
        let start = other.map(|other| other + 1).max().unwrap_or(0);
        // Below this one, there are tables and masks of one kind of layer only.
        let meet = self.run.windows_meet.saturating_sub(1);
        let meet = if meet <= top { meet } else { 0 };
        start.max(meet).max(self.first)
    }

    /// The embedding's gradient, where it is trained. A tied head's waits beside it, and their sum is a third tensor.
    fn embedding(&self, tally: &mut Tally) {
        let run = &self.run;
        let architecture = run.architecture;
        tally.set(&self.lasting);
        tally.plus_of([Segment::Gradients], &self.head_gradients, 1);
        self.keep_logits(tally);
        for kind in self.kinds() {
            tally.plus_of([Segment::Gradients], &kind.gradients, kind.count);
        }
        let place = Place::Embedding;
        let stays = if run.gradients_leave {
            Segment::Temporaries
        } else {
            Segment::Gradients
        };
        let positions = architecture.learned_positions;
        if positions > 0 && !run.gradients_leave {
            let name = Name("positions", "gradient");
            let sides = [positions, architecture.hidden];
            tally.add(stays, place, name, sides, run.parameter, 1);
        }
        let width = architecture.embedding_size.unwrap_or(architecture.hidden);
        let sides = [architecture.vocabulary, width];
        let name = Name("embedding", "gradient");
        tally.add(stays, place, name, sides, run.parameter, 1);
        let entering = [run.tokens, architecture.hidden];
        let bytes = |sides: [u64; 2]| Shape::from(sides).bytes(run.parameter);
        let (name, sum) = if architecture.tied_embeddings && bytes(sides) > bytes(entering) {
            (Name("embedding", "gradient, summed with the head’s"), sides)
        } else {
            (Name("residual stream", "gradient"), entering)
        };
        tally.add(Segment::Temporaries, place, name, sum, run.parameter, 1);
        if let Some(step) = self.step_of_embedding(sides)
            && step.total() > tally.total()
        {
            *tally = step;
        }
    }

    /// The embedding's own step where parameters are stepped in the backward pass: its gradient, and what the optimizer
    /// needs for it.
    fn step_of_embedding(&self, sides: [u64; 2]) -> Option<Tally> {
        let run = &self.run;
        if !run.step.optimizer_in_backward {
            return None;
        }
        let mut tally = self.lasting.clone();
        self.keep_logits(&mut tally);
        let (segment, place) = (Segment::Temporaries, Place::Embedding);
        let name = Name("embedding", "gradient");
        tally.add(segment, place, name, sides, run.parameter, 1);
        let embedding = Trained {
            name: Name("embedding", "weight"),
            place,
            shape: sides.into(),
            hidden_matrix: false,
            dtype: run.parameter,
        };
        let scratch = Rule::of(run.step).scratch_alone(&embedding);
        let bytes = [u64::try_from(scratch).unwrap_or(u64::MAX)];
        let name = Name("optimizer", "the embedding’s temporaries");
        tally.add(segment, place, name, bytes, Dtype::Byte, 1);
        Some(tally)
    }

    fn optimizer(&self, tally: &mut Tally) {
        let step = self.run.step;
        tally.set(&self.lasting);
        let stand = step.accumulation > 1
            || step.precision == Precision::MainGradients
            || step.optimizer_in_backward;
        if !stand {
            tally.plus_of([Segment::Gradients], &self.states.gradients, 1);
        }
        if !step.optimizer_in_backward {
            tally.plus_of([Segment::Temporaries], &self.states.scratch, 1);
        }
    }

    /// Puts what stands at a moment into `tally`; false where the step has no such moment.
    pub fn moment(&self, moment: Moment, tally: &mut Tally) -> bool {
        let Some(last) = self.layers().checked_sub(1) else {
            return false;
        };
        match moment {
            Moment::Forward => self.forward(tally),
            Moment::Loss => self.loss(tally),
            Moment::Head => self.head(tally),
            Moment::LastBlock if self.first <= last => self.block(last, tally),
            Moment::InnerBlock => match self.inner_block() {
                Some(layer) => self.block(layer, tally),
                None => return false,
            },
            Moment::FirstBlock if self.first < last => self.block(self.first, tally),
            Moment::Embedding if self.run.adapters().is_none() && self.first == 0 => {
                self.embedding(tally);
            }
            Moment::Optimizer => self.optimizer(tally),
            Moment::LastBlock | Moment::FirstBlock | Moment::Embedding => return false,
        }
        true
    }

    /// Mean bytes that a block keeps, casts aside, over all blocks but the first and the last where there are more
    /// than three.
    pub fn block_bytes(&self) -> (u128, u64) {
        let layers = self.layers();
        let (from, to) = if layers > 3 { (1, layers - 1) } else { (0, 1) };
        let kept = self.kinds().map(|kind| {
            let blocks = kind.below(to) - kind.below(from);
            u128::from(blocks) * (kind.saved.total() - kind.saved.of(Segment::Casts))
        });
        (kept.sum(), to - from)
    }

    /// What stands outside the blocks.
    pub fn ends(&self) -> Ends {
        let run = &self.run;
        let mut stream = Tally::new(false);
        let sides = [run.tokens, run.architecture.hidden];
        let (segment, place) = (Segment::Temporaries, Place::Embedding);
        stream.add(segment, place, Name("", ""), sides, run.parameter, 1);
        let mut loss = Tally::new(false);
        run.add_logits(&mut loss);
        if run.autocast {
            run.add_last_hidden(&mut loss);
        }
        Ends {
            inputs: self.lasting.of(Segment::Inputs),
            before: self.before[1].total(),
            head_saved: self.head_saved.total(),
            loss: loss.total(),
            head_peak: self.head_peak.total(),
            head_gradients: self.head_gradients.total(),
            stream: stream.total(),
        }
    }

    /// What a block of each kind comes to.
    pub fn costs(&self) -> [BlockCost; Kind::COUNT] {
        std::array::from_fn(|code| {
            self.kinds.by_code[code]
                .as_ref()
                .map_or(BlockCost::default(), |kind| BlockCost {
                    saved: kind.saved.total(),
                    forward: kind.forward.total(),
                    peak: kind.peak.total(),
                    gradients_at_peak: kind.peak.of(Segment::Gradients),
                    gradients: kind.gradients.total(),
                    recomputed: false,
                })
        })
    }
}
