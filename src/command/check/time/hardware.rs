//! Machines of the tables' rows.

use petaday::plan::Machine;

/// Arithmetic of the linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrow {
    Bf16,
    Fp8,
    Fp4,
}

/// A machine by the row's name of its accelerator; `first` for attention kernels of 2023.
pub fn machine(gpu: &str, narrow: Narrow, first: bool) -> Option<Machine> {
    let gpu = gpu.to_ascii_lowercase().replace("dgx-", "");
    // 16-bit, FP8, FP4 TFLOP/s; memory, link, domain, network; attention first and current.
    let (r, bw, link, domain, net, attn) = match gpu.as_str() {
        "a100_40gb" => ([271.2, 0.0, 0.0], 1555.0, 300.0, 8, 25.0, [110.0, 180.0]),
        "a100_80gb" | "a100 80gb sxm" => {
            ([271.2, 0.0, 0.0], 2039.0, 300.0, 8, 25.0, [110.0, 180.0])
        }
        "h100_80gb" | "h100" => ([794.5, 1402.6, 0.0], 3350.0, 450.0, 8, 50.0, [190.0, 500.0]),
        "b200" => (
            [1745.0, 3432.5, 6865.0],
            8000.0,
            900.0,
            8,
            50.0,
            [500.0, 1000.0],
        ),
        "b300" => (
            [1769.0, 3353.0, 9387.0],
            8000.0,
            900.0,
            8,
            100.0,
            [500.0, 1250.0],
        ),
        "gb200" => (
            [1822.0, 3615.6, 7231.0],
            8000.0,
            900.0,
            72,
            50.0,
            [500.0, 1000.0],
        ),
        "gb300" => (
            [2125.7, 4218.2, 12655.0],
            8000.0,
            900.0,
            72,
            100.0,
            [500.0, 1250.0],
        ),
        _ => return None,
    };
    Some(Machine {
        matrix: 1e12 * r[narrow as usize],
        matrix_wide: 1e12 * r[0],
        attention: 1e12 * attn[usize::from(!first)],
        peak: 1e12 * r[0],
        memory: 1e9 * bw,
        link: 1e9 * link,
        domain,
        network: 1e9 * net,
    })
}
