//! The accelerators against published figures.
//!
//! tests/reference/hardware.json is the project's collection of them: 85 devices, each row with its source and whether
//! it was read there ("verified") or is a datasheet's from memory ("recalled"); null is not published. Its peaks are
//! dense, its links both directions together.

use std::collections::HashSet;

use petaday::hardware::{
    ACCELERATORS, Accelerator, Arithmetic, AttentionKernels, Confidence, Formats, OWN, Price,
    achievable, attention, network,
};
use petaday::units::{Bytes, BytesPerSecond, FlopPerSecond};
use proptest::prelude::*;
use serde_json::Value as Json;

/// The file's name of a device and ours.
#[rustfmt::skip]
const DEVICES: [(&str, &str); 85] = [
    ("P100 SXM2 16GB", "p100-16"),
    ("V100 SXM2 16GB", "v100-16"),
    ("V100 SXM2 32GB", "v100-32"),
    ("V100 PCIe 16GB", "v100-pcie-16"),
    ("V100S PCIe 32GB", "v100s"),
    ("T4", "t4"),
    ("A100 SXM 40GB", "a100-40"),
    ("A100 SXM 80GB", "a100-80"),
    ("A100 PCIe 40GB", "a100-pcie-40"),
    ("A100 PCIe 80GB", "a100-pcie-80"),
    ("A800 SXM 80GB", "a800"),
    ("A30", "a30"),
    ("A40", "a40"),
    ("A10", "a10"),
    ("A10G (AWS g5)", "a10g"),
    ("RTX A6000", "a6000"),
    ("RTX 6000 Ada", "rtx-6000-ada"),
    ("L4", "l4"),
    ("L40", "l40"),
    ("L40S", "l40s"),
    ("L20", "l20"),
    ("H100 PCIe 80GB", "h100-pcie"),
    ("H100 SXM 80GB", "h100-sxm"),
    ("H100 NVL 94GB", "h100-nvl"),
    ("H800 SXM 80GB", "h800"),
    ("H20", "h20"),
    ("H200 SXM", "h200-sxm"),
    ("H200 NVL", "h200-nvl"),
    ("GH200 96GB", "gh200-96"),
    ("GH200 144GB", "gh200-144"),
    ("B100", "b100"),
    ("B200 SXM (HGX/DGX)", "b200"),
    ("GB200 (per GPU)", "gb200"),
    ("B300 SXM (HGX)", "b300"),
    ("GB300 (per GPU)", "gb300"),
    ("Rubin SXM (announced)", "rubin"),
    ("DGX Spark GB10", "dgx-spark"),
    ("RTX PRO 6000 Blackwell", "rtx-pro-6000"),
    ("RTX 2080 Ti", "rtx-2080-ti"),
    ("Titan RTX", "titan-rtx"),
    ("RTX 3060 12GB", "rtx-3060"),
    ("RTX 3080 10GB", "rtx-3080"),
    ("RTX 3090", "rtx-3090"),
    ("RTX 3090 Ti", "rtx-3090-ti"),
    ("RTX 4060 Ti 16GB", "rtx-4060-ti"),
    ("RTX 4070 Ti", "rtx-4070-ti"),
    ("RTX 4080", "rtx-4080"),
    ("RTX 4090", "rtx-4090"),
    ("RTX 5070 Ti", "rtx-5070-ti"),
    ("RTX 5080", "rtx-5080"),
    ("RTX 5090", "rtx-5090"),
    ("Instinct MI50 32GB", "mi50"),
    ("Instinct MI100", "mi100"),
    ("Instinct MI210", "mi210"),
    ("Instinct MI250", "mi250"),
    ("Instinct MI250X", "mi250x"),
    ("Instinct MI300A", "mi300a"),
    ("Instinct MI300X", "mi300x"),
    ("Instinct MI325X", "mi325x"),
    ("Instinct MI350X", "mi350x"),
    ("Instinct MI355X", "mi355x"),
    ("Instinct MI455X (announced)", "mi455x"),
    ("Radeon RX 7900 XTX", "rx-7900-xtx"),
    ("Gaudi (HL-205)", "gaudi"),
    ("Gaudi 2", "gaudi-2"),
    ("Gaudi 3", "gaudi-3"),
    ("Data Center GPU Max 1550", "max-1550"),
    ("TPU v2 (chip)", "tpu-v2"),
    ("TPU v3 (chip)", "tpu-v3"),
    ("TPU v4 (chip)", "tpu-v4"),
    ("TPU v5e (chip)", "tpu-v5e"),
    ("TPU v5p (chip)", "tpu-v5p"),
    ("TPU v6e Trillium (chip)", "tpu-v6e"),
    ("TPU v7 Ironwood (chip)", "tpu-v7"),
    ("Trainium1 (chip)", "trainium-1"),
    ("Trainium2 (chip)", "trainium-2"),
    ("Trainium3 (chip)", "trainium-3"),
    ("Inferentia2 (chip)", "inferentia-2"),
    ("Ascend 910B", "ascend-910b"),
    ("Ascend 950DT", "ascend-950dt"),
    ("M1 Max 64GB", "m1-max-64"),
    ("M2 Ultra 192GB", "m2-ultra-192"),
    ("M3 Ultra 512GB", "m3-ultra-512"),
    ("M4 Max 128GB", "m4-max-128"),
    ("WSE-3 (CS-3)", "wse-3"),
];

