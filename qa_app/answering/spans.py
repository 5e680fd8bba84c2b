"""What a reader makes of sentences: the words that answer, and how likely they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from qa_app.answering.evidence import Evidence
from qa_app.reader import PassageReading, Reader

# Logits beyond this say no more than "surely".
_MOST = 15.0


def read_sentences(
    reader: Reader,
    question: str,
    of_passages: Sequence[Sequence[Evidence]],
    values: Sequence[str] = (),
) -> list[list[Evidence]]:
    """Return the sentences with their spans, and with the reader's scores among theirs.

    Args:
        of_passages: the sentences of each passage, the best passage first.
        values: whom each passage is read for, in a "which …" question; ranks and what is behind
            the best count within each of them.
    """
    whose = values or [""] * len(of_passages)
    places = [place for place, sentences in enumerate(of_passages) if sentences]
    passages = [of_passages[place][0].passage for place in places]
    read = reader.read(question, passages, [whose[place] for place in places])
    found: list[list[Evidence]] = [[] for _ in of_passages]
    ranks: Counter[str] = Counter()
    best: dict[str, float] = {}
    for place, reading in zip(places, read, strict=True):
        value = whose[place]
        found[place] = [_read(item, reading, ranks[value]) for item in of_passages[place]]
        ranks[value] += 1
        top = max(item.scores["answer"] for item in found[place])
        best[value] = max(top, best.get(value, top))
    return [
        [
            replace(item, scores={**item.scores, "behind": best[value] - item.scores["answer"]})
            for item in sentences
        ]
        for value, sentences in zip(whose, found, strict=True)
    ]


def _read(item: Evidence, reading: PassageReading, rank: int) -> Evidence:
    begin = item.passage.start
    span = reading.best(item.sentence.start - begin, item.sentence.end - begin)
    # A sentence behind what the reader takes in has not been read.
    score = -_MOST if span is None else max(-_MOST, min(_MOST, span.score))
    return replace(
        item,
        scores={**item.scores, "answer": score, "rank": float(rank)},
        span=None if span is None else (begin + span.start, begin + span.end),
    )
