//! Weights of a model as data-parallel ranks share them: each tensor cut along its first dimension.

use super::tensor::rounded;
use crate::memory::detailed::{Step, optimizer_of};
use crate::model::parameters::{BlockKind, Part, Role, Shape, Tensor};
use crate::model::{Architecture, Family};

/// Weights that are gathered together, in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Elements.
    pub elements: u128,
    /// Elements with each first dimension padded to a multiple of the ranks.
    pub padded: u128,
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
}

impl Unit {
    /// With others beside them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            padded: self.padded + other.padded,
            shard: self.shard + other.shard,
            computed: self.computed + other.computed,
            optimizer: self.optimizer + other.optimizer,
            step: self.step + other.step,
            tensors: self.tensors + other.tensors,
        }
    }

    /// So many of them.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        let times = u128::from(times);
        Self {
            elements: self.elements * times,
            padded: self.padded * times,
            shard: self.shard * times,
            computed: self.computed * times,
            optimizer: self.optimizer * times,
            step: self.step * times,
            tensors: self.tensors * times,
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
        let architecture: &Architecture = step.architecture;
        let one = |tensor: &Tensor| unit_of(step, sharing, &cut(tensor), tensor);
        architecture.visit_tensors(&mut |tensor, _| {
            let unit = one(tensor);
            match tensor.part {
                Part::Embedding => units.embedding = units.embedding.and(unit),
                Part::FinalNorm => units.norm = units.norm.and(unit),
                Part::Head => units.head = units.head.and(unit),
                Part::Block => {}
            }
        });
        architecture.visit_tensors_of_block(BlockKind::Dense, &mut |tensor| {
            units.dense = units.dense.and(one(tensor));
        });
        if architecture.experts.is_some() {
            architecture.visit_tensors_of_block(BlockKind::Experts, &mut |tensor| {
                units.experts = units.experts.and(one(tensor));
            });
        }
        units
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

    /// Everything.
    pub fn all(&self, architecture: &Architecture) -> Unit {
        let mut all = self.outside();
        for (kind, layers) in architecture.block_kinds() {
            all = all.and(self.block(kind).times(layers));
        }
        all
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
        shard: rounded(wide(own) * sharing.stored),
        computed: rounded(wide(own * ranks) * sharing.computed),
        optimizer,
        step: scratch,
        tensors: 1,
    }
}
