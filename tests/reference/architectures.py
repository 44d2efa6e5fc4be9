"""What a tiny model of each architecture has: its keys and its tensors.

Add yours as a function: read keys and tensors off a real file (`linnet inspect FILE`), keep the names, make the sizes
small. Widths are multiples of 32, so that Q4_0 and Q8_0 fit. Windows, scales and other features get values that change
the logits; name each of them in `ablations`, so that `meta.json` says how far the logits move without it.
"""

from dataclasses import dataclass, field

WIDTH, HEADS, KV_HEADS, HEAD, FEED_FORWARD, LAYERS = 256, 6, 2, 64, 384, 3


@dataclass
class Architecture:
    """A tiny model. Shapes are as numpy has them: [rows, columns], columns being the input of a product."""

    name: str
    #: Keys without the architecture's name before them; whole numbers, floats, booleans, strings, lists.
    keys: dict
    #: Tensors outside the layers.
    tensors: dict
    #: Tensors of each layer, without `blk.N.` before them.
    layer: dict
    #: Another value of a key, by the name of the feature that it switches off.
    ablations: dict = field(default_factory=dict)
    layers: int = LAYERS


def transformer(
    name: str, *, tied: bool, heads: int = HEADS, rope_base: float = 10_000.0, layer: dict | None = None
) -> Architecture:
    """A decoder with RMS norms, rope, grouped attention and a gated feed forward part, plus tensors of its own."""
    return Architecture(
        name=name,
        keys={
            "context_length": 2048,
            "embedding_length": WIDTH,
            "block_count": LAYERS,
            "feed_forward_length": FEED_FORWARD,
            "attention.head_count": heads,
            "attention.head_count_kv": KV_HEADS,
            "attention.key_length": HEAD,
            "attention.value_length": HEAD,
            "attention.layer_norm_rms_epsilon": 1e-6,
            "rope.freq_base": rope_base,
            "rope.dimension_count": HEAD,
        },
        tensors={
            "token_embd.weight": ("VOCABULARY", WIDTH),
            "output_norm.weight": (WIDTH,),
            **({} if tied else {"output.weight": ("VOCABULARY", WIDTH)}),
        },
        layer={
            "attn_norm.weight": (WIDTH,),
            "attn_q.weight": (heads * HEAD, WIDTH),
            "attn_k.weight": (KV_HEADS * HEAD, WIDTH),
            "attn_v.weight": (KV_HEADS * HEAD, WIDTH),
            "attn_output.weight": (WIDTH, heads * HEAD),
            "ffn_norm.weight": (WIDTH,),
            "ffn_gate.weight": (FEED_FORWARD, WIDTH),
            "ffn_up.weight": (FEED_FORWARD, WIDTH),
            "ffn_down.weight": (WIDTH, FEED_FORWARD),
            **(layer or {}),
        },
        ablations={"rope_base": {"rope.freq_base": 100.0}},
    )


def llama() -> Architecture:
    return transformer("llama", tied=False)


def qwen2() -> Architecture:
    heads = WIDTH // HEAD  # It has no head size of its own.
    biases = {
        "attn_q.bias": (heads * HEAD,),
        "attn_k.bias": (KV_HEADS * HEAD,),
        "attn_v.bias": (KV_HEADS * HEAD,),
    }
    return transformer("qwen2", tied=True, heads=heads, rope_base=1e6, layer=biases)


def qwen3() -> Architecture:
    norms = {"attn_q_norm.weight": (HEAD,), "attn_k_norm.weight": (HEAD,)}
    return transformer("qwen3", tied=True, rope_base=1e6, layer=norms)


ARCHITECTURES = {make.__name__: make for make in (llama, qwen2, qwen3)}
