//! The tensors that a forward pass may keep for the backward pass, by name.
//!
//! A [`Tape`] holds what one block, or one end of the model, keeps. Each tensor has a place in it, so that the backward
//! schedules give tensors back by name without a search.

use super::tensor::{Dtype, Entry, Name, Place, SEGMENTS, Segment, Shape};
use crate::units::Bytes;

/// Bytes by segment.
type Sums = [u128; SEGMENTS];
/// Listed tensors, each with its place.
type Entries = [(u32, Entry)];

/// Declares an enum whose every variant has a name for readers.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $label:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum $name { $($variant,)+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            pub const COUNT: usize = Self::ALL.len();

            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

named! {
    /// A linear layer, or the experts' weights that play its part.
    Linear {
        QueryKeyValue "qkv projection",
        Query "q projection",
        Key "k projection",
        Value "v projection",
        QueryDown "q compression",
        QueryUp "q expansion",
        KeyValueDown "kv compression",
        KeyValueUp "kv expansion",
        Output "output projection",
        GateUp "gate and up projection",
        Gate "gate projection",
        Up "up projection",
        Down "down projection",
        Router "router",
        SharedGate "shared experts’ gate projection",
        SharedUp "shared experts’ up projection",
        SharedDown "shared experts’ down projection",
        SharedScale "shared experts’ scale",
        ExpertsGateUp "experts’ gate and up",
        ExpertsDown "experts’ down",
        Head "head",
    }
}

named! {
    /// What of a linear layer.
    OfLinear {
        InputCopy "copy of its input",
        Cast "weight cast",
        AdapterHidden "adapter, A’s output",
        AdapterOutput "adapter, B’s output before it is spread",
        AdapterMask "adapter, dropout mask",
        AdapterCastA "adapter, A cast",
        AdapterCastB "adapter, B cast",
    }
}

named! {
    /// A norm.
    Site {
        Embedding "embedding norm",
        First "norm before attention",
        Second "norm before the feed-forward",
        AfterAttention "norm after attention",
        AfterFeedForward "norm after the feed-forward",
        Query "q norm",
        Key "k norm",
        QueryLatent "q latent norm",
        KeyValueLatent "kv latent norm",
        Last "final norm",
    }
}

named! {
    /// What of a norm.
    OfNorm {
        Input "input",
        InputFp32 "input, FP32",
        Centred "x − mean, squared next",
        CentredAgain "x − mean, scaled next",
        Mean "mean",
        Deviation "1/σ",
        Normalised "normalised input",
        OnePlusWeight "1 + weight",
        Weight "weight, FP32",
    }
}

