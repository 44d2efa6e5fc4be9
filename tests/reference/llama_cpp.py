"""Logits by llama.cpp, in its most exact mode: f32 weights, f32 KV cache, no flash attention, one batch, CPU.

The library is that of the package `xllamacpp`, called through its C API. The structures below are those of the version
in requirements.txt; `_defaults` fails if another version has a different layout.
"""

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int8, c_int32, c_uint8, c_uint32, c_void_p
from pathlib import Path

import numpy as np
import xllamacpp

VERSION = f"llama.cpp of xllamacpp {xllamacpp.__version__}, CPU"
ERROR, F16, F32, NO_FLASH_ATTENTION = 4, 1, 0, 0


class ModelParams(ctypes.Structure):
    """An opaque structure. It may be larger than the real one, because it is passed in memory."""

    _fields_ = [("raw", c_uint8 * 512)]


class ContextParams(ctypes.Structure):
    _fields_ = [
        ("n_ctx", c_uint32),
        ("n_batch", c_uint32),
        ("n_ubatch", c_uint32),
        ("n_seq_max", c_uint32),
        ("n_rs_seq", c_uint32),
        ("n_outputs_max", c_uint32),
        ("n_outputs_max_per_seq", c_uint32),
        ("n_threads", c_int32),
        ("n_threads_batch", c_int32),
        ("ctx_type", c_int32),
        ("rope_scaling_type", c_int32),
        ("pooling_type", c_int32),
        ("attention_type", c_int32),
        ("flash_attn_type", c_int32),
        ("rope_and_yarn", c_float * 6),
        ("yarn_orig_ctx", c_uint32),
        ("defrag_thold", c_float),
        ("cb_eval", c_void_p * 2),
        ("type_k", c_int32),
        ("type_v", c_int32),
        ("rest", c_uint8 * 512),
    ]


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", c_int32),
        ("token", POINTER(c_int32)),
        ("embd", POINTER(c_float)),
        ("pos", POINTER(c_int32)),
        ("n_seq_id", POINTER(c_int32)),
        ("seq_id", POINTER(POINTER(c_int32))),
        ("logits", POINTER(c_int8)),
        ("rest", c_uint8 * 64),
    ]


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(next(Path(xllamacpp.__file__).parent.glob("xllamacpp*.so"))))
    log = ctypes.CFUNCTYPE(None, c_int32, c_char_p, c_void_p)
    signatures = {
        "llama_log_set": (None, log, c_void_p),
        "llama_model_default_params": (ModelParams,),
        "llama_context_default_params": (ContextParams,),
        "llama_model_load_from_file": (c_void_p, c_char_p, ModelParams),
        "llama_init_from_model": (c_void_p, c_void_p, ContextParams),
        "llama_model_get_vocab": (c_void_p, c_void_p),
        "llama_vocab_n_tokens": (c_int32, c_void_p),
        "llama_get_memory": (c_void_p, c_void_p),
        "llama_memory_clear": (None, c_void_p, c_bool),
        "llama_tokenize": (c_int32, c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool),
        "llama_batch_init": (Batch, c_int32, c_int32, c_int32),
        "llama_batch_free": (None, Batch),
        "llama_decode": (c_int32, c_void_p, Batch),
        "llama_get_logits_ith": (POINTER(c_float), c_void_p, c_int32),
        "llama_free": (None, c_void_p),
        "llama_model_free": (None, c_void_p),
    }
    for name, (result, *arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.quiet = log(lambda level, text, _: print(text.decode(errors="replace"), end="") if level == ERROR else None)
    library.llama_log_set(library.quiet, None)
    return library


lib = _library()


def _defaults() -> ContextParams:
    params = lib.llama_context_default_params()
    found = (params.n_ctx, params.n_batch, params.n_ubatch, params.flash_attn_type, params.type_k, params.type_v)
    if found != (512, 2048, 512, -1, F16, F16):
        raise SystemExit(f"This version of llama.cpp has other structures than llama_cpp.py describes: {found}.")
    return params


class Reference:
    """A loaded model."""

    def __init__(self, path, context: int):
        params = _defaults()
        self.model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        if not self.model:
            raise SystemExit("llama.cpp does not load the file: see the lines above. It must know the architecture.")
        params.n_ctx = params.n_batch = params.n_ubatch = context
        params.type_k = params.type_v = F32
        params.flash_attn_type = NO_FLASH_ATTENTION
        self.context = lib.llama_init_from_model(self.model, params)
        if not self.context:
            raise SystemExit("llama.cpp makes no context for the model: see the lines above.")
        self.vocab = lib.llama_model_get_vocab(self.model)
        self.n_vocab = lib.llama_vocab_n_tokens(self.vocab)

    def logits(self, tokens) -> np.ndarray:
        """The logits after each token of a new sequence: [tokens, vocabulary]."""
        lib.llama_memory_clear(lib.llama_get_memory(self.context), True)
        return self._decode(tokens, 0)

    def greedy(self, tokens, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Greedy tokens after the given ones, and each one's margin over the second most likely token."""
        row = self.logits(tokens)[-1]
        chosen, margins = [], []
        for step in range(steps):
            second, first = np.partition(row, -2)[-2:]
            chosen.append(int(row.argmax()))
            margins.append(float(first - second))
            row = self._decode([chosen[-1]], len(tokens) + step)[-1]
        return np.array(chosen, np.int32), np.array(margins, np.float32)

    def tokenize(self, text: str) -> list[int]:
        """The token ids of a text, with the special tokens that the model adds."""
        raw = text.encode()
        buffer = (c_int32 * (len(raw) + 8))()
        count = lib.llama_tokenize(self.vocab, raw, len(raw), buffer, len(buffer), True, False)
        return list(buffer[:count])

    def close(self) -> None:
        lib.llama_free(self.context)
        lib.llama_model_free(self.model)

    def _decode(self, tokens, start: int) -> np.ndarray:
        batch = lib.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = int(token)
            batch.pos[index] = start + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = 1
        status = lib.llama_decode(self.context, batch)
        lib.llama_batch_free(batch)
        if status != 0:
            raise SystemExit(f"llama_decode failed with status {status}.")
        rows = [lib.llama_get_logits_ith(self.context, index)[: self.n_vocab] for index in range(len(tokens))]
        return np.array(rows, np.float32)
