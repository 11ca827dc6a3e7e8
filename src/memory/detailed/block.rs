//! A block: which of its parts keep what, and the order of its backward pass.

use super::backward::{Backward, BackwardPass};
use super::implementation::Join;
use super::norm::Rows;
use super::run::Block;
use super::saved::{Kept, Linear, OfNorm, Saved, Site, Tape};
use super::tally::Live;
use super::tensor::{Dtype, Name, Place, Segment};
use crate::model::NormPlaces;

impl Block<'_> {
    /// Where a block of this kind is listed.
    pub fn place(&self) -> Place {
        if self.kind.experts {
            Place::ExpertBlocks
        } else {
            Place::Blocks
        }
    }

    /// Rows of the residual stream.
    pub fn stream_rows(&self) -> Rows {
        Rows::new(self.run.tokens, self.run.architecture.hidden)
    }

    /// What the attention branch reads: the norm's output, or the residual stream itself.
    pub fn attention_source(&self) -> Kept {
        match self.run.architecture.norms.places {
            NormPlaces::After | NormPlaces::AfterSum => Kept::ResidualIn,
            _ => Kept::AttentionInput,
        }
    }

    /// What the feed-forward branch reads.
    pub fn feed_forward_source(&self) -> Kept {
        match self.run.architecture.norms.places {
            NormPlaces::After | NormPlaces::AfterSum => Kept::ResidualMid,
            NormPlaces::ParallelShared => Kept::AttentionInput,
            _ => Kept::FeedForwardInput,
        }
    }

    /// The projections that read the attention branch's input.
    fn attention_projections(&self, tape: &mut Tape) {
        let attention = &self.run.architecture.attention;
        let (source, h) = (self.attention_source(), self.run.architecture.hidden);
        let stream = self.run.parameter;
        if let Some(latent) = &attention.latent {
            let readers = Self::latent_projections(latent);
            self.keep_inputs(tape, source, h, stream, &readers);
        } else if self.fused_qkv() {
            self.keep_inputs(tape, source, h, stream, &[Linear::QueryKeyValue]);
        } else {
            let readers = [Linear::Query, Linear::Key, Linear::Value];
            self.keep_inputs(tape, source, h, stream, &readers);
        }
    }

    /// Every tensor that the block keeps, the residual stream that enters it included where it is kept.
    pub fn keep(&self, tape: &mut Tape) {
        let segment = if self.kind.recomputed {
            Segment::Temporaries
        } else {
            Segment::Activations
        };
        tape.start(self.place(), segment);
        if !self.kind.untrained {
            self.keep_in(tape);
        }
    }

    fn keep_in(&self, tape: &mut Tape) {
        let run = self.run;
        let h = run.architecture.hidden;
        let (stream, rows) = (run.parameter, self.stream_rows());
        if self.kind.recomputed {
            // What it is recomputed from.
            tape.keep(Kept::ResidualIn, [rows.count, rows.width], stream);
        }
        let places = run.architecture.norms.places;

        // Attention.
        if self.norms_before() {
            self.keep_norm(tape, Site::First, rows, stream, Kept::ResidualIn);
        }
        self.attention_projections(tape);
        if let Some(latent) = &run.architecture.attention.latent {
            self.keep_latent_attention(tape, latent);
        } else {
            if self.weighted_qk_norm() {
                for site in [Site::Query, Site::Key] {
                    let input = Saved::Norm(site, OfNorm::Input);
                    self.keep_norm(tape, site, self.qk_rows(site), run.matmul, input);
                }
            }
            self.keep_attention(tape);
        }
        let (attended, width) = (self.attended(), self.matrix(Linear::Output).inputs);
        self.keep_inputs(tape, attended, width, run.matmul, &[Linear::Output]);
        self.keep_after(tape, Site::AfterAttention, Site::First, Kept::AttentionMask);

        // Feed-forward network or experts.
        match places {
            NormPlaces::Before | NormPlaces::Around => {
                self.keep_norm(tape, Site::Second, rows, stream, Kept::ResidualMid);
            }
            NormPlaces::ParallelTwo => {
                self.keep_norm(tape, Site::Second, rows, stream, Kept::ResidualIn);
            }
            NormPlaces::After | NormPlaces::AfterSum | NormPlaces::ParallelShared => {}
        }
        let source = self.feed_forward_source();
        if let Some(experts) = self.experts() {
            self.keep_experts(tape, experts, source);
        } else {
            self.keep_inputs(tape, source, h, stream, self.first_projections());
            self.keep_feed_forward(tape);
        }
        let mask = Kept::FeedForwardMask;
        self.keep_after(tape, Site::AfterFeedForward, Site::Second, mask);
    }

    /// What a branch keeps at its end: a norm on its output, a dropout mask, a norm on the sum.
    fn keep_after(&self, tape: &mut Tape, branch: Site, sum: Site, mask: Kept) {
        let run = self.run;
        let rows = self.stream_rows();
        let places = run.architecture.norms.places;
        if matches!(places, NormPlaces::After | NormPlaces::Around) {
            let input = Saved::Norm(branch, OfNorm::Input);
            self.keep_norm(tape, branch, rows, run.matmul, input);
        }
        if run.dropout.residual {
            tape.keep(mask, [rows.count, rows.width], Dtype::Bool);
        }
        if places == NormPlaces::AfterSum {
            let input = Saved::Norm(sum, OfNorm::Input);
            self.keep_norm(tape, sum, rows, run.parameter, input);
        }
    }

    /// Whether norms stand before the branches.
    fn norms_before(&self) -> bool {
        let places = self.run.architecture.norms.places;
        !matches!(places, NormPlaces::After | NormPlaces::AfterSum)
    }

    /// The backward pass of the block, from its tape.
    pub fn backward(&self, tape: &mut Tape) -> BackwardPass {
        let mut pass = Backward::starting(self, tape, self.place());
        if !self.kind.untrained {
            pass.start_stream();
            match self.run.architecture.norms.places {
                NormPlaces::ParallelShared | NormPlaces::ParallelTwo => pass.parallel(),
                NormPlaces::AfterSum => pass.after_sums(),
                NormPlaces::Before | NormPlaces::After | NormPlaces::Around => pass.sequential(),
            }
            if self.kind.recomputed {
                pass.heap.release(Kept::ResidualIn.into());
            }
        }
        pass.finish()
    }
}