named! {
    /// A tensor that neither a norm nor a linear layer names.
    Kept {
        ResidualIn "residual stream, entering",
        ResidualMid "residual stream, after attention",
        ResidualOut "residual stream, leaving",
        // Before the blocks.
        PositionIds "position ids",
        Embedding "embedding",
        EmbeddingMask "embedding, dropout mask",
        Cosine "rotary cosine",
        Sine "rotary sine",
        Frequencies "rotary frequencies",
        CausalMask "causal mask",
        Alibi "ALiBi table",
        // Attention.
        AttentionInput "attention input",
        KeyValueIndex "indices of k and v in qkv",
        RotaryTables "rotary cosine and sine of the block",
        QueryBeforeClamp "q before the clamp",
        KeyBeforeClamp "k before the clamp",
        ValueBeforeClamp "v before the clamp",
        QueryScale "q scale by position",
        QueryCompressed "q compressed",
        KeyValueCompressed "kv compressed",
        QueryLatent "q latent, normalised",
        KeyValueLatent "kv latent, normalised",
        Query "q",
        Key "k",
        Value "v",
        QueryKeyValue "q, k and v in one",
        KeyValue "k and v expanded",
        ValueFp32 "v, FP32",
        Capped "scores, tanh",
        RowMaximum "index of each row’s maximum",
        Softmax "softmax",
        Probabilities "probabilities, 16-bit",
        Dropped "probabilities after dropout",
        ProbabilityMask "probabilities, dropout mask",
        Bias "attention mask as bias",
        Attended "attention output",
        AttendedCopy "attention output, copied",
        LogSumExp "log-sum-exp",
        Seed "random seed and offset",
        AttentionMask "attention branch, dropout mask",
        // Feed-forward.
        FeedForwardInput "feed-forward input",
        GateUp "gate and up in one",
        Gate "gate",
        Up "up",
        Activated "activation of the gate",
        Hidden "down projection’s input",
        Half "x/2",
        InputFp32 "x, FP32",
        Inner "inner polynomial’s factors",
        InnerPlusOne "1 + inner square",
        Tanh "tanh",
        TanhPlusOne "1 + tanh",
        Sigmoid "sigmoid",
        Scaled "x/√2",
        ErfPlusOne "1 + erf",
        Rectified "rectified",
        RectifiedFp32 "rectified, FP32",
        FeedForwardMask "feed-forward branch, dropout mask",
        // Experts.
        RouterScores "router scores",
        TopIndex "chosen experts",
        TopSum "sum of the chosen weights",
        TopWeight "chosen weights",
        GroupMask "mask of groups",
        SortedIds "expert of each slot",
        SortOrder "order of slots",
        SlotToken "token of each slot",
        InverseOrder "order back to tokens",
        Offsets "where each expert’s slots end",
        Gathered "gathered tokens",
        GatheredWeight "gathered weights",
        ExpertGateUp "experts’ gate and up",
        ExpertActivated "experts’ activation of the gate",
        ExpertHidden "experts’ down input",
        ExpertOut "experts’ output",
        ClampedGate "clamped gate",
        GateSigmoid "gate’s sigmoid",
        Glu "gate × sigmoid",
        UpPlusOne "up + 1",
        Repeated "tokens repeated for every expert",
        RepeatedScaled "tokens times scores",
        Scores "scores of every expert",
        SharedGate "shared experts’ gate",
        SharedUp "shared experts’ up",
        SharedActivated "shared experts’ activation of the gate",
        SharedHidden "shared experts’ down input",
        SharedOut "shared experts’ output",
        SharedSigmoid "shared experts’ sigmoid",
        // Head.
        HeadInput "head input",
        FusedInputGradient "head input’s gradient, computed with the loss",
        FusedWeightGradient "head’s gradient, computed with the loss",
        CappedLogits "logits, tanh",
        Labels "shifted labels",
        LogSoftmax "log-softmax",
        LogitSlices "logits of all slices",
        Loss "loss, and sum of weights",
    }
}

/// A tensor that may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saved {
    Plain(Kept),
    Norm(Site, OfNorm),
    Linear(Linear, OfLinear),
}

impl From<Kept> for Saved {
    fn from(kept: Kept) -> Self {
        Self::Plain(kept)
    }
}

impl Saved {
    const NORMS: usize = Kept::COUNT;
    const LINEARS: usize = Self::NORMS + Site::COUNT * OfNorm::COUNT;
    /// Tensors there are names for.
    pub const COUNT: usize = Self::LINEARS + Linear::COUNT * OfLinear::COUNT;

    /// Its place in a tape.
    pub const fn index(self) -> usize {
        match self {
            Self::Plain(kept) => kept as usize,
            Self::Norm(site, what) => Self::NORMS + site as usize * OfNorm::COUNT + what as usize,
            Self::Linear(linear, what) => {
                Self::LINEARS + linear as usize * OfLinear::COUNT + what as usize
            }
        }
    }

    /// What readers call it.
    pub const fn name(self) -> Name {
        match self {
            Self::Plain(kept) => Name("", kept.label()),
            Self::Norm(site, what) => Name(site.label(), what.label()),
            Self::Linear(linear, what) => Name(linear.label(), what.label()),
        }
    }

    /// Whether it is a weight in another dtype.
    const fn is_cast(self) -> bool {
        matches!(
            self,
            Self::Linear(
                _,
                OfLinear::Cast | OfLinear::AdapterCastA | OfLinear::AdapterCastB
            ) | Self::Norm(_, OfNorm::Weight)
        )
    }
}

/// What one part of the model keeps.
///
/// It is large: one serves all parts of a step, one after the other.
#[derive(Debug)]
pub(super) struct Tape {
    place: Place,
    segment: Segment,
    /// Bytes of each tensor that has holders.
    bytes: [u128; Saved::COUNT],
    holders: [u8; Saved::COUNT],
    sums: Sums,
    largest: u128,
    entries: Option<Vec<(u32, Entry)>>,
    /// Sums, and tensors listed, when the attention scores are computed.
    before_scores: (Sums, usize),
}

