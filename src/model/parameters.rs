//! Every weight tensor of a model, from which parameters are counted.
//!
//! There is one definition, generic over [`Number`]: read in `u64` it is the shapes that memory and FLOP are computed
//! from, without allocation; read in [`Expression`](crate::formula::Expression) it is the explained list.
//!
//! Tensors are split and ordered as the family's model class in the Python package transformers 5.23 registers them
//! (see [`Family`](super::Family)'s facts in `implementation.rs`); how many elements they have together depends on the
//! architecture alone.

use super::implementation::Piece;
use super::{Architecture, Experts, Latent, NormPlaces, QkNorm, RouterBias, symbols};
use crate::formula::{Number, Symbol};
use std::cell::Cell;

/// A weight tensor, as the implementation registers it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensor<N = u64> {
    /// Where in the model it stands.
    pub part: Part,
    /// What it is counted under.
    pub group: Group,
    /// Which of its block's modules it belongs to, such as `q`, `gate_up`, `experts.down` or `norm1`.
    pub name: &'static str,
    /// What it does there: a module's matrix and its bias share their name.
    pub role: Role,
    /// Its dimensions.
    pub shape: Shape<N>,
}

/// Where a tensor stands, in the order of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before the blocks: token embedding, positions, their norm and projections.
    Embedding,
    /// In a block.
    Block,
    /// After the blocks.
    FinalNorm,
    /// The head; a tied head has no matrix of its own.
    Head,
}

/// What parameters are listed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Token embedding and learned positions, with projections to the hidden size.
    Embedding,
    /// Projections of attention, with their biases and the norms inside attention.
    Attention,
    /// Feed-forward networks of layers without experts.
    FeedForward,
    /// Routed and shared experts.
    Experts,
    /// Routers, with their trained biases.
    Router,
    /// Norms between the branches, of the embedding, and the last.
    Norms,
    /// Output projection to the vocabulary.
    Head,
}

impl Group {
    /// Every group, in the order of the list.
    pub const ALL: [Self; 7] = [
        Self::Embedding,
        Self::Attention,
        Self::FeedForward,
        Self::Experts,
        Self::Router,
        Self::Norms,
        Self::Head,
    ];
}

/// What a tensor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Activations are multiplied by it, 2 FLOP an element and token.
    Matrix,
    /// Rows are looked up in it.
    Table,
    /// It scales or joins activations element by element: norms' weights, attention sinks.
    Vector,
    /// It is added.
    Bias,
}

/// The dimensions of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape<N = u64> {
    /// One dimension.
    One(N),
    /// Two: of a projection, outputs and inputs.
    Two(N, N),
    /// Three: of all experts' projections, experts, outputs and inputs.
    Three(N, N, N),
}

impl<N: Number> Shape<N> {
    /// Elements, the product of the dimensions.
    pub fn elements(&self) -> N {
        match self.clone() {
            Self::One(n) => n,
            Self::Two(rows, columns) => rows * columns,
            Self::Three(count, rows, columns) => count * rows * columns,
        }
    }
}

/// Blocks that hold the same tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// With a feed-forward network.
    Dense,
    /// With experts.
    Experts,
}

/// Which of the routed experts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// All E of them.
    All,
    /// The k that work on one token.
    Active,
}

/// A section of a model, in the order of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    /// What stands before the blocks.
    Before,
    /// One block of this kind.
    Block(BlockKind),
    /// What stands after the blocks.
    After,
}

/// Parameters of a model.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// By group, in the order of [`Group::ALL`].
    pub groups: [u64; Group::ALL.len()],
    /// Of [`Role::Matrix`].
    pub matrices: u64,
}

/// Parameters, each count exact: no valid architecture has more than 2e18, and 64 bits hold 1.8e19.
impl Architecture {
    /// What kind of block a layer is, counted from 0.
    pub const fn block_kind(&self, layer: u64) -> BlockKind {
        match &self.experts {
            Some(experts) if experts.layers.contains(layer) => BlockKind::Experts,
            _ => BlockKind::Dense,
        }
    }

    /// The kinds of block, and how many layers are of each; 0 for a kind that does not occur.
    pub const fn block_kinds(&self) -> [(BlockKind, u64); 2] {
        let with_experts = match &self.experts {
            Some(experts) => experts.layers.count_below(self.layers),
            None => 0,
        };
        [
            (BlockKind::Dense, self.layers - with_experts),
            (BlockKind::Experts, with_experts),
        ]
    }

    /// Calls `see` with each tensor of a block of this kind, in the order of registration.
    pub fn visit_tensors_of_block(&self, kind: BlockKind, see: &mut impl FnMut(&Tensor)) {
        self.walk(Counted::All, Section::Block(kind), see);
    }

