//! The feed-forward network: what it keeps, and what its backward pass holds. In TENSORS.md, 4.7 and 7.

use super::backward::Backward;
use super::run::Block;
use super::saved::{Kept, Linear, Tape};
use super::tally::Live;
use super::tensor::{Dtype, Name};
use crate::model::Activation;
use crate::training::Stack;

/// What an activation function keeps beside its output: tensors of the inner size, in the dtype of products or in FP32.
#[derive(Clone, Copy)]
struct Inner {
    /// In the dtype of products.
    kept: &'static [Kept],
    /// In FP32 under autocast: it runs powers in FP32, and what follows from them stays so.
    wide: &'static [Kept],
    /// Whether the output is in FP32 under autocast.
    wide_output: bool,
}

/// The activations of transformers 5.23's `activations.py`: one kernel, or operation by operation in Python. The input
/// comes as `Up` in a plain network and `Gate` in a gated one.
const fn inner(activation: Activation, autocast: bool) -> (bool, Inner) {
    use Kept::{
        ErfPlusOne, Half, InnerPlusOne, InputFp32, Rectified, RectifiedFp32, Scaled, Sigmoid, Tanh,
        TanhPlusOne,
    };
    const NONE: Inner = Inner {
        kept: &[],
        wide: &[],
        wide_output: false,
    };
    match activation {
        Activation::Relu | Activation::Tanh => (false, NONE),
        Activation::Silu | Activation::Gelu | Activation::BloomGelu => (true, NONE),
        Activation::QuickGelu => (
            true,
            Inner {
                kept: &[Sigmoid],
                ..NONE
            },
        ),
        // x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))
        Activation::GeluNew if autocast => (
            false,
            Inner {
                kept: &[Half],
                wide: &[InputFp32, Tanh, TanhPlusOne],
                wide_output: true,
            },
        ),
        Activation::GeluNew => (
            true,
            Inner {
                kept: &[Half, Tanh, TanhPlusOne],
                ..NONE
            },
        ),
        // The same with x·x for the power.
        Activation::GeluFast => (
            true,
            Inner {
                kept: &[Half, Scaled, Kept::Inner, InnerPlusOne, Tanh, TanhPlusOne],
                ..NONE
            },
        ),
        // x/2 · (1 + erf(x/√2)): the input itself is not kept.
        Activation::GeluPython => (
            false,
            Inner {
                kept: &[Half, Scaled, ErfPlusOne],
                ..NONE
            },
        ),
        Activation::Relu2 if autocast => (
            false,
            Inner {
                kept: &[Rectified],
                wide: &[RectifiedFp32],
                wide_output: true,
            },
        ),
        Activation::Relu2 => (
            false,
            Inner {
                kept: &[Rectified],
                ..NONE
            },
        ),
        Activation::Laplace => (
            false,
            Inner {
                kept: &[Scaled],
                ..NONE
            },
        ),
    }
}

impl Block<'_> {
    /// Dtype of the activation function's output.
    fn activated(&self) -> Dtype {
        let activation = self.run.architecture.feed_forward.activation;
        if inner(activation, self.run.autocast).1.wide_output {
            Dtype::Fp32
        } else {
            self.run.matmul
        }
    }

    pub fn fused_gate_up(&self) -> bool {
        self.run.architecture.family.fused_gate_up() && self.run.step.stack != Stack::LitGpt
    }

    /// The projections that read the network's input.
    pub fn first_projections(&self) -> &'static [Linear] {
        if !self.run.architecture.feed_forward.gated {
            &[Linear::Up]
        } else if self.fused_gate_up() {
            &[Linear::GateUp]
        } else {
            &[Linear::Gate, Linear::Up]
        }
    }

    /// What the network keeps after its first projections.
    pub fn keep_feed_forward(&self, tape: &mut Tape) {
        let run = self.run;
        let network = &run.architecture.feed_forward;
        let f = network.size;
        let sides = [run.tokens, f];
        let (input, inner) = inner(network.activation, run.autocast);
        for &kept in inner.kept {
            tape.keep(kept, sides, run.matmul);
        }
        for &kept in inner.wide {
            tape.keep(kept, sides, Dtype::Fp32);
        }
        let activated = self.activated();
        if !network.gated {
            if input {
                tape.keep(Kept::Up, sides, run.matmul);
            }
            if matches!(network.activation, Activation::Relu | Activation::Tanh) {
                // Kept for its own gradient; the down projection reads the same tensor.
                tape.keep(Kept::Hidden, sides, activated);
            }
        } else if self.fused_gate_up() {
            // Both halves are views, of the activation and of the product.
            tape.keep(Kept::GateUp, [run.tokens, 2 * f], run.matmul);
            self.keep_activated(tape, activated);
        } else {
            if input {
                tape.keep(Kept::Gate, sides, run.matmul);
            }
            tape.keep(Kept::Up, sides, run.matmul);
            self.keep_activated(tape, activated);
        }
        self.keep_inputs(tape, Kept::Hidden, f, activated, &[Linear::Down]);
    }

    /// The activation of the gate; one kernel for it and the product computes it again (Liger-Kernel's `swiglu.py`).
    fn keep_activated(&self, tape: &mut Tape, dtype: Dtype) {
        if !self.run.fused {
            let sides = [self.run.tokens, self.run.architecture.feed_forward.size];
            tape.keep(Kept::Activated, sides, dtype);
        }
    }
}

