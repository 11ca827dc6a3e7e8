//! Sections of the page as text: well-formed, finite, to the byte, and as others say.

mod support;

use petaday::field::{Choice, Value};
use petaday::link;
use petaday::memory::counted;
use petaday::scenario::{Estimator, Field, Scenario};
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
        if !matches!(name, "br" | "hr" | "wbr") && !tag.ends_with('/') {
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
        for &section in Section::ALL {
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
        let detailed = Value::Choice(Estimator::Detailed.index());
        let scenario = scenario.with(Field::Estimator, detailed);
        prop_assume!(scenario.is_ok());
        let scenario = scenario.unwrap();
        if let Ok(cluster) = counted::counted(&scenario) {
            let (listed, summed) = sums(&Section::Memory.html(&scenario));
            let peak = cluster.worst.peak.0 as i128;
            prop_assert_eq!((listed, summed), (peak, peak));
        }
    }
}

/// Llama-2-7B, one sequence of 4,096, on one GPU (recorded steps' facts: TENSORS.md and formulas.md, §7, as in
/// tests/memory_properties.rs).
const LLAMA: &str =
    "?v=1&preset=article&est=detailed&model=llama-2-7b&seq=4096&batch=1&gpus=1&gpu=h200-sxm";

/// The GiB of the row that starts with these words.
#[track_caller]
fn gib(html: &str, row: &str) -> String {
    let after = html.split(&format!(">{row}</th>")).nth(1).expect(row);
    let cell = after.split("<td>").nth(2).unwrap();
    cell.split('<').next().unwrap().to_owned()
}

#[test]
fn llama_2_7b_on_one_gpu() {
    for (changes, expected) in [
        ("precision=16bit", "62.8"),
        ("precision=mixed&opt-step=fused", "117.0"),
        ("precision=mixed", "125.5"),
        ("precision=mixed&opt-step=fused&attn=eager", "214.4"),
        ("precision=main-grads", "138.1"),
    ] {
        let html = Section::Memory.html(&of(&format!("{LLAMA}&{changes}")));
        let peak: f64 = gib(&html, "Tensors at the peak").parse().unwrap();
        assert_eq!(format!("{peak:.1}"), expected, "{changes}");
    }
    // The habits that give the rival figures stand side by side.
    let html = Section::Memory.html(&of(&format!("{LLAMA}&precision=mixed&opt-step=fused")));
    for (habit, expected) in [
        ("The peak, tensor by tensor", "117.01"),
        ("The same with the foreach optimizer", "125.51"),
        ("Attention matrices kept", "214.40"),
    ] {
        assert_eq!(gib(&html, habit), expected, "{habit}");
    }
}

/// The values of the buttons of a section that set this field.
fn buttons(html: &str, key: &str) -> Vec<String> {
    let pairs = html.split("data-set=\"").skip(1).flat_map(|rest| {
        let set = rest.split('"').next().unwrap_or("");
        set.split("&amp;").map(str::to_owned).collect::<Vec<_>>()
    });
    pairs
        .filter_map(|pair| pair.strip_prefix(&format!("{key}=")).map(str::to_owned))
        .collect()
}

/// What a button sets, set: as the page does.
fn pressed(scenario: &Scenario, set: &str) -> Scenario {
    let pairs = set.split("&amp;").filter_map(|pair| pair.split_once('='));
    let changes: Vec<_> = pairs
        .map(|(key, text)| {
            let field = Field::ALL.into_iter().find(|field| field.key() == key);
            let field = field.expect(key);
            (field, field.parse(text).unwrap())
        })
        .collect();
    scenario.with_all(&changes).unwrap()
}

/// A button's set that has this in it.
#[track_caller]
fn button(html: &str, with: &str) -> String {
    let mut sets = html.split("data-set=\"").skip(1);
    let set = sets.find(|rest| rest.split('"').next().unwrap_or("").contains(with));
    set.expect(with).split('"').next().unwrap().to_owned()
}

