//! Weights of a model as data-parallel ranks share them: each tensor cut along its first dimension.

use super::tensor::rounded;
use crate::memory::detailed::{Step, optimizer_of};
use crate::model::Family;
use crate::model::parameters::{BlockKind, Part, Role, Shape, Tensor};

/// Weights that are gathered together, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Elements.
    pub elements: u128,
    /// Elements with each first dimension padded to a multiple of the ranks.
    pub padded: u128,
    /// Elements of one rank's share.
    pub own: u128,
    /// One rank's share of the stored weights, each tensor rounded up.
    pub shard: u128,
    /// All weights in the dtype they are computed in, each tensor rounded up.
    pub computed: u128,
    /// One rank's optimizer states.
    pub optimizer: u128,
    /// What the optimizer's step allocates.
    pub step: u128,
    /// Tensors.
    pub tensors: u128,
    /// Elements of the largest.
    pub largest: u128,
}

impl Unit {
    /// With others beside them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            padded: self.padded + other.padded,
            own: self.own + other.own,
            shard: self.shard + other.shard,
            computed: self.computed + other.computed,
            optimizer: self.optimizer + other.optimizer,
            step: self.step + other.step,
            tensors: self.tensors + other.tensors,
            largest: self.largest.max(other.largest),
        }
    }

    /// So many of them.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        let times = u128::from(times);
        Self {
            elements: self.elements * times,
            padded: self.padded * times,
            own: self.own * times,
            shard: self.shard * times,
            computed: self.computed * times,
            optimizer: self.optimizer * times,
            step: self.step * times,
            tensors: self.tensors * times,
            largest: self.largest,
        }
    }
}

impl Unit {
    fn flat(self, step: &Step, sharing: Sharing) -> Self {
        let ranks = u128::from(sharing.ranks.max(1));
        let own = self.elements.div_ceil(ranks);
        let sides = [u64::try_from(own).unwrap_or(u64::MAX), 1];
        let (optimizer, scratch) = match own {
            0 => (0, 0),
            _ => optimizer_of(step, sides, false, sharing.stored == 4),
        };
        Self {
            padded: own * ranks,
            own,
            shard: rounded(own * sharing.stored),
            computed: rounded(own * ranks * sharing.computed),
            optimizer,
            step: scratch,
            tensors: 1,
            ..self
        }
    }
}

/// How weights are stored, computed with, and shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Ranks that share each tensor, W.
    pub ranks: u64,
    /// Bytes of a stored element, S.
    pub stored: u128,
    /// Bytes of a computed element, C.
    pub computed: u128,
}

/// A model's weights, by where they stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Units {
    /// Token embedding and what stands beside it.
    pub embedding: Unit,
    /// A block with a feed-forward network.
    pub dense: Unit,
    /// A block with experts.
    pub experts: Unit,
    /// The final norm.
    pub norm: Unit,
    /// The head, where it has a matrix of its own.
    pub head: Unit,
}

impl Units {
    /// The weights of a step's model, of which `cut` says what a tensor-parallel rank has; its optimizer's states of
    /// them.
    pub fn new(step: &Step, sharing: Sharing, cut: &dyn Fn(&Tensor) -> Shape) -> Self {
        let mut units = Self::default();
        visit(step, sharing, cut, &mut |tensor, kind, unit| {
            let sum = match (tensor.part, kind) {
                (_, Some(BlockKind::Dense)) => &mut units.dense,
                (_, Some(BlockKind::Experts)) => &mut units.experts,
                (Part::FinalNorm, None) => &mut units.norm,
                (Part::Head, None) => &mut units.head,
                (Part::Embedding | Part::Block, None) => &mut units.embedding,
            };
            *sum = sum.and(unit);
        });
        units
    }

    /// Those of a pipeline rank; a head tied to an embedding elsewhere is a matrix of its own.
    #[must_use]
    pub fn of_rank(mut self, tied: bool, has_embedding: bool, has_head: bool) -> Self {
        if has_head && !has_embedding && tied {
            self.head = self.head.and(self.embedding);
        }
        if !has_embedding {
            self.embedding = Unit::default();
        }
        if !has_head {
            self.norm = Unit::default();
            self.head = Unit::default();
        }
        self
    }

    /// Each unit as one flat tensor, padded to a multiple of the ranks.
    #[must_use]
    pub fn flat(self, step: &Step, sharing: Sharing) -> Self {
        let flat = |unit: Unit| unit.flat(step, sharing);
        Self {
            embedding: flat(self.embedding),
            dense: flat(self.dense),
            experts: flat(self.experts),
            norm: flat(self.norm),
            head: flat(self.head),
        }
    }

    /// The weights of one block.
    pub fn block(&self, kind: BlockKind) -> Unit {
        match kind {
            BlockKind::Dense => self.dense,
            BlockKind::Experts => self.experts,
        }
    }

    /// Everything outside the blocks.
    pub fn outside(&self) -> Unit {
        self.embedding.and(self.norm).and(self.head)
    }

    /// Everything, with so many blocks of each kind.
    pub fn all(&self, kinds: [(BlockKind, u64); 2]) -> Unit {
        kinds.iter().fold(self.outside(), |all, (kind, layers)| {
            all.and(self.block(*kind).times(*layers))
        })
    }
}

/// Calls `see` with each tensor of a step's model, the kind of block it is in, and what it comes to: a block's tensors
/// once for each kind.
pub fn visit(
    step: &Step,
    sharing: Sharing,
    cut: &dyn Fn(&Tensor) -> Shape,
    see: &mut dyn FnMut(&Tensor, Option<BlockKind>, Unit),
) {
    let architecture = step.architecture;
    let one = |tensor: &Tensor| unit_of(step, sharing, &cut(tensor), tensor);
    architecture.visit_tensors(&mut |tensor, _| {
        if tensor.part != Part::Block {
            see(tensor, None, one(tensor));
        }
    });
    let kinds = [BlockKind::Dense, BlockKind::Experts];
    let count = 1 + usize::from(architecture.experts.is_some());
    for kind in kinds.into_iter().take(count) {
        architecture.visit_tensors_of_block(kind, &mut |tensor| {
            see(tensor, Some(kind), one(tensor));
        });
    }
}

fn unit_of(step: &Step, sharing: Sharing, shape: &Shape, tensor: &Tensor) -> Unit {
    let (rows, columns) = match *shape {
        Shape::One(rows) => (rows, 1),
        // GPT-2's Conv1D holds its matrices by inputs and outputs.
        Shape::Two(rows, columns)
            if step.architecture.family == Family::Gpt2
                && tensor.part == Part::Block
                && tensor.role == Role::Matrix =>
        {
            (columns, rows)
        }
        Shape::Two(rows, columns) => (rows, columns),
        Shape::Three(count, rows, columns) => (count, rows * columns),
    };
    let ranks = sharing.ranks.max(1);
    let own = rows.div_ceil(ranks);
    let wide = |rows: u64| u128::from(rows) * u128::from(columns);
    let is_matrix = tensor.part == Part::Block && tensor.role == Role::Matrix;
    let (optimizer, scratch) = optimizer_of(step, [own, columns], is_matrix, sharing.stored == 4);
    Unit {
        elements: wide(rows),
        padded: wide(own * ranks),
        own: wide(own),
        shard: rounded(wide(own) * sharing.stored),
        computed: rounded(wide(own * ranks) * sharing.computed),
        optimizer,
        step: scratch,
        tensors: 1,
        largest: wide(rows),
    }
}
