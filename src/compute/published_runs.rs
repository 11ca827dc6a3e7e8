//! Training runs whose GPU-hours were published, and the MFU that those hours imply.
//!
//! Hours of a model card are not step time: they hold restarts, evaluation, failed attempts and other stages, so the MFU
//! they imply lies below the one that the same source prints of its steps.

use crate::cost::utilisation;
use crate::units::{FlopPerSecond, SECONDS_PER_HOUR, Seconds};

/// A training run that was reported with its GPU-hours.
#[derive(Debug, PartialEq)]
pub struct PublishedRun {
    /// The model.
    pub model: &'static str,
    /// Parameters, of a mixture of experts those that work on one token.
    pub parameters: f64,
    /// Training tokens.
    pub tokens: f64,
    /// Hours of one accelerator, summed over all.
    pub gpu_hours: f64,
    /// What it was trained on.
    pub accelerator: &'static str,
    /// Its dense 16-bit peak, in TFLOP/s.
    pub peak_tflops: f64,
    /// The MFU that the source prints, in percent, where it prints one.
    pub printed_mfu_percent: Option<f64>,
    /// Where the figures were published.
    pub source: &'static str,
}

impl PublishedRun {
    /// The share of the peak that 6·P·D in these GPU-hours is, in percent.
    pub fn implied_mfu_percent(&self) -> f64 {
        let peak = FlopPerSecond::from_tflops(self.peak_tflops);
        let time = Seconds(self.gpu_hours * SECONDS_PER_HOUR);
        100.0 * utilisation(6.0 * self.parameters * self.tokens, 1.0, peak, time)
    }
}

/// An accelerator and its dense 16-bit peak.
type Peak = (&'static str, f64);
const TPU_V3: Peak = ("TPU v3", 123.0);
const TPU_V4: Peak = ("TPU v4", 275.0);
const A100: Peak = ("A100", 312.0);
const H100: Peak = ("H100", 989.5);
const H800: Peak = ("H800", 989.5);

const LLAMA: &str = "LLaMA, arXiv:2302.13971, Tables 2 and 15";
const LLAMA_2: &str = "Llama 2, arXiv:2307.09288, Table 2";
const LLAMA_3: &str = "Llama 3 model card";
const LLAMA_3_1: &str = "Llama 3.1 model card";
const LLAMA_4: &str = "Llama 4 model card";
const PYTHIA: &str = "Pythia, arXiv:2304.01373, Table 5";

const fn run(
    model: &'static str,
    parameters: f64,
    tokens: f64,
    gpu_hours: f64,
    (accelerator, peak_tflops): Peak,
    printed_mfu_percent: Option<f64>,
    source: &'static str,
) -> PublishedRun {
    PublishedRun {
        model,
        parameters,
        tokens,
        gpu_hours,
        accelerator,
        peak_tflops,
        printed_mfu_percent,
        source,
    }
}

/// The runs, oldest first.
#[rustfmt::skip]
pub static PUBLISHED_RUNS: &[PublishedRun] = &[
    run("Gopher 280B", 280e9, 300e9, 3_768_320.0, TPU_V3, Some(32.5),
        "Gopher, arXiv:2112.11446, Table A27; MFU: PaLM, arXiv:2204.02311, Table 3"),
    run("PaLM 540B", 540.35e9, 780e9, 8_404_992.0, TPU_V4, Some(46.2), "PaLM, arXiv:2204.02311, §4 and Table 3"),
    run("OPT-175B", 175e9, 180e9, 809_472.0, A100, None, "OPT, arXiv:2205.01068; hours: LLaMA, Table 15"),
    run("GLM-130B", 130e9, 400e9, 1_105_920.0, A100, Some(32.5), "GLM-130B, arXiv:2210.02414: 768 GPUs, 60 days"),
    run("BLOOM-176B", 176_247_271_424.0, 366e9, 1_082_990.0, A100, None,
        "BLOOM, arXiv:2211.05100; hours: Luccioni et al., arXiv:2211.02001"),
    run("LLaMA-1 7B", 6_738_415_616.0, 1e12, 82_432.0, A100, None, LLAMA),
    run("LLaMA-1 33B", 32_528_943_616.0, 1.4e12, 530_432.0, A100, None, LLAMA),
    run("LLaMA-1 65B", 65_285_660_672.0, 1.4e12, 1_022_362.0, A100, None, LLAMA),
    run("Pythia 410M", 405_334_016.0, 299_892_736_000.0, 2_540.0, A100, None, PYTHIA),
    run("Pythia 1B", 1_011_781_632.0, 299_892_736_000.0, 4_830.0, A100, None, PYTHIA),
    run("Pythia 2.8B", 2_775_208_960.0, 299_892_736_000.0, 14_240.0, A100, None, PYTHIA),
    run("Pythia 6.9B", 6_857_302_016.0, 299_892_736_000.0, 33_500.0, A100, None, PYTHIA),
    run("Pythia 12B", 11_846_072_320.0, 299_892_736_000.0, 72_300.0, A100, None, PYTHIA),
    run("MPT-7B", 6_649_286_656.0, 1e12, 100_320.0, A100, None, "MosaicML, MPT-7B: 440 GPUs, 9.5 days"),
    run("Llama-2 7B", 6_738_415_616.0, 2e12, 184_320.0, A100, None, LLAMA_2),
    run("Llama-2 13B", 13_015_864_320.0, 2e12, 368_640.0, A100, None, LLAMA_2),
    run("Llama-2 70B", 68_976_648_192.0, 2e12, 1_720_320.0, A100, None, LLAMA_2),
    run("TinyLlama-1.1B", 1_100_048_384.0, 3e12, 34_560.0, A100, Some(56.0), "TinyLlama README: 3,456 hours a 300B tokens"),
    run("Llama-3 8B", 8_030_261_248.0, 15e12, 1.3e6, H100, None, LLAMA_3),
    run("Llama-3 70B", 70_553_706_496.0, 15e12, 6.4e6, H100, None, LLAMA_3),
    run("Llama-3.1 8B", 8_030_261_248.0, 15e12, 1.46e6, H100, None, LLAMA_3_1),
    run("Llama-3.1 70B", 70_553_706_496.0, 15e12, 7.0e6, H100, None, LLAMA_3_1),
    run("Llama-3.1 405B", 405_853_388_800.0, 15.6e12, 30.84e6, H100, Some(41.0),
        "Llama 3.1 model card; MFU: Llama 3, arXiv:2407.21783, Table 4"),
    run("DeepSeek-V3", 37_552_282_624.0, 14.8e12, 2.664e6, H800, None, "DeepSeek-V3, arXiv:2412.19437, Table 1; FP8 products"),
    run("Llama-4 Scout", 17_172_894_720.0, 40e12, 5.0e6, H100, None, LLAMA_4),
    run("Llama-4 Maverick", 17e9, 22e12, 2.38e6, H100, None, LLAMA_4),
    run("SmolLM3-3B", 3_075_098_624.0, 11.2e12, 221_184.0, H100, None, "Hugging Face, SmolLM3: 384 GPUs, 24 days"),
];
