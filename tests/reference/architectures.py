"""The keys and tensors of each architecture's tiny model.

Add an architecture as a function: take keys and tensors from a real file (`linnet inspect FILE`), keep the names, and
make the sizes small. Widths are multiples of 32, so that Q4_0 and Q8_0 fit. Give windows, scales and other features
values that change the logits, and name each in `ablations`, so that `meta.json` says how much the logits change
without it.
"""

from dataclasses import dataclass, field

WIDTH, HEADS, KV_HEADS, HEAD, FEED_FORWARD, LAYERS = 256, 6, 2, 64, 384, 3


@dataclass
class Architecture:
    """A tiny model. Shapes are those of numpy, [rows, columns]; the columns are a product's input."""

    name: str
    #: Keys without the architecture's prefix; values are integers, floats, booleans, strings or lists.
    keys: dict
    #: Tensors outside the layers.
    tensors: dict
    #: Tensors of each layer, without the prefix `blk.N.`.
    layer: dict
    #: Keys with values that turn a feature off, by the feature's name.
    ablations: dict = field(default_factory=dict)
    layers: int = LAYERS


def transformer(
    name: str, *, tied: bool, heads: int = HEADS, rope_base: float = 10_000.0, layer: dict | None = None
) -> Architecture:
    """A decoder with RMS norms, RoPE, grouped-query attention and a gated feed-forward block, plus `layer`."""
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
    heads = WIDTH // HEAD  # The architecture has no key for the head size.
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
