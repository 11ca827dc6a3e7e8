//! FLOP by part and the published ways of counting them, against papers and by hand.

use petaday::field::{Choice, LayerSet};
use petaday::flop::Convention;
use petaday::flop::{Counting, Part, forward, per_token, weights};
use petaday::formula::Expression;
use petaday::model::{Architecture, Family, Window};
use petaday::training::Recomputation;
use proptest::prelude::*;

#[track_caller]
fn model(family: Family, fields: &str) -> Architecture {
    Architecture::described(family, fields).unwrap()
}

#[track_caller]
fn near(ours: f64, theirs: f64, share: f64) {
    let error = ours / theirs - 1.0;
    assert!(error.abs() <= share, "{ours} is not {theirs}: {error:+.5}");
}

/// Touvron et al. 2023 (arXiv:2307.09288): h 4096, 32 layers, f 11008, V 32000, s 4096; by hand.
#[test]
fn llama_2_7b_by_hand() {
    let llama = Family::Llama.base();
    let s = 4_096;
    let causal = forward(&llama, s, Counting::Causal);
    let tokens = u128::from(s);
    for (part, flop_per_token) in [
        (Part::Projections, 2 * 32 * 4 * 4_096 * 4_096),
        (Part::Scores, 32 * 4 * 4_096 * 4_096 / 2),
        (Part::FeedForward, 2 * 32 * 3 * 4_096 * 11_008),
        (Part::Experts, 0),
        (Part::Router, 0),
        (Part::Logits, 2 * 32_000 * 4_096),
    ] {
        assert_eq!(causal.of(part), flop_per_token * tokens, "{part:?}");
    }
    let full = forward(&llama, s, Counting::Full);
    assert_eq!(full.of(Part::Scores), 2 * causal.of(Part::Scores));
    assert_eq!(causal.backward(), 2 * causal.total());
    assert_eq!(causal.model(), 3 * causal.total());
    assert_eq!(causal.flash_backward(), causal.of(Part::Scores) / 2);
    assert_eq!(
        weights(&llama).iter().sum::<u64>(),
        llama.matmul_parameters()
    );
    // Embedding look-up and norms are no matrix products.
    assert_eq!(
        llama.matmul_parameters(),
        6_738_415_616 - 32_000 * 4_096 - 65 * 4_096
    );
}

/// Recomputation adds the scores, or a forward pass of the layers without the head: at Llama-3.2-1B, whose head is a
/// fifth of it, the usual 8P is about 5% too much (Dubey et al. 2024, arXiv:2407.21783, for the shape).
#[test]
fn recomputation() {
    let llama = model(
        Family::Llama,
        "layers=16&hidden=2048&vocab=128256&tied=yes&heads=32&kv=8&head-dim=64&ffn=8192",
    );
    assert_eq!(llama.parameters(), 1_235_814_400);
    let flop = forward(&llama, 8_192, Counting::Causal);
    assert_eq!(flop.recomputed(Recomputation::None), 0);
    assert_eq!(flop.hardware(Recomputation::None), flop.model());
    let selective = flop.hardware(Recomputation::Selective) - flop.model();
    assert_eq!(selective, flop.of(Part::Scores));
    let full = flop.recomputed(Recomputation::Full);
    assert_eq!(full, flop.total() - flop.of(Part::Logits));
    // Without scores: 6P + 2·(layers' weights) against 8P.
    let layers = full - flop.of(Part::Scores);
    let eight_p = 8 * u128::from(llama.parameters()) * 8_192;
    near(
        eight_p as f64,
        (6 * u128::from(llama.parameters()) * 8_192 + layers) as f64,
        0.06,
    );
    assert!(eight_p as f64 > 1.04 * (6 * u128::from(llama.parameters()) * 8_192 + layers) as f64);
}

/// Pairs of a token and a key it sees, counted one by one; the paper's averages take half of the diagonal away, as s²/2
/// does from s(s + 1)/2.
fn causal_pairs(window: Option<&Window>, sequence: u64) -> u64 {
    (0..sequence)
        .map(|token| {
            (0..=token)
                .filter(|key| match window {
                    None => true,
                    Some(window) if window.chunked => token / window.size == key / window.size,
                    Some(window) => token - key < window.size,
                })
                .count() as u64
        })
        .sum()
}

