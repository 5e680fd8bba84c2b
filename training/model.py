"""The reader in training: the encoder's layers with a head for spans.

Its word embeddings are frozen, so that the file of weights need not hold them. The first token
stands for no answer, as in SQuAD 2.0, so that a class of transformers can run it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertForQuestionAnswering

from qa_app.model_files import find_folder
from qa_app.reader import Marks, ReaderInput, encode
from qa_app.settings import DEFAULT_MODEL
from training.examples import Example

MOST_TOKENS = 320  # of an input; passages have up to 200, and longer inputs only cost time
_FORBIDDEN = -1e4  # logit of tokens that no span may begin or end with


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples as model input, padded to the longest.

    Attributes:
        ids, mask, types: int64, shape (batch, tokens).
        allowed: bool, shape (batch, tokens): the tokens with which a span may begin or end, namely
            the first and the passage's.
        starts, ends: int64, shape (batch,): the answer's first and last token; 0 for no answer.
        pairs: int64, shape (pairs, 2): rows of an answerable question and a near miss of it.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    types: torch.Tensor
    allowed: torch.Tensor
    starts: torch.Tensor
    ends: torch.Tensor
    pairs: torch.Tensor


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example in tokens, with its answer's first and last token, 0 for no answer."""

    given: ReaderInput
    start: int
    end: int


def load_model(start_from: Path | None = None) -> BertForQuestionAnswering:
    """Return a reader with the encoder's weights, or with a checkpoint's loaded over them."""
    model = BertForQuestionAnswering.from_pretrained(
        find_folder(DEFAULT_MODEL),
        attn_implementation="sdpa",
        # With dropout in attention, PyTorch on the CPU takes a path that is a third slower.
        attention_probs_dropout_prob=0.0,
        dtype=torch.float32,
    )
    if start_from is not None:
        state = torch.load(start_from, weights_only=True)
        model.load_state_dict(state["model"], strict=False)
    model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    return model


def tokenize(tokenizer: Tokenizer, examples: Sequence[Example]) -> list[Encoded | None]:
    """Return the examples in tokens; None where the answer is cut off."""
    inputs = encode(
        tokenizer,
        Marks.of(tokenizer),
        [item.question for item in examples],
        [item.header for item in examples],
        [item.passage for item in examples],
        MOST_TOKENS,
    )
    return [_with_answer(item, given) for item, given in zip(examples, inputs, strict=True)]


def _with_answer(item: Example, given: ReaderInput) -> Encoded | None:
    if not item.answerable:
        return Encoded(given, 0, 0)
    begins, ends = given.offsets[:, 0], given.offsets[:, 1]
    inside = np.flatnonzero((ends > item.start) & (begins < item.end))
    if not len(inside) or ends[inside[-1]] < item.end:
        return None
    return Encoded(given, int(inside[0]) + given.passage, int(inside[-1]) + given.passage)


def collate(items: Sequence[Encoded], pairs: Sequence[tuple[int, int]] = ()) -> Batch:
    """Return the examples as one batch.

    Args:
        pairs: indices in ``items`` of an answerable question and a near miss of it.
    """
    longest = max(len(item.given.ids) for item in items)
    shape = (len(items), longest)
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    types, allowed = np.zeros(shape, np.int64), np.zeros(shape, bool)
    for n, item in enumerate(items):
        length = len(item.given.ids)
        ids[n, :length], mask[n, :length] = item.given.ids, 1
        types[n, item.given.second : length] = 1
        allowed[n, 0] = True
        allowed[n, item.given.passage : length - 1] = True
    starts = np.array([item.start for item in items])
    ends = np.array([item.end for item in items])
    paired = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Batch(*(torch.from_numpy(a) for a in (ids, mask, types, allowed, starts, ends, paired)))


def logits(model: BertForQuestionAnswering, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return float32 start and end logits, shape (batch, tokens), masked where not allowed."""
    out = model(input_ids=batch.ids, attention_mask=batch.mask, token_type_ids=batch.types)
    barred = ~batch.allowed
    start = out.start_logits.float().masked_fill(barred, _FORBIDDEN)
    end = out.end_logits.float().masked_fill(barred, _FORBIDDEN)
    return start, end


def has_answer(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Return the log-sum-exp of all spans' logits less that of no answer, shape (batch,)."""
    some = torch.logsumexp(start[:, 1:], 1) + torch.logsumexp(end[:, 1:], 1)
    return some - start[:, 0] - end[:, 0]
