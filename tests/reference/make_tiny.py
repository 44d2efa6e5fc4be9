"""Makes a tiny random model of an architecture, and computes its logits with llama.cpp, for `linnet verify`.

    python -m venv venv && venv/bin/pip install -r tests/reference/requirements.txt
    venv/bin/python tests/reference/make_tiny.py qwen3 target/tiny/qwen3
    cargo run -p linnet-cli -- verify target/tiny/qwen3
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import gguf
import numpy as np
from architectures import ARCHITECTURES, Architecture
from gguf import GGMLQuantizationType as Kind
from llama_cpp import VERSION, Reference

#: A byte-level BPE of 512 tokens that tokenizes real text, from the tiny models in the repository.
VOCABULARY = Path(__file__).parent.parent / "fixtures" / "tiny" / "qwen3" / "model.gguf"
TEXT = "The harbour wakes before the town does, and the gulls say: hello 123!"
CONTEXT = 512
LENGTHS = (1, 7, 33, 129, 300)
#: The length for which every position is stored.
ALL_ROWS = 33
GREEDY_AFTER, GREEDY_STEPS = 129, 32


def tensors_of(arch: Architecture, words: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    shapes = dict(arch.tensors)
    for index in range(arch.layers):
        shapes |= {f"blk.{index}.{name}": shape for name, shape in arch.layer.items()}
    sized = {
        name: tuple(words if size == "VOCABULARY" else size for size in shape) for name, shape in shapes.items()
    }
    return {name: values(name, shape, rng).astype(np.float32) for name, shape in sized.items()}


def values(name: str, shape: tuple, rng: np.random.Generator) -> np.ndarray:
    """Norms near 1, biases that matter, and matrices whose products have the magnitude of their inputs."""
    if "norm" in name:
        return 1 + 0.3 * rng.standard_normal(shape)
    if len(shape) == 1:
        return 0.5 * rng.standard_normal(shape)
    # A tied embedding gives logits that differ by about 3.
    gain = 3.0 if name.startswith("token_embd") else 1.5
    gain /= np.sqrt(shape[-1])
    return gain * rng.standard_normal(shape)


def kind_of(name: str, value: np.ndarray) -> Kind:
    if value.ndim == 1:
        return Kind.F32
    return Kind.Q8_0 if name in ("token_embd.weight", "output.weight") else Kind.Q4_0


def write(path: Path, arch: Architecture, keys: dict, tensors: dict, quantized: bool) -> dict[str, np.ndarray]:
    """Writes a file. Returns its dequantized tensors in f32."""
    writer = gguf.GGUFWriter(path, arch.name)
    writer.add_name(f"tiny-{arch.name}")
    for key, value in keys.items():
        add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        add.get(type(value), writer.add_array)(f"{arch.name}.{key}", value)
    for key, field in gguf.GGUFReader(VOCABULARY).fields.items():
        if key.startswith("tokenizer."):
            kinds = field.types
            writer.add_key_value(key, field.contents(), kinds[0], kinds[1] if len(kinds) > 1 else None)
    meant = {}
    for name, value in tensors.items():
        kind = kind_of(name, value) if quantized else Kind.F32
        raw = gguf.quants.quantize(value, kind)
        writer.add_tensor(name, raw, raw_dtype=kind)
        meant[name] = gguf.quants.dequantize(raw, kind).reshape(value.shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return meant


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, offset = {}, 0
    for name, value in tensors.items():
        kind = {np.dtype(np.float32): "F32", np.dtype(np.int32): "I32"}[value.dtype]
        header[name] = {"dtype": kind, "shape": value.shape, "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    data = b"".join(value.tobytes() for value in tensors.values())
    path.write_bytes(len(head).to_bytes(8, "little") + head + data)


def difference(expected: np.ndarray, found: np.ndarray) -> dict:
    def log_softmax(row):
        row = row.astype(np.float64) - row.max()
        return row - np.log(np.exp(row).sum())

    p, q = log_softmax(expected), log_softmax(found)
    off = np.abs(expected - found)
    kl = float((np.exp(p) * (p - q)).sum())
    return {"max_abs": float(off.max()), "rms": float(np.sqrt((off**2).mean())), "kl": kl}


def logits_of(arch: Architecture, keys: dict, tensors: dict, tokens) -> np.ndarray:
    """The last logits of the f32 model with these keys and tensors."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write(path, arch, keys, tensors, quantized=False)
        reference = Reference(path, CONTEXT)
        last = reference.logits(tokens)[-1]
        reference.close()
        return last