/// Published figures that the file lacks, with the source.
#[rustfmt::skip]
const ADDED: [(&str, &str); 6] = [
    // AWS Neuron documentation 2.29, Trainium3 architecture: 183 FP32, 671 TF32, 2,517 MXFP4 TFLOP/s; NeuronLink-v4
    // 2.56 TB/s.
    ("trainium-3", "fp32"),
    ("trainium-3", "tf32"),
    ("trainium-3", "fp4"),
    ("trainium-3", "link"),
    // S. Bekman, Machine Learning Engineering, network comparison: 840 and 1,800 GB/s, one direction.
    ("ascend-950dt", "link"),
    ("mi455x", "link"),
];

/// Links that the file gives in one direction, though it says both: Gaudi's ports are 24 × 100 and 24 × 200 Gbit/s each
/// way; Google's "1600 Gbps" for v5e is four links of 50 GB/s, of which 32 make the 1.6 TB/s across its pod.
const ONE_DIRECTION: [&str; 6] = [
    "gaudi-2", "gaudi-3", "tpu-v4", "tpu-v5e", "tpu-v5p", "tpu-v6e",
];

fn reference() -> Vec<Json> {
    let file: Json = serde_json::from_str(include_str!("reference/hardware.json")).unwrap();
    file["devices"].as_array().unwrap().clone()
}

#[track_caller]
fn find(id: &str) -> &'static Accelerator {
    Accelerator::find(id).unwrap_or_else(|| panic!("no {id}"))
}

fn tflops(id: &str, arithmetic: Arithmetic) -> Option<f64> {
    let peak = find(id).published_peak(arithmetic)?;
    Some((peak.tflops() * 1e6).round() / 1e6)
}

/// Ours equals theirs; where they have none, neither have we, or it is in [`ADDED`].
#[track_caller]
fn same(id: &str, what: &str, ours: Option<f64>, theirs: Option<f64>) {
    if theirs.is_none() && ADDED.contains(&(id, what)) {
        assert!(ours.is_some(), "{id}: {what}");
    } else {
        let near = match (ours, theirs) {
            (Some(ours), Some(theirs)) => (ours / theirs - 1.0).abs() < 1e-12,
            (ours, theirs) => ours == theirs,
        };
        assert!(near, "{id}: {what}: {ours:?}, {theirs:?}");
    }
}