impl Tape {
    /// Nothing kept yet.
    pub fn new(listing: bool) -> Self {
        Self {
            place: Place::Step,
            segment: Segment::Activations,
            bytes: [0; Saved::COUNT],
            holders: [0; Saved::COUNT],
            sums: [0; SEGMENTS],
            largest: 0,
            entries: listing.then(Vec::new),
            before_scores: ([0; SEGMENTS], 0),
        }
    }

    /// Starts with another part. Weights in another dtype count as casts, all else towards `segment`.
    pub fn start(&mut self, place: Place, segment: Segment) {
        (self.place, self.segment) = (place, segment);
        self.holders = [0; Saved::COUNT];
        self.sums = [0; SEGMENTS];
        self.largest = 0;
        if let Some(entries) = &mut self.entries {
            entries.clear();
        }
        self.before_scores = ([0; SEGMENTS], 0);
    }

    /// Notes that what is kept from here on is made by the attention scores or after them.
    pub fn mark_scores(&mut self) {
        let listed = self.entries.as_ref().map_or(0, Vec::len);
        self.before_scores = (self.sums, listed);
    }

    /// What was kept before the attention scores.
    pub fn before_scores(&self) -> (Sums, Option<&Entries>) {
        let (sums, listed) = self.before_scores;
        let entries = (self.entries.as_deref()).map(|all| all.get(..listed).unwrap_or(all));
        (sums, entries)
    }

    /// An operation keeps a tensor. One storage that several keep is counted once, and goes with the last of them.
    #[inline]
    pub fn keep(&mut self, saved: impl Into<Saved>, shape: impl Into<Shape>, dtype: Dtype) {
        self.keep_all(saved, shape, dtype, 1);
    }

    /// As [`Tape::keep`], for `count` tensors alike that go together.
    #[inline]
    pub fn keep_all(
        &mut self,
        saved: impl Into<Saved>,
        shape: impl Into<Shape>,
        dtype: Dtype,
        count: u64,
    ) {
        let (saved, shape) = (saved.into(), shape.into());
        let bytes = shape.bytes(dtype) * u128::from(count);
        // What only a list needs stays off the path of a total.
        let (index, segment) = (saved.index(), self.segment_of(saved));
        if self.hold(index, segment, bytes) && self.entries.is_some() {
            let entry = Entry {
                segment,
                place: self.place,
                name: saved.name(),
                shape,
                dtype,
                count,
                bytes: Bytes(bytes),
            };
            self.list(index, &entry);
        }
    }

    #[cold]
    fn list(&mut self, index: usize, entry: &Entry) {
        if let Some(entries) = &mut self.entries {
            entries.push((index as u32, *entry));
        }
    }

    /// One holder more; true where it is the first, which brings the bytes.
    fn hold(&mut self, index: usize, segment: Segment, bytes: u128) -> bool {
        self.holders[index] += 1;
        if self.holders[index] > 1 {
            return false;
        }
        self.bytes[index] = bytes;
        self.sums[segment as usize] += bytes;
        self.largest = self.largest.max(bytes);
        true
    }

    /// Operations that still hold a tensor.
    #[inline]
    pub fn held(&self, saved: Saved) -> u8 {
        self.holders[saved.index()]
    }

    /// One holder of the tensor at this place lets go: the bytes that are freed, where it was the last.
    #[inline]
    pub fn release(&mut self, index: usize) -> Option<u128> {
        let holders = self.holders[index].checked_sub(1)?;
        self.holders[index] = holders;
        (holders == 0).then(|| self.bytes[index])
    }

    /// Casts are told apart, and so is what a recomputed block did keep.
    #[inline]
    pub fn segment_of(&self, saved: Saved) -> Segment {
        match (saved, self.segment) {
            (saved, _) if saved.is_cast() => Segment::Casts,
            (Saved::Plain(Kept::ResidualIn), Segment::Temporaries) => Segment::Activations,
            (_, segment) => segment,
        }
    }

    /// Bytes of the largest tensor that stays until the backward pass.
    pub fn largest(&self) -> u128 {
        if self.segment == Segment::Temporaries {
            // Of a recomputed block its input alone.
            let index = Saved::from(Kept::ResidualIn).index();
            return if self.holders[index] > 0 {
                self.bytes[index]
            } else {
                0
            };
        }
        self.largest
    }

    /// Bytes by segment, of all that was kept.
    pub fn bytes(&self) -> Sums {
        self.sums
    }

    /// The tensors, each with its place in the tape, where they are listed.
    pub fn entries(&self) -> Option<&[(u32, Entry)]> {
        self.entries.as_deref()
    }
}
