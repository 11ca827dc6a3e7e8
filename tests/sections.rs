//! Sections of the page as text: well-formed, finite, to the byte, and as others say.

mod support;

use petaday::field::Choice;
use petaday::link;
use petaday::memory::counted;
use petaday::memory::detailed::{conventions, footprint};
use petaday::scenario::Scenario;
use petaday::section::Section;
use proptest::prelude::*;
use support::{cases, scenario};

fn of(query: &str) -> Scenario {
    link::open(query).scenario
}

/// Every tag is closed in its order. Ours have no void elements but these.
fn balanced(html: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let tag = &rest[start + 1..];
        let end = tag.find('>').ok_or("a tag without an end")?;
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or("");
        if !matches!(name, "br" | "hr" | "wbr") {
            match tag.strip_prefix('/') {
                Some(closed) if open.pop() != Some(closed) => {
                    return Err(format!("</{closed}> closes nothing"));
                }
                Some(_) => {}
                None => open.push(name),
            }
        }
        rest = after;
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("left open: {open:?}"))
    }
}

/// The text of an element's cells: bytes as they are printed.
fn number(cell: &str) -> i128 {
    let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
    let value: i128 = digits.parse().unwrap_or(0);
    if cell.contains('−') { -value } else { value }
}

/// Rows of the tables of tensors in `html`: (is the sum, bytes).
fn bytes_of_rows(html: &str) -> Vec<(bool, i128)> {
    let mut rows = Vec::new();
    for table in html.split("<table").skip(1) {
        if !table.contains("<caption class=\"hidden\">Tensors of") {
            continue;
        }
        let body = table.split("<tbody>").nth(1).unwrap_or("");
        for row in body.split("<tr").skip(1) {
            let cells: Vec<&str> = row.split("<td").skip(1).collect();
            let bytes = cells[3].split(['>', '<']).nth(1).unwrap_or("");
            rows.push((row.starts_with(" class=\"total\""), number(bytes)));
        }
    }
    rows
}

/// The details of the whole list, not of any stage's.
fn sums(html: &str) -> (i128, i128) {
    let rows = bytes_of_rows(html);
    let sum = |total: bool| {
        let of = rows.iter().filter(|(is, _)| *is == total);
        of.map(|(_, bytes)| bytes).sum()
    };
    (sum(false), sum(true))
}

proptest! {
    #![proptest_config(cases(200))]

    /// Every section of every scenario is well-formed and says no NaN.
    #[test]
    fn sections_are_text(scenario in scenario()) {
        for section in [Section::Memory, Section::Layout] {
            let html = section.html(&scenario);
            prop_assert!(!html.is_empty());
            prop_assert_eq!(balanced(&html), Ok(()), "{}", html);
            for bad in ["NaN", "inf%", "inf ", ">inf", "Infinity"] {
                prop_assert!(!html.contains(bad), "{bad}: {html}");
            }
        }
    }

    /// What is listed of the peak sums to it.
    #[test]
    fn lists_sum_to_the_peak(scenario in scenario()) {
        prop_assume!(scenario.is_detailed());
        if let Ok(cluster) = counted::counted(&scenario) {
            let (listed, summed) = sums(&Section::Memory.html(&scenario));
            let peak = cluster.worst.peak.0 as i128;
            prop_assert_eq!((listed, summed), (peak, peak));
        }
    }
}

#[test]
fn explore() {
    for precision in ["fp32", "16bit", "mixed", "master", "main-grads"] {
        let s = of(&format!("?v=1&preset=article&est=detailed&model=llama-2-7b&seq=4096&batch=1&gpus=1&gpu=h200&precision={precision}"));
        let m = counted::model(&s);
        for c in conventions(&counted::step(&s, &m)) {
            println!("{precision} {} {:.2}", c.habit, c.bytes.gib());
        }
        println!("{:?}", footprint(&counted::step(&s, &m)).peak_moment().label());
        for q in ["opt-step=fused", "opt-step=foreach", "opt-step=fused&attn=eager", "opt-step=foreach&attn=eager"] {
            let s = of(&format!("?v=1&preset=article&est=detailed&model=llama-2-7b&seq=4096&batch=1&gpus=1&gpu=h200&precision={precision}&{q}"));
            let c = counted::counted(&s).unwrap();
            println!("{precision} {q} {:.2} {}", c.worst.peak.gib(), c.worst.moment.label());
        }
    }
    let _ = std::fs::create_dir_all("/tmp/ranks-html");
    for (name, q) in [
        ("llama", "?v=1&preset=article&est=detailed&model=llama-2-7b&seq=4096&batch=1&gpus=1&gpu=h200&precision=master"),
        ("article", ""),
        ("fsdp", "?v=1&preset=llama2-7b&est=detailed&sharding=fsdp2"),
        ("megatron", "?v=1&preset=article&est=detailed&model=llama-3.1-405b&seq=8192&batch=1&gpus=16384&tp=8&pp=16&precision=main-grads&stack=megatron&sharding=distributed&sp=yes&accum=16"),
        ("misfit", "?v=1&preset=article&est=detailed&model=llama-3-8b&seq=8191&batch=1&gpus=100&tp=3&pp=7&cp=2&precision=main-grads&stack=megatron&sharding=distributed&sp=yes&accum=16&ep=2"),
        ("notcounted", "?v=1&preset=article&est=detailed&model=llama-3-8b&seq=8192&batch=1&gpus=64&tp=2&pp=2&sharding=zero3"),
    ] {
        let s = of(q);
        for section in [Section::Memory, Section::Layout] {
            let t = std::time::Instant::now();
            let html = section.html(&s);
            println!("{name} {} {} bytes {:?}", section.key(), html.len(), t.elapsed());
            std::fs::write(format!("/tmp/ranks-html/{name}-{}.html", section.key()), html).unwrap();
        }
    }
}
