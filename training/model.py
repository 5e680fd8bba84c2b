"""The reader as it is trained: the encoder's own layers with a head for spans.

Its word embeddings stay as they are in the encoder, so that the file of weights need not hold
them; no answer is the first token, as in SQuAD 2.0, so transformers' own class runs it.
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
from qa_app.reader import MOST_HEADER_TOKENS, MOST_QUESTION_TOKENS
from qa_app.settings import DEFAULT_MODEL
from training.examples import Example

MOST_TOKENS = 320  # passages have 200; more costs time and teaches little
_FORBIDDEN = -1e4


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples as the model takes them, padded to the longest.

    Attributes:
        allowed: which tokens a span may begin and end with: the first, and the passage's.
        starts, ends: the first token's place where there is no answer.
        pairs: places in the batch of an answerable question and a near miss of it.
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
    """One example in tokens.

    Attributes:
        ids: with marks.
        second: where the header begins.
        passage: where the passage begins.
        offsets: of the passage's tokens in its text, shape (tokens, 2).
        start, end: places of the answer's first and last token, 0 for none.
    """

    ids: list[int]
    second: int
    passage: int
    offsets: np.ndarray
    start: int
    end: int


def load_tokenizer() -> Tokenizer:
    """Return the encoder's tokenizer, without cutting or padding."""
    tokenizer = Tokenizer.from_file(str(find_folder(DEFAULT_MODEL) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def load_model(start_from: Path | None = None) -> BertForQuestionAnswering:
    """Return a reader with the encoder's weights, or with those of a checkpoint on them."""
    model = BertForQuestionAnswering.from_pretrained(
        find_folder(DEFAULT_MODEL),
        attn_implementation="sdpa",
        # With dropout there, attention on a CPU falls back to a path a third slower.
        attention_probs_dropout_prob=0.0,
        dtype=torch.float32,
    )
    if start_from is not None:
        state = torch.load(start_from, weights_only=True)
        model.load_state_dict(state["model"], strict=False)
    model.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    return model


def encode(tokenizer: Tokenizer, examples: Sequence[Example]) -> list[Encoded | None]:
    """Return the examples in tokens; None where the answer would be cut off."""
    questions = tokenizer.encode_batch(
        [item.question for item in examples], add_special_tokens=False
    )
    headers = tokenizer.encode_batch([item.header for item in examples], add_special_tokens=False)
    passages = tokenizer.encode_batch([item.passage for item in examples], add_special_tokens=False)
    cls, sep = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    found: list[Encoded | None] = []
    for item, question, head, passage in zip(examples, questions, headers, passages, strict=True):
        asked = question.ids[:MOST_QUESTION_TOKENS]
        front = [cls, *asked, sep, *head.ids[:MOST_HEADER_TOKENS]]
        room = MOST_TOKENS - len(front) - 1
        offsets = np.array(passage.offsets[:room], dtype=np.int32).reshape(-1, 2)
        start = end = 0
        if item.answerable:
            inside = np.flatnonzero((offsets[:, 1] > item.start) & (offsets[:, 0] < item.end))
            if not len(inside) or (len(inside) and offsets[inside[-1], 1] < item.end):
                found.append(None)
                continue
            start, end = int(inside[0]) + len(front), int(inside[-1]) + len(front)
        ids = [*front, *passage.ids[:room], sep]
        found.append(Encoded(ids, len(asked) + 2, len(front), offsets, start, end))
    return found


def collate(items: Sequence[Encoded], pairs: Sequence[tuple[int, int]] = ()) -> Batch:
    """Return the examples as one batch."""
    longest = max(len(item.ids) for item in items)
    shape = (len(items), longest)
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    types, allowed = np.zeros(shape, np.int64), np.zeros(shape, bool)
    for n, item in enumerate(items):
        length = len(item.ids)
        ids[n, :length], mask[n, :length] = item.ids, 1
        types[n, item.second : length] = 1
        allowed[n, 0] = True
        allowed[n, item.passage : length - 1] = True
    starts = np.array([item.start for item in items])
    ends = np.array([item.end for item in items])
    paired = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return Batch(*(torch.from_numpy(a) for a in (ids, mask, types, allowed, starts, ends, paired)))


def logits(model: BertForQuestionAnswering, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return float32 start and end logits, shape (batch, tokens); what may not answer is barred."""
    out = model(input_ids=batch.ids, attention_mask=batch.mask, token_type_ids=batch.types)
    barred = ~batch.allowed
    start = out.start_logits.float().masked_fill(barred, _FORBIDDEN)
    end = out.end_logits.float().masked_fill(barred, _FORBIDDEN)
    return start, end


def has_answer(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Return how much likelier any span is than none, in logits, shape (batch,)."""
    some = torch.logsumexp(start[:, 1:], 1) + torch.logsumexp(end[:, 1:], 1)
    return some - start[:, 0] - end[:, 0]