const HIDDEN: Name = Name("down projection’s input", "gradient");
const GATE: Name = Name("gate", "gradient");
const UP: Name = Name("up", "gradient");

impl Backward<'_> {
    /// From the gradient of the network's output to that of its input, `source`, added to the one that waits.
    pub fn feed_forward(&mut self, source: Kept, dy: Live, waiting: Option<Live>) -> Live {
        let block = self.block;
        let run = block.run;
        let network = &run.architecture.feed_forward;
        let sides = [run.tokens, network.size];
        let activated = block.activated();
        let hidden = self.linear(Linear::Down, Kept::Hidden, activated, dy, None);
        if !network.gated {
            let up = self.activation(Kept::Up, hidden);
            return self.linear(Linear::Up, source, run.parameter, up, waiting);
        }
        let gate = self.temporary(GATE, sides, run.matmul);
        let up = self.temporary(UP, sides, run.matmul);
        self.heap.free(hidden);
        self.heap.release(Kept::Activated.into());
        if block.fused_gate_up() {
            let gate = self.activation(Kept::GateUp, gate);
            let both = [run.tokens, 2 * network.size];
            let both = self.temporary(Name("gate and up", "gradient"), both, run.matmul);
            self.heap.free(gate);
            self.heap.free(up);
            return self.linear(Linear::GateUp, source, run.parameter, both, waiting);
        }
        self.heap.release(Kept::Up.into());
        let dx = self.linear(Linear::Up, source, run.parameter, up, waiting);
        let gate = self.activation(Kept::Gate, gate);
        self.linear(Linear::Gate, source, run.parameter, gate, Some(dx))
    }

    /// The activation function: from the gradient of its output to that of its input, which was kept as `input`.
    fn activation(&mut self, input: Kept, dy: Live) -> Live {
        let run = self.block.run;
        let activation = run.architecture.feed_forward.activation;
        if activation == Activation::GeluNew {
            return self.gelu_in_python(input, dy);
        }
        let sides = dy.shape;
        if activation == Activation::BloomGelu {
            // Its own backward pass, written in Python, holds five more.
            let parts = [(); 5].map(|()| self.temporary(HIDDEN, sides, run.matmul));
            for part in parts {
                self.heap.free(part);
            }
        }
        let dx = self.temporary(HIDDEN, sides, run.matmul);
        self.heap.free(dy);
        for &kept in inner(activation, run.autocast).1.kept {
            self.heap.release(kept.into());
        }
        for &kept in inner(activation, run.autocast).1.wide {
            self.heap.release(kept.into());
        }
        if matches!(activation, Activation::Relu | Activation::Tanh) {
            self.heap.release(Kept::Hidden.into());
        }
        self.heap.release(input.into());
        dx
    }

    /// x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))), operation by operation.
    fn gelu_in_python(&mut self, input: Kept, dy: Live) -> Live {
        let run = self.block.run;
        let (wide, narrow) = (dy.dtype, run.matmul);
        let cast = wide != narrow;
        let sides = dy.shape;
        let name = |what| Name("GELU in Python", what);

        // The product of x/2 and 1 + tanh.
        let inner = self.temporary(name("gradient of 1 + tanh"), sides, wide);
        let mut half = self.temporary(name("gradient of x/2"), sides, wide);
        let product = [Kept::Half, Kept::TanhPlusOne];
        // Recomputed tensors go as soon as they are unpacked.
        let early = self.block.kind.recomputed;
        if early {
            self.release_all(product);
        }
        if cast {
            half = self.recast(half, narrow);
        }
        self.heap.free(dy);
        if !early {
            self.release_all(product);
        }

        // tanh, and √(2/π).
        let inner = self.again(inner);
        self.heap.release(Kept::Tanh.into());
        let inner = self.again(inner);
        let through_x = cast.then(|| self.temporary(name("gradient of x"), sides, narrow));

        // x³.
        let scaled = self.temporary(name("gradient of x³"), sides, wide);
        let mut square = self.temporary(name("x²"), sides, wide);
        if cast {
            square = self.again_after(square);
        }
        let cube = self.temporary(name("gradient through x³"), sides, wide);
        self.heap.free(scaled);
        self.heap.free(square);
        self.heap.release(Kept::InputFp32.into());
        self.heap.release(input.into());
        let dx = match through_x {
            Some(through_x) => {
                let cube16 = self.temporary(name("gradient through x³"), sides, narrow);
                self.heap.free(cube);
                self.heap.free(inner);
                self.sum(through_x, cube16)
            }
            None => self.sum(inner, cube),
        };
        let half = self.again(half);
        self.sum(dx, half)
    }

    /// As [`Backward::again`], the old tensor gone before.
    fn again_after(&mut self, tensor: Live) -> Live {
        let (name, shape, dtype) = (tensor.name, tensor.shape, tensor.dtype);
        self.heap.free(tensor);
        self.temporary(name, shape, dtype)
    }
}