#[test]
fn a_suggestion_taken_saves_what_it_says() {
    // 125.5 GiB do not fit an 80 GB GPU.
    let query = "?v=1&preset=article&est=detailed&model=llama-2-7b&seq=4096&batch=1&gpus=1&gpu=h100-sxm&precision=mixed";
    let scenario = of(query);
    let html = Section::Memory.html(&scenario);
    assert!(html.contains("It does not fit"), "{html}");
    let table = html.split("Changes that save memory").last().unwrap();
    let set = button(table, "optimizer=adamw8bit");
    let after = pressed(&scenario, &set);
    let peak = |scenario: &Scenario| counted::counted(scenario).unwrap().worst.peak.gb();
    let saved = peak(&scenario) - peak(&after);
    assert!(
        html.contains(&format!(">{saved:.1} GB</td>")),
        "{saved}: {html}"
    );
    // With all that is needed it fits.
    let rest = html.split("Together these make it fit").nth(1).unwrap();
    let taken = pressed(&scenario, &button(rest, "est=detailed"));
    let html = Section::Memory.html(&taken);
    assert!(html.contains("It fits, "), "{html}");
}

#[test]
fn the_largest_that_fit_do_fit() {
    let scenario = of(&format!("{LLAMA}&precision=16bit"));
    let html = Section::Memory.html(&scenario);
    for key in ["batch", "seq"] {
        let most: Vec<u64> = buttons(&html, key)
            .iter()
            .filter_map(|value| value.parse().ok())
            .collect();
        let most = *most.iter().max().unwrap();
        let fits = |value: u64| {
            let changed = pressed(&scenario, &format!("{key}={value}"));
            Section::Memory.html(&changed).contains("It fits, ")
        };
        assert!(fits(most) && !fits(most + 1), "{key}: {most}");
    }
}

#[test]
fn a_layout_that_divides_says_so() {
    let query = "?v=1&preset=article&est=detailed&model=llama-2-70b&seq=4096&batch=1&gpus=512&tp=4&pp=2&cp=8&sp=yes\
                 &stack=megatron&sharding=distributed&precision=main-grads&accum=8";
    let html = Section::Layout.html(&of(query));
    assert!(html.contains("8 × 4 × 2 × 8 = 512 GPUs ✓"), "{html}");
    assert!(!html.contains("class=\"misfit\""), "{html}");
    // Megatron-LM's names.
    assert!(html.contains("<code>--tensor-model-parallel-size</code> 4"));
}

#[test]
fn what_does_not_divide_is_mended_by_its_buttons() {
    let query = "?v=1&preset=article&est=detailed&model=llama-2-7b&seq=4096&batch=1&gpus=60&tp=8&stack=megatron\
                 &sharding=distributed&precision=main-grads";
    let scenario = of(query);
    let html = Section::Layout.html(&scenario);
    assert!(html.contains("GPUs = 60 is not a multiple of 8"), "{html}");
    for gpus in ["56", "64"] {
        let mended = pressed(&scenario, &button(&html, &format!("gpus={gpus}")));
        assert!(Section::Layout.html(&mended).contains("GPUs ✓"), "{gpus}");
    }
}

/// 126 layers over 16 stages are 7, 14 × 8, 7 (arXiv:2407.21783, §3.3.2).
#[test]
fn a_pipeline_is_few_bars_with_its_worst_stage_named() {
    let query = "?v=1&preset=article&est=detailed&model=llama-3.1-405b&seq=8192&batch=1&gpus=16384&tp=8&pp=16&sp=yes\
                 &stack=megatron&sharding=distributed&precision=main-grads&accum=16";
    let html = Section::Layout.html(&of(query));
    assert!(html.contains("of 16 holds most"), "{html}");
    assert_eq!(html.matches("<strong>the worst</strong>").count(), 1);
    let bars = html.matches("class=\"bar-name\"").count();
    assert!((3..=8).contains(&bars), "{bars}");
    assert!(
        html.contains("Layers 1 to 7 and the embedding, 16 in flight"),
        "{html}"
    );
    assert!(
        html.contains("Layers 120 to 126 and the head, 1 in flight"),
        "{html}"
    );
}

#[test]
fn what_is_not_counted_says_what_is() {
    let query = "?v=1&preset=article&est=detailed&model=llama-3-8b&seq=8192&batch=1&gpus=64&tp=2&sharding=zero3";
    let scenario = of(query);
    let html = Section::Layout.html(&scenario);
    assert!(
        html.contains("DeepSpeed ZeRO is not counted with tensor parallelism"),
        "{html}"
    );
    let counted = pressed(&scenario, &button(&html, "sharding=fsdp2"));
    assert!(Section::Layout.html(&counted).contains("in tensors"));
}
