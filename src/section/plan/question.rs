//! What a scenario asks of a plan, and what of it a plan does not know.

use crate::hardware::achievable;
use crate::plan::Question;
use crate::scenario::{Detail, Preset, Scenario};
use crate::training::Stack;
use crate::units::Bytes;

/// The question that a scenario asks: its model, sequence, batch, accelerators and training. The batch of a step is
/// micro-batch × accumulation × data-parallel degree of its layout, and stays so.
///
/// The code is Megatron-core's, whose memory the plan counts. Of an accelerator with the reader's own peak, matrix
/// products are taken to reach as much of it as of the catalogue's.
///
/// # Errors
/// A sentence where a plan cannot be made of it.
pub fn question(scenario: &Scenario) -> Result<Question, String> {
    if !scenario.is_detailed() {
        return Err("The rule of thumb knows no architecture to lay out".to_owned());
    }
    let details = scenario.details();
    if details.count(Detail::Adapters) > 0 {
        return Err("Layouts are planned for training all weights, not adapters".to_owned());
    }
    if details.count(Detail::Frozen) > 0 {
        return Err(
            "Layouts are planned for training all weights; here some are frozen".to_owned(),
        );
    }
    let mut accelerator = *scenario.gpu();
    accelerator.usable = scenario.usable().max(Bytes(1));
    let arithmetic = scenario.precision().arithmetic();
    let catalogue = accelerator.peak(arithmetic).0;
    let own = scenario.peak().0;
    let matrix_tflops = (own != catalogue && catalogue > 0.0).then(|| {
        achievable(&accelerator, arithmetic)
            .flop_per_second
            .tflops()
            * own
            / catalogue
    });
    let global_batch = scenario
        .micro_batch()
        .saturating_mul(details.count(Detail::Accumulation))
        .saturating_mul(scenario.layout().data);
    let plain = Question::of(
        *scenario.architecture(),
        scenario.sequence(),
        global_batch,
        &accelerator,
        scenario.gpus(),
    );
    Ok(Question {
        stack: Stack::Megatron,
        precision: scenario.precision(),
        gradients: scenario.gradients(),
        optimizer: scenario.optimizer(),
        attention: details.choice(Detail::Attention),
        matrix_tflops,
        ..plain
    })
}

/// What was chosen that a plan does not count, a sentence each.
pub fn unplanned(scenario: &Scenario) -> Vec<&'static str> {
    let details = scenario.details();
    let mut all = Vec::new();
    if details.choice::<Stack>(Detail::Stack) != Stack::Megatron {
        all.push("Layouts are planned as Megatron-core runs them, whatever training code is chosen; a layout that is used sets it.");
    }
    if details.is(Detail::Offload) {
        all.push("Offload of activations is not planned with: memory is counted without it.");
    }
    if details.is(Detail::Compiled) {
        all.push("Compiled blocks are not planned with: kernels are Megatron-core’s own.");
    }
    let layout = scenario.layout();
    if layout.gpus() != scenario.gpus() {
        all.push("The degrees in the fields do not multiply to the GPUs; the batch counts as many data-parallel ranks as fit.");
    }
    all
}

/// The rate that was given, in percent of the peak; none where it is still the preset's.
pub fn measured(scenario: &Scenario) -> Option<f64> {
    let preset = Preset::find(scenario.preset())?.scenario();
    (scenario.rate() != preset.rate()).then(|| scenario.mfu_percent())
}

/// Model FLOP utilization of a step that lasts so many seconds, in percent of the scenario's peak, FLOP counted in its
/// convention.
pub fn mfu_percent(scenario: &Scenario, question: &Question, seconds: f64) -> f64 {
    let flop = scenario
        .convention()
        .flop_per_token(scenario.architecture(), question.sequence);
    let tokens = question.global_batch as f64 * question.sequence as f64;
    100.0 * flop * tokens / (seconds * question.gpus as f64 * scenario.peak().0)
}
