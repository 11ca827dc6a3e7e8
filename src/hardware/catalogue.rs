//! The accelerators, one row each, with their source. Adding one is adding a row.
//!
//! Peaks, memory and power are the makers'; prices are what clouds asked for one accelerator and hour, from the
//! cheapest to the dearest, in the year given: ranges, not quotes (NVIDIA, 2026: RunPod's and others' price lists as
//! compiled by deploybase.ai and mercatus-ai.com; Google's list prices; the rest recalled).

use super::{Accelerator, Confidence, Formats, Price};
use crate::units::Bytes;
use crate::{IN_PAGE, unshown};

use Confidence::{Recalled, Verified};
use Formats::{Assumed as ASSUMED, Bf16 as BF16, Both as BOTH, Fp16 as FP16};

/// Not published.
const X: f64 = 0.0;
const NO_PRICE: Option<Price> = None;

type Architecture = (&'static str, &'static str);
const PASCAL: Architecture = ("NVIDIA", "Pascal");
const VOLTA: Architecture = ("NVIDIA", "Volta");
const TURING: Architecture = ("NVIDIA", "Turing");
const AMPERE: Architecture = ("NVIDIA", "Ampere");
const ADA: Architecture = ("NVIDIA", "Ada");
const HOPPER: Architecture = ("NVIDIA", "Hopper");
const BLACKWELL: Architecture = ("NVIDIA", "Blackwell");
const ULTRA: Architecture = ("NVIDIA", "Blackwell Ultra");
const RUBIN: Architecture = ("NVIDIA", "Rubin");
const VEGA: Architecture = ("AMD", "Vega 20");
const RDNA3: Architecture = ("AMD", "RDNA 3");
const CDNA1: Architecture = ("AMD", "CDNA");
const CDNA2: Architecture = ("AMD", "CDNA 2");
const CDNA3: Architecture = ("AMD", "CDNA 3");
const CDNA4: Architecture = ("AMD", "CDNA 4");
const CDNA5: Architecture = ("AMD", "CDNA 5");
const GAUDI: Architecture = ("Intel", "Gaudi");
const XE: Architecture = ("Intel", "Ponte Vecchio");
const TPU: Architecture = ("Google", "TPU");
const TRAINIUM: Architecture = ("AWS", "Trainium");
const INFERENTIA: Architecture = ("AWS", "Inferentia");
const DA_VINCI: Architecture = ("Huawei", "Da Vinci");
const WSE: Architecture = ("Cerebras", "WSE");
const APPLE: Architecture = ("Apple", "Apple GPU");