impl Backward<'_> {
    /// Attention after the feed-forward network: last first.
    fn sequential(&mut self) {
        let block = self.block;
        let source = block.feed_forward_source();
        let experts = block.experts();
        let dy = self.enter(
            Kept::FeedForwardMask,
            Site::AfterFeedForward,
            experts.is_some(),
        );
        let waiting = if block.norms_before() {
            None
        } else {
            self.stream.take()
        };
        let dx = self.network(source, dy, waiting);
        self.leave(Site::Second, Kept::ResidualMid, dx);

        let dy = self.enter(Kept::AttentionMask, Site::AfterAttention, false);
        let waiting = if block.norms_before() {
            None
        } else {
            self.stream.take()
        };
        let dx = self.attention(dy, waiting);
        self.leave(Site::First, Kept::ResidualIn, dx);
    }

    /// Branches side by side: the feed-forward network was built last, so it goes first.
    fn parallel(&mut self) {
        let block = self.block;
        let run = block.run;
        let source = block.feed_forward_source();
        let full = [run.tokens, run.architecture.hidden];
        // Autocast adds the branches in 16 bit: one copy of the stream's gradient serves both. Where each is added to
        // the FP32 stream, each has its own.
        let copy = (run.autocast && !run.dropout.residual)
            .then(|| self.temporary(Name("branches", "gradient"), full, Dtype::Sixteen));
        let dy = match &copy {
            Some(_) if run.how.join == Join::Residual => {
                self.temporary(Name("branches", "gradient"), full, Dtype::Sixteen)
            }
            Some(copy) => copy.view(),
            None => self.enter(Kept::FeedForwardMask, Site::AfterFeedForward, false),
        };
        let of_network = self.network(source, dy, None);
        let two = run.architecture.norms.places == NormPlaces::ParallelTwo;
        let (mut waiting, mut later) = (None, None);
        if run.how.norms_first {
            later = Some(of_network);
        } else if two {
            self.leave(Site::Second, Kept::ResidualIn, of_network);
        } else {
            waiting = Some(of_network);
        }
        let dy = match copy {
            Some(copy) => copy,
            None => self.enter(Kept::AttentionMask, Site::AfterAttention, false),
        };
        let dx = self.attention(dy, waiting);
        if let Some(of_network) = later {
            self.leave(Site::Second, Kept::ResidualIn, of_network);
        }
        self.leave(Site::First, Kept::ResidualIn, dx);
    }

    /// Norms on the sums, as in the original transformer.
    fn after_sums(&mut self) {
        let block = self.block;
        for (norm, mask) in [
            (Site::Second, Kept::FeedForwardMask),
            (Site::First, Kept::AttentionMask),
        ] {
            let rows = block.stream_rows();
            let input = Saved::Norm(norm, OfNorm::Input);
            if let Some(stream) = self.stream.take() {
                let dtype = block.run.parameter;
                self.stream = Some(self.norm(norm, rows, dtype, input, stream, None));
            }
            let dy = self.enter(mask, Site::AfterAttention, false);
            let waiting = self.stream.take();
            self.stream = Some(if norm == Site::Second {
                self.network(Kept::ResidualMid, dy, waiting)
            } else {
                self.attention(dy, waiting)
            });
        }
    }

    /// The feed-forward network or the experts; what waits is the gradient of their input's other reader.
    fn network(&mut self, source: Kept, dy: Live, waiting: Option<Live>) -> Live {
        match self.block.experts() {
            Some(experts) => {
                let dx = self.experts(experts, source, dy);
                self.join(dx, waiting)
            }
            None => self.feed_forward(source, dy, waiting),
        }
    }

    /// The gradient that a branch starts from: a view of the residual stream's, or the copies that autocast, a scale,
    /// dropout and a norm on the branch's output make of it. Experts begin in the stream's dtype.
    fn enter(&mut self, mask: Kept, norm: Site, experts: bool) -> Live {
        let block = self.block;
        let run = block.run;
        let full = [run.tokens, run.architecture.hidden];
        let name = Name("branch", "gradient");
        let mut dy = match &self.stream {
            Some(stream) if !run.autocast || experts => stream.view(),
            _ => self.temporary(name, full, run.matmul),
        };
        if run.how.residual_scaled {
            dy = self.again(dy);
        }
        if run.dropout.residual {
            dy = self.again(dy);
            self.heap.release(mask.into());
        }
        let places = run.architecture.norms.places;
        if matches!(places, NormPlaces::After | NormPlaces::Around) {
            let rows = block.stream_rows();
            let input = Saved::Norm(norm, OfNorm::Input);
            dy = self.norm(norm, rows, run.matmul, input, dy, None);
        }
        dy
    }

    /// A branch's gradient joins the residual stream's, through the norm before the branch where there is one.
    fn leave(&mut self, norm: Site, input: Kept, dx: Live) {
        let block = self.block;
        let stream = self.stream.take();
        self.stream = Some(if block.norms_before() {
            let rows = block.stream_rows();
            self.norm(norm, rows, block.run.parameter, input, dx, stream)
        } else {
            dx
        });
    }
}
