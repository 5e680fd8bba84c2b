"""Finds passages that repeat another one word for word.

Reports quote one another and themselves: a response repeats the recommendations that it answers,
a summary the chapters that follow. Texts count as repeats only if they differ in nothing but
paragraph numbering, a closing paragraph reference, spacing (unreliable in many files), capitals
and punctuation: with another number, name or verb a sentence has another meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A passage contained in a longer one is its repeat from this share of its length on: below, the
# citation "also in" would point to a place that lacks most of the text.
_LEAST_SHARE = 0.25
# Numbers keep points, commas and sign (1.5 is not 15) and are separated from what follows.
_PIECE = re.compile(r"(?P<number>(?:(?<!\w)[-−–])?\d+(?:[.,]\d+)*)|[^\W\d_]+|[%£$€]")
# A paragraph's number before its text: "8.24. We", "12) “We".
_NUMBERING = re.compile(r"\W*(?:\d+(?:\.\d+)+\.?|\d+[.)])\s*[“\"‘'(]?(?=[^\W\d_])")
# A paragraph reference at the end of a text: "(paragraph 7.17)".
_REFERENCE = re.compile(r"\((?:paragraphs?|paras?\.?)\s[\d.,\s–-]*(?:and\s[\d.]+)?\)\W*$", re.I)
_DASHES = str.maketrans("−–", "--")


def wording(text: str) -> str:
    """Return a text's words and numbers in a normal form, equal for texts of the same wording.

    "8.24. We invite 5 forces … (paragraph 7.17)" gives the same as "We invite 5 forces …".
    """
    text = _REFERENCE.sub("", text)
    start = 0
    if (numbering := _NUMBERING.match(text)) and text[numbering.end()].isupper():
        # Before a lower-case word, as in "3.5 million", the number is part of the text.
        start = numbering.end()
    return "".join(
        f"|{piece[0].translate(_DASHES)}|" if piece["number"] else piece[0]
        for piece in _PIECE.finditer(text.replace("\u00ad", "").casefold(), start)
    )


def group_repeats(texts: Sequence[str]) -> list[list[int]]:
    """Return groups of indices into ``texts``: the first text of a group contains the others.

    Args:
        texts: best first; a text joins the first group that it fits.
    """
    words = [wording(text) for text in texts]
    groups: list[list[int]] = []
    for place, own in enumerate(words):
        for group in groups:
            if _contains(words[group[0]], own):
                group.append(place)
                break
        else:
            groups.append([place])
    return groups


def is_repeat(text: str, other: str) -> bool:
    """Tell whether one of two texts contains the other's wording, or most of it."""
    one, two = wording(text), wording(other)
    return _contains(one, two) or _contains(two, one)


def _contains(shown: str, own: str) -> bool:
    return bool(own) and own in shown and len(own) >= _LEAST_SHARE * len(shown)
