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
from typing import Any

import torch
from torch.nn import functional

from qa_app.arrays import FloatArray

# Of the default model's config.json; the number of layers and all widths follow from its weights.
_HEADS = 12
_NORM_EPSILON = 1e-12


class _Bert:
    """The layers of BERT.

    Args:
        weights: by their names in transformers' ``BertModel``.
    """

    def __init__(self, weights: Mapping[str, Any]) -> None:
        dtype = weights_dtype()
        self._weights = {name: tensor.to(dtype) for name, tensor in weights.items()}
        self._layers = sum(name.endswith("self.query.bias") for name in weights)

    def _states(self, batches: Sequence[Any], types: Any = None) -> Any:
        """Return the tokens' states after the last layer, shape (tokens of all batches, width).

        All but attention treats each token by itself, so all batches pass through it as one matrix:
        a row does not depend on the others, not even in the last bit.

        Args:
            batches: of token ids, int64, each of shape (texts, tokens): texts of one length.
            types: int64, shape (tokens of all batches,); None for all 0.
        """
        at = "embeddings."
        ids = torch.cat([batch.flatten() for batch in batches])
        kinds = torch.zeros_like(ids) if types is None else types
        shapes = [(batch.shape[0], batch.shape[1]) for batch in batches]
        counts = [batch.numel() for batch in batches]
        places = torch.cat([torch.arange(tokens).repeat(texts) for texts, tokens in shapes])
        words, kinds, places = (
            functional.embedding(numbers, self._weights[f"{at}{name}_embeddings.weight"])
            for numbers, name in ((ids, "word"), (kinds, "token_type"), (places, "position"))
        )
        states = self._normed(words + kinds + places, at)
        for number in range(self._layers):
            at = f"encoder.layer.{number}."
            query, key, value = (
                self._linear(states, f"{at}attention.self.{name}").split(counts)
                for name in ("query", "key", "value")
            )
            parts = zip(query, key, value, shapes, strict=True)
            mixed = torch.cat([_attend(*part) for part in parts])
            mixed = self._linear(mixed, f"{at}attention.output.dense")
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
            ids: each text's tokens, special tokens included; at least one text, all of one length.
        """
        with torch.inference_mode():
            batch = torch.tensor(ids)
            states = self._states([batch]).unflatten(0, (len(ids), -1))
            # Summed in float32, as sentence-transformers does; bfloat16 would lose too much.
            means = states.sum(1, dtype=torch.float32) / batch.shape[1]
            return functional.normalize(means.to(states.dtype)).float().numpy(), list(states)


class BertReader(_Bert):
    """The default reader: BERT with two logits a token."""

    def read(self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> list[Any]:
        """Return each text's logits, a tensor of shape (tokens, 2): a start, an end.

        Args:
            ids, types: each text's tokens, special tokens included, and their types.
        """
        with torch.inference_mode():
            texts = [torch.tensor([tokens]) for tokens in ids]
            states = self._states(texts, torch.cat([torch.tensor(each) for each in types]))
            return list(self._linear(states, "qa_outputs").split([text.numel() for text in texts]))


def _attend(query: Any, key: Any, value: Any, shape: tuple[int, int]) -> Any:
    """Return what the tokens of each text make of one another, shape as given: (tokens, width)."""
    heads = (
        states.unflatten(-1, (_HEADS, -1)).unflatten(0, shape).transpose(1, 2)
        for states in (query, key, value)
    )
    return functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2).flatten(0, 1)


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
