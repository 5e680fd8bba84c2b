"""How the sentences of a passage hang together: what goes on, points back, or introduces a list."""

from __future__ import annotations

import re

from qa_app.models import BlockKind, Passage, Sentence
from qa_app.sentences import STARTERS

_LONGEST_PAIR = 600  # of a sentence and the one that it points back to
_LONGEST_MARKER = 6  # "(viii)"
_MOST_WORDS = 4  # of "These are:", which only hands on from the sentence before to the list

_INTRODUCES = re.compile(
    r"(?::|\b(?:includ(?:es?|ing)|such as|as follows|following(?: [\w-]+){0,3})[.:]?)$"
)
_POINTER = re.compile(
    r"(?:Rather|Instead|Therefore|However,? (?:it|they|this|these|he|she)|It|This|These|Such|They"
    r"|He|She)\b"
)
# "It is important that …" points forward, "This report …" at what it stands in.
_STANDS_ALONE = re.compile(
    r"It (?:is|was|will be|may be|would be) (?:\w+ ){1,3}?(?:that|to|whether|for)\b"
    r"|This (?:report|document|guidance|guide|section|chapter|review|paper|policy|Act|Part|Schedule"
    r"|regulation|annex|appendix|paragraph|inquiry)\b"
)
_CUT_OFF = re.compile(r"\b(?:to|of|the|an?|by|for|and|or|with|from|than)$")
_AND = re.compile(r"\b(?:and|or)$")
_PROSE = frozenset({BlockKind.PARAGRAPH, BlockKind.LIST_ITEM})
_INITIAL = re.compile(r"[A-Z][a-z]+ [A-Z][a-z]+ [A-Z]\.$")


def _text(passage: Passage, sentence: Sentence) -> str:
    return passage.slice(sentence.start, sentence.end)


def find_marker(passage: Passage, sentence: Sentence) -> str | None:
    """Return the kind of bullet or number before a sentence, "" for none, None inside a line."""
    at = sentence.start - passage.start
    before = passage.text[passage.text.rfind("\n", 0, at) + 1 : at].strip()
    if len(before) > _LONGEST_MARKER:
        return None
    return re.sub(r"[a-z]+", "a", re.sub(r"\d+", "1", before))


def _gap(passage: Passage, place: int) -> str:
    """Return what stands between a sentence of prose and the one before; "-" for any other."""
    if not 0 < place < len(passage.sentences):
        return "-"
    last, own = passage.sentences[place - 1], passage.sentences[place]
    if own.kind is not BlockKind.PARAGRAPH:
        return "-"
    return passage.slice(last.end, own.start)


def introduces(text: str) -> bool:
    """Tell whether a sentence says nothing without the list that follows, as "They include:"."""
    return _INTRODUCES.search(text) is not None


def is_cut_off(passage: Passage, sentence: Sentence) -> bool:
    """Tell whether a sentence stops where none ends: a column, a page or a box did."""
    text = _text(passage, sentence)
    if sentence.kind is BlockKind.LIST_ITEM and _AND.search(text):
        return False  # "…; and" before the next item
    return sentence.kind in _PROSE and _CUT_OFF.search(text) is not None


def goes_on(passage: Passage, place: int) -> bool:
    """Tell whether the sentence at ``place`` is one with the next."""
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
    """Tell whether the sentence at ``place`` points back to the one before, in its paragraph."""
    gap = _gap(passage, place)
    if gap.strip() or "\n" in gap:
        return False
    last, own = passage.sentences[place - 1], passage.sentences[place]
    text = _text(passage, own)
    points = _POINTER.match(text) is not None and _STANDS_ALONE.match(text) is None
    return points and last.kind is own.kind and own.end - last.start <= _LONGEST_PAIR


def hands_on(passage: Passage, place: int) -> bool:
    """Tell whether the sentence at ``place`` is no more than "These are:"."""
    if not points_back(passage, place):
        return False
    text = _text(passage, passage.sentences[place])
    return text.endswith(":") and len(text.split()) <= _MOST_WORDS
