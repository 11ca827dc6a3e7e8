//! What lives for ever on a Megatron-core rank beside its states.

use super::head;
use super::layer::{Layer, LayerKind};
use super::linear::Dummy;
use super::run::{GROUPED_STREAMS, LinearFormat};
use super::stage::Megatron;
use crate::memory::ranks::pipeline::Work;
use crate::memory::ranks::tensor::{Dtype, Sink, Sum, Tensor, Times};

/// The most shapes that dummy gradients of one rank have.
const DUMMIES: usize = 24;

impl Megatron<'_> {
    /// Bytes of all of them.
    pub(super) fn buffer_bytes(&self, work: &Work) -> u128 {
        let mut sum = Sum::default();
        self.buffers(work, &mut sum);
        sum.0
    }

    /// Every one of them.
    pub(super) fn buffers<S: Sink>(&self, work: &Work, sink: &mut S) {
        head::inputs(&self.slice, sink);
        head::rotary_table(&self.slice, sink);
        self.memory_buffer(work, sink);
        self.dummies(work, sink);
        self.workspaces(work, sink);
        self.held_gradient(work, sink);
        self.casts(work, sink);
    }

    /// Quantised copies of all weights that linear layers multiply with, kept until the next step makes new ones
    /// (transformer-engine, pytorch/module/base.py, `get_weight_workspace`).
    fn casts<S: Sink>(&self, work: &Work, sink: &mut S) {
        if self.slice.format() == LinearFormat::Bf16 {
            return;
        }
        for chunk in work.chunks() {
            for (kind, times) in self.kinds_of(chunk) {
                Layer::new(self.slice, kind).casts(&mut Times { sink, times });
            }
        }
    }

    /// Megatron-core's global memory buffer, "mpu": the largest of what its users ask for, the gathered input of a
    /// sequence-parallel layer and the scores of unfused attention (utils.py, `GlobalMemoryBuffer`). With
    /// transformer-engine's layers only the head uses it.
    fn memory_buffer<S: Sink>(&self, work: &Work, sink: &mut S) {
        let slice = &self.slice;
        let has_head = work.chunks().iter().any(|chunk| chunk.last);
        let gathers = slice.sequence_parallel && (!slice.transformer_engine() || has_head);
        let gathered = if gathers { slice.gathered() } else { 0 };
        let bytes = gathered.max(self.scores_buffer);
        // Its elements are 16 bits; every side that asks for it is rounded alike.
        sink.hold(Tensor::new(
            "Megatron-core’s global memory buffer",
            [u64::try_from(bytes / 2).unwrap_or(u64::MAX), 1, 1, 1],
            Dtype::Bf16,
        ));
    }

    /// transformer-engine's empty weight gradients, one for each shape.
    fn dummies<S: Sink>(&self, work: &Work, sink: &mut S) {
        if !self.slice.transformer_engine() {
            return;
        }
        let mut shapes = [Dummy::new(0, 0); DUMMIES];
        let mut count = 0;
        let mut note = |dummy: Dummy| {
            let known = shapes
                .get(..count)
                .is_some_and(|known| known.contains(&dummy));
            if let (false, Some(place)) = (known, shapes.get_mut(count)) {
                *place = dummy;
                count += 1;
            }
        };
        let mut left = self.kinds.iter().flatten().count();
        let mut seen = [false; LayerKind::ALL.len()];
        for chunk in work.chunks() {
            for layer in chunk.start..chunk.start + chunk.layers {
                if left == 0 {
                    break;
                }
                let kind = LayerKind::of(&self.slice, layer);
                if let Some(seen) = seen.get_mut(kind.index())
                    && !std::mem::replace(seen, true)
                {
                    Layer::new(self.slice, kind).dummies(&mut note);
                    left -= 1;
                }
            }
            if chunk.last {
                note(head::dummy(&self.slice));
            }
        }
        for Dummy {
            shape: [rows, columns],
        } in shapes.into_iter().take(count)
        {
            sink.hold(Tensor::new(
                "empty weight gradient",
                [rows, columns, 1, 1],
                Dtype::Bf16,
            ));
        }
    }

    /// cuBLAS's workspaces: PyTorch's and transformer-engine's, and one for each stream of grouped products.
    fn workspaces<S: Sink>(&self, work: &Work, sink: &mut S) {
        let workspace = |name, count| Tensor {
            count,
            ..Tensor::new(name, [self.slice.run.workspace, 1, 1, 1], Dtype::Bool)
        };
        let own = u64::from(self.slice.transformer_engine());
        sink.hold(workspace("cuBLAS workspace", 1 + own));
        let grouped = work.chunks().iter().any(|chunk| {
            (chunk.start..chunk.start + chunk.layers)
                .any(|layer| LayerKind::of(&self.slice, layer).experts)
        });
        if grouped {
            sink.hold(workspace(
                "cuBLAS workspace of grouped products",
                GROUPED_STREAMS,
            ));
        }
    }

    /// The gradient that a stage last sent to the one before it (pipeline_parallel/schedules.py: `input_tensor_grad`
    /// until the next backward pass has returned).
    fn held_gradient<S: Sink>(&self, work: &Work, sink: &mut S) {
        let receives = work.chunks().iter().any(|chunk| !chunk.first);
        if receives && !self.slice.run.alone && self.layout.pipeline > 1 {
            sink.hold(self.slice.stream("gradient last sent"));
        }
    }
}
