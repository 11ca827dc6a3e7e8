"""Writes src/model/huggingface/defaults.rs: what the configuration classes of the Python package transformers say of
the fields that the importer reads. Run it with that package installed (torch is not needed):

    python3 tools/huggingface_defaults.py > src/model/huggingface/defaults.rs
"""

import dataclasses
import importlib
import inspect
import json

import transformers

TYPES = """llama mistral ministral ministral3 mixtral qwen2 qwen2_moe qwen3 qwen3_moe gemma gemma2 gemma3_text phi phi3 gpt2
gpt_bigcode gptj gpt_neox gpt_neo opt bloom falcon starcoder2 olmo olmo2 olmo3 deepseek_v2 deepseek_v3 glm glm4 glm4_moe gpt_oss
stablelm granite cohere mpt llama4_text smollm3 nemotron dbrx""".split()

# Every key that the importer reads and a class may have a default for, under any of its names.
KEYS = """vocab_size hidden_size n_embd d_model num_hidden_layers n_layer n_layers num_layers num_attention_heads n_head
n_heads num_heads num_key_value_heads num_kv_heads head_dim intermediate_size n_inner ffn_dim ffn_hidden_size
max_position_embeddings n_positions max_seq_len tie_word_embeddings hidden_act hidden_activation activation_function
activation attention_bias mlp_bias qkv_bias use_qkv_bias use_bias bias enable_bias attention_dropout attn_pdrop
resid_pdrop embd_pdrop resid_dropout embed_dropout residual_dropout embedding_dropout hidden_dropout dropout
sliding_window use_sliding_window max_window_layers window_size attention_chunk_size attn_logit_softcapping
use_qk_norm qk_layernorm use_parallel_residual rotary_dim no_rope_layer_interval clip_qkv do_layer_norm_before
layer_norm_elementwise_affine alibi new_decoder_architecture multi_query parallel_attn num_experts num_local_experts
n_routed_experts num_experts_per_tok moe_intermediate_size shared_expert_intermediate_size n_shared_experts
first_k_dense_replace decoder_sparse_step norm_topk_prob topk_method interleave_moe_layer_step intermediate_size_mlp
q_lora_rank kv_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim""".split()
NESTED = """attn_config.clip_qkv attn_config.attn_pdrop attn_config.kv_n_heads ffn_config.ffn_hidden_size
ffn_config.moe_num_experts ffn_config.moe_top_k ffn_config.moe_normalize_expert_weights""".split()


def config_class(model_type):
    folder = model_type.removesuffix("_text")
    module = importlib.import_module(f"transformers.models.{folder}.configuration_{folder}")
    return next(
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if getattr(cls, "model_type", None) == model_type and cls.__module__ == module.__name__
    )


def defaults(model_type):
    cls = config_class(model_type)
    found = {field.name: field.default for field in dataclasses.fields(cls) if field.name in KEYS}
    made = cls()
    rope = getattr(made, "rope_parameters", None)
    factor = rope.get("partial_rotary_factor", 1) if isinstance(rope, dict) else 1
    if factor != 1:
        found["partial_rotary_factor"] = factor
    for path in NESTED:
        outer, key = path.split(".")
        if hasattr(getattr(made, outer, None), key):
            found.setdefault(outer, {})[key] = getattr(getattr(made, outer), key)
    if model_type.startswith("gemma3"):
        found["sliding_window_pattern"] = made._sliding_window_pattern
    return kept(found)


def kept(values):
    """Without what reads the same when it is absent: null, false, 0."""
    values = {key: kept(value) if isinstance(value, dict) else value for key, value in values.items()}
    return {key: value for key, value in sorted(values.items()) if value}


def main():
    version = ".".join(transformers.__version__.split(".")[:2])
    print(f"//! What the configuration classes of the Python package transformers {version} say where a file says nothing.")
    print("//!")
    print("//! Written by tools/huggingface_defaults.py: only fields that the importer reads, and of these only what differs from")
    print("//! null, false and 0.")
    print()
    print("/// The package and its version, as messages name it.")
    print(f'pub(super) const TRANSFORMERS: &str = "transformers {version}";')
    print()
    print("/// `model_type`, and the defaults of its class as a JSON object.")
    print("#[rustfmt::skip] // One class a line, or two.")
    print("pub(super) const DEFAULTS: &[(&str, &str)] = &[")
    for model_type in TYPES:
        text = json.dumps(defaults(model_type), separators=(",", ":"))
        print(f'    ("{model_type}", r#"{text}"#),')
    print("];")


main()