def sensitivity(arch: Architecture, tensors: dict, tokens: np.ndarray, rng: np.random.Generator) -> dict:
    """How much the last logits change if the input changes or a feature is turned off."""
    expected = logits_of(arch, arch.keys, tensors, tokens)

    def moved(keys=arch.keys, tensors=tensors, tokens=tokens):
        return difference(expected, logits_of(arch, keys, tensors, tokens))

    inputs = {
        "context_permuted": np.append(rng.permutation(tokens[:-1]), tokens[-1]),
        "last_8_reversed": np.concatenate([tokens[:-9], tokens[-2:-10:-1], tokens[-1:]]),
        "first_token_changed": np.append((tokens[0] + 1) % 256, tokens[1:]),
    }
    features = {name: moved(keys=arch.keys | keys) for name, keys in arch.ablations.items()}
    for suffix in arch.layer:
        if "norm" not in suffix and not suffix.endswith(".bias"):
            continue
        neutral = 1.0 if "norm" in suffix else 0.0
        without = {
            name: np.full_like(value, neutral) if name.endswith(f".{suffix}") else value
            for name, value in tensors.items()
        }
        features[suffix] = moved(tensors=without)
    return {"inputs": {name: moved(tokens=changed) for name, changed in inputs.items()}, "ablations_of_300": features}


def make(arch: Architecture, out: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    words = len(gguf.GGUFReader(VOCABULARY).fields["tokenizer.ggml.tokens"].contents())
    golden: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as folder:
        model, path = Path(folder) / "model.gguf", Path(folder) / "f32.gguf"
        meant = write(model, arch, arch.keys, tensors_of(arch, words, rng), quantized=True)
        write(path, arch, arch.keys, meant, quantized=False)
        reference = Reference(path, CONTEXT)
        for count in LENGTHS:
            # Without the control tokens at the end of the vocabulary.
            golden[f"tokens_{count}"] = rng.integers(0, words - 4, count).astype(np.int32)
            rows = reference.logits(golden[f"tokens_{count}"])
            golden[f"logits_{count}"] = rows if count == ALL_ROWS else rows[-1]
        golden["tokens_text"] = np.array(reference.tokenize(TEXT), np.int32)
        golden["logits_text"] = reference.logits(golden["tokens_text"])[-1]
        greedy = reference.greedy(golden[f"tokens_{GREEDY_AFTER}"], GREEDY_STEPS)
        golden[f"greedy_{GREEDY_AFTER}"], golden[f"greedy_margin_{GREEDY_AFTER}"] = greedy
        reference.close()
        out.mkdir(parents=True, exist_ok=True)
        shutil.move(model, out / "model.gguf")
    write_safetensors(out / "golden.safetensors", golden)
    longest = golden[f"tokens_{max(LENGTHS)}"]
    meta = {
        "arch": arch.name,
        "name": arch.name,
        "llama_cpp": VERSION,
        "metadata": {f"{arch.name}.{key}": value for key, value in arch.keys.items()},
        "n_vocab": words,
        "n_ctx": CONTEXT,
        "reference": "every tensor dequantized to f32; llama.cpp on the CPU: f32 KV cache, one batch",
        "text": TEXT,
        "add_special": True,
        "seed": seed,
        "logits_std": float(golden[f"logits_{max(LENGTHS)}"].std()),
        "sensitivity": sensitivity(arch, meant, longest, rng),
    }
    (out / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")
    for name, moved in meta["sensitivity"]["ablations_of_300"].items():
        print(f"without {name}: the logits move by up to {moved['max_abs']:.2g}")
    print(f"{out}: now run `cargo run -p linnet-cli -- verify {out}`")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=sorted(ARCHITECTURES), help="one of architectures.py")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    make(ARCHITECTURES[options.architecture](), options.out, options.seed)
