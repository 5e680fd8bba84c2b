"""Evaluates a reader on held-out examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import BertForQuestionAnswering

from qa_app.evaluation.scoring import auroc
from qa_app.reader import best_span
from training.examples import Example
from training.model import collate, has_answer, logits, tokenize

_BATCH = 32  # examples per forward pass


@dataclass(frozen=True, slots=True)
class Reading:
    """A reader's output for one example.

    Attributes:
        start, end: character offsets of the best span in the passage.
        score: logit of the best span less that of no answer.
        some: the same with all spans summed (log-sum-exp) in place of the best.
    """

    start: int
    end: int
    score: float
    some: float


def read(
    model: BertForQuestionAnswering, tokenizer: Tokenizer, examples: Sequence[Example]
) -> list[Reading | None]:
    """Return a reading per example; None if the answer or the whole passage is cut off."""
    encoded = tokenize(tokenizer, examples)
    places = [n for n, item in enumerate(encoded) if item is not None]
    places.sort(key=lambda n: len(encoded[n].given.ids))
    found: list[Reading | None] = [None] * len(examples)
    model.eval()
    for first in range(0, len(places), _BATCH):
        chosen = places[first : first + _BATCH]
        items = [encoded[n] for n in chosen]
        batch = collate(items)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            start, end = logits(model, batch)
        some = has_answer(start, end).numpy()
        for row, (n, item) in enumerate(zip(chosen, items, strict=True)):
            given = item.given
            if not len(given.offsets):
                continue
            s, e = start[row].numpy(), end[row].numpy()
            inside = slice(given.passage, len(given.ids) - 1)
            first_token, last_token = best_span(s[inside], e[inside])
            best = s[inside][first_token] + e[inside][last_token]
            found[n] = Reading(
                int(given.offsets[first_token, 0]),
                int(given.offsets[last_token, 1]),
                float(best - s[0] - e[0]),
                float(some[row]),
            )
    return found


def measure(
    model: BertForQuestionAnswering, tokenizer: Tokenizer, examples: Sequence[Example]
) -> dict[str, float]:
    """Return the figures of a model on examples, by name.

    "f1": word overlap of best span and answer; "hit": share of best spans that overlap the answer;
    "hit_paraphrase": the same for paraphrased questions; "auroc": of the score, answerable against
    unanswerable; "twin": share of pairs in which the answerable question scores higher.
    """
    both = list(zip(examples, read(model, tokenizer, examples), strict=True))
    known = [(item, found) for item, found in both if found is not None]
    answerable = [(item, found) for item, found in known if item.answerable]
    hits = [found.start < item.end and item.start < found.end for item, found in answerable]
    hard = [hit for hit, (item, _) in zip(hits, answerable, strict=True) if item.paraphrase]
    figures = {
        "f1": _mean([_f1(item, found) for item, found in answerable]),
        "hit": _mean(hits),
        "hit_paraphrase": _mean(hard),
        "auroc": auroc(
            [found.score for _, found in answerable],
            [found.score for item, found in known if not item.answerable],
        ),
    }
    pairs: dict[str, dict[bool, float]] = {}
    for item, found in known:
        if item.pair:
            pairs.setdefault(item.pair, {})[item.answerable] = found.score
    whole = [sides for sides in pairs.values() if len(sides) == 2]
    if whole:
        figures["twin"] = _mean([sides[True] > sides[False] for sides in whole])
    return figures


def _f1(item: Example, found: Reading) -> float:
    gold = Counter(re.findall(r"\w+", item.passage[item.start : item.end].lower()))
    said = Counter(re.findall(r"\w+", item.passage[found.start : found.end].lower()))
    same = sum((gold & said).values())
    return 2 * same / (sum(gold.values()) + sum(said.values())) if same else 0.0


def _mean(values: Sequence[float | bool]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