#[test]
fn windows_against_pairs_counted_one_by_one() {
    for (size, chunked) in [
        (1, false),
        (7, false),
        (64, false),
        (100, false),
        (7, true),
        (32, true),
        (100, true),
    ] {
        for sequence in [1, 5, 7, 32, 63, 64, 65] {
            let window = Window {
                size,
                chunked,
                layers: LayerSet::ALL,
            };
            let mut windowed = model(Family::Llama, "layers=1&heads=1&kv=1&head-dim=1");
            windowed.attention.window = Some(window);
            let flop = |counting| forward(&windowed, sequence, counting).of(Part::Scores) as f64;
            // 4·a·d FLOP a pair.
            let pairs = flop(Counting::Causal) / 4.0;
            let half_diagonal = if chunked {
                sequence
            } else {
                sequence.min(size)
            } as f64
                / 2.0;
            let counted = causal_pairs(Some(&window), sequence) as f64;
            assert_eq!(pairs, counted - half_diagonal, "{window:?} {sequence}");
            let full = flop(Counting::Full) / 4.0;
            if chunked {
                assert_eq!(full, 2.0 * pairs);
            } else {
                assert_eq!(full, (sequence * sequence.min(size)) as f64);
            }
        }
    }
}

/// A window as long as the sequence is no window; layers without it see everything.
#[test]
fn windows_in_some_layers() {
    let gemma = |fields: &str| model(Family::Gemma2, &format!("layers=26&{fields}"));
    let scores = |model: &Architecture, s| forward(model, s, Counting::Causal).of(Part::Scores);
    let full = scores(&gemma("window=0"), 8_192);
    assert_eq!(
        scores(&gemma("window=8192&window-layers=0-:2"), 8_192),
        full
    );
    let half = scores(&gemma("window=4096&window-layers=0-:2"), 8_192);
    // w − w²/(2s) = 4096 − 1024 keys in place of 4096, in every second layer.
    assert_eq!(half * 8, full * 7);
}

/// DeepSeek-V2 (arXiv:2405.04434, §2.1), at the sizes of DeepSeek-V3 (arXiv:2412.19437, §4.2): 2·s·a·((d_nope + d_rope)
/// + d_v) a layer and token; 8 of 256 experts and a shared one in 58 layers.
#[test]
fn latent_attention_and_experts() {
    let deepseek = model(
        Family::DeepSeekV3,
        "layers=61&hidden=7168&vocab=129280&heads=128&kv=128&q-rank=1536&ffn=18432",
    );
    let flop = forward(&deepseek, 4_096, Counting::Full);
    let per_token = |part| flop.of(part) / 4_096;
    assert_eq!(per_token(Part::Scores), 61 * 2 * 4_096 * 128 * (192 + 128));
    assert_eq!(per_token(Part::Experts), 2 * 58 * 9 * 3 * 7_168 * 2_048);
    assert_eq!(per_token(Part::Router), 2 * 58 * 7_168 * 256);
    assert_eq!(per_token(Part::FeedForward), 2 * 3 * 3 * 7_168 * 18_432);
}

/// Chowdhery et al. 2022 (arXiv:2204.02311), §4 and App. B: 238.3 thousand tokens a second on 6,144 TPU v4 of 275 TFLOP/s
/// are 45.7% MFU without attention and 46.2% with it.
#[test]
fn palm_540b() {
    let palm = model(
        Family::Llama,
        "layers=118&hidden=18432&vocab=256000&tied=yes&heads=48&kv=1&head-dim=256&ffn=73728",
    );
    near(palm.parameters() as f64, 540.35e9, 1e-4);
    let mfu = |convention: Convention| {
        let rate = convention.flop_per_token(&palm, 2_048) * 238.3e3;
        (1_000.0 * rate / (6_144.0 * 275e12)).round() / 10.0
    };
    assert_eq!(mfu(Convention::SixP), 45.7);
    assert_eq!(mfu(Convention::Palm), 46.2);
    // a·d is not h in PaLM: Megatron's and llm-foundry's 12·L·h·s is half as much again.
    let scores = |convention: Convention| convention.flop_per_token(&palm, 2_048) - 6.0 * 540.35e9;
    near(
        scores(Convention::LlmFoundry),
        1.5 * scores(Convention::Palm),
        1e-2,
    );
}

