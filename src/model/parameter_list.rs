//! A model's parameters by group, each with its formula: the same tensors that the totals sum up, read as expressions.

use super::parameters::{BlockKind, Counted, Group, Section, Tensor};
use super::{Architecture, NormKind, symbols};
use crate::formula::{Expression, Number, Source};

/// The parameters of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupParameters {
    /// Which.
    pub group: Group,
    /// All of them.
    pub total: Count,
    /// Those that work on one token: k of E routed experts.
    pub active: Count,
    /// Where its formula was published.
    pub source: &'static Source,
}

/// A count of parameters and the formula that gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// Parameters, exact.
    pub parameters: u64,
    /// Layers times the sum of a layer's tensors, each the product of its dimensions.
    pub formula: Expression,
}

impl Group {
    /// What the page calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Embedding => "Embedding",
            Self::Attention => "Attention",
            Self::FeedForward => "Feed-forward",
            Self::Experts => "Experts",
            Self::Router => "Router",
            Self::Norms => "Norms",
            Self::Head => "Head",
        }
    }

    fn source(self, architecture: &Architecture) -> &'static Source {
        match self {
            Self::Attention if architecture.attention.latent.is_some() => &LATENT_ATTENTION,
            Self::Attention => &GROUPED_QUERIES,
            Self::FeedForward if architecture.feed_forward.gated => &GATED,
            Self::Experts | Self::Router => &EXPERTS,
            Self::Norms => match architecture.norms.kind {
                NormKind::Layer | NormKind::LayerInFp32 => &LAYER_NORM,
                NormKind::Rms | NormKind::RmsInFp32 | NormKind::RmsPlusOne => &RMS_NORM,
            },
            Self::Embedding | Self::FeedForward | Self::Head => &TRANSFORMER,
        }
    }
}

static TRANSFORMER: Source = Source {
    citation: "Vaswani et al. 2017, Attention Is All You Need, §3",
    url: "https://arxiv.org/abs/1706.03762",
};
static GROUPED_QUERIES: Source = Source {
    citation: "Vaswani et al. 2017, §3.2.2; Ainslie et al. 2023 (grouped queries), §2.2",
    url: "https://arxiv.org/abs/2305.13245",
};
static LATENT_ATTENTION: Source = Source {
    citation: "DeepSeek-AI 2024, DeepSeek-V2, §2.1",
    url: "https://arxiv.org/abs/2405.04434",
};
static GATED: Source = Source {
    citation: "Shazeer 2020, GLU Variants Improve Transformer, §2",
    url: "https://arxiv.org/abs/2002.05202",
};
static EXPERTS: Source = Source {
    citation: "Shazeer et al. 2017 (mixture of experts), §2; Dai et al. 2024 (shared experts), §3",
    url: "https://arxiv.org/abs/2401.06066",
};
static LAYER_NORM: Source = Source {
    citation: "Ba, Kiros and Hinton 2016, Layer Normalization, §3",
    url: "https://arxiv.org/abs/1607.06450",
};
static RMS_NORM: Source = Source {
    citation: "Zhang and Sennrich 2019, Root Mean Square Layer Normalization, §3",
    url: "https://arxiv.org/abs/1910.07467",
};

impl Architecture {
    /// The parameters by group, groups without any left out. Their sums are [`Architecture::parameters`] and
    /// [`Architecture::active_parameters`].
    pub fn parameter_list(&self) -> Vec<GroupParameters> {
        Group::ALL
            .into_iter()
            .filter_map(|group| {
                let count = |counted| {
                    Some(Count {
                        parameters: self.sums(counted).groups[group as usize],
                        formula: self.formula(counted, group)?,
                    })
                };
                Some(GroupParameters {
                    group,
                    total: count(Counted::All)?,
                    active: count(Counted::Active)?,
                    source: group.source(self),
                })
            })
            .collect()
    }

    /// A group's formula; none where the model has nothing of it.
    fn formula(&self, counted: Counted, group: Group) -> Option<Expression> {
        let terms = |section| {
            let mut terms = Terms::default();
            self.walk(counted, section, &mut |tensor: &Tensor<Expression>| {
                if tensor.group == group {
                    terms.add(tensor.shape.elements());
                }
            });
            terms.sum()
        };
        let [(_, dense_layers), (_, expert_layers)] = self.block_kinds();
        let block = |kind, layers| (layers > 0).then(|| terms(Section::Block(kind)));
        let times = |symbol, layers: u64, block: Option<Expression>| {
            Some(Expression::symbol(symbol, layers as f64) * block?)
        };
        let dense = block(BlockKind::Dense, dense_layers);
        let sparse = block(BlockKind::Experts, expert_layers);
        let blocks = match (dense, sparse) {
            (Some(dense), Some(sparse)) if dense != sparse => plus(
                times(&symbols::L_DENSE, dense_layers, dense),
                times(&symbols::L_EXPERTS, expert_layers, sparse),
            ),
            (either, or) => times(&symbols::L, self.layers, either.or(or).flatten()),
        };
        let (before, after) = (terms(Section::Before), terms(Section::After));
        plus(plus(before, blocks), after)
    }
}

fn plus(left: Option<Expression>, right: Option<Expression>) -> Option<Expression> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left + right),
        (one, other) => one.or(other),
    }
}

/// Terms of a sum, equal ones together.
#[derive(Default)]
struct Terms(Vec<(u32, Expression)>);

impl Terms {
    fn add(&mut self, term: Expression) {
        match self.0.iter_mut().find(|(_, known)| *known == term) {
            Some((count, _)) => *count += 1,
            None => self.0.push((1, term)),
        }
    }

    fn sum(self) -> Option<Expression> {
        self.0
            .into_iter()
            .map(|(count, term)| match count {
                1 => term,
                _ => Expression::constant(count) * term,
            })
            .reduce(|sum, term| sum + term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Family;

    #[track_caller]
    fn formulas(model: &Architecture) -> Vec<(Group, String)> {
        let letters = |row: &GroupParameters| (row.group, row.total.formula.in_letters());
        model.parameter_list().iter().map(letters).collect()
    }

    #[test]
    fn reads_as_a_formula() {
        let expected = [
            (Group::Embedding, "V·h"),
            (Group::Attention, "L·(a·d·h + 2·g·d·h + h·a·d)"),
            (Group::FeedForward, "L·(2·f·h + h·f)"),
            (Group::Norms, "L·2·h + h"),
            (Group::Head, "V·h"),
        ];
        let expected = expected.map(|(group, letters)| (group, letters.to_owned()));
        assert_eq!(formulas(&Family::Llama.base()), expected);
    }

    /// Layers with and without experts are told apart only where they differ.
    #[test]
    fn two_kinds_of_layer() {
        let model = Architecture::described(Family::Llama4, "moe-layers=1-:2").unwrap();
        let formulas = formulas(&model);
        assert_eq!(formulas[1].1, "L·(a·d·h + 2·g·d·h + h·a·d)");
        assert_eq!(formulas[2].1, "L_d·(2·f·h + h·f)");
        assert_eq!(formulas[3].1, "L_e·(E·2·f_e·h + E·h·f_e + 2·f_s·h + h·f_s)");
        assert_eq!(formulas[4].1, "L_e·E·h");
        let experts = &model.parameter_list()[3];
        let active = experts.active.formula.in_letters();
        assert_eq!(active, "L_e·(k·2·f_e·h + k·h·f_e + 2·f_s·h + h·f_s)");
        let markup = experts.active.formula.mathml();
        assert!(markup.contains("<msub><mi>L</mi><mi>e</mi></msub>"));
    }
}
