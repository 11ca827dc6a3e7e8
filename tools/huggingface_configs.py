"""Writes tests/reference/huggingface.jsonl: random configurations of every class that the importer knows, and what the
models that the Python package transformers builds of them hold. Run it with that package and torch installed; models are
built on the meta device, so it needs no memory.

    python3 tools/huggingface_configs.py > tests/reference/huggingface.jsonl
"""

import json
import random

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

ROWS = 8
pick = random.Random(1).choice


def maybe(*values):
    """One of these values, or nothing: the default of the class."""
    return pick([None, None, *[(value,) for value in values]])


def sizes(hidden, heads, layers, **more):
    """Sizes that all classes have, under the names that one gives them."""
    a = pick([2, 4, 8])
    fields = {hidden: a * pick([8, 16, 24]), heads: a, layers: pick([1, 2, 5, 6, 9]), "vocab_size": pick([96, 101, 1000])}
    return fields, a, {key: value[0] for key, value in more.items() if value is not None}


def usual(**more):
    fields, a, more = sizes("hidden_size", "num_attention_heads", "num_hidden_layers", **more)
    fields["intermediate_size"] = pick([40, 100])
    fields["num_key_value_heads"] = pick([key for key in (1, 2, 4, 8) if a % key == 0])
    return fields | more


def listed(fields, kinds):
    """Sometimes a kind for each layer."""
    if pick([True, False, False]):
        fields["layer_types"] = [pick(kinds) for _ in range(fields["num_hidden_layers"])]
    return fields


ATTENTION = ["full_attention", "sliding_attention"]
flag = lambda: maybe(True, False)
tie = flag
head_dim = lambda: maybe(8, 16, 32)
window = lambda: maybe(7, None)
LATE = lambda: dict(use_sliding_window=flag(), sliding_window=maybe(7), max_window_layers=maybe(0, 2, 4))
MOE = lambda: dict(moe_intermediate_size=(pick([24, 48]),), num_experts_per_tok=maybe(1, 2))
DEEP = lambda: dict(
    n_routed_experts=(pick([8, 16]),), n_shared_experts=(pick([1, 2, 3]),), first_k_dense_replace=maybe(0, 1, 2, 12),
    moe_intermediate_size=(pick([24, 48]),), num_experts_per_tok=(2,), n_group=(1,), topk_group=(1,), tie_word_embeddings=tie())
LATENT = lambda: dict(
    q_lora_rank=(pick([None, 24]),), kv_lora_rank=(16,), qk_nope_head_dim=(8,), qk_rope_head_dim=(pick([4, 8]),),
    v_head_dim=(pick([8, 12]),), attention_bias=flag())


def gpt(**more):
    fields, _, more = sizes("n_embd", "n_head", "n_layer", **more)
    return fields | more