    /// Calls `see` with each tensor of the model and the number of layers that have one of it, 1 outside the blocks:
    /// in the order of registration, the blocks of one kind as one.
    pub fn visit_tensors(&self, see: &mut impl FnMut(&Tensor, u64)) {
        self.visit(Counted::All, &mut |tensor, _, layers| see(tensor, layers));
    }

    /// As [`Architecture::visit_tensors`], with the kind of block that a tensor stands in; none outside the blocks.
    pub fn visit_tensors_by_kind(&self, see: &mut dyn FnMut(&Tensor, Option<BlockKind>, u64)) {
        self.visit(Counted::All, see);
    }

    /// As [`Architecture::visit_tensors`], but with the k routed experts that work on one token in place of all E.
    pub fn visit_active_tensors(&self, see: &mut impl FnMut(&Tensor, u64)) {
        self.visit(Counted::Active, &mut |tensor, _, layers| {
            see(tensor, layers)
        });
    }

    /// Trained parameters, every tensor once: a tied head counts as the embedding.
    pub fn parameters(&self) -> u64 {
        self.sums(Counted::All).groups.iter().sum()
    }

    /// Parameters that work on one token: k of E routed experts, everything else whole, the embedding too.
    pub fn active_parameters(&self) -> u64 {
        self.sums(Counted::Active).groups.iter().sum()
    }

    /// Parameters of the matrix products that one token goes through: active experts, the head also where it is tied;
    /// no embedding look-up, biases or norms. A forward pass takes 2 FLOP for each.
    pub fn matmul_parameters(&self) -> u64 {
        let tied_head = if self.tied_embeddings {
            self.vocabulary * self.embedding_size.unwrap_or(self.hidden)
        } else {
            0
        };
        self.sums(Counted::Active).matrices + tied_head
    }

    /// Elements of the routers' correction biases that are kept as buffers, which some published totals count as
    /// parameters (DeepSeek-V3's 671,026,419,200 does; its parameters are 671,026,404,352).
    pub fn buffer_parameters(&self) -> u64 {
        match &self.experts {
            Some(experts) if experts.router_bias == RouterBias::Buffer => {
                experts.count * experts.layers.count_below(self.layers)
            }
            _ => 0,
        }
    }

    /// Every sum that is asked for, in one pass: the only place that the totals instantiate the visitor.
    pub(super) fn sums(&self, counted: Counted) -> Sums {
        let mut sums = Sums::default();
        self.visit(counted, &mut |tensor: &Tensor, _, layers| {
            let elements = layers * tensor.shape.elements();
            sums.groups[tensor.group as usize] += elements;
            if tensor.role == Role::Matrix {
                sums.matrices += elements;
            }
        });
        sums
    }

    // Through one type of closure, not one for each caller: readers download it once.
    fn visit(&self, counted: Counted, see: &mut dyn FnMut(&Tensor, Option<BlockKind>, u64)) {
        let within = Cell::new(None);
        let mut see = |tensor: &Tensor, layers| see(tensor, within.get(), layers);
        let mut visitor = Visitor::of(self, counted, &mut see);
        visitor.section(Section::Before);
        for (kind, layers) in self.block_kinds() {
            if layers > 0 {
                within.set(Some(kind));
                visitor.layers = layers;
                visitor.section(Section::Block(kind));
            }
        }
        within.set(None);
        visitor.layers = 1;
        visitor.section(Section::After);
    }

    /// Calls `see` with each tensor of a section, its shape as numbers or as formulas.
    pub(super) fn walk<N: Number>(
        &self,
        counted: Counted,
        section: Section,
        see: &mut impl FnMut(&Tensor<N>),
    ) {
        Visitor::of(self, counted, &mut |tensor, _| see(tensor)).section(section);
    }
}

/// The letters that most tensors need, with their values.
struct Symbols<N> {
    h: N,
    a: N,
    g: N,
    d: N,
    vocabulary: N,
    embedding: N,
}

impl<N: Number> Symbols<N> {
    fn of(architecture: &Architecture) -> Self {
        let attention = &architecture.attention;
        Self {
            h: letter(&symbols::H, architecture.hidden),
            a: letter(&symbols::A, attention.heads),
            g: letter(&symbols::G, attention.kv_heads),
            d: letter(&symbols::D, attention.head_dim),
            vocabulary: letter(&symbols::V, architecture.vocabulary),
            embedding: match architecture.embedding_size {
                Some(size) => letter(&symbols::EMBEDDING, size),
                None => letter(&symbols::H, architecture.hidden),
            },
        }
    }
}