#[test]
fn every_device_has_its_published_figures() {
    let devices = reference();
    assert_eq!(devices.len(), DEVICES.len());
    for device in &devices {
        let name = device["name"].as_str().unwrap();
        let (_, id) = DEVICES.iter().find(|(theirs, _)| *theirs == name).unwrap();
        let ours = find(id);
        assert_eq!(ours.vendor, device["vendor"], "{id}");
        assert_eq!(Json::from(ours.year), device["year"], "{id}");

        let dense = &device["dense_tflops"];
        let (fp16, bf16) = (dense["fp16"].as_f64(), dense["bf16"].as_f64());
        for (key, arithmetic, theirs) in [
            ("fp32", Arithmetic::Fp32, dense["fp32"].as_f64()),
            ("tf32", Arithmetic::Tf32, dense["tf32"].as_f64()),
            (
                "16 bit",
                Arithmetic::SixteenBit,
                [fp16, bf16].into_iter().flatten().reduce(f64::max),
            ),
            ("fp8", Arithmetic::Fp8, dense["fp8"].as_f64()),
            ("fp4", Arithmetic::Fp4, dense["fp4"].as_f64()),
        ] {
            same(id, key, tflops(id, arithmetic), theirs);
        }
        let formats = match (fp16, bf16) {
            (None, None) => Formats::Assumed,
            (Some(fp16), Some(bf16)) if fp16 == bf16 => Formats::Both,
            _ if fp16 > bf16 => Formats::Fp16,
            _ => Formats::Bf16,
        };
        assert_eq!(ours.sixteen_bit, formats, "{id}");

        let gb = device["memory_gb"].as_u64().unwrap();
        let (usable, measured) = match device["usable_bytes"].as_u64() {
            Some(bytes) => (bytes, true),
            None => (gb * 1_000_000_000, false),
        };
        assert_eq!(ours.usable, Bytes(usable.into()), "{id}");
        assert_eq!(ours.usable_is_measured, measured, "{id}");
        // The 144 GB of this GH200 are 141 to use.
        let on_the_box = if *id == "gh200-144" { 144 } else { gb };
        assert!(ours.name.contains(&format!("{on_the_box} GB")), "{id}");

        let bandwidth = ours.bandwidth().gb_s();
        same(
            id,
            "bandwidth",
            Some(bandwidth),
            device["memory_bandwidth_gb_s"].as_f64(),
        );
        same(id, "power", ours.tdp_watts(), device["tdp_w"].as_f64());
        let directions = if ONE_DIRECTION.contains(id) { 1.0 } else { 2.0 };
        let link = device["interconnect_gb_s_per_gpu"].as_f64();
        let link = link.map(|together| together / directions);
        same(id, "link", ours.link().map(BytesPerSecond::gb_s), link);

        let price = &device["cloud_usd_per_hour"];
        let theirs = price["low"].as_f64().map(|low| Price {
            low,
            high: price["high"].as_f64().unwrap(),
            year: price["year"].as_u64().unwrap() as u16,
        });
        assert_eq!(ours.price, theirs, "{id}");
        // AWS Neuron documentation 2.29 has these two, which the file recalls.
        let reread = ["trainium-1", "trainium-3"].contains(id);
        let verified = device["confidence"] == "verified" || reread;
        assert_eq!(ours.confidence == Confidence::Verified, verified, "{id}");
        assert!(!ours.source.is_empty(), "{id}");
    }
}

#[test]
fn ids_are_unique_and_survive_a_url() {
    let ids: HashSet<_> = ACCELERATORS.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), ACCELERATORS.len());
    assert!(ACCELERATORS.len() >= 85);
    let unreserved = |id: &str| {
        id.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    assert!(ACCELERATORS.iter().all(|row| unreserved(row.id)));
    assert!(!ids.contains(OWN.id));
    for names in [|row: &Accelerator| row.name, |row: &Accelerator| row.short] {
        let names: HashSet<_> = ACCELERATORS.iter().map(names).collect();
        assert_eq!(names.len(), ACCELERATORS.len());
    }
}

/// Links written before the catalogue grew name these, and leave the default out.
#[test]
fn released_ids_stay() {
    assert_eq!(ACCELERATORS[0].id, "h100-sxm");
    for id in [
        "h100-sxm",
        "h100-pcie",
        "h200-sxm",
        "b200",
        "a100-80",
        "a100-40",
        "v100-32",
        "v100-16",
        "l40s",
        "a6000",
        "a10",
        "rtx-4090",
        "rtx-5090",
        "p100-16",
    ] {
        assert_eq!(find(id).id, id);
    }
}

