//! What must hold of a step's memory whatever the step: `PROPTEST_CASES` says how many are tried.

mod support;

use petaday::field::Choice;
use petaday::memory::detailed::{
    AdapterDtype, Adapters, Base, Moment, Segment, Step, Targets, conventions, footprint,
    largest_micro_batch, longest_sequence, suggestions, tensors,
};
use petaday::model::{Activation, Architecture, Family, ModelField, NormPlaces};
use petaday::training::{
    AttentionKernel, Loss, Optimizer, OptimizerStep, Precision, Recomputation, Stack,
};
use petaday::units::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

/// An architecture of any family, its sizes drawn.
fn architecture() -> impl Strategy<Value = Architecture> {
    let sizes = (1..13u64, 1..9u64, 1..5u64, 1..65u64, 1..40u64, 1..40_000u64);
    (0..Family::ALL.len(), sizes).prop_map(|(family, (layers, groups, share, width, f, v))| {
        let mut model = Family::ALL[family].base();
        model.layers = layers;
        model.attention.kv_heads = groups;
        model.attention.heads = groups * share;
        if model.attention.latent.is_none() {
            model.attention.head_dim = 2 * width;
            model.attention.rotary_dim = model.attention.rotary_dim.min(2 * width);
        }
        model.hidden = model.attention.heads * 2 * width;
        model.feed_forward.size = 64 * f;
        model.vocabulary = v;
        if let Some(experts) = &mut model.experts {
            experts.count = experts.count.min(16);
            experts.active = experts.active.min(4);
            experts.size = 32 * f;
        }
        model
    })
}

fn option<C: Choice + std::fmt::Debug>() -> impl Strategy<Value = C> {
    (0..C::ALL.len()).prop_map(|index| C::ALL[index])
}

/// A step of that architecture.
#[derive(Clone, Debug)]
struct Drawn {
    model: Architecture,
    with: Step<'static>,
}

impl Drawn {
    fn step(&self) -> Step<'_> {
        Step {
            architecture: &self.model,
            ..self.with
        }
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    static ANY: std::sync::LazyLock<Architecture> =
        std::sync::LazyLock::new(|| Family::Llama.base());
    let how = (
        option::<Precision>(),
        option::<Optimizer>(),
        option::<OptimizerStep>(),
        option::<Recomputation>(),
        option::<AttentionKernel>(),
        option::<Loss>(),
        option::<Stack>(),
    );
    let sizes = (1..9u64, 1..3_000u64, 1..4u64, 1..4u64, 1..9u64);
    let flags = (
        any::<[bool; 5]>(),
        (0..4u8, option::<Base>(), any::<[bool; 4]>()),
        1..65u64,
    );
    (architecture(), how, sizes, flags).prop_map(|(model, how, sizes, flags)| {
        let (precision, optimizer, optimizer_step, recomputation, attention, loss, stack) = how;
        let (micro_batch, sequence, accumulation, recompute_every, loss_chunks) = sizes;
        let ([dropout, compiled, keep_outputs, recorded, in_backward], how, rank) = flags;
        let (adapted, base, other) = how;
        let [with_head, adapter_dropout, offload, loss_compiled] = other;
        let adapters = (adapted == 0).then_some(Adapters {
            rank,
            targets: if with_head {
                Targets::ALL.and(Targets::HEAD)
            } else {
                Targets::ALL
            },
            dtype: if dropout {
                AdapterDtype::Fp32
            } else {
                AdapterDtype::AsModel
            },
            base,
            dropout: adapter_dropout,
        });
        let with = Step {
            precision,
            optimizer,
            optimizer_step,
            optimizer_in_backward: in_backward,
            micro_batch,
            accumulation,
            recomputation,
            recompute_every,
            attention,
            dropout,
            adapters,
            frozen_layers: 0,
            loss,
            loss_chunks,
            stack,
            compiled,
            loss_compiled,
            offload,
            keep_outputs,
            recorded,
            ..Step::of(&ANY, sequence)
        };
        Drawn { model, with }
    })
}

/// As many cases as `PROPTEST_CASES` says, or 256; always the same.
fn hold(test: impl Fn(&Drawn) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, seed)
        .run(&drawn(), |drawn| test(&drawn))
        .unwrap_or_else(|why| panic!("{why}"));
}

fn peak(step: &Step) -> Bytes {
    footprint(step).peak().total()
}

#[test]
fn never_falls_as_sizes_grow() {
    hold(|drawn| {
        let step = drawn.step();
        let here = peak(&step);
        let more = |model: Architecture, step: Step, what: &str| {
            let step = Step {
                architecture: &model,
                ..step
            };
            let there = peak(&step);
            prop_assert!(there >= here, "{}: {:?} after {:?}", what, there, here);
            Ok(())
        };
        let batch = Step {
            micro_batch: step.micro_batch + 1,
            ..step
        };
        more(drawn.model, batch, "micro-batch")?;
        let longer = Step {
            sequence: step.sequence + 1 + step.sequence / 7,
            ..step
        };
        more(drawn.model, longer, "sequence")?;
        let deeper = Architecture {
            layers: drawn.model.layers + 1,
            ..drawn.model
        };
        more(deeper, step, "layers")?;
        let wider = Architecture {
            vocabulary: drawn.model.vocabulary + 1_000,
            ..drawn.model
        };
        // Small tensors' states stay in FP32 under 8-bit optimizers; a fused loss takes fewer tokens at a time.
        if step.optimizer != Optimizer::AdamW8Bit && step.loss != Loss::Fused {
            more(wider, step, "vocabulary")?;
        }
        Ok(())
    });
}