/// Narayanan et al. 2021 (arXiv:2104.04473), §3.1: eq. 3 is 96·B·s·l·h²(1 + s/6h + V/16lh); Korthikanti et al. 2022
/// (arXiv:2205.05198), eq. 7 and 8. GPT-3 175B: by hand.
#[test]
fn megatron_papers() {
    let gpt3 = model(
        Family::Gpt2,
        "layers=96&hidden=12288&vocab=51200&heads=96&kv=96&head-dim=128&ffn=49152&positions=2048",
    );
    let flop = |convention: Convention| convention.flop_per_token(&gpt3, 2_048);
    let blocks = 96.0 * 12_288.0 * 12_288.0;
    let share = 2_048.0 / 12_288.0;
    near(
        flop(Convention::Sc21),
        96.0 * blocks * (1.0 + share / 6.0 + 51_200.0 / (16.0 * 96.0 * 12_288.0)),
        1e-12,
    );
    near(
        flop(Convention::Korthikanti),
        72.0 * blocks * (1.0 + share / 6.0 + 51_200.0 / (12.0 * 96.0 * 12_288.0)),
        1e-12,
    );
    near(
        flop(Convention::KorthikantiSelective),
        72.0 * blocks * (1.0 + share / 3.0 + 51_200.0 / (12.0 * 96.0 * 12_288.0)),
        1e-12,
    );
    // Of a GPT all scores count: eq. 7 is our exact count to what its biases and norms leave out.
    near(
        flop(Convention::Korthikanti),
        flop(Convention::ExactFull),
        1e-9,
    );
    let hardware = forward(&gpt3, 2_048, Counting::Full);
    near(
        flop(Convention::Sc21),
        hardware.per_token(hardware.hardware(Recomputation::Full)),
        1e-9,
    );
    // What the text of §5 recomputes is the scores, s/4.5h; eq. 8 prints s/3h.
    let selective = hardware.per_token(hardware.hardware(Recomputation::Selective));
    near(
        selective,
        72.0 * blocks * (1.0 + share / 4.5 + 51_200.0 / (12.0 * 96.0 * 12_288.0)),
        1e-9,
    );
}

/// The embedding look-up takes no FLOP; a tied head does.
#[test]
fn embeddings_in_conventions() {
    let per_token =
        |model: &Architecture, convention: Convention| convention.flop_per_token(model, 1_024);
    let untied = model(Family::Llama, "");
    let tied = model(Family::Llama, "tied=yes");
    let embedding = 6.0 * 32_000.0 * 4_096.0;
    let six_p = per_token(&untied, Convention::SixP);
    assert_eq!(six_p, 6.0 * 6_738_415_616.0);
    assert_eq!(per_token(&tied, Convention::SixP), six_p - embedding);
    assert_eq!(
        per_token(&untied, Convention::SixPWithoutEmbedding),
        six_p - 2.0 * embedding
    );
    for convention in [
        Convention::MegatronLm,
        Convention::MegatronBridge,
        Convention::ExactFull,
    ] {
        assert_eq!(per_token(&tied, convention), per_token(&untied, convention));
    }
    let positions = model(Family::Llama, "positions=1024");
    assert_eq!(
        per_token(&positions, Convention::MegatronLm),
        per_token(&untied, Convention::MegatronLm)
    );
}

#[test]
fn formulas_in_letters() {
    let llama = Family::Llama.base();
    let deepseek = Family::DeepSeekV3.base();
    let letters =
        |convention: Convention| convention.formula::<Expression>(&llama, 4_096).in_letters();
    for (convention, text) in [
        (Convention::ExactCausal, "6·M + 3·F_s"),
        (Convention::SixP, "6·P"),
        (Convention::SixPWithoutEmbedding, "6·N"),
        (Convention::Palm, "6·P + 12·a·d·L·s"),
        (Convention::LlmFoundry, "6·P + 12·L·h·s"),
        (Convention::MegatronLm, "6·(P − V·h) + 12·L·h·s"),
        (Convention::MegatronBridge, "6·M + 3·F_s"),
        (
            Convention::Korthikanti,
            "72·L·h·h·(1 + s/(6·h) + V/(12·L·h))",
        ),
        (Convention::Sc21, "96·L·h·h·(1 + s/(6·h) + V/(16·L·h))"),
        (
            Convention::KorthikantiSelective,
            "72·L·h·h·(1 + s/(3·h) + V/(12·L·h))",
        ),
    ] {
        assert_eq!(letters(convention), text);
    }
    let part = |model: &Architecture, part| {
        per_token::<Expression>(model, 4_096, Counting::Causal, part).in_letters()
    };
    assert_eq!(part(&llama, Part::FeedForward), "2·W");
    assert_eq!(part(&llama, Part::Scores), "4·a·d·L·s/2");
    assert_eq!(
        part(&deepseek, Part::Scores),
        "2·a·(d_nope + d_rope + d_v)·L·s/2"
    );
    let mistral = model(Family::Mistral, "window=4096&window-layers=0-15");
    assert_eq!(
        part(&mistral, Part::Scores),
        "4·a·d·(L_f·s/2 + L_w·(w − w·w/(2·s)))"
    );
    let llama_4 = Family::Llama4.base();
    assert_eq!(
        part(&llama_4, Part::Scores),
        "4·a·d·(L_f·s/2 + L_w·n_c·w·w/(2·s))"
    );
}

