//! The blocks of one pipeline rank, in the order a micro-batch passes them, whatever data-parallel ranks share: what each
//! keeps and adds, and what other micro-batches in flight keep meanwhile.

use super::footprint::{Lines, Part};
use super::pipeline::{Chunk, Work};
use crate::memory::detailed::{self, BlockCost, Blocks, Ends, Entry, Place, Segment, Step};
use crate::model::parameters::{self, BlockKind};
use crate::units::Bytes;

/// What blocks come to on a rank.
#[expect(clippy::large_enum_variant)] // On the stack, because a total allocates nothing.
pub(super) enum Costs<'a> {
    /// As on one GPU.
    Whole(Blocks<'a>),
    /// Divided over tensor-parallel ranks, all alike.
    Divided(BlockCost),
}

/// The blocks of one pipeline rank. Positions count them from 0, over all its chunks.
pub(super) struct Walk<'a> {
    pub step: &'a Step<'a>,
    /// What stands outside the blocks; nothing of a head where another rank has it.
    pub ends: Ends,
    costs: Costs<'a>,
    work: Work,
}

impl<'a> Walk<'a> {
    pub fn new(step: &'a Step<'a>, costs: Costs<'a>, ends: Ends, work: Work) -> Self {
        let head = work.chunks().iter().any(|chunk| chunk.last);
        let ends = if head {
            ends
        } else {
            Ends {
                head_saved: 0,
                loss: 0,
                head_peak: 0,
                head_gradients: 0,
                ..ends
            }
        };
        Self {
            step,
            ends,
            costs,
            work,
        }
    }

    /// Whether the embedding is on this rank.
    pub fn has_embedding(&self) -> bool {
        self.work.chunks().iter().any(|chunk| chunk.first)
    }

    /// Whether head and loss are.
    pub fn has_head(&self) -> bool {
        self.work.chunks().iter().any(|chunk| chunk.last)
    }

    /// How many blocks it has.
    pub fn layers(&self) -> u64 {
        self.work.chunks().iter().map(|chunk| chunk.layers).sum()
    }

    /// Which of the model's layers stands at a position.
    pub fn layer(&self, position: u64) -> u64 {
        let mut left = position;
        for chunk in self.work.chunks() {
            if left < chunk.layers {
                return chunk.start + left;
            }
            left -= chunk.layers;
        }
        position
    }

    pub fn block(&self, position: u64) -> BlockCost {
        match &self.costs {
            Costs::Whole(blocks) => blocks.block(self.layer(position)),
            Costs::Divided(block) => *block,
        }
    }

    pub fn kind(&self, position: u64) -> BlockKind {
        self.step.architecture.block_kind(self.layer(position))
    }

    /// Whether all blocks are alike.
    pub fn uniform(&self) -> bool {
        match &self.costs {
            Costs::Whole(blocks) => blocks.uniform(),
            Costs::Divided(_) => true,
        }
    }

    /// How many blocks are of each kind.
    pub fn kinds(&self) -> [(BlockKind, u64); 2] {
        let layers = self.layers();
        let sparse = match self.step.architecture.experts {
            None => 0,
            Some(_) => {
                let sparse = |position: &u64| self.kind(*position) == BlockKind::Experts;
                (0..layers).filter(sparse).count() as u64
            }
        };
        [
            (BlockKind::Dense, layers - sparse),
            (BlockKind::Experts, sparse),
        ]
    }

    /// How many of a tensor of the model this rank has, by the kind of block it is in or where else it stands. A head
    /// tied to an embedding on another rank is that matrix again.
    pub fn count_of(&self, kind: Option<BlockKind>, part: parameters::Part) -> u64 {
        let tied = self.step.architecture.tied_embeddings && self.has_head();
        match (kind, part) {
            (Some(kind), _) => {
                let kinds = self.kinds();
                let same = kinds.iter().find(|(one, _)| *one == kind);
                same.map_or(0, |(_, layers)| *layers)
            }
            (None, parameters::Part::Embedding) => u64::from(self.has_embedding() || tied),
            (None, _) => u64::from(self.has_head()),
        }
    }

    /// The sum over the blocks from one position up to and without another.
    pub fn sum(&self, from: u64, to: u64, of: &dyn Fn(u64) -> u128) -> u128 {
        if self.uniform() {
            let some = from < to;
            return u128::from(to.saturating_sub(from)) * if some { of(from) } else { 0 };
        }
        (from..to).map(of).sum()
    }

    /// What blocks below a position keep.
    pub fn saved_below(&self, position: u64) -> u128 {
        self.sum(0, position, &|position| self.block(position).saved)
    }

    /// What one micro-batch keeps, its head's part apart.
    pub fn kept(&self) -> u128 {
        self.ends.before + self.saved_below(self.layers())
    }

    /// Micro-batches in flight, those of each chunk.
    pub fn micro_batches(&self) -> u64 {
        let chunks = self.work.chunks().iter();
        chunks.map(|chunk| chunk.in_flight).sum()
    }

    /// Blocks of all micro-batches in flight.
    pub fn in_flight(&self) -> u64 {
        let chunks = self.work.chunks().iter();
        chunks.map(|chunk| chunk.layers * chunk.in_flight).sum()
    }

    /// What other micro-batches in flight keep meanwhile.
    pub fn waiting(&self) -> u128 {
        let mut from = 0;
        let mut sum = 0;
        for chunk in self.work.chunks() {
            let to = from + chunk.layers;
            let saved = self.sum(from, to, &|position| self.block(position).saved);
            let others = u128::from(chunk.in_flight.saturating_sub(1));
            sum += others * (saved + self.ends.before);
            from = to;
        }
        sum
    }

    /// Whether a position can hold most: of blocks alike the last, the one before it, and the first two.
    pub fn candidate(&self, position: u64) -> bool {
        !self.uniform() || position + 2 >= self.layers() || position <= 1
    }

    /// Lists what all micro-batches in flight keep, as one GPU does at the loss, head and logits included.
    pub fn list(&self, source: &'static str, lines: &mut Lines) {
        let entries = detailed::tensors(self.step, detailed::Moment::Loss);
        let kept = entries.iter().filter(|entry| {
            matches!(
                entry.segment,
                Segment::Activations | Segment::Head | Segment::Casts
            )
        });
        for entry in kept {
            let kind = match entry.place {
                Place::Blocks => Some(BlockKind::Dense),
                Place::ExpertBlocks => Some(BlockKind::Experts),
                Place::Embedding | Place::Step | Place::Head => None,
            };
            for chunk in self.work.chunks() {
                let share = match kind {
                    Some(kind) => self.share(entry, chunk, kind),
                    None => *entry,
                };
                // One micro-batch at a time has a head's activations.
                let times = match entry.place {
                    Place::Head => u64::from(chunk.last),
                    _ => chunk.in_flight,
                };
                lines.entry(Part::Activations, source, &share, times);
            }
        }
    }

    /// Of an entry over all layers of a kind, what is on a chunk's.
    fn share(&self, entry: &Entry, chunk: &Chunk, kind: BlockKind) -> Entry {
        let of_kind = |layers: std::ops::Range<u64>| {
            let alike = |layer: &u64| self.step.architecture.block_kind(*layer) == kind;
            layers.filter(alike).count() as u64
        };
        let here = of_kind(chunk.start..chunk.start + chunk.layers);
        let all = of_kind(0..self.step.architecture.layers).max(1);
        let bytes = entry.bytes.0 * u128::from(here) / u128::from(all);
        Entry {
            count: (entry.count * here).div_ceil(all),
            bytes: Bytes(bytes),
            ..*entry
        }
    }
}