type Source = (&'static str, Confidence);
const MLE: Source = (
    "S. Bekman, Machine Learning Engineering, accelerator and network comparisons",
    Verified,
);
const GA100_PAPER: Source = ("NVIDIA GA100 whitepaper, comparison table", Verified);
const A100_PAPER: Source = ("NVIDIA A100 whitepaper, Table 1", Verified);
const V100_PAPER: Source = ("NVIDIA V100 whitepaper, Table 1", Verified);
const GA102_PAPER: Source = ("NVIDIA GA102 whitepaper, Table 3", Verified);
const TURING_PAPER: Source = ("NVIDIA Turing whitepaper", Verified);
const ADA_PAPER: Source = ("NVIDIA Ada whitepaper, Appendix A", Verified);
const BLACKWELL_PAPER: Source = ("NVIDIA RTX Blackwell whitepaper", Verified);
const A10_SHEET: Source = ("NVIDIA A10 datasheet", Verified);
const PATTERSON: Source = (
    "Patterson et al. 2021 (arXiv:2104.10350), Table 4",
    Verified,
);
const NEURON: Source = (
    "AWS Neuron documentation 2.29, chip architectures",
    Verified,
);
const SHEET: Source = ("its maker’s datasheet", Recalled);

/// What `nvidia-smi` reports as total.
const fn mib(total: u128) -> (Bytes, bool) {
    (Bytes(total << 20), true)
}

/// The size on the box, in the smaller sense of gigabyte, where no report of the driver is known.
const fn gb(size: u128) -> (Bytes, bool) {
    (Bytes(size * 1_000_000_000), false)
}

const fn usd(low: f64, high: f64, year: u16) -> Option<Price> {
    Some(Price { low, high, year })
}

/// Dense peaks in TFLOP/s of FP32, TF32, 16 bit, FP8, FP4; memory and its bandwidth in GB/s; the link in GB/s, one
/// direction, and how many it joins; power in W and price.
const fn row(
    (id, name, short): (&'static str, &'static str, &'static str),
    ((vendor, architecture), year): (Architecture, u16),
    (tflops, sixteen_bit): ([f64; 5], Formats),
    ((usable, usable_is_measured), bandwidth_gb_s): ((Bytes, bool), f64),
    (link_gb_s, scale_up): (f64, u32),
    (tdp_watts, price): (f64, Option<Price>),
    (source, confidence): Source,
) -> Accelerator {
    Accelerator {
        id,
        name,
        short,
        vendor: unshown(vendor),
        architecture: unshown(architecture),
        year,
        tflops,
        sixteen_bit,
        usable,
        usable_is_measured,
        bandwidth_gb_s,
        // The page asks the second wasm for these: in its own they are not known.
        link_gb_s: if IN_PAGE { X } else { link_gb_s },
        scale_up,
        tdp_watts: if IN_PAGE { X } else { tdp_watts },
        price: if IN_PAGE { None } else { price },
        source: unshown(source),
        confidence,
    }
}

/// Where the reader's own hardware starts from: an H100 SXM's FP32 and 16-bit peaks, memory, links, power and price.
/// Not a row of [`ACCELERATORS`]; a scenario holds a copy of it that its `with_…` functions changed.
pub const OWN: Accelerator = row(
    ("own", "Own hardware", "own hardware"),
    (("", ""), 0),
    ([67.0, X, 989.0, X, X], BOTH),
    (mib(81_559), 3350.0),
    (450.0, 8),
    (700.0, usd(2.0, 2.0, 2026)),
    ("entered by the reader", Verified),
);

/// Every accelerator on offer; the first is the default. Rows are only ever added: links name their ids.
#[rustfmt::skip]
pub static ACCELERATORS: &[Accelerator] = &[
    // NVIDIA, data centre.
    // The datasheet's 1,979 is sparse; llm-foundry and others count 989.4 or 989.5.
    row(("h100-sxm", "H100 SXM 80 GB", "H100"), (HOPPER, 2022), ([67.0, 494.5, 989.0, 1979.0, X], BOTH),
        (mib(81_559), 3350.0), (450.0, 8), (700.0, usd(1.99, 5.0, 2026)), MLE),
    row(("h100-pcie", "H100 PCIe 80 GB", "H100 PCIe"), (HOPPER, 2022), ([51.0, 378.0, 756.0, 1513.0, X], BOTH),
        (mib(81_559), 2000.0), (64.0, 8), (350.0, usd(1.99, 3.5, 2026)), MLE),
    // A bridge joins two.
    row(("h100-nvl", "H100 NVL 94 GB", "H100 NVL"), (HOPPER, 2023), ([60.0, 417.5, 835.5, 1671.0, X], BOTH),
        (mib(95_830), 3900.0), (300.0, 2), (400.0, usd(2.5, 3.5, 2025)), SHEET),
    row(("h200-sxm", "H200 SXM 141 GB", "H200"), (HOPPER, 2024), ([67.0, 494.5, 989.0, 1979.0, X], BOTH),
        (mib(143_771), 4800.0), (450.0, 8), (700.0, usd(2.5, 7.0, 2026)), MLE),
    // Power is verified; a bridge joins four.
    row(("h200-nvl", "H200 NVL 141 GB", "H200 NVL"), (HOPPER, 2024), ([60.0, 417.5, 835.5, 1671.0, X], BOTH),
        (mib(143_771), 4800.0), (450.0, 4), (600.0, NO_PRICE), SHEET),
    // An H100 with 400 GB/s of NVLink.
    row(("h800", "H800 SXM 80 GB", "H800"), (HOPPER, 2023), ([67.0, 494.5, 989.0, 1979.0, X], BOTH),
        (mib(81_559), 3350.0), (200.0, 8), (700.0, NO_PRICE), SHEET),
    row(("h20", "H20 96 GB", "H20"), (HOPPER, 2023), ([44.0, 74.0, 148.0, 296.0, X], BOTH),
        (mib(97_871), 4000.0), (450.0, 8), (400.0, NO_PRICE), SHEET),
    row(("gh200-96", "GH200 96 GB", "GH200 96 GB"), (HOPPER, 2023), ([67.0, 494.5, 989.0, 1979.0, X], BOTH),
        (mib(97_871), 4000.0), (450.0, 4), (700.0, usd(1.49, 3.2, 2025)), MLE),
    // Of its 144 GB, 141 can be used.
    row(("gh200-144", "GH200 144 GB", "GH200 144 GB"), (HOPPER, 2024), ([67.0, 494.5, 989.0, 1979.0, X], BOTH),
        (gb(141), 4800.0), (450.0, 4), (900.0, NO_PRICE), MLE),
    row(("b100", "B100 SXM 192 GB", "B100"), (BLACKWELL, 2024), ([60.0, 875.0, 1750.0, 3500.0, 7000.0], BOTH),
        (gb(192), 8000.0), (900.0, 8), (700.0, NO_PRICE), SHEET),
    row(("b200", "B200 SXM 180 GB", "B200"), (BLACKWELL, 2024), ([80.0, 1125.0, 2250.0, 4500.0, 9000.0], BOTH),
        (mib(183_359), 8000.0), (900.0, 8), (1000.0, usd(2.99, 14.2, 2026)), MLE),
    // One GPU of an NVL72.
    row(("gb200", "GB200 186 GB", "GB200"), (BLACKWELL, 2024), ([80.0, 1250.0, 2500.0, 5000.0, 10_000.0], BOTH),
        (gb(186), 8000.0), (900.0, 72), (1200.0, NO_PRICE), MLE),
    // FP4 dense is 12,600 to 15,000 by source.
    row(("b300", "B300 SXM 288 GB", "B300"), (ULTRA, 2025), ([80.0, 1125.0, 2250.0, 4500.0, 12_600.0], BOTH),
        (gb(288), 8000.0), (900.0, 8), (1000.0, usd(4.95, 18.0, 2026)), MLE),
    // One GPU of an NVL72.
    row(("gb300", "GB300 288 GB", "GB300"), (ULTRA, 2025), ([80.0, 1250.0, 2500.0, 5000.0, 15_000.0], BOTH),
        (gb(288), 8000.0), (900.0, 72), (1400.0, NO_PRICE), MLE),
    row(("rubin", "Rubin SXM 288 GB (announced)", "Rubin"), (RUBIN, 2026),
        ([130.0, 2000.0, 4000.0, 17_500.0, 35_000.0], BOTH),
        (gb(288), 22_000.0), (1800.0, 72), (X, NO_PRICE), MLE),
    row(("a100-80", "A100 SXM 80 GB", "A100"), (AMPERE, 2020), ([19.5, 156.0, 312.0, X, X], BOTH),
        (mib(81_920), 2039.0), (300.0, 8), (400.0, usd(0.8, 3.0, 2026)), MLE),
    row(("a100-40", "A100 SXM 40 GB", "A100 40 GB"), (AMPERE, 2020), ([19.5, 156.0, 312.0, X, X], BOTH),
        (mib(40_960), 1555.0), (300.0, 8), (400.0, usd(1.1, 4.1, 2024)), A100_PAPER),
    row(("a100-pcie-80", "A100 PCIe 80 GB", "A100 PCIe"), (AMPERE, 2021), ([19.5, 156.0, 312.0, X, X], BOTH),
        (mib(81_920), 1935.0), (32.0, 8), (300.0, usd(1.19, 2.1, 2026)), MLE),
    row(("a100-pcie-40", "A100 PCIe 40 GB", "A100 PCIe 40 GB"), (AMPERE, 2020), ([19.5, 156.0, 312.0, X, X], BOTH),
        (mib(40_960), 1555.0), (32.0, 8), (250.0, NO_PRICE), SHEET),
    // An A100 with 400 GB/s of NVLink.
    row(("a800", "A800 SXM 80 GB", "A800"), (AMPERE, 2022), ([19.5, 156.0, 312.0, X, X], BOTH),
        (mib(81_920), 2039.0), (200.0, 8), (400.0, NO_PRICE), SHEET),
    // A bridge joins two, as with the A40 and the RTX A6000.
    row(("a30", "A30 24 GB", "A30"), (AMPERE, 2021), ([10.3, 82.0, 165.0, X, X], BOTH),
        (mib(24_576), 933.0), (100.0, 2), (165.0, NO_PRICE), SHEET),
    // Memory with ECC, which is on by default.
    row(("a40", "A40 48 GB", "A40"), (AMPERE, 2020), ([37.4, 74.8, 149.7, X, X], BOTH),
        (mib(46_068), 696.0), (56.25, 2), (300.0, usd(0.35, 1.3, 2024)), SHEET),
    row(("a10", "A10 24 GB", "A10"), (AMPERE, 2021), ([31.2, 62.5, 125.0, X, X], BOTH),
        (mib(23_028), 600.0), (32.0, 8), (150.0, usd(0.75, 1.29, 2025)), A10_SHEET),
    // As commonly listed; there is no public datasheet.
    row(("a10g", "A10G 24 GB (AWS g5)", "A10G"), (AMPERE, 2021), ([31.5, 35.0, 70.0, X, X], BOTH),
        (mib(23_028), 600.0), (32.0, 8), (300.0, usd(1.0, 1.6, 2024)), SHEET),
    row(("l40s", "L40S 48 GB", "L40S"), (ADA, 2023), ([91.6, 183.0, 362.0, 733.0, X], BOTH),
        (mib(46_068), 864.0), (32.0, 8), (350.0, usd(0.79, 1.9, 2026)), MLE),
    row(("l40", "L40 48 GB", "L40"), (ADA, 2022), ([90.5, 90.5, 181.0, 362.0, X], BOTH),
        (mib(46_068), 864.0), (32.0, 8), (300.0, usd(0.69, 1.22, 2026)), SHEET),
    row(("l20", "L20 48 GB", "L20"), (ADA, 2023), ([59.8, 59.8, 119.5, 239.0, X], BOTH),
        (mib(46_068), 864.0), (32.0, 8), (275.0, NO_PRICE), SHEET),
    // The datasheet's 242 is sparse.
    row(("l4", "L4 24 GB", "L4"), (ADA, 2023), ([30.3, 60.0, 121.0, 242.5, X], BOTH),
        (mib(23_034), 300.0), (32.0, 8), (72.0, usd(0.44, 0.8, 2026)), SHEET),
    row(("t4", "T4 16 GB", "T4"), (TURING, 2018), ([8.1, X, 65.0, X, X], FP16),
        (mib(15_360), 320.0), (16.0, 8), (70.0, usd(0.2, 0.55, 2024)), SHEET),
    row(("v100-32", "V100 SXM2 32 GB", "V100"), (VOLTA, 2018), ([15.7, X, 125.0, X, X], FP16),
        (mib(32_510), 900.0), (150.0, 8), (300.0, usd(0.55, 3.9, 2024)), V100_PAPER),
    row(("v100-16", "V100 SXM2 16 GB", "V100 16 GB"), (VOLTA, 2017), ([15.7, X, 125.0, X, X], FP16),
        (mib(16_160), 900.0), (150.0, 8), (300.0, usd(0.5, 3.06, 2024)), V100_PAPER),
    row(("v100-pcie-16", "V100 PCIe 16 GB", "V100 PCIe"), (VOLTA, 2017), ([14.0, X, 112.0, X, X], FP16),
        (mib(16_160), 900.0), (16.0, 8), (250.0, NO_PRICE), SHEET),
    row(("v100s", "V100S PCIe 32 GB", "V100S"), (VOLTA, 2019), ([16.4, X, 130.0, X, X], FP16),
        (mib(32_510), 1134.0), (16.0, 8), (250.0, NO_PRICE), SHEET),
    // Has no matrix units.
    row(("p100-16", "P100 SXM2 16 GB", "P100"), (PASCAL, 2016), ([10.6, X, 21.2, X, X], FP16),
        (mib(16_280), 732.0), (80.0, 8), (300.0, usd(0.4, 1.5, 2023)), GA100_PAPER),
    // NVIDIA, workstations.
    row(("rtx-pro-6000", "RTX PRO 6000 Blackwell 96 GB", "RTX PRO 6000"), (BLACKWELL, 2025),
        ([125.0, 251.9, 503.8, 1007.6, 2015.2], BOTH),
        (mib(97_887), 1792.0), (64.0, 8), (600.0, usd(0.89, 1.8, 2026)), SHEET),
    row(("rtx-6000-ada", "RTX 6000 Ada 48 GB", "RTX 6000 Ada"), (ADA, 2022), ([91.1, 182.1, 364.2, 728.5, X], BOTH),
        (mib(49_140), 960.0), (32.0, 8), (300.0, usd(0.7, 1.2, 2025)), SHEET),
    // Memory with ECC off; 46,068 MiB with it.
    row(("a6000", "RTX A6000 48 GB", "RTX A6000"), (AMPERE, 2020), ([38.7, 77.4, 154.8, X, X], BOTH),
        (mib(49_140), 768.0), (56.25, 2), (300.0, usd(0.33, 0.8, 2025)), GA102_PAPER),
    // Published are FP32 and sparse FP4 alone: 16 bit is taken as a quarter of FP4, as on the RTX PRO 6000.
    row(("dgx-spark", "DGX Spark 128 GB (GB10)", "DGX Spark"), (BLACKWELL, 2025), ([31.0, X, 125.0, X, 500.0], ASSUMED),
        (gb(128), 273.0), (X, 1), (140.0, NO_PRICE), SHEET),
    // NVIDIA, GeForce: 16-bit and FP8 peaks with FP32 accumulation, half of what FP16 accumulation gives.
    row(("rtx-5090", "RTX 5090 32 GB", "RTX 5090"), (BLACKWELL, 2025), ([104.8, 104.8, 209.5, 419.0, 1676.0], BOTH),
        (mib(32_607), 1792.0), (64.0, 8), (575.0, usd(0.69, 1.22, 2026)), BLACKWELL_PAPER),
    row(("rtx-5080", "RTX 5080 16 GB", "RTX 5080"), (BLACKWELL, 2025), ([56.3, 56.3, 112.6, 225.1, 900.4], BOTH),
        (mib(16_303), 960.0), (64.0, 8), (360.0, usd(0.3, 0.6, 2025)), SHEET),
    row(("rtx-5070-ti", "RTX 5070 Ti 16 GB", "RTX 5070 Ti"), (BLACKWELL, 2025),
        ([43.9, 43.9, 87.9, 175.8, 703.0], BOTH),
        (mib(16_303), 896.0), (64.0, 8), (300.0, NO_PRICE), SHEET),
    row(("rtx-4090", "RTX 4090 24 GB", "RTX 4090"), (ADA, 2022), ([82.6, 82.6, 165.2, 330.3, X], BOTH),
        (mib(24_564), 1008.0), (32.0, 8), (450.0, usd(0.34, 0.69, 2026)), ADA_PAPER),
    row(("rtx-4080", "RTX 4080 16 GB", "RTX 4080"), (ADA, 2022), ([48.7, 48.7, 97.5, 194.9, X], BOTH),
        (mib(16_376), 717.0), (32.0, 8), (320.0, usd(0.25, 0.4, 2025)), SHEET),
    row(("rtx-4070-ti", "RTX 4070 Ti 12 GB", "RTX 4070 Ti"), (ADA, 2023), ([40.1, 40.1, 80.2, 160.4, X], BOTH),
        (mib(12_282), 504.0), (32.0, 8), (285.0, NO_PRICE), SHEET),
    row(("rtx-4060-ti", "RTX 4060 Ti 16 GB", "RTX 4060 Ti"), (ADA, 2023), ([22.1, 22.1, 44.1, 88.3, X], BOTH),
        (mib(16_380), 288.0), (16.0, 8), (165.0, NO_PRICE), SHEET),
    row(("rtx-3090-ti", "RTX 3090 Ti 24 GB", "RTX 3090 Ti"), (AMPERE, 2022), ([40.0, 40.0, 80.0, X, X], BOTH),
        (mib(24_564), 1008.0), (32.0, 8), (450.0, NO_PRICE), SHEET),
    row(("rtx-3090", "RTX 3090 24 GB", "RTX 3090"), (AMPERE, 2020), ([35.6, 35.6, 71.0, X, X], BOTH),
        (mib(24_576), 936.0), (32.0, 8), (350.0, usd(0.22, 0.46, 2026)), SHEET),
    row(("rtx-3080", "RTX 3080 10 GB", "RTX 3080"), (AMPERE, 2020), ([29.8, 29.8, 59.5, X, X], BOTH),
        (mib(10_240), 760.0), (32.0, 8), (320.0, usd(0.1, 0.2, 2025)), SHEET),
    row(("rtx-3060", "RTX 3060 12 GB", "RTX 3060"), (AMPERE, 2021), ([12.7, 12.7, 25.5, X, X], BOTH),
        (mib(12_288), 360.0), (16.0, 8), (170.0, usd(0.05, 0.12, 2025)), SHEET),
    // Not halved.
    row(("titan-rtx", "Titan RTX 24 GB", "Titan RTX"), (TURING, 2018), ([16.3, X, 130.5, X, X], FP16),
        (mib(24_576), 672.0), (50.0, 2), (280.0, NO_PRICE), GA102_PAPER),
    row(("rtx-2080-ti", "RTX 2080 Ti 11 GB", "RTX 2080 Ti"), (TURING, 2018), ([13.4, X, 53.8, X, X], FP16),
        (mib(11_264), 616.0), (50.0, 2), (250.0, usd(0.1, 0.2, 2025)), TURING_PAPER),
    // AMD.
    row(("mi455x", "Instinct MI455X 432 GB (announced)", "MI455X"), (CDNA5, 2026),
        ([315.0, X, 5000.0, 10_000.0, 20_000.0], BOTH),
        (gb(432), 23_300.0), (1800.0, 72), (X, NO_PRICE), MLE),
    row(("mi355x", "Instinct MI355X 288 GB", "MI355X"), (CDNA4, 2025), ([157.3, X, 2500.0, 5000.0, 10_100.0], BOTH),
        (gb(288), 8000.0), (537.5, 8), (1400.0, usd(2.3, 8.6, 2026)), MLE),
    row(("mi350x", "Instinct MI350X 288 GB", "MI350X"), (CDNA4, 2025), ([144.2, X, 2300.0, 4600.0, 9200.0], BOTH),
        (gb(288), 8000.0), (537.5, 8), (1000.0, NO_PRICE), SHEET),
    row(("mi325x", "Instinct MI325X 256 GB", "MI325X"), (CDNA3, 2024), ([163.4, 653.7, 1307.4, 2614.9, X], BOTH),
        (gb(256), 6000.0), (448.0, 8), (1000.0, usd(2.0, 3.0, 2026)), MLE),
    row(("mi300x", "Instinct MI300X 192 GB", "MI300X"), (CDNA3, 2023), ([163.4, 653.7, 1307.4, 2614.9, X], BOTH),
        (gb(192), 5300.0), (448.0, 8), (750.0, usd(1.5, 6.0, 2026)), MLE),
    row(("mi300a", "Instinct MI300A 128 GB", "MI300A"), (CDNA3, 2023), ([122.6, 490.3, 980.6, 1961.0, X], BOTH),
        (gb(128), 5300.0), (512.0, 4), (550.0, NO_PRICE), SHEET),
    // Both dies, which programs see as two devices of 64 GB; 500 W TDP, 560 W peak.
    row(("mi250x", "Instinct MI250X 128 GB", "MI250X"), (CDNA2, 2021), ([47.9, X, 383.0, X, X], BOTH),
        (gb(128), 3277.0), (400.0, 8), (560.0, NO_PRICE), MLE),
    // Both dies, likewise.
    row(("mi250", "Instinct MI250 128 GB", "MI250"), (CDNA2, 2021), ([45.3, X, 362.0, X, X], BOTH),
        (gb(128), 3277.0), (400.0, 8), (560.0, NO_PRICE), MLE),
    row(("mi210", "Instinct MI210 64 GB", "MI210"), (CDNA2, 2022), ([22.6, X, 181.0, X, X], BOTH),
        (gb(64), 1638.0), (150.0, 4), (300.0, NO_PRICE), SHEET),
    // BF16 at half the rate of FP16.
    row(("mi100", "Instinct MI100 32 GB", "MI100"), (CDNA1, 2020), ([23.1, X, 184.6, X, X], FP16),
        (gb(32), 1229.0), (138.0, 4), (300.0, NO_PRICE), SHEET),
    row(("mi50", "Instinct MI50 32 GB", "MI50"), (VEGA, 2018), ([13.3, X, 26.5, X, X], FP16),
        (gb(32), 1024.0), (92.0, 4), (300.0, NO_PRICE), SHEET),
    row(("rx-7900-xtx", "Radeon RX 7900 XTX 24 GB", "RX 7900 XTX"), (RDNA3, 2022), ([61.4, X, 122.8, X, X], BOTH),
        (gb(24), 960.0), (32.0, 8), (355.0, NO_PRICE), SHEET),
    // Intel.
    // FP16 at 459; 24 ports of 200 Gbit/s each way.
    row(("gaudi-3", "Gaudi 3 128 GB", "Gaudi 3"), (GAUDI, 2024), ([229.0, 459.0, 1677.0, 1677.0, X], BF16),
        (gb(128), 3700.0), (600.0, 8), (900.0, NO_PRICE), MLE),
    // 24 ports of 100 Gbit/s each way.
    row(("gaudi-2", "Gaudi 2 96 GB", "Gaudi 2"), (GAUDI, 2022), ([X, X, 432.0, 865.0, X], BF16),
        (gb(96), 2460.0), (300.0, 8), (600.0, NO_PRICE), MLE),
    // No peak was ever published: the V100's, which it was presented as matching.
    row(("gaudi", "Gaudi HL-205 32 GB", "Gaudi"), (GAUDI, 2019), ([X, X, 125.0, X, X], ASSUMED),
        (gb(32), 1000.0), (125.0, 8), (350.0, usd(1.6, 1.7, 2023)), SHEET),
    row(("max-1550", "Data Center GPU Max 1550 128 GB", "Max 1550"), (XE, 2023), ([52.4, 419.0, 839.0, X, X], BOTH),
        (gb(128), 3277.0), (X, 8), (600.0, NO_PRICE), SHEET),
    // Google, a chip each. Its ICI figures up to v6e are of one direction: the 1.6 TB/s it gives for a cut through a v5e
    // pod of 16 × 16 are 50 GB/s for each of 32 links, and a chip has four.
    row(("tpu-v7", "TPU v7 Ironwood 192 GB", "TPU v7"), (TPU, 2025), ([X, X, 2307.0, 4614.0, X], BOTH),
        (gb(192), 7370.0), (600.0, 9_216), (X, NO_PRICE), MLE),
    // Some pages list twice this FP8 rate.
    row(("tpu-v6e", "TPU v6e Trillium 32 GB", "TPU v6e"), (TPU, 2024), ([X, X, 918.0, 918.0, X], BOTH),
        (gb(32), 1640.0), (448.0, 256), (X, usd(2.7, 2.7, 2025)), MLE),
    row(("tpu-v5p", "TPU v5p 95 GB", "TPU v5p"), (TPU, 2023), ([X, X, 459.0, X, X], BF16),
        (gb(95), 2765.0), (600.0, 8_960), (X, usd(4.2, 4.2, 2025)), MLE),
    row(("tpu-v5e", "TPU v5e 16 GB", "TPU v5e"), (TPU, 2023), ([X, X, 197.0, X, X], BF16),
        (gb(16), 819.0), (200.0, 256), (X, usd(1.2, 1.2, 2025)), MLE),
    // 192 W is the largest power measured.
    row(("tpu-v4", "TPU v4 32 GB", "TPU v4"), (TPU, 2021), ([X, X, 275.0, X, X], BF16),
        (gb(32), 1200.0), (300.0, 4_096), (192.0, usd(3.2, 3.2, 2024)), MLE),
    row(("tpu-v3", "TPU v3 32 GB", "TPU v3"), (TPU, 2018), ([X, X, 123.0, X, X], BF16),
        (gb(32), 900.0), (X, 1_024), (450.0, usd(2.0, 2.2, 2024)), PATTERSON),
    row(("tpu-v2", "TPU v2 16 GB", "TPU v2"), (TPU, 2017), ([X, X, 45.0, X, X], BF16),
        (gb(16), 700.0), (X, 256), (280.0, usd(1.1, 1.2, 2024)), SHEET),
    // Amazon, a chip each.
    row(("trainium-3", "Trainium3 144 GB", "Trainium3"), (TRAINIUM, 2025),
        ([183.0, 671.0, 671.0, 2517.0, 2517.0], BOTH),
        (gb(144), 4900.0), (1280.0, 144), (X, NO_PRICE), NEURON),
    row(("trainium-2", "Trainium2 96 GB", "Trainium2"), (TRAINIUM, 2024), ([181.0, 667.0, 667.0, 1299.0, X], BOTH),
        (gb(96), 2900.0), (512.0, 16), (500.0, NO_PRICE), MLE),
    row(("trainium-1", "Trainium1 32 GB", "Trainium1"), (TRAINIUM, 2022), ([47.5, 190.0, 190.0, 190.0, X], BOTH),
        (gb(32), 820.0), (X, 16), (X, usd(1.34, 1.34, 2024)), NEURON),
    row(("inferentia-2", "Inferentia2 32 GB", "Inferentia2"), (INFERENTIA, 2023),
        ([47.5, 190.0, 190.0, 190.0, X], BOTH),
        (gb(32), 820.0), (96.0, 12), (X, NO_PRICE), SHEET),
    // Others.
    row(("ascend-950dt", "Ascend 950DT 96 GB", "Ascend 950DT"), (DA_VINCI, 2026), ([X, X, 486.0, 919.0, 1783.0], BOTH),
        (gb(96), 4000.0), (840.0, 8_192), (X, NO_PRICE), MLE),
    // 280 to 414 by bin.
    row(("ascend-910b", "Ascend 910B 64 GB", "Ascend 910B"), (DA_VINCI, 2023), ([X, X, 376.0, X, X], BOTH),
        (gb(64), 1600.0), (196.0, 8), (400.0, NO_PRICE), SHEET),
    // 125,000 is the maker's "AI" rate, an upper bound; its weights are held outside, in MemoryX.
    row(("wse-3", "WSE-3 44 GB (CS-3)", "WSE-3"), (WSE, 2024), ([X, X, 125_000.0, X, X], FP16),
        (gb(44), 21_000_000.0), (X, 1), (23_000.0, NO_PRICE), SHEET),
    // Memory is shared with the processor, as on the next three.
    row(("m4-max-128", "M4 Max 128 GB", "M4 Max"), (APPLE, 2024), ([18.4, X, 18.4, X, X], FP16),
        (gb(128), 546.0), (X, 1), (90.0, NO_PRICE), SHEET),
    row(("m3-ultra-512", "M3 Ultra 512 GB", "M3 Ultra"), (APPLE, 2025), ([28.4, X, 28.4, X, X], FP16),
        (gb(512), 819.0), (X, 1), (180.0, NO_PRICE), SHEET),
    row(("m2-ultra-192", "M2 Ultra 192 GB", "M2 Ultra"), (APPLE, 2023), ([27.2, X, 27.2, X, X], FP16),
        (gb(192), 800.0), (X, 1), (150.0, NO_PRICE), SHEET),
    row(("m1-max-64", "M1 Max 64 GB", "M1 Max"), (APPLE, 2021), ([10.4, X, 10.4, X, X], FP16),
        (gb(64), 400.0), (X, 1), (60.0, NO_PRICE), SHEET),
];
