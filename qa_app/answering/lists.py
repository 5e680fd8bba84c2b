"""Relations between sentences (continues, refers back, introduces a list), and whole lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, takewhile

from qa_app.answering.features import Evidence
from qa_app.models import BlockKind, Passage, Sentence
from qa_app.store.protocol import Generation
from qa_app.text.sentences import STARTERS

_LONGEST_PAIR = 600  # characters of two sentences that are quoted as one
_LONGEST_MARKER = 6  # characters of "(viii)"
_MOST_WORDS = 4  # of "These are:", which only links the sentence before it to a list

# Ends of sentences that introduce a list: a colon, "including", "as follows", "the following".
_INTRODUCES = re.compile(
    r"(?::|\b(?:includ(?:es?|ing)|such as|as follows|following(?: [\w-]+){0,3})[.:]?)$"
)
# First words that refer to the sentence before.
_POINTER = re.compile(
    r"(?:Rather|Instead|Therefore|However,? (?:it|they|this|these|he|she)|It|This|These|Such|They"
    r"|He|She)\b"
)
# No reference back: "It is important that …" points forward, "This report …" to the document.
_STANDS_ALONE = re.compile(
    r"It (?:is|was|will be|may be|would be) (?:\w+ ){1,3}?(?:that|to|whether|for)\b"
    r"|This (?:report|document|guidance|guide|section|chapter|review|paper|policy|Act|Part|Schedule"
    r"|regulation|annex|appendix|paragraph|inquiry)\b"
)
# Last words with which no complete sentence ends.
_CUT_OFF = re.compile(r"\b(?:to|of|the|an?|by|for|and|or|with|from|than)$")
_AND = re.compile(r"\b(?:and|or)$")  # ends the last but one item of many lists
_PROSE = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM})
_INITIAL = re.compile(r"[A-Z][a-z]+ [A-Z][a-z]+ [A-Z]\.$")  # a name cut after an initial
_MOST_ITEMS = 12  # of a list that is quoted whole; longer ones are cut after an item
_LONGEST_LIST = 1200  # characters of a list that is quoted whole, lead-in included
_LONGEST_NUMBERED = 300  # characters of a numbered paragraph that counts as a list item


class Lists:
    """Finds the lists that sentences of one generation belong to."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def whole(self, item: Evidence) -> Evidence | None:
        """Return the list that a lead-in or an item belongs to, lead-in included; None if none.

        A list of over twelve items or 1,200 characters is cut after an item; None if the cut would
        leave out the sentence itself.
        """
        start = item.sentence.lead_in[0] if item.sentence.lead_in else item.sentence.start
        passage = item.passage if item.passage.start <= start else self._before(item.passage, start)
        sentences = passage.sentences if passage else ()
        place = next((n for n, sentence in enumerate(sentences) if sentence.start == start), None)
        if passage is None or place is None:
            return None
        lead = sentences[place]
        # A list nested under an item ends where the next item with the outer list's marker begins.
        outer = (find_marker(passage, lead) or "") if lead.kind is BlockKind.LIST_ITEM else None
        if points_back(passage, place):
            start = sentences[place - 1].start
        return self._list(item, passage, start, self._items(passage, place, outer))

    def bare(self, item: Evidence) -> Evidence | None:
        """Return the list of an item without a lead-in; None if the list is a single line."""
        passage, sentences = item.passage, item.passage.sentences
        first = sentences.index(item.sentence)
        while first and is_bare(sentences[first - 1]):
            first -= 1
        line = passage.text.rfind("\n", 0, sentences[first].start - passage.start) + 1
        found = self._list(item, passage, passage.start + line, self._items(passage, first - 1))
        return found if found and "\n" in found.text else None

    def _list(
        self, item: Evidence, passage: Passage, start: int, ends: Iterator[int]
    ) -> Evidence | None:
        """Return the span from ``start`` to the last of the item ends within the size limits.

        None if that leaves out ``item``, or ``start`` is before the passage.
        """
        room = takewhile(lambda end: end - start <= _LONGEST_LIST, islice(ends, _MOST_ITEMS))
        end = max(room, default=0)
        if end < item.sentence.end or not passage.start <= start:
            return None
        span = Sentence(start, end, BlockKind.LIST_ITEM)
        return replace(item, passage=self._generation.stretch(passage, end), sentence=span)

    def _items(self, passage: Passage, place: int, outer: str | None = None) -> Iterator[int]:
        """Yield the end offset of each item of the list after the sentence at ``place``.

        Args:
            outer: marker of the enclosing list, at which this list ends.
        """
        items: list[Sentence] = []
        for holder, sentence in self._after(passage, place):
            marker = find_marker(holder, sentence)
            if sentence.kind is not BlockKind.LIST_ITEM or marker == outer is not None:
                break
            if items and sentence.lead_in != items[0].lead_in:
                break
            if items and marker is not None:
                yield items[-1].end
            items.append(sentence)
        if items:
            yield items[-1].end
        elif place == len(passage.sentences) - 1 and passage.text.endswith(":"):
            yield from self._numbered(passage)

    def _after(self, passage: Passage, place: int) -> Iterator[tuple[Passage, Sentence]]:
        for sentence in passage.sentences[place + 1 :]:
            yield passage, sentence
        for other in self._neighbours(passage, 1):
            for sentence in other.sentences:
                yield other, sentence

    def _numbered(self, passage: Passage) -> Iterator[int]:
        """Yield the end offsets of short paragraphs numbered 1, 2, 3 … that follow a passage."""
        for number, other in enumerate(self._neighbours(passage, 1), 1):
            line = other.text.partition("\n")[0]
            label = (other.label or "").strip(".()[] ")
            if label != str(number) or len(line) > _LONGEST_NUMBERED:
                return
            yield other.start + len(line)
            if len(line) < len(other.text):
                return

    def _before(self, passage: Passage, start: int) -> Passage | None:
        return next((p for p in self._neighbours(passage, -1) if p.start <= start), None)

    def _neighbours(self, passage: Passage, step: int) -> Iterator[Passage]:
        """Yield up to twelve passages of the same section, after (step 1) or before (step -1)."""
        row = self._generation.row_of(passage.id)
        rows = self._generation.document_rows(passage.document)
        for _ in range(_MOST_ITEMS):
            if row is None or row + step not in rows:
                return
            row += step
            other = self._generation.passage(row)
            if other.section != passage.section:
                return
            yield other