fn letter<N: Number>(symbol: &'static Symbol, value: u64) -> N {
    N::symbol(symbol, value as f64)
}

/// Walks an architecture's tensors.
struct Visitor<'a, N, S> {
    architecture: &'a Architecture,
    x: Symbols<N>,
    counted: Counted,
    /// Where the tensors seen next stand, and what they count under.
    part: Part,
    group: Group,
    /// How many layers have them.
    layers: u64,
    see: &'a mut S,
}

impl<'a, N: Number, S: FnMut(&Tensor<N>, u64)> Visitor<'a, N, S> {
    fn of(architecture: &'a Architecture, counted: Counted, see: &'a mut S) -> Self {
        Self {
            architecture,
            x: Symbols::of(architecture),
            counted,
            part: Part::Embedding,
            group: Group::Embedding,
            layers: 1,
            see,
        }
    }

    fn section(&mut self, section: Section) {
        match section {
            Section::Before => self.before(),
            Section::Block(kind) => self.block(kind),
            Section::After => self.after(),
        }
    }

    fn tensor(&mut self, name: &'static str, role: Role, shape: Shape<N>) {
        let tensor = Tensor {
            part: self.part,
            group: self.group,
            name,
            role,
            shape,
        };
        (self.see)(&tensor, self.layers);
    }

    fn vector(&mut self, name: &'static str, size: N) {
        self.tensor(name, Role::Vector, Shape::One(size));
    }

    /// A projection from `inputs` to `outputs`.
    fn linear(&mut self, name: &'static str, outputs: N, inputs: N, bias: bool) {
        self.tensor(name, Role::Matrix, Shape::Two(outputs.clone(), inputs));
        if bias {
            self.tensor(name, Role::Bias, Shape::One(outputs));
        }
    }

    /// A norm of the hidden size.
    fn norm(&mut self, name: &'static str) {
        self.group = Group::Norms;
        let norms = &self.architecture.norms;
        if norms.weight {
            self.vector(name, self.x.h.clone());
        }
        if norms.bias {
            self.tensor(name, Role::Bias, Shape::One(self.x.h.clone()));
        }
    }

    fn before(&mut self) {
        let architecture = self.architecture;
        let (h, embedding) = (self.x.h.clone(), self.x.embedding.clone());
        (self.part, self.group) = (Part::Embedding, Group::Embedding);
        let tokens = Shape::Two(self.x.vocabulary.clone(), embedding.clone());
        self.tensor("tok", Role::Table, tokens);
        if architecture.learned_positions > 0 {
            let positions = letter(&symbols::POSITIONS, architecture.learned_positions);
            self.tensor("pos", Role::Table, Shape::Two(positions, h.clone()));
        }
        if architecture.embedding_size.is_some() {
            self.linear("project_out", embedding.clone(), h.clone(), false);
            self.linear("project_in", h, embedding, false);
        }
        if architecture.norms.embedding {
            self.norm("emb_norm");
        }
    }

    fn after(&mut self) {
        let architecture = self.architecture;
        self.part = Part::FinalNorm;
        if architecture.norms.last {
            self.norm("norm");
        }
        (self.part, self.group) = (Part::Head, Group::Head);
        let vocabulary = self.x.vocabulary.clone();
        if !architecture.tied_embeddings {
            let width = self.x.embedding.clone();
            let shape = Shape::Two(vocabulary.clone(), width);
            self.tensor("lm_head", Role::Matrix, shape);
        }
        if architecture.head_bias {
            self.tensor("lm_head", Role::Bias, Shape::One(vocabulary));
        }
    }

    fn block(&mut self, kind: BlockKind) {
        self.part = Part::Block;
        let places = self.architecture.norms.places;
        for piece in self.architecture.family.registration() {
            match piece {
                Piece::AttentionNorms => self.branch_norms(places, "norm1", "post1"),
                Piece::FeedForwardNorms if places == NormPlaces::ParallelShared => {}
                Piece::FeedForwardNorms => self.branch_norms(places, "norm2", "post2"),
                Piece::Attention => {
                    self.group = Group::Attention;
                    match &self.architecture.attention.latent {
                        Some(latent) => self.latent_attention(latent),
                        None => self.attention(),
                    }
                }
                Piece::FeedForward => match &self.architecture.experts {
                    Some(experts) if kind == BlockKind::Experts => self.experts(experts),
                    _ => self.feed_forward(),
                },
            }
        }
    }

