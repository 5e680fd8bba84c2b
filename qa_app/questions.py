"""Questions that ask for the values of a facet: "which hospitals …", "how many areas …"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPACE = r"\.?[\s_‐‑–-]+"


@dataclass(frozen=True, slots=True)
class FacetQuestion:
    """A question that asks for values of a facet.

    Attributes:
        start, end: span in the question of the words that name the facet ("which … areas").
        soft: the words may mean something else ("where"): no table, then an ordinary answer.
    """

    facet: str
    start: int
    end: int
    soft: bool = False


class FacetNounPattern:
    """Reads "which <noun> …" and its kin for one facet."""

    def __init__(self, facet: str, facet_nouns: Sequence[str]) -> None:
        self._facet = facet
        nouns = [noun for noun in facet_nouns if noun.lower() not in _SOFT]
        noun = "|".join(phrase_pattern(noun) for noun in sorted(nouns, key=len, reverse=True))
        # "which areas of law" asks for something else, "which of the areas" does not.
        head = (
            rf"(?:{noun})\b(?!\s+of\b(?!\s+(?:these|those|them)\b))(?!['’]s?\b)" if noun else "(?!)"
        )
        gap = rf"(?:(?!(?:{_NO_GAP})\b)[\w’'-]+\s+){{0,2}}?"
        among = r"(?:(?:of|among|amongst|from)\s+(?:all\s+)?(?:the|these|those|our)\s+)?"
        self._plain = re.compile(
            rf"\b(?:(?:which|what|whose|how\s+many|any|each|every|per|across(?:\s+the)?|all(?:\s+the)?)"
            rf"\s+{among}{gap}{head}"
            rf"|who\s+{among.removesuffix('?')}{gap}{head}"
            rf"|(?:list|name|show|give|find|identify|compare|tell)\s+(?:(?:me|us|all|any|out)\s+)*"
            rf"(?:the\s+)?{gap}{head}"
            rf"|^\s*{head}(?=\s+(?:that|which|who|whose|where|with|without|using|having)\b))",
            re.IGNORECASE,
        )
        soft = [word for word in facet_nouns if word.lower() in _SOFT]
        self._soft = re.compile(rf"^\W*({'|'.join(soft)})\b" if soft else "(?!)", re.IGNORECASE)

    def read(self, text: str) -> FacetQuestion | None:
        """Return the facet and where it is named, if the question asks for its values."""
        if match := self._plain.search(text):
            return FacetQuestion(self._facet, match.start(), match.end())
        if match := self._soft.search(text):
            return FacetQuestion(self._facet, match.start(1), match.end(1), soft=True)
        return None


# Question words that a facet may claim as its nouns, for questions that begin with them.
_SOFT = frozenset({"where", "who", "when"})
# Words that cannot stand between "which" and its noun.
_NO_GAP = (
    "of|in|on|at|for|to|by|with|from|is|are|was|were|be|do|does|did|has|have|had|can|could|may|"
    "might|must|shall|should|will|would|a|an|the|this|that|these|those|and|or|it|they|there"
)


def phrase_pattern(name: str) -> str:
    """Return a pattern for the name: any space or hyphen between words, "&" for "and"."""
    words = [word for word in re.split(r"[\s_‐‑–-]+|\.\s+", name) if word]
    return _SPACE.join("(?:and|&)" if word in {"and", "&"} else re.escape(word) for word in words)
