"""Sentences that stand in several places, as one: the one to quote first, then where else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from qa_app.answering.evidence import Evidence
from qa_app.models import Passage
from qa_app.retrieval import Ranked, Retriever
from qa_app.retrieval.duplicates import wording

# Less ("We accept this.") may be said of anything: such words are the same only where the passage
# around them is.
_ENOUGH_LETTERS = 40


def find_repeats(retriever: Retriever, ranked: Sequence[Ranked]) -> dict[str, list[Passage]]:
    """Return the passages that repeat one of these, by the id of that one."""
    repeated = [item for item in ranked if item.repeats]
    found = retriever.passages(repeated)
    return {found[item.row].id: [found[row] for row in item.repeats] for item in repeated}


def group_sentences(
    evidence: Sequence[Evidence],
    repeats: Mapping[str, Sequence[Passage]],
    dates: Mapping[str, str],
) -> list[list[Evidence]]:
    """Return the sentences in groups of the same words, in the order of each group's best.

    Where every document has the words once, the newest one's stand first. Of several in one
    document the best does, since what stands around it is what was asked for.

    Args:
        evidence: best first.
        repeats: passages that repeat those of the evidence, by the id of that one.
        dates: documents' paths to their dates.
    """
    groups: dict[tuple[str, str], list[Evidence]] = {}
    for item in evidence:
        groups.setdefault(_key(item, item.passage.id), []).append(item)
    for passage in dict.fromkeys(item.passage.id for item in evidence):
        for other in _sentences_of(repeats.get(passage, ())):
            if group := groups.get(_key(other, passage)):
                group.append(other)
    return [_newest_first(group, dates) for group in groups.values()]


def _sentences_of(passages: Sequence[Passage]) -> Iterator[Evidence]:
    for passage in passages:
        for sentence in passage.sentences:
            yield Evidence(passage, sentence)


def _key(item: Evidence, passage: str) -> tuple[str, str]:
    words = wording(item.text)
    return words, "" if len(words) >= _ENOUGH_LETTERS else passage


def _newest_first(group: list[Evidence], dates: Mapping[str, str]) -> list[Evidence]:
    documents = [item.passage.document for item in group]
    if len(set(documents)) < len(documents):
        return group
    newest = sorted(group, key=lambda item: dates.get(item.passage.document, ""), reverse=True)
    # What was measured is the wording, and that they share.
    return [_measured_as(item, group[0]) for item in newest]


def _measured_as(item: Evidence, measured: Evidence) -> Evidence:
    """Return a place with the scores of another that has the same words, and its span moved."""
    span = item.span
    if measured.span is not None and item.text == measured.text:
        moved = item.sentence.start - measured.sentence.start
        span = (measured.span[0] + moved, measured.span[1] + moved)
    return replace(item, scores=measured.scores, span=span)
