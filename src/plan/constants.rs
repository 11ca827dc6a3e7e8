//! The few numbers of the step-time model that no datasheet prints.

/// Constants of the step-time model. None belongs to a row, a model or an accelerator.
///
/// Those marked fitted are what `make fit` printed last, on a third of the dense rows of Megatron-Bridge's, Megatron-LM's
/// and llm-foundry's benchmark tables, on a third of the former's mixture-of-experts rows and, for `launch_2022` alone, on
/// a third of the step times of vTrain. The others are physical, and the tables can hardly tell them: published runs are
/// tuned and expose next to no communication.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constants {
    /// Rate of large matrix products over the achievable rate of the machine. Fitted.
    pub matrix: f64,
    /// Times that a matrix product's operands and result cross the memory's bus, beside its FLOP: tiles are read again by
    /// their neighbours.
    pub operand_passes: f64,
    /// Rate of attention kernels over the rate that their authors report. Fitted.
    pub attention: f64,
    /// Tokens at which causal attention runs at half its rate: s/(s + this) of it. Fitted; FlashAttention-2's plots
    /// (arXiv:2307.08691, figures 4 to 6) rise in the same way.
    pub attention_half: f64,
    /// Elements that the exponential unit handles in the time of the matrix unit's multiply-add of one, over 4: attention
    /// with narrow heads waits for it. An H100 does 989 TFLOP/s of products and 3.9 T exponentials a second (Shah et al.
    /// 2024, arXiv:2407.08608, §3.2): 253 ÷ 4.
    pub exponential: f64,
    /// Bytes that elementwise kernels move over those counted. Fitted.
    pub elementwise: f64,
    /// Bandwidth of a ring on scale-up links over theirs.
    pub link: f64,
    /// Bandwidth of a ring on the network over its cards'.
    pub network: f64,
    /// Share of a micro-batch's compute under which data-parallel traffic hides, where the software overlaps them: both
    /// want the memory's bandwidth and some of the multiprocessors.
    pub data_overlap: f64,
    /// Share of tensor-parallel traffic that hides behind the matrix products it feeds, where the software overlaps them.
    pub tensor_overlap: f64,
    /// Seconds of kernel launches of a layer, forward and backward, in Megatron-LM of 2022. Fitted.
    pub launch_2022: f64,
    /// The same in PyTorch's eager mode with fused attention and norms. A prior: no row binds it.
    pub launch_eager: f64,
    /// The same in Megatron-core with fused kernels. A prior: no row binds it.
    pub launch_fused: f64,
    /// Seconds that launching one collective adds in Megatron-LM of 2022.
    pub launch_collective: f64,
    /// Seconds that a layer with experts waits for the host, forward and backward: it has to know how many tokens each
    /// expert received before it can launch the rest. Fitted.
    pub expert_wait: f64,
    /// The same where attention and router are captured in CUDA graphs, so that the host runs ahead. Fitted.
    pub expert_wait_graphs: f64,
    /// Slow-down for each doubling of the number of servers: jitter, stragglers.
    pub stragglers: f64,
}

impl Constants {
    /// What the project stands on.
    pub const FITTED: Self = Self {
        matrix: 0.887,
        operand_passes: 1.8,
        attention: 0.938,
        attention_half: 515.0,
        exponential: 64.0,
        elementwise: 1.25,
        link: 0.8,
        network: 0.57,
        data_overlap: 0.5,
        tensor_overlap: 0.8,
        launch_2022: 2.37e-3,
        launch_eager: 1e-3,
        launch_fused: 0.3e-3,
        launch_collective: 55e-6,
        expert_wait: 3.38e-3,
        expert_wait_graphs: 0.57e-3,
        stragglers: 0.01,
    };
}
