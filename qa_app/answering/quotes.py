"""Extends a sentence that answers to a quote that can be understood by itself.

A lead-in is quoted with its list, a sentence that refers back with the one before it, and a
sentence split by the page's layout in full. A quote is always one exact span of its document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from qa_app.answering.features import Evidence
from qa_app.answering.lists import (
    Lists,
    goes_on,
    hands_on,
    introduces,
    is_bare,
    is_cut_off,
    points_back,
)
from qa_app.answering.model import Scale
from qa_app.models import BlockKind, Passage
from qa_app.retrieval import Ranked, Retriever
from qa_app.retrieval.duplicates import wording
from qa_app.store.protocol import Generation

# A shorter sentence ("We accept this.") may refer to anything: it counts as a repeat only within
# repeated passages.
_ENOUGH_LETTERS = 40
# Questions in the plural, which a whole list answers.
_PLURAL = re.compile(
    r"(?:what|which)\s+(?:are|were)\b"
    r"|(?:what|which)\s+(?:\w+\s+){0,3}?\w{2,}(?<![su])s\s+(?:are|were|do|did|must|should|have|had|"
    r"can|may|might|will|would|need|could|apply|count)\b"
    r"|(?:list|name)\s",
    re.IGNORECASE,
)


class Quoting:
    """Makes quotes of the sentences that answer one question.

    Args:
        generation: of the sentences.
        question: if in the plural, items are quoted with their whole list.
        scale: decides which sentences answer.
    """

    def __init__(self, generation: Generation, question: str, scale: Scale) -> None:
        self._scale = scale
        self._lists = Lists(generation)
        self._plural = _PLURAL.match(question.strip()) is not None

    def quotes(self, groups: Sequence[Sequence[Evidence]], most: int) -> list[list[Evidence]]:
        """Return a quote for each group, in order, without those contained in an earlier quote.

        A list is quoted once: whole if the question is in the plural, or if two of its parts would
        be shown.

        Args:
            groups: a sentence, then other places with the same words; most likely answer first.
            most: number of quotes that are shown.
        """
        found: list[list[Evidence]] = []
        lists: list[tuple[str, tuple[int, int]]] = []
        for group in groups:
            quote = self._chosen(group[0])
            if quote is None or any(_holds(shown[0], quote) for shown in found):
                continue
            own = _list_of(group[0])
            if own in lists and self._answers(group[0], found[lists.index(own)][0]):
                quote = self._joined(group[0], found[lists.index(own)][0]) or quote
            parts = [place for place, shown in enumerate(found) if _holds(quote, shown[0])]
            if parts and quote.sentence.kind is BlockKind.LIST_ITEM and len(found) <= most:
                # The whole list replaces the parts of it that were quoted before.
                first, *rest = parts
                shown = found[first][0]
                quote = replace(quote, scores=shown.scores, span=shown.span)
                found[first] = [quote, *self._same(found[first][1:], quote)]
                for place in reversed(rest):
                    del found[place], lists[place]
                continue
            if any(_overlap(shown[0], quote) for shown in found):
                quote = group[0]  # the text that it was extended by is quoted already
            found.append([quote, *self._same(group[1:], quote)])
            lists.append(own)
        return found

    def quote(self, group: Sequence[Evidence]) -> list[Evidence]:
        """Return the quote of one group; the sentence alone if it cannot be made complete."""
        quote = self.whole(group[0]) or group[0]
        return [quote, *self._same(group[1:], quote)]

    def whole(self, item: Evidence) -> Evidence | None:
        """Return a sentence extended to be complete; None if its end is missing in the passage."""
        sentences = item.passage.sentences
        if item.sentence not in sentences:
            return item
        place = first = last = sentences.index(item.sentence)
        if hands_on(item.passage, place + 1):
            introduction = replace(item, sentence=sentences[place + 1])
            if (found := self._lists.whole(introduction)) is not None:
                return found
        elif introduces(item.text) and (found := self._lists.whole(item)) is not None:
            return found
        while first and goes_on(item.passage, first - 1):
            first -= 1
        while goes_on(item.passage, last):
            last += 1
        if is_cut_off(item.passage, sentences[last]):
            return None
        if points_back(item.passage, first):
            first -= 1
        if first == last:
            return item
        return replace(item, sentence=replace(sentences[first], end=sentences[last].end))

    def _answers(self, *items: Evidence) -> bool:
        answered, least = self._scale.answered, self._scale.threshold
        return all(not i.scores or answered.chance(i.scores) >= least for i in items)

    def _joined(self, item: Evidence, shown: Evidence) -> Evidence | None:
        """Return the whole list of ``item`` if it contains ``shown`` too, else None."""
        whole = self._lists.whole(item)
        return whole if whole is not None and _holds(whole, shown) else None

    def _chosen(self, item: Evidence) -> Evidence | None:
        found = None
        if self._plural and is_bare(item.sentence):
            found = self._lists.bare(item)
        elif self._plural and (item.sentence.lead_in or _leads(item)):
            found = self._lists.whole(item)
        return found or self.whole(item)

    def _same(self, others: Sequence[Evidence], quote: Evidence) -> list[Evidence]:
        """Return the other places whose text, extended if need be, has the quote's wording."""
        if not others:
            return []
        words = wording(quote.text)
        makers = (lambda other: other, self.whole, self._lists.whole)
        made = (
            next((m for make in makers if (m := make(other)) and wording(m.text) == words), None)
            for other in others
        )
        return [other for other in made if other]


