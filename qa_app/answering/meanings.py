"""What an acronym stands for: the places that say so, one a meaning, before all else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from qa_app.answering.acronyms import (
    Definition,
    asked_acronym,
    find_brackets,
    find_meanings,
    passages_with,
)
from qa_app.answering.calibration import UNREAD
from qa_app.answering.evidence import Evidence
from qa_app.answering.facts import MOST_FINDINGS, Outcome, finding
from qa_app.models import Passage
from qa_app.retrieval import Retriever
from qa_app.store.vectors import RowArray


def put_meanings_first(
    outcome: Outcome, question: str, retriever: Retriever, rows: RowArray | None
) -> Outcome:
    """Return the outcome led by definitions of the acronym, if the question asks for its meaning.

    Where nothing spells it, a place that has it in brackets behind other words stands for one.

    Args:
        rows: of the passages to keep to; None for all.
    """
    acronym = asked_acronym(question)
    if acronym is None:
        return outcome
    generation = retriever.generation
    found = passages_with(acronym, generation)
    if rows is not None:
        found = {row: found[row] for row in set(rows.tolist()).intersection(found)}
    meanings = find_meanings(acronym, found, generation.lexical.analyser)
    firsts = [meaning[0] for meaning in meanings] or find_brackets(acronym, found)[:1]
    evidence = [item for place in firsts if (item := _sentence(place, found))]
    if not evidence:
        return outcome
    said = [finding([item], UNREAD, generation.dates, chance=1.0) for item in evidence]
    places = {item.citation for item in said}
    others = [item for item in outcome.findings if item.citation not in places]
    return replace(
        outcome, confidence=1.0, findings=(*said, *others)[:MOST_FINDINGS], near_misses=()
    )


def _sentence(place: Definition, passages: Mapping[int, Passage]) -> Evidence | None:
    passage = passages[place.row]
    inside = (item for item in passage.sentences if item.start <= place.place < item.end)
    sentence = next(inside, None)
    return None if sentence is None else Evidence(passage, sentence)