/// Figures that datasheets make easy to get wrong.
#[test]
fn known_traps() {
    use Arithmetic::{Fp4, Fp8, Fp32, SixteenBit, Tf32};
    for (id, arithmetic, dense, printed) in [
        // NVIDIA H100 datasheet: sparse figures, marked by a footnote.
        ("h100-sxm", SixteenBit, 989.0, 1979.0),
        ("h100-sxm", Fp8, 1979.0, 3958.0),
        ("h100-sxm", Tf32, 494.5, 989.0),
        ("h100-pcie", SixteenBit, 756.0, 1513.0),
        // NVIDIA A100 datasheet prints both.
        ("a100-80", SixteenBit, 312.0, 624.0),
        // NVIDIA L4 and L40S datasheets.
        ("l4", SixteenBit, 121.0, 242.0),
        ("l40s", SixteenBit, 362.0, 724.0),
        // NVIDIA DGX B200: 72 PFLOP/s of FP8, 144 of FP4, both sparse, on eight.
        ("b200", Fp8, 4500.0, 9000.0),
        ("b200", Fp4, 9000.0, 18_000.0),
        // NVIDIA Ada whitepaper, Appendix A, and GA102 whitepaper: with FP16 accumulation.
        ("rtx-4090", SixteenBit, 165.2, 330.3),
        ("rtx-3090", SixteenBit, 71.0, 142.0),
        // NVIDIA Turing whitepaper: likewise.
        ("rtx-2080-ti", SixteenBit, 53.8, 107.6),
    ] {
        let row = find(id);
        assert_eq!(tflops(id, arithmetic), Some(dense), "{id}");
        let typed = FlopPerSecond::from_tflops;
        assert!(row.sparse_confusion(arithmetic, typed(printed)), "{id}");
        assert!(!row.sparse_confusion(arithmetic, typed(dense)), "{id}");
        assert!(
            !row.sparse_confusion(arithmetic, typed(1.9 * dense)),
            "{id}"
        );
    }
    // FP32 is that of the vector units, not TF32 (NVIDIA A100 whitepaper, Table 1).
    assert_eq!(tflops("a100-80", Fp32), Some(19.5));

    // nvidia-smi's total in MiB; the A40, L40S and L4 with ECC.
    for (id, mib) in [
        ("h100-sxm", 81_559),
        ("h200-sxm", 143_771),
        ("b200", 183_359),
        ("a40", 46_068),
        ("l40s", 46_068),
        ("l4", 23_034),
        ("rtx-4090", 24_564),
    ] {
        assert_eq!(find(id).usable, Bytes(mib << 20), "{id}");
        assert!(find(id).usable_is_measured, "{id}");
    }
    // NVLink 4 is 900 GB/s both ways; "export" variants have 400.
    assert_eq!(find("h100-sxm").link(), Some(BytesPerSecond(450e9)));
    assert_eq!(find("h800").link(), Some(BytesPerSecond(200e9)));
    assert_eq!(find("gb200").scale_up, 72);
}

/// Where an arithmetic has no peak, the one that takes its place says its name.
#[test]
fn missing_peaks_are_named() {
    use Arithmetic::{Fp4, Fp8, Fp32, SixteenBit, Tf32};
    for (id, asked, runs, name) in [
        ("h100-sxm", SixteenBit, SixteenBit, "dense BF16"),
        ("h100-sxm", Fp4, Fp8, "dense FP8"),
        ("a100-80", Fp8, SixteenBit, "dense BF16"),
        ("a100-80", Fp4, SixteenBit, "dense BF16"),
        ("v100-32", Tf32, Fp32, "dense FP32"),
        ("v100-32", SixteenBit, SixteenBit, "dense FP16"),
        ("tpu-v4", Fp32, SixteenBit, "dense BF16"),
        ("tpu-v4", Tf32, SixteenBit, "dense BF16"),
        ("dgx-spark", SixteenBit, SixteenBit, "assumed dense BF16"),
        ("dgx-spark", Fp8, SixteenBit, "assumed dense BF16"),
        ("dgx-spark", Fp4, Fp4, "dense FP4"),
    ] {
        let row = find(id);
        assert_eq!(row.runs_as(asked), runs, "{id} {asked:?}");
        assert_eq!(row.peak_name(asked), name, "{id} {asked:?}");
        assert_eq!(row.peak(asked), row.peak(runs), "{id} {asked:?}");
    }
    for row in ACCELERATORS {
        for arithmetic in Arithmetic::ALL {
            assert!(row.peak(arithmetic).0 > 0.0, "{}", row.id);
            assert!(row.peak_name(arithmetic).contains("dense"), "{}", row.id);
        }
    }
    let assumed = |row: &&Accelerator| row.sixteen_bit == Formats::Assumed;
    let assumed: Vec<_> = ACCELERATORS
        .iter()
        .filter(assumed)
        .map(|row| row.id)
        .collect();
    assert_eq!(assumed, ["dgx-spark", "gaudi"]);
}