#[test]
fn lists_sum_to_the_byte() {
    hold(|drawn| {
        let step = drawn.step();
        let total = footprint(&step);
        for &moment in Moment::ALL {
            let list = tensors(&step, moment);
            let held = total.at(moment).unwrap_or_default();
            for &segment in Segment::ALL {
                let lines = list.iter().filter(|entry| entry.segment == segment);
                let sum: Bytes = lines.map(|entry| entry.bytes).sum();
                prop_assert_eq!(sum, held.of(segment), "{:?}, {:?}", moment, segment);
            }
        }
        Ok(())
    });
}

/// Korthikanti et al. 2022 (arXiv:2205.05198), eq. 2 and Table 2: a GPT block in 16 bit, 1-byte dropout masks. Exactly,
/// but for the norms' statistics, four FP32 values a token, that the paper neglects.
#[test]
fn korthikanti_is_a_special_case() {
    let shapes = (1..9u64, 1..33u64, 1..17u64, 1..17u64);
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }, |(x in shapes)| {
        let (b, s, a, d) = (x.0, 32 * x.1, x.2, 16 * x.3);
        let h = a * d;
        let mut model = Family::Gpt2.base();
        (model.layers, model.hidden) = (4, h);
        model.attention.heads = a;
        model.attention.kv_heads = a;
        model.attention.head_dim = d;
        model.feed_forward.size = 4 * h;
        model.feed_forward.activation = Activation::Gelu;
        prop_assert_eq!(model.norms.places, NormPlaces::Before);
        let step = Step {
            micro_batch: b,
            attention: AttentionKernel::Eager,
            ..Step::of(&model, s)
        };
        let block = |recomputation| footprint(&Step { recomputation, ..step }).block.0;
        let [b, s, a, h] = [b, s, a, h].map(u128::from);
        let statistics = 16 * s * b;
        // Every tensor here is a multiple of the allocator's 512 bytes, but for the statistics.
        let rounding = if (4 * s * b).is_multiple_of(512) { 0 } else { 4 * 512 };
        let near = |ours: u128, theirs: u128| (theirs..=theirs + rounding).contains(&ours);
        prop_assert!(near(block(Recomputation::None), s * b * h * 34 + 5 * a * s * s * b + statistics));
        prop_assert!(near(block(Recomputation::Selective), s * b * h * 34 + statistics));
        prop_assert_eq!(block(Recomputation::Full), 2 * s * b * h);
    });
}

/// Llama-2-7B at sequence 4,096: pure BF16 62.8 GiB; AMP with fused AdamW 117.0, with foreach AdamW 125.5, with eager
/// attention 214.4; BF16 with FP32 master and gradients 138.1 (recorded steps' facts, TENSORS.md and formulas.md, §7).
#[test]
fn llama_2_7b() {
    let model = Family::Llama.base();
    let base = Step {
        recorded: true,
        ..Step::of(&model, 4_096)
    };
    let amp = Step {
        precision: Precision::Mixed,
        ..base
    };
    let fused = Step {
        optimizer_step: OptimizerStep::Fused,
        ..amp
    };
    let eager = Step {
        attention: AttentionKernel::Eager,
        ..amp
    };
    let main_gradients = Step {
        precision: Precision::MainGradients,
        ..base
    };
    for (step, gib) in [
        (base, 62.8),
        (fused, 117.0),
        (amp, 125.5),
        (eager, 214.4),
        (main_gradients, 138.1),
    ] {
        let ours = peak(&step).gib();
        assert!((ours - gib).abs() < 0.06, "{ours} for {gib}");
    }
    let all = conventions(&fused);
    assert_eq!(all[0].bytes, peak(&fused));
    assert!((all[1].bytes.gib() - 125.5).abs() < 0.06);
    assert!((all[3].bytes.gib() - 214.4).abs() < 0.06);
}

#[test]
fn the_largest_that_fits() {
    hold(|drawn| {
        let step = drawn.step();
        let capacity = Bytes(peak(&step).0 + 1_000_000);
        let batch = largest_micro_batch(&step, capacity).unwrap_or(0);
        prop_assert!(batch >= step.micro_batch);
        let with = |micro_batch| Step {
            micro_batch,
            ..step
        };
        prop_assert!(peak(&with(batch)) <= capacity);
        prop_assert!(batch == 65_536 || peak(&with(batch + 1)) > capacity);
        let sequence = longest_sequence(&step, capacity).unwrap_or(0);
        prop_assert!(sequence >= step.sequence);
        Ok(())
    });
}

#[test]
fn suggestions_save_what_they_say() {
    hold(|drawn| {
        let step = drawn.step();
        let here = peak(&step);
        let capacity = Bytes(here.0 / 2);
        let all = suggestions(&step, capacity);
        for one in &all {
            prop_assert_eq!(peak(&one.step), one.peak);
            prop_assert_eq!(here.0 - one.peak.0, one.saving.0);
            prop_assert_eq!(one.fits, one.peak <= capacity);
        }
        prop_assert!(all.is_sorted_by_key(|one| !one.fits));
        Ok(())
    });
}

/// The largest sizes that fields allow stay inside 128 bits.
#[test]
fn the_largest_step() {
    let mut model = Family::Llama.base();
    let most =
        "layers=1000&hidden=131072&vocab=10000000&heads=1024&kv=1024&head-dim=4096&ffn=1048576";
    if let Ok(largest) = Architecture::described(Family::Llama, most) {
        model = largest;
    }
    let _ = ModelField::ALL;
    for attention in [AttentionKernel::Eager, AttentionKernel::Flash] {
        let step = Step {
            micro_batch: 65_536,
            attention,
            ..Step::of(&model, 16_777_216)
        };
        assert!(peak(&step).0 > 0);
    }
}
