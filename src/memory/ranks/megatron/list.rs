//! Every tensor of a rank at its largest moment: the list whose sum [`Megatron::stage`] is.

use super::head;
use super::layer::{Group, Layer, LayerKind};
use super::run::{Adam, MainGradients};
use super::stage::Megatron;
use crate::memory::ranks::footprint::{Line, Lines, Part, StageFootprint};
use crate::memory::ranks::pipeline::{Chunk, Work};
use crate::memory::ranks::tensor::{Dtype, Sink, Tensor, Times};

/// Where what is listed was read.
const BUFFER: &str = "Megatron-core, distributed/param_and_grad_buffer.py";
const OPTIMIZER: &str = "Megatron-core, optimizer/distrib_optimizer.py";
const KEPT: &str = "Korthikanti et al. 2022, arXiv:2205.05198, §4, and Megatron-core’s layers";
const LASTING: &str = "Megatron-core, utils.py; transformer-engine, pytorch/module/base.py";
const RECOMPUTED: &str = "output of layers recomputed together";
const SCHEDULE: &str = "order of Megatron-core’s backward pass";

impl Megatron<'_> {
    /// Every tensor of one GPU of pipeline rank `rank` at its largest moment; their bytes sum to the peak.
    pub fn tensors(&self, rank: u64) -> Vec<Line> {
        let work = self.work(rank);
        let footprint = self.stage(rank);
        let mut lines = Lines::default();
        self.state_lines(&work, &footprint, &mut lines);
        let mut buffers = Vec::new();
        self.buffers(&work, &mut buffers);
        lines.take(Part::Buffers, LASTING, buffers);
        if footprint.activations.0 > 0 {
            let mut kept = Vec::new();
            for chunk in work.chunks() {
                self.kept_by(chunk, &mut kept);
            }
            lines.take(Part::Activations, KEPT, kept);
            lines.settle(Part::Activations, footprint.activations.0, SCHEDULE);
        }
        lines.one(
            Part::Temporaries,
            "gradients of activations and temporaries",
            footprint.temporaries,
            SCHEDULE,
        );
        lines.into()
    }

    fn state_lines(&self, work: &Work, footprint: &StageFootprint, lines: &mut Lines) {
        let run = self.slice.run;
        let mut weights = Vec::new();
        for chunk in work.chunks() {
            self.weights_of(work, chunk, &mut weights);
        }
        lines.views(Part::Parameters, BUFFER, &weights, 2, footprint.parameters);
        let width = match run.main_gradients {
            MainGradients::Fp32 => 4,
            MainGradients::Bf16 => 2,
        };
        lines.one(
            Part::Gradients,
            if width == 4 {
                "main gradients, FP32"
            } else {
                "main gradients, BF16"
            },
            footprint.gradients,
            BUFFER,
        );
        let counters = if run.adam == Adam::TorchFused {
            "FP32 parameters, first and second moments, step counters"
        } else {
            "FP32 parameters, first and second moments"
        };
        lines.one(Part::Optimizer, counters, footprint.optimizer, OPTIMIZER);
    }

    /// Weights of a chunk's layers, and of the end of the model that it has.
    fn weights_of(&self, work: &Work, chunk: &Chunk, weights: &mut Vec<Tensor>) {
        if chunk.first {
            head::embedding_parameters(&self.slice, weights);
        }
        for (kind, times) in self.kinds_of(chunk) {
            let layer = Layer::new(self.slice, kind);
            let sink = &mut Times {
                sink: weights,
                times,
            };
            layer.parameters(Group::Dense, sink);
            layer.parameters(Group::Experts, sink);
        }
        if chunk.last {
            let with_embedding = work.chunks().iter().any(|chunk| chunk.first);
            head::head_parameters(&self.slice, with_embedding, weights);
        }
    }

    /// The kinds of a chunk's layers, and how many are of each.
    pub(super) fn kinds_of(&self, chunk: &Chunk) -> impl Iterator<Item = (LayerKind, u64)> {
        let layers = chunk.start..chunk.start + chunk.layers;
        LayerKind::ALL.into_iter().filter_map(move |kind| {
            let same = |layer: &u64| LayerKind::of(&self.slice, *layer) == kind;
            let times = layers.clone().filter(same).count() as u64;
            (times > 0).then_some((kind, times))
        })
    }

    /// What all micro-batches in flight of a chunk keep.
    fn kept_by(&self, chunk: &Chunk, kept: &mut Vec<Tensor>) {
        let mut all = Times {
            sink: kept,
            times: chunk.in_flight,
        };
        if chunk.first {
            head::embedding_saved(&self.slice, &mut all);
        } else {
            all.hold(self.slice.stream("input"));
        }
        let recomputed = self.recomputed(chunk);
        all.hold(Tensor {
            count: recomputed.steps,
            ..self.slice.stream(RECOMPUTED)
        });
        let whole = Chunk {
            start: chunk.start + recomputed.layers,
            layers: chunk.layers - recomputed.layers,
            ..*chunk
        };
        for (kind, times) in self.kinds_of(&whole) {
            let mut sink = Times {
                sink: &mut all,
                times,
            };
            Layer::new(self.slice, kind).saved(&mut sink);
        }
        if !chunk.last {
            // The output was sent; one element stays of it.
            let output = self.slice.stream("output");
            let mut rest = chunk.in_flight;
            for tensor in kept.iter_mut().rev() {
                let whose = [output.name, RECOMPUTED, "input"];
                if rest > 0 && whose.contains(&tensor.name) {
                    let taken = rest.min(tensor.count);
                    tensor.count -= taken;
                    rest -= taken;
                }
            }
            kept.retain(|tensor| tensor.count > 0);
            kept.push(Tensor {
                count: chunk.in_flight,
                ..Tensor::new("output, sent", [1, 1, 1, 1], Dtype::Bf16)
            });
        }
    }
}

impl From<Lines> for Vec<Line> {
    fn from(lines: Lines) -> Self {
        lines.0
    }
}
