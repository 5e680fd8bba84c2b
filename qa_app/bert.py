"""The default encoder and the default reader, both BERT (Devlin et al., 2019), in torch alone.

Importing sentence-transformers takes two to three times as long as importing torch, and
``qa-app ask`` would wait for it; so the two models that are part of the program run here. Each step
is the one that transformers takes, so the results are the same to the bit (tests/test_bert.py).
Every other model runs in its own library.

torch is imported with this module, so import this module late.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from qa_app.arrays import FloatArray

# Of the default model's config.json; the number of layers and all widths follow from its weights.
_HEADS = 12
_NORM_EPSILON = 1e-12
_PADDING = 0  # id of its [PAD]


class Logits(NamedTuple):
    """A reader's output, named as in transformers; floats, shape (texts, tokens)."""

    start_logits: Any
    end_logits: Any


class _Bert:
    """The layers of BERT.

    Args:
        weights: by their names in transformers' ``BertModel``.
    """

    def __init__(self, weights: Mapping[str, Any]) -> None:
        dtype = weights_dtype()
        self._weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
        self._layers = sum(name.endswith("self.query.bias") for name in weights)

    def _states(self, ids: Any, mask: Any, types: Any) -> Any:
        """Return the tokens' states after the last layer, shape (texts, tokens, width).

        Args:
            ids, mask, types: int64, shape (texts, tokens); the mask is 0 for padding.
        """
        at = "embeddings."
        words, kinds = (
            functional.embedding(numbers, self._weights[f"{at}{name}_embeddings.weight"])
            for numbers, name in ((ids, "word"), (types, "token_type"))
        )
        places = self._weights[f"{at}position_embeddings.weight"][: ids.shape[1]]
        states = self._normed(words + kinds + places, at)
        seen = None if mask.all() else mask[:, None, None, :].bool()
        for number in range(self._layers):
            at = f"encoder.layer.{number}."
            query, key, value = (
                self._linear(states, f"{at}attention.self.{name}")
                .unflatten(-1, (_HEADS, -1))
                .transpose(1, 2)
                for name in ("query", "key", "value")
            )
            mixed = functional.scaled_dot_product_attention(query, key, value, seen)
            mixed = self._linear(mixed.transpose(1, 2).flatten(2), f"{at}attention.output.dense")
            states = self._normed(mixed + states, f"{at}attention.output.")
            wide = functional.gelu(self._linear(states, f"{at}intermediate.dense"))
            wide = self._linear(wide, f"{at}output.dense")
            states = self._normed(wide + states, f"{at}output.")
        return states

    def _linear(self, states: Any, name: str) -> Any:
        weights = self._weights
        return functional.linear(states, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def _normed(self, states: Any, at: str) -> Any:
        weight, bias = (self._weights[f"{at}LayerNorm.{name}"] for name in ("weight", "bias"))
        return functional.layer_norm(states, weight.shape, weight, bias, _NORM_EPSILON)


class BertEncoder(_Bert):
    """The default encoder: a text's vector is the mean of its tokens' states, made unit."""

    @classmethod
    def load(cls, folder: Path) -> BertEncoder:
        """Return the encoder with the weights in a folder, which must have been checked."""
        from safetensors.torch import load_file

        return cls(load_file(folder / "model.safetensors"))

    def encode(self, ids: Sequence[Sequence[int]]) -> tuple[FloatArray, list[Any]]:
        """Return the texts' vectors, float32, (texts, width), and each text's token tensors.

        Args:
            ids: each text's tokens, special tokens included; at least one text.
        """
        shape = (len(ids), max(map(len, ids)))
        padded, mask = np.full(shape, _PADDING, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        for row, tokens in enumerate(ids):
            padded[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        with torch.inference_mode():
            seen = torch.from_numpy(mask)
            states = self._states(torch.from_numpy(padded), seen, torch.zeros_like(seen))
            # Summed in float32, as sentence-transformers does; bfloat16 would lose too much.
            total = (states * seen[..., None].to(states.dtype)).sum(1, dtype=torch.float32)
            means = (total / seen.sum(1, keepdim=True)).to(states.dtype)
            found = [row[: len(tokens)] for row, tokens in zip(states, ids, strict=True)]
            return functional.normalize(means).float().numpy(), found


class BertReader(_Bert):
    """The default reader: BERT with two logits a token."""

    def __call__(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Logits:
        """Return the logits; arguments as transformers names them, int64, (texts, tokens).

        Call it in inference mode, as with a model of transformers.
        """
        states = self._states(input_ids, attention_mask, token_type_ids)
        return Logits(*self._linear(states, "qa_outputs").unbind(-1))


def weights_dtype() -> Any:
    """Return bfloat16 if this CPU multiplies it natively, 2 to 3 times as fast, else float32.

    It is detected on x86 Linux only.
    """
    if platform.machine() not in {"x86_64", "AMD64"}:
        return torch.float32
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return torch.float32
    fast = "avx512_bf16" in flags or "amx_bf16" in flags
    return torch.bfloat16 if fast else torch.float32
