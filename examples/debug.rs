//! Prints what every moment of recorded steps is estimated at.
#[path = "../src/command/check/mod.rs"]
#[allow(dead_code)]
mod check;
use petaday::field::Choice;
use petaday::memory::detailed::{Moment, Segment, footprint};
fn main() {
    let file = std::env::args().nth(1).unwrap();
    for row in check::rows(&std::fs::read_to_string(file).unwrap()).unwrap() {
        let a = check::groundtruth::architecture(&row["inputs"]).unwrap();
        let step = check::groundtruth::step(&row["inputs"], &a).unwrap();
        let f = footprint(&step);
        let mut moments = serde_json::Map::new();
        for m in Moment::ALL {
            if let Some(h) = f.at(*m) {
                let mut parts = serde_json::Map::new();
                for s in Segment::ALL {
                    parts.insert(s.key().into(), serde_json::json!(h.of(*s).0 as u64));
                }
                parts.insert("total".into(), serde_json::json!(h.total().0 as u64));
                moments.insert(m.key().into(), parts.into());
            }
        }
        println!(
            "{}",
            serde_json::json!({"id": row["id"], "moments": moments, "peak": f.peak().total().0 as u64, "moment": f.peak_moment().key(),
            "phase": check::groundtruth::phase(f.peak_moment()),
            "weights": f.weights.0 as u64, "gradients": f.gradients.0 as u64, "optimizer": f.optimizer.0 as u64, "block": f.block.0 as u64})
        );
    }
}