/// The largest valid sizes: sequences of 2^24 tokens, 1,000 layers of 1,024 heads of 4,096.
#[test]
fn exact_at_the_largest_sizes() {
    let large = model(
        Family::Llama,
        "layers=1000&heads=1024&kv=1024&head-dim=4096&window=999983&window-layers=0-499",
    );
    let s = 1u128 << 24;
    let w = 999_983u128;
    let scores = forward(&large, 1 << 24, Counting::Causal).of(Part::Scores);
    assert_eq!(scores, 2 * 1_024 * 4_096 * 500 * (s * s + w * (2 * s - w)));
    let odd = s - 1;
    let scores = forward(&large, odd as u64, Counting::Causal).of(Part::Scores);
    assert_eq!(
        scores,
        2 * 1_024 * 4_096 * 500 * (odd * odd + w * (2 * odd - w))
    );
}

proptest! {
    /// FLOP grow when anything that they are made of does, under every convention.
    #[test]
    fn grow(layers in 1u64..100, hidden in 1u64..64, heads in 1u64..64, active in 1u64..8, size in 1u64..4_096,
            vocabulary in 1u64..200_000, sequence in 1u64..100_000, window in 1u64..100_000) {
        let of = |layers: u64, hidden: u64, heads: u64, active: u64, size: u64, vocabulary: u64| model(
            Family::Mixtral,
            &format!("layers={layers}&hidden={}&heads={heads}&kv={heads}&active={active}&expert-ffn={size}&ffn=64\
                      &vocab={vocabulary}&window={window}&window-layers=0-:2&moe-layers=0-:3", 64 * hidden),
        );
        let base = of(layers, hidden, heads, active, size, vocabulary);
        let grown = [
            of(layers + 1, hidden, heads, active, size, vocabulary),
            of(layers, hidden + 1, heads, active, size, vocabulary),
            of(layers, hidden, heads + 1, active, size, vocabulary),
            of(layers, hidden, heads, active + 1, size, vocabulary),
            of(layers, hidden, heads, active, size + 1, vocabulary),
            of(layers, hidden, heads, active, size, vocabulary + 1),
        ];
        for larger in grown {
            for counting in Counting::ALL {
                let (flop, more) = (forward(&base, sequence, *counting), forward(&larger, sequence, *counting));
                prop_assert!(more.total() > flop.total());
                prop_assert!(Part::ALL.iter().all(|part| more.of(*part) >= flop.of(*part)));
            }
            for convention in Convention::ALL {
                let flop = |model| convention.flop_per_token(model, sequence);
                prop_assert!(flop(&larger) >= flop(&base), "{:?}", convention);
            }
        }
        let longer = forward(&base, sequence + 1, Counting::Causal);
        prop_assert!(longer.per_token(longer.total()) >= forward(&base, sequence, Counting::Causal)
            .per_token(forward(&base, sequence, Counting::Causal).total()) * (1.0 - 1e-12));
    }

    /// The formulas' figures for a token are the integers for a sequence.
    #[test]
    fn one_definition(sequence in 1u64..10_000_000, window in 1u64..100_000, chunked: bool) {
        let window_fields = format!("window={window}&window-layers=0-:3&chunked={}", if chunked { "yes" } else { "no" });
        for mixtral in [model(Family::Mixtral, &window_fields), model(Family::DeepSeekV3, &window_fields)] {
            for counting in Counting::ALL {
                let flop = forward(&mixtral, sequence, *counting);
                for part in Part::ALL {
                    let formula = per_token::<f64>(&mixtral, sequence, *counting, *part);
                    let exact = flop.per_token(flop.of(*part));
                    prop_assert!((formula - exact).abs() <= 1e-12 * exact, "{:?}: {} is not {}", part, formula, exact);
                }
            }
            prop_assert_eq!(weights(&mixtral).iter().sum::<u64>(), mixtral.matmul_parameters());
        }
    }
}