#[test]
fn own_hardware_takes_what_is_entered() {
    let own = OWN
        .with_peak(Arithmetic::SixteenBit, FlopPerSecond::from_tflops(512.5))
        .with_peak(Arithmetic::Fp8, FlopPerSecond::from_tflops(1000.0))
        .with_usable(Bytes(48 << 30))
        .with_bandwidth(BytesPerSecond(1.5e12))
        .with_tdp_watts(425.0)
        .with_price(Price {
            low: 1.25,
            high: 1.25,
            year: 2026,
        });
    assert_eq!(own.peak(Arithmetic::SixteenBit).tflops(), 512.5);
    assert_eq!(own.peak(Arithmetic::Fp4).tflops(), 1000.0);
    assert_eq!(own.peak(Arithmetic::Fp32), OWN.peak(Arithmetic::Fp32));
    assert_eq!(own.usable, Bytes(48 << 30));
    assert_eq!(own.bandwidth(), BytesPerSecond(1.5e12));
    assert_eq!(own.tdp_watts(), Some(425.0));
    assert_eq!(own.price.unwrap().low, 1.25);
    assert_ne!(own, OWN);
    // What was assumed no longer is.
    let spark =
        find("dgx-spark").with_peak(Arithmetic::SixteenBit, FlopPerSecond::from_tflops(100.0));
    assert_eq!(spark.peak_name(Arithmetic::SixteenBit), "dense BF16");
}