def is_bare(sentence: Sentence) -> bool:
    """Tell whether a sentence is a list item without a lead-in."""
    return sentence.kind is BlockKind.LIST_ITEM and sentence.lead_in is None


def _text(passage: Passage, sentence: Sentence) -> str:
    return passage.slice(sentence.start, sentence.end)


def find_marker(passage: Passage, sentence: Sentence) -> str | None:
    """Return the bullet or number before a sentence, "" for none, None if it is inside a line.

    Digits are reduced to "1" and lower-case letters to "a", so that "(b)" and "(c)" are alike.
    """
    at = sentence.start - passage.start
    before = passage.text[passage.text.rfind("\n", 0, at) + 1 : at].strip()
    if len(before) > _LONGEST_MARKER:
        return None
    return re.sub(r"[a-z]+", "a", re.sub(r"\d+", "1", before))


def _gap(passage: Passage, place: int) -> str:
    """Return the text between a paragraph's sentence and the one before it, "-" for any other."""
    if not 0 < place < len(passage.sentences):
        return "-"
    last, own = passage.sentences[place - 1], passage.sentences[place]
    if own.kind is not BlockKind.PARAGRAPH:
        return "-"
    return passage.slice(last.end, own.start)


def introduces(text: str) -> bool:
    """Tell whether a sentence introduces a list, as "They include:" does."""
    return _INTRODUCES.search(text) is not None


def is_cut_off(passage: Passage, sentence: Sentence) -> bool:
    """Tell whether a sentence is incomplete, cut by the end of a column, page or box."""
    text = _text(passage, sentence)
    if sentence.kind is BlockKind.LIST_ITEM and _AND.search(text):
        return False  # "…; and" before the next item
    return sentence.kind in _PROSE and _CUT_OFF.search(text) is not None


def goes_on(passage: Passage, place: int) -> bool:
    """Tell whether the sentence at ``place`` continues in the next one."""
    gap = _gap(passage, place + 1)
    if gap.strip():
        return False
    own, following = passage.sentences[place], passage.sentences[place + 1]
    is_pair = following.end - own.start <= _LONGEST_PAIR
    if is_cut_off(passage, own) or (is_pair and _text(passage, own).endswith(":")):
        return True
    opens = _text(passage, following).split(maxsplit=1)[0]
    cut_name = "\n" in gap and _INITIAL.search(_text(passage, own)) is not None
    return cut_name and opens.istitle() and opens.lower() not in STARTERS


def points_back(passage: Passage, place: int) -> bool:
    """Tell whether the sentence at ``place`` refers to the one before it in its paragraph."""
    gap = _gap(passage, place)
    if gap.strip() or "\n" in gap:
        return False
    last, own = passage.sentences[place - 1], passage.sentences[place]
    text = _text(passage, own)
    points = _POINTER.match(text) is not None and _STANDS_ALONE.match(text) is None
    return points and last.kind is own.kind and own.end - last.start <= _LONGEST_PAIR


def hands_on(passage: Passage, place: int) -> bool:
    """Tell whether the sentence at ``place`` only links to a list, as "These are:" does."""
    if not points_back(passage, place):
        return False
    text = _text(passage, passage.sentences[place])
    return text.endswith(":") and len(text.split()) <= _MOST_WORDS