def gpt_neo():
    fields, _, more = sizes("hidden_size", "num_heads", "num_layers", window_size=maybe(8), tie_word_embeddings=tie(),
                            intermediate_size=maybe(40), max_position_embeddings=(pick([64, 100]),))
    layers = fields["num_layers"]
    kinds = pick([[["global"], layers]], ) if layers % 2 else pick([[["global", "local"], layers // 2], [["local", "global"], layers // 2]])
    return fields | more | {"attention_types": [kinds]}


def llama4():
    fields = usual(head_dim=head_dim(), intermediate_size_mlp=maybe(64), num_local_experts=maybe(4, 8), attention_bias=flag(),
                   interleave_moe_layer_step=maybe(1, 2, 3), use_qk_norm=flag(), attention_chunk_size=maybe(16, None),
                   no_rope_layer_interval=maybe(2, 3), tie_word_embeddings=tie())
    layers = fields["num_hidden_layers"]
    if pick([True, False, False]):
        fields["no_rope_layers"] = [pick([0, 1]) for _ in range(layers)]
    if pick([True, False, False]):
        fields["moe_layers"] = [layer for layer in range(layers) if pick([True, False])]
    return fields


def smollm3():
    fields = usual(no_rope_layer_interval=maybe(2, 3), use_sliding_window=flag(), sliding_window=maybe(7), attention_bias=flag(),
                   mlp_bias=flag(), tie_word_embeddings=tie())
    if pick([True, False, False]):
        fields["no_rope_layers"] = [pick([0, 1]) for _ in range(fields["num_hidden_layers"])]
    return fields


def falcon():
    fields, a, more = sizes("hidden_size", "num_attention_heads", "num_hidden_layers", bias=flag(), alibi=flag(),
                            ffn_hidden_size=maybe(40), tie_word_embeddings=tie())
    kind = pick([{}, {"multi_query": False}, {"parallel_attn": False}, {"parallel_attn": False, "multi_query": False},
                 {"new_decoder_architecture": True, "num_kv_heads": 2},
                 {"new_decoder_architecture": True, "num_kv_heads": a, "num_ln_in_parallel_attn": 1}])
    return fields | more | kind


def qwen_moe(**more):
    fields = usual(num_experts=maybe(4, 8), decoder_sparse_step=maybe(1, 2), norm_topk_prob=flag(), tie_word_embeddings=tie(),
                   **LATE(), **MOE(), **more)
    if pick([True, False]):
        fields["mlp_only_layers"] = [pick([0, 1, 3, 20])]
    if fields.get("num_experts_per_tok", 9) > fields.get("num_experts", 60):
        fields["num_experts_per_tok"] = 2
    if "num_experts" in fields:
        fields.setdefault("num_experts_per_tok", 2)
    return fields


def opt():
    fields, _, more = sizes("hidden_size", "num_attention_heads", "num_hidden_layers", ffn_dim=(pick([40, 64]),),
                            max_position_embeddings=maybe(64), word_embed_proj_dim=maybe(12, None), do_layer_norm_before=flag(),
                            enable_bias=flag(), layer_norm_elementwise_affine=flag(), tie_word_embeddings=tie())
    return fields | more


def bloom():
    fields, _, more = sizes(pick(["hidden_size", "n_embed"]), "n_head", "n_layer", tie_word_embeddings=tie())
    return fields | more


def mpt():
    fields, _, more = sizes("d_model", "n_heads", "n_layers", expansion_ratio=maybe(2), no_bias=flag(), tie_word_embeddings=tie())
    return fields | more | pick([{}, {"attn_config": {"clip_qkv": 8.0}}])


def dbrx():
    fields, a, more = sizes("d_model", "n_heads", "n_layers")
    inner = pick([24, 40])
    return fields | more | {
        "attn_config": {"kv_n_heads": pick([1, a]), "rope_theta": 10000.0} | pick([{}, {"clip_qkv": 8}]),
        "ffn_config": {"ffn_hidden_size": inner} | pick([{}, {"moe_num_experts": 8, "moe_top_k": 2}]),
    }


bias = lambda: dict(attention_bias=flag())
CLASSES = {
    "llama": lambda: usual(head_dim=head_dim(), mlp_bias=flag(), tie_word_embeddings=tie(), **bias()),
    "mistral": lambda: usual(head_dim=head_dim(), sliding_window=window(), tie_word_embeddings=tie()),
    "ministral": lambda: listed(usual(head_dim=(16,), sliding_window=maybe(7)), ATTENTION),
    "ministral3": lambda: usual(head_dim=head_dim(), sliding_window=maybe(7), tie_word_embeddings=tie()),
    "mixtral": lambda: usual(head_dim=head_dim(), sliding_window=maybe(7), num_local_experts=maybe(4, 6), tie_word_embeddings=tie()),
    "qwen2": lambda: listed(usual(tie_word_embeddings=tie(), **LATE()), ATTENTION),
    "qwen2_moe": lambda: qwen_moe(qkv_bias=flag(), shared_expert_intermediate_size=(pick([24, 64]),)),
    "qwen3": lambda: listed(usual(head_dim=head_dim(), tie_word_embeddings=tie(), **bias(), **LATE()), ATTENTION),
    "qwen3_moe": lambda: qwen_moe(head_dim=head_dim(), **bias()),
    "gemma": lambda: usual(head_dim=head_dim(), tie_word_embeddings=tie(), **bias()),
    "gemma2": lambda: listed(usual(head_dim=head_dim(), sliding_window=maybe(7), tie_word_embeddings=tie(), **bias()), ATTENTION),
    "gemma3_text": lambda: listed(usual(head_dim=head_dim(), sliding_window=maybe(7), sliding_window_pattern=maybe(2, 3), **bias()), ATTENTION),
    "phi": lambda: usual(qk_layernorm=flag(), partial_rotary_factor=maybe(0.25, 0.75, 1.0), tie_word_embeddings=tie()),
    "phi3": lambda: usual(sliding_window=maybe(7), partial_rotary_factor=maybe(0.5, 0.75), tie_word_embeddings=tie()),
    "gpt2": lambda: gpt(n_inner=maybe(40, None), n_positions=maybe(64), tie_word_embeddings=tie()),
    "gpt_bigcode": lambda: gpt(n_inner=maybe(40, None), n_positions=maybe(64), multi_query=flag()),
    "gptj": lambda: gpt(n_inner=maybe(40, None), rotary_dim=(4,), tie_word_embeddings=tie()),
    "gpt_neox": lambda: {key: value for key, value in usual(
        rotary_pct=maybe(0.5, 1.0), use_parallel_residual=flag(), tie_word_embeddings=tie(), **bias()).items() if key != "num_key_value_heads"},
    "gpt_neo": gpt_neo,
    "opt": opt,
    "bloom": bloom,
    "falcon": falcon,
    "starcoder2": lambda: usual(use_bias=flag(), sliding_window=maybe(7), tie_word_embeddings=tie()),
    "olmo": lambda: usual(clip_qkv=maybe(8.0, None), tie_word_embeddings=tie(), **bias()),
    "olmo2": lambda: usual(tie_word_embeddings=tie(), **bias()),
    "olmo3": lambda: listed(usual(sliding_window=maybe(7), tie_word_embeddings=tie(), **bias()), ATTENTION),
    "deepseek_v2": lambda: usual(topk_method=maybe("group_limited_greedy"), **DEEP(), **LATENT()),
    "deepseek_v3": lambda: usual(norm_topk_prob=flag(), **DEEP(), **LATENT()),
    "glm": lambda: usual(head_dim=head_dim(), partial_rotary_factor=maybe(0.25, 1.0), tie_word_embeddings=tie(), pad_token_id=(0,), **bias()),
    "glm4": lambda: usual(head_dim=head_dim(), partial_rotary_factor=maybe(0.25, 1.0), tie_word_embeddings=tie(), pad_token_id=(0,), **bias()),
    "glm4_moe": lambda: usual(head_dim=head_dim(), use_qk_norm=flag(), partial_rotary_factor=maybe(0.25, 1.0), **bias(), **DEEP()),
    "gpt_oss": lambda: listed(usual(head_dim=head_dim(), num_local_experts=maybe(4, 8), sliding_window=maybe(7), tie_word_embeddings=tie(), **bias()), ATTENTION),
    "stablelm": lambda: usual(use_qkv_bias=flag(), qk_layernorm=flag(), use_parallel_residual=flag(), partial_rotary_factor=maybe(0.5), tie_word_embeddings=tie()),
    "granite": lambda: usual(mlp_bias=flag(), tie_word_embeddings=tie(), **bias()),
    "cohere": lambda: usual(use_qk_norm=flag(), tie_word_embeddings=tie(), pad_token_id=(0,), **bias()),
    "mpt": mpt,
    "llama4_text": llama4,
    "smollm3": smollm3,
    "nemotron": lambda: usual(head_dim=head_dim(), mlp_bias=flag(), partial_rotary_factor=maybe(0.25), tie_word_embeddings=tie(), **bias()),
    "dbrx": dbrx,
}


def windows(config):
    """The window of each layer, 0 without."""
    layers = range(config.num_hidden_layers)
    size = getattr(config, "sliding_window", None) or 0
    kinds = getattr(config, "layer_types", None)
    if config.model_type == "gpt_neo":
        return [config.window_size if kind == "local" else 0 for kind in config.attention_layers]
    if kinds is None:
        return [size for _ in layers]
    chunk = getattr(config, "attention_chunk_size", None) or 0
    return [{"sliding_attention": size, "chunked_attention": chunk}.get(kind, 0) for kind in kinds]


def facts(model_type, fields):
    # Padding and special tokens lie outside these small vocabularies.
    special = {"pad_token_id": None, "bos_token_id": None, "eos_token_id": None}
    config = CONFIG_MAPPING[model_type](**{**special, **json.loads(json.dumps(fields))})
    config._attn_implementation = "eager"
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    blocks = next(module for _, module in model.named_modules() if isinstance(module, torch.nn.ModuleList))
    turned = [2 * buffer.numel() for name, buffer in model.named_buffers() if name.endswith("inv_freq")]
    return {
        "class": type(config).__name__,
        "model_type": model_type,
        "config": fields,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "tensors": len(list(model.parameters())),
        "buffers": sum(buffer.numel() for name, buffer in model.named_buffers() if "correction" in name),
        "rotary_dim": turned[0] if turned else None,
        "windows": windows(config),
        "experts": [any("experts" in name for name, _ in block.named_parameters()) for block in blocks],
    }


def main():
    transformers.logging.set_verbosity_error()
    source = f"transformers {transformers.__version__}, torch {torch.__version__}: tools/huggingface_configs.py"
    print(json.dumps({"source": source}))
    for model_type, draw in CLASSES.items():
        for _ in range(ROWS):
            print(json.dumps(facts(model_type, draw()), separators=(",", ":")))


main()
