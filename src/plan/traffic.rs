//! How fast groups of ranks exchange what they hold.

use super::formulas::ring;
use super::{Constants, Machine};

/// A group of `ranks` that lie `stride` apart, ranks being numbered along the scale-up links first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub ranks: u64,
    pub stride: u64,
}

impl Group {
    /// Bytes per second of a ring over the group: its links', or, where it leaves a scale-up domain, what the network
    /// cards of its members inside one carry together, each boundary being crossed by all of them.
    pub fn bandwidth(self, machine: &Machine, constants: &Constants) -> f64 {
        let link = machine.link * constants.link;
        let network = machine.network * constants.network;
        if self.ranks.saturating_mul(self.stride) <= machine.domain {
            return link;
        }
        let inside = (machine.domain / self.stride.max(1)).clamp(1, self.ranks);
        // A machine without links between its accelerators has them talk over the network.
        let crossing = inside as f64 * network;
        if link > 0.0 {
            crossing.min(link)
        } else {
            network
        }
    }

    /// Seconds to gather or reduce-scatter `bytes` over the group; 0 for a group of one.
    pub fn exchange(self, bytes: f64, machine: &Machine, constants: &Constants) -> f64 {
        if self.ranks <= 1 {
            return 0.0;
        }
        ring(bytes, self.ranks as f64, self.bandwidth(machine, constants))
    }
}

/// Seconds of one all-to-all over `ranks` neighbours, each sending `copies` of every one of its tokens, `bytes` for one
/// copy of all, to different ranks: all copies on the links of a domain, and one to each other domain that any copy goes
/// to on the network, where it is copied on (DeepEP; DeepSeek-V3, arXiv:2412.19437, §3.2.2).
pub(super) fn all_to_all(
    bytes: f64,
    copies: f64,
    ranks: u64,
    machine: &Machine,
    constants: &Constants,
) -> f64 {
    if ranks <= 1 {
        return 0.0;
    }
    let inside = ranks.min(machine.domain.max(1)) as f64;
    let domains = ranks as f64 / inside;
    let link = if machine.link > 0.0 {
        machine.link * constants.link
    } else {
        machine.network * constants.network
    };
    let linked = bytes * copies * (1.0 - 1.0 / inside) / link;
    if domains <= 1.0 {
        return linked;
    }
    let reached = (domains - 1.0) * (1.0 - (1.0 - 1.0 / domains).powf(copies));
    linked + bytes * reached / (machine.network * constants.network)
}