    /// The norms of one branch: before it, after it, or both.
    fn branch_norms(&mut self, places: NormPlaces, before: &'static str, after: &'static str) {
        if !matches!(places, NormPlaces::After | NormPlaces::AfterSum) {
            self.norm(before);
        }
        if matches!(
            places,
            NormPlaces::After | NormPlaces::AfterSum | NormPlaces::Around
        ) {
            self.norm(after);
        }
    }

    fn attention(&mut self) {
        let (family, attention) = (self.architecture.family, &self.architecture.attention);
        let h = self.x.h.clone();
        let queries = self.x.a.clone() * self.x.d.clone();
        let keys = self.x.g.clone() * self.x.d.clone();
        if attention.sinks {
            self.vector("sinks", self.x.a.clone());
        }
        if family.output_first() {
            self.linear("o", h.clone(), queries.clone(), attention.output_bias);
        }
        if family.fused_qkv() {
            let heads = self.x.a.clone() + N::constant(2) * self.x.g.clone();
            let outputs = heads * self.x.d.clone();
            self.linear("qkv", outputs, h.clone(), attention.qkv_bias);
        } else {
            self.linear("q", queries.clone(), h.clone(), attention.qkv_bias);
            self.linear("k", keys.clone(), h.clone(), attention.qkv_bias);
            self.linear("v", keys.clone(), h.clone(), attention.qkv_bias);
        }
        if !family.output_first() {
            self.linear("o", h, queries.clone(), attention.output_bias);
        }
        match attention.qk_norm {
            QkNorm::None | QkNorm::Unweighted => {}
            QkNorm::Head => {
                self.head_norm("q_norm");
                self.head_norm("k_norm");
            }
            QkNorm::EachHead if family.norm_for_each_head() => {
                for _ in 0..attention.heads {
                    self.vector("q_norm", self.x.d.clone());
                }
                for _ in 0..attention.kv_heads {
                    self.vector("k_norm", self.x.d.clone());
                }
            }
            QkNorm::EachHead => {
                let (a, g, d) = (self.x.a.clone(), self.x.g.clone(), self.x.d.clone());
                self.tensor("q_norm", Role::Vector, Shape::Two(a, d.clone()));
                self.tensor("k_norm", Role::Vector, Shape::Two(g, d));
            }
            QkNorm::Row => {
                self.vector("q_norm", queries);
                self.vector("k_norm", keys);
            }
        }
    }

    fn head_norm(&mut self, name: &'static str) {
        self.vector(name, self.x.d.clone());
        if self.architecture.family.qk_norm_bias() {
            self.tensor(name, Role::Bias, Shape::One(self.x.d.clone()));
        }
    }

    /// Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434, §2.1): queries, keys and values through
    /// compressions, each with a norm inside.
    fn latent_attention(&mut self, latent: &Latent) {
        let attention = &self.architecture.attention;
        let (h, a) = (self.x.h.clone(), self.x.a.clone());
        let nope: N = letter(&symbols::D_NOPE, latent.nope_dim);
        let rope: N = letter(&symbols::D_ROPE, latent.rope_dim);
        let value: N = letter(&symbols::D_V, latent.value_dim);
        let rank: N = letter(&symbols::R_KV, latent.kv_rank);
        let queries = a.clone() * (nope.clone() + rope.clone());
        match latent.query_rank {
            Some(query_rank) => {
                let rank: N = letter(&symbols::R_Q, query_rank);
                self.linear("q_a", rank.clone(), h.clone(), attention.qkv_bias);
                self.vector("q_a_norm", rank.clone());
                self.linear("q_b", queries, rank, false);
            }
            None => self.linear("q", queries, h.clone(), false),
        }
        let compressed = rank.clone() + rope;
        self.linear("kv_a", compressed, h.clone(), attention.qkv_bias);
        self.vector("kv_a_norm", rank.clone());
        self.linear("kv_b", a.clone() * (nope + value.clone()), rank, false);
        self.linear("o", h, a * value, attention.output_bias);
    }

    fn feed_forward(&mut self) {
        self.group = Group::FeedForward;
        let network = &self.architecture.feed_forward;
        let h = self.x.h.clone();
        let f: N = letter(&symbols::F, network.size);
        if !network.gated {
            self.linear("fc1", f.clone(), h.clone(), network.bias);
            self.linear("fc2", h, f, network.bias);
            return;
        }
        if self.architecture.family.fused_gate_up() {
            let both = N::constant(2) * f.clone();
            self.linear("gate_up", both, h.clone(), network.bias);
        } else {
            self.linear("gate", f.clone(), h.clone(), network.bias);
            self.linear("up", f.clone(), h.clone(), network.bias);
        }
        self.linear("down", h, f, network.bias);
    }