#[test]
fn searches_by_name_and_finds_by_id_alone() {
    let found = |text| {
        Accelerator::search(text)
            .map(|row| row.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(""),
        ACCELERATORS.iter().map(|row| row.id).collect::<Vec<_>>()
    );
    assert_eq!(found("A100 80gb"), ["a100-80", "a100-pcie-80"]);
    assert_eq!(found("rtx4090"), ["rtx-4090"]);
    assert_eq!(found("nvidia ADA 4080"), ["rtx-4080"]);
    assert_eq!(found("mi300x amd"), ["mi300x"]);
    assert_eq!(
        found("h20"),
        ["h20", "h200-sxm", "h200-nvl", "gh200-96", "gh200-144"]
    );
    assert_eq!(found("l40")[0], "l40");
    assert_eq!(found("trillium"), ["tpu-v6e"]);
    assert_eq!(found("h100 a100"), [""; 0]);
    assert_eq!(found("グラフィック"), [""; 0]);
    for id in ["h20x", "h2", "H20", "h20 ", "", "own", "rtx4090"] {
        assert_eq!(Accelerator::find(id), None, "{id}");
    }
    assert_eq!(find("h20").short, "H20");
}

/// S. Bekman, Machine Learning Engineering, "Maximum Achievable Matmul FLOPS" (also in the reference file), and its
/// table's efficiencies where the peak is the same.
#[test]
fn achievable_rates_are_the_measured_ones() {
    for device in &reference() {
        let name = device["name"].as_str().unwrap();
        let (_, id) = DEVICES.iter().find(|(theirs, _)| *theirs == name).unwrap();
        // Measured on the other GH200; 828.6 of the same peak is here the sibling's fraction.
        let measured = *id != "gh200-96";
        for (key, arithmetic) in [
            ("mamf_bf16_tflops", Arithmetic::SixteenBit),
            ("mamf_fp8_tflops", Arithmetic::Fp8),
        ] {
            if let Some(tflops) = device[key].as_f64() {
                let rate = achievable(find(id), arithmetic);
                assert_eq!(rate.measured, measured, "{id} {key}");
                assert!(
                    (rate.flop_per_second.tflops() - tflops).abs() < 1e-6,
                    "{id} {key}"
                );
            }
        }
    }
    for (id, arithmetic, percent) in [
        ("h100-sxm", Arithmetic::SixteenBit, 80.3),
        ("h200-sxm", Arithmetic::SixteenBit, 80.3),
        ("h200-sxm", Arithmetic::Fp8, 73.4),
        ("b200", Arithmetic::Fp8, 76.3),
        ("gaudi-2", Arithmetic::SixteenBit, 96.9),
        // Not measured: as the nearest sibling's.
        ("gb300", Arithmetic::SixteenBit, 72.9),
        ("h800", Arithmetic::Fp8, 70.9),
        ("b200", Arithmetic::Fp4, 76.3),
        ("a800", Arithmetic::SixteenBit, 86.9),
        ("a100-80", Arithmetic::Tf32, 86.9),
    ] {
        let row = find(id);
        let fraction = achievable(row, arithmetic).flop_per_second.0 / row.peak(arithmetic).0;
        assert!(
            (100.0 * fraction - percent).abs() < 0.06,
            "{id}: {fraction}"
        );
    }
    // The median of the measured ones stands for all others.
    let mut fractions: Vec<_> = (ACCELERATORS.iter())
        .map(|row| (row, achievable(row, Arithmetic::SixteenBit)))
        .filter(|(row, rate)| rate.measured && !["a100-40", "h200-sxm"].contains(&row.id))
        .map(|(row, rate)| rate.flop_per_second.0 / row.peak(Arithmetic::SixteenBit).0)
        .collect();
    fractions.sort_by(f64::total_cmp);
    let median = (fractions[5] + fractions[6]) / 2.0;
    assert_eq!(fractions.len(), 12);
    let tpu = find("tpu-v4");
    let typical = achievable(tpu, Arithmetic::SixteenBit).flop_per_second.0 / 275e12;
    assert!((typical - median).abs() < 0.005, "{typical} {median}");
}

/// FlashAttention 2 (arXiv:2307.08691) and 3 (arXiv:2407.08608), rounded; networks as in the makers' systems.
#[test]
fn attention_and_network() {
    use AttentionKernels::{Current, First};
    for (id, kernels, tflops) in [
        ("a100-80", First, 110.0),
        ("a100-80", Current, 180.0),
        ("h100-sxm", Current, 500.0),
        ("h200-sxm", Current, 500.0),
        ("gb300", Current, 1250.0),
    ] {
        let rate = attention(find(id), kernels).flop_per_second.tflops();
        assert!((rate - tflops).abs() < 1e-6, "{id} {rate}");
    }
    for (id, gb_s, published) in [
        ("a100-80", 25.0, true),
        ("h100-sxm", 50.0, true),
        ("b300", 100.0, true),
        ("rtx-4090", 12.5, false),
    ] {
        let network = network(find(id));
        assert_eq!(network.bytes_per_second.gb_s(), gb_s, "{id}");
        assert_eq!(network.published, published, "{id}");
    }
}

proptest! {
    /// On every device, and on any of one's own, no rate exceeds the peak it is a part of.
    #[test]
    fn rates_stay_below_the_peak(index in 0..ACCELERATORS.len(), log in 0f64..5.0) {
        let own = OWN.with_peak(Arithmetic::SixteenBit, FlopPerSecond::from_tflops(10f64.powf(log)));
        for row in [&ACCELERATORS[index], &own] {
            for arithmetic in Arithmetic::ALL {
                let rate = achievable(row, arithmetic).flop_per_second;
                prop_assert!(rate.0 > 0.0 && rate <= row.peak(arithmetic), "{}", row.id);
            }
            for kernels in [AttentionKernels::First, AttentionKernels::Current] {
                let rate = attention(row, kernels).flop_per_second;
                prop_assert!(rate.0 > 0.0 && rate <= row.peak(Arithmetic::SixteenBit), "{}", row.id);
            }
        }
    }
}
