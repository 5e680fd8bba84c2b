"""Finds passages that repeat another one word for word.

Reports quote one another, and themselves: a response repeats the recommendations that it answers,
a summary the chapters that follow. Texts are duplicates if they differ in their numbering, spacing
(which files often lack or have too much of), capitals and punctuation alone: the same sentence with
another number, name or verb says another thing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A passage is a repeat of a longer one that holds it if it is at least this share of it: less, and
# "also in" would be said of words that are not there.
_LEAST_SHARE = 0.25
# A number keeps its points and its sign, so that 1.5 is not 15, and stands apart from the next.
_PIECE = re.compile(r"(?P<number>(?:(?<!\w)[-−–])?\d+(?:[.,]\d+)*)|[^\W\d_]+|[%£$€]")
# The number of a paragraph before its text: "8.24. We", "12) “We".
_NUMBERING = re.compile(r"\W*(?:\d+(?:\.\d+)+\.?|\d+[.)])\s*[“\"‘'(]?(?=[^\W\d_])")
# A reference back, at a text's end: "(paragraph 7.17)".
_REFERENCE = re.compile(r"\((?:paragraphs?|paras?\.?)\s[\d.,\s–-]*(?:and\s[\d.]+)?\)\W*$", re.I)
_DASHES = str.maketrans("−–", "--")


def wording(text: str) -> str:
    """Return the words alone: texts that read alike have the same.

    "8.24. We invite 5 forces … (paragraph 7.17)" reads as "We invite 5 forces …" does.
    """
    text = _REFERENCE.sub("", text)
    start = 0
    if (numbering := _NUMBERING.match(text)) and text[numbering.end()].isupper():
        # Not so "3.5 million".
        start = numbering.end()
    return "".join(
        f"|{piece[0].translate(_DASHES)}|" if piece["number"] else piece[0]
        for piece in _PIECE.finditer(text.replace("\u00ad", "").casefold(), start)
    )


def group_repeats(texts: Sequence[str]) -> list[list[int]]:
    """Return the places of texts in groups: the first of each holds the words of the others.

    Args:
        texts: best first.
    """
    words = [wording(text) for text in texts]
    groups: list[list[int]] = []
    for place, own in enumerate(words):
        for group in groups:
            shown = words[group[0]]
            if own and own in shown and len(own) >= _LEAST_SHARE * len(shown):
                group.append(place)
                break
        else:
            groups.append([place])
    return groups