    fn experts(&mut self, experts: &Experts) {
        let router_first = self.architecture.family.router_first();
        if router_first {
            self.router(experts);
        }
        self.routed_experts(experts);
        if !router_first {
            self.router(experts);
        }
        self.group = Group::Experts;
        if experts.shared_size > 0 {
            let h = self.x.h.clone();
            let f: N = letter(&symbols::F_SHARED, experts.shared_size);
            if self.architecture.feed_forward.gated {
                self.linear("shared.gate", f.clone(), h.clone(), false);
            }
            self.linear("shared.up", f.clone(), h.clone(), false);
            self.linear("shared.down", h.clone(), f, false);
            if experts.shared_gate {
                self.linear("shared_gate", N::constant(1), h, false);
            }
        }
    }

    fn router(&mut self, experts: &Experts) {
        self.group = Group::Router;
        let bias = experts.router_bias == RouterBias::Parameter;
        let count = letter(&symbols::E, experts.count);
        self.linear("router", count, self.x.h.clone(), bias);
    }

    fn routed_experts(&mut self, experts: &Experts) {
        self.group = Group::Experts;
        let h = self.x.h.clone();
        let f: N = letter(&symbols::F_EXPERT, experts.size);
        let count: N = match self.counted {
            Counted::All => letter(&symbols::E, experts.count),
            Counted::Active => letter(&symbols::K, experts.active),
        };
        let bias = experts.expert_bias;
        let (gated, fused) = (
            self.architecture.feed_forward.gated,
            self.architecture.family.fused_experts(),
        );
        // A projection of every expert, all in one tensor.
        let mut stack = |name, outputs: N, inputs| {
            let matrices = Shape::Three(count.clone(), outputs.clone(), inputs);
            self.tensor(name, Role::Matrix, matrices);
            if bias {
                let biases = Shape::Two(count.clone(), outputs);
                self.tensor(name, Role::Bias, biases);
            }
        };
        match (gated, fused) {
            (true, true) => stack("experts.gate_up", N::constant(2) * f.clone(), h.clone()),
            (true, false) => {
                stack("experts.gate", f.clone(), h.clone());
                stack("experts.up", f.clone(), h.clone());
            }
            (false, _) => stack("experts.up", f.clone(), h.clone()),
        }
        stack("experts.down", h, f);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Family;

    #[track_caller]
    fn model(family: Family, fields: &str) -> Architecture {
        Architecture::described(family, fields).unwrap()
    }

    /// Counts that the models' own pages and papers print.
    #[test]
    fn published_counts() {
        assert_eq!(Family::Llama.base().parameters(), 6_738_415_616);
        let gpt2 = model(
            Family::Gpt2,
            "vocab=50257&hidden=768&layers=12&heads=12&kv=12&head-dim=64&ffn=3072",
        );
        assert_eq!(gpt2.parameters(), 124_439_808);
        // DeepSeek-V3, arXiv:2412.19437, §4.2: 671B total, 37B active.
        let deepseek = model(
            Family::DeepSeekV3,
            "layers=61&hidden=7168&vocab=129280&heads=128&kv=128&q-rank=1536&ffn=18432",
        );
        assert_eq!(deepseek.parameters(), 671_026_404_352);
        assert_eq!(deepseek.buffer_parameters(), 58 * 256);
        assert_eq!(deepseek.active_parameters() / 1_000_000_000, 37);
    }

    /// The largest valid sizes stay inside 64 bits.
    #[test]
    fn largest() {
        let mut fields = "layers=1000&hidden=131072&vocab=10000000&embedding=131072&positions=16777216&heads=1024&kv=1024\
            &head-dim=4096&ffn=1048576"
            .to_owned();
        let dense = model(Family::Llama, &fields);
        fields += "&experts=4096&active=4096&expert-ffn=1048576&shared-ffn=1048576";
        fields += "&kv-rank=65536&q-rank=65536&nope=4096&rope=4096&v-dim=4096";
        let sparse = model(Family::Mixtral, &fields);
        for model in [dense, sparse] {
            let mut sum = 0u128;
            model.visit_tensors(&mut |tensor, layers| {
                let elements = match tensor.shape {
                    Shape::One(n) => u128::from(n),
                    Shape::Two(n, m) => u128::from(n) * u128::from(m),
                    Shape::Three(n, m, l) => u128::from(n) * u128::from(m) * u128::from(l),
                };
                sum += u128::from(layers) * elements;
            });
            assert_eq!(u128::from(model.parameters()), sum);
            assert!(sum < 2_000_000_000_000_000_000);
        }
    }
}