def _leads(item: Evidence) -> bool:
    own = (item.sentence.start, item.sentence.end)
    return any(sentence.lead_in == own for sentence in item.passage.sentences)


def _list_of(item: Evidence) -> tuple[str, tuple[int, int]]:
    """Return document and lead-in span, which identify a list; else the sentence's own span."""
    own = (item.sentence.start, item.sentence.end)
    return item.passage.document, item.sentence.lead_in or own


def _holds(shown: Evidence, other: Evidence) -> bool:
    a, b = shown.sentence, other.sentence
    return _overlap(shown, other) and a.start <= b.start and b.end <= a.end


def _overlap(shown: Evidence, other: Evidence) -> bool:
    a, b = shown.sentence, other.sentence
    same = shown.passage.document == other.passage.document
    return same and a.start < b.end and b.start < a.end


def find_repeats(retriever: Retriever, ranked: Sequence[Ranked]) -> dict[str, list[Passage]]:
    """Return, by the id of each ranked passage with repeats, the passages that repeat it."""
    repeated = [item for item in ranked if item.repeats]
    found = retriever.passages(repeated)
    return {found[item.row].id: [found[row] for row in item.repeats] for item in repeated}


def group_sentences(
    evidence: Sequence[Evidence],
    repeats: Mapping[str, Sequence[Passage]],
    dates: Mapping[str, str],
) -> list[list[Evidence]]:
    """Return the sentences grouped by wording, in the order of each group's best sentence.

    A group begins with the sentence of the newest document if no document has the wording twice;
    otherwise with the best, since the surrounding text decides which of them was asked for.

    Args:
        evidence: best first.
        repeats: by the id of a passage of the evidence, the passages that repeat it.
        dates: document path to date.
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
    # The scores belong to the wording, which all share, so that each takes the best one's.
    return [_measured_as(item, group[0]) for item in newest]


def _measured_as(item: Evidence, measured: Evidence) -> Evidence:
    """Return an item with the scores of another of the same wording, and its span moved here.

    The span is moved only if the texts are equal character by character.
    """
    span = item.span
    if measured.span is not None and item.text == measured.text:
        moved = item.sentence.start - measured.sentence.start
        span = (measured.span[0] + moved, measured.span[1] + moved)
    return replace(item, scores=measured.scores, span=span)
