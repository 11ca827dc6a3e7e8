//! Prints the tensors of a moment of a recorded step.
#[path = "../src/command/check/mod.rs"]
#[allow(dead_code)]
mod check;
use petaday::field::Choice;
use petaday::memory::detailed::{Moment, tensors};
fn main() {
    let mut args = std::env::args().skip(1);
    let (file, id, moment) = (
        args.next().unwrap(),
        args.next().unwrap(),
        args.next().unwrap(),
    );
    for row in check::rows(&std::fs::read_to_string(file).unwrap()).unwrap() {
        if row["id"] != id.as_str() {
            continue;
        }
        let a = check::groundtruth::architecture(&row["inputs"]).unwrap();
        let step = check::groundtruth::step(&row["inputs"], &a).unwrap();
        let m = Moment::find(&moment).unwrap();
        let mut sum = 0;
        for e in tensors(&step, m) {
            println!(
                "{:12} {:?} {:44} {} {} x{} {}",
                e.segment.key(),
                e.place,
                e.name.to_string(),
                e.shape,
                e.dtype.label(),
                e.count,
                e.bytes.0
            );
            sum += e.bytes.0;
        }
        println!("{sum}");
    }
}
