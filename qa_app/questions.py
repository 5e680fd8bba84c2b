"""What a question asks for: values of a facet ("which hospitals …"), a person, a date, a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

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


class AnswerKind(StrEnum):
    """What sort of words would answer a question."""

    TIME = "time"
    DURATION = "duration"
    FREQUENCY = "frequency"
    NUMBER = "number"
    MONEY = "money"
    SHARE = "share"
    NAME = "name"
    REASON = "reason"
    MEANING = "meaning"
    DEFINITION = "definition"
    ANY = "any"


# "What is a user story?": the words to be defined; with "of" or "the" it asks for a fact.
_ASKS_DEFINITION = re.compile(
    r"^\W*what(?:['’]s| is| are| was| were) (?:an? )?"
    r"((?!(?:the|its?|this|that|these|those|there|being|said|done|happening|known|required)\b)"
    r"[\w’'-]+(?: (?!(?:of|in|for|to|at|on|by|from|with|about|being|doing|like|needed)\b)"
    r"[\w’'-]+){0,3})\W*$",
    re.IGNORECASE,
)
# The first that fits decides, so the particular stand before the general.
_ASKED = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (AnswerKind.SHARE, r"\b(?:percentage|per ?cent|proportion|what (?:share|fraction) of)\b"),
        (AnswerKind.MONEY, r"\bhow much (?:money|funding)\b|\bhow much (?:did|do|does|will|would|"
         r"has|have|was|were|is|are)\b.*\b(?:cost|spen[dt]|pa(?:y|id)|worth|raised?)\b|"
         r"\bwhat (?:is|are|was|were|will be) the (?:\w+ ){0,2}(?:price|cost|budget|salary|fee|"
         r"precept)s?\b"),
        (AnswerKind.DURATION, r"\bhow long (?:ago|after|before|for|until|was|were|is|are|do|"
         r"does|did|has|have|had|will|would|should|must|may|can|could)\b"),
        (AnswerKind.FREQUENCY, r"\bhow (?:often|frequently|regularly)\b"),
        (AnswerKind.NUMBER, r"\bhow many\b|^\W*how (?:much|long|far|old|tall|high|big|large|fast|"
         r"deep|wide|heavy|few)\b|\bwhat (?:(?:is|was|are|were) the (?:\w+ ){0,2})?(?:population|"
         r"number|size|age|length|width|height|depth|weight|distance|speed|dose|dosage|ratio)\b"),
        (AnswerKind.TIME, r"^\W*when (?:did|was|were|will|had|has)\b|\bsince when\b|"
         r"\b(?:what|which) (?:year|date|day|month|"
         r"century|decade)\b"),
        (AnswerKind.NAME, r"\b(?:who|whom|whose|where)\b|\b(?:what|which) (?:city|country|state|"
         r"county|place|town|region|person|company|organi[sz]ation|university|team)\b"),
        (AnswerKind.REASON, r"\bwhy\b|\bhow come\b|\bwhat (?:caused?|reasons?|led to)\b"),
        (AnswerKind.DEFINITION, _ASKS_DEFINITION.pattern),
        (AnswerKind.MEANING, r"\bstands? for\b|\bmean(?:s|ing)? (?:by|of)\b|\bwhat does .* mean\b|"
         r"\bdefin(?:e|ed|ition)\b|\b(?:acronym|abbreviation)\b"),
    )
)  # fmt: skip
_MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December|"
    "Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec"
)
_NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    "seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|"
    "thousands?|millions?|billions?|dozens?|half|third|quarter|twice|once|double|none|one|"
    "several|few|couple|pair|majority"
)
_UNITS_OF_TIME = "second|minute|hour|day|night|week|fortnight|month|quarter|year|decade|generation"
_SUPPLIES = {
    AnswerKind.DURATION: re.compile(
        rf"\b(?:\d[\d,.]*|{_NUMBER_WORDS}|an?)(?:[- ](?:working|calendar|full|more))?"
        rf"[- ](?:{_UNITS_OF_TIME}|centur)(?:s|y|ies)?\b|\b(?:until|indefinite\w*|permanent\w*)\b"
        r"|\b(?:1\d{3}|20\d\d)\b",
        re.IGNORECASE,
    ),
    AnswerKind.FREQUENCY: re.compile(
        rf"\b(?:hourly|daily|nightly|weekly|fortnightly|monthly|quarterly|yearly|annual(?:ly)?|"
        rf"every|each|once|twice|regular(?:ly)?|times)\b|\b(?:an?|per) (?:{_UNITS_OF_TIME})\b",
        re.IGNORECASE,
    ),
    AnswerKind.TIME: re.compile(
        rf"\b(?:1\d{{3}}|20\d\d)s?\b|\b(?:{_MONTHS})\b|\b\d{{1,2}}(?:st|nd|rd|th)\b"
        r"|\b\d+ (?:BC|AD)\b"
        r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b(?:centur(?:y|ies)|decades?)\b"
        r"|\b\d+ (?:years?|days?|weeks?|months?|hours?|minutes?)\b"
        r"|\b(?:spring|summer|autumn|winter|today|yesterday|tomorrow|now|recently|annually)\b"
        r"|\b(?:last|next|this|each|every|financial) (?:year|quarter|month|week)\b|\b\d+/\d+/\d+"
    ),
    AnswerKind.NUMBER: re.compile(rf"\d[\d,.]*|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
    AnswerKind.MONEY: re.compile(
        r"[£$€¥]|\b(?:dollars|pounds|euros|pence|[mb]illion|free|no (?:cost|charge|fee))\b|%", re.I
    ),
    AnswerKind.SHARE: re.compile(
        r"%|\bper ?cent|\b(?:half|third|quarter|fifth|tenth|majority|most|all|none)s?\b"
        r"|\b\w+ (?:in|out of) (?:every )?(?:\d|two|three|four|five|six|seven|eight|nine|ten)",
        re.IGNORECASE,
    ),
    AnswerKind.NAME: re.compile(r"(?<=[^.!?\s]\s)[A-Z][\w'’-]+"),
    AnswerKind.REASON: re.compile(
        r"\b(?:because|due to|since|so that|in order to|as a result|therefore|thus|caus\w+|"
        r"reasons?|owing to|led to|"
        r"to (?:avoid|prevent|ensure|reduce|allow|protect|improve|enable))\b",
        re.IGNORECASE,
    ),
    AnswerKind.MEANING: re.compile(
        r"\([A-Z]|\b(?:means?|refers? to|is an?|are|called|known as|stands? for|defined)\b"
    ),
}


# What such words are is plain to see, so that a sentence without any cannot answer.
CERTAIN_KINDS = frozenset(
    {
        AnswerKind.TIME,
        AnswerKind.DURATION,
        AnswerKind.NUMBER,
        AnswerKind.MONEY,
        AnswerKind.SHARE,
    }
)


def asked_kind(question: str) -> AnswerKind:
    """Return what sort of words would answer the question."""
    return next((kind for kind, asked in _ASKED if asked.search(question)), AnswerKind.ANY)


def supplies(kind: AnswerKind, text: str, question: str) -> float:
    """Return 1 if the text has words of the kind that are not the question's own, 0 if not.

    0.5 where any words would do.
    """
    if kind is AnswerKind.ANY:
        return 0.5
    if kind is AnswerKind.DEFINITION:
        return float(_defining(question).search(text) is not None)
    own = {word.lower() for word in re.findall(r"\w+", question)}
    return float(any(found[0].lower() not in own for found in _SUPPLIES[kind].finditer(text)))


@lru_cache(maxsize=64)
def _defining(question: str) -> re.Pattern[str]:
    """Return what a definition of the words that the question asks about looks like."""
    asked = _ASKS_DEFINITION.search(question)
    words = asked[1].split() if asked else []
    # "user stories" are defined where "a user story" is.
    term = r"[\s-]+".join(re.escape(re.sub(r"(?:ies|s|y)$", "", word)) + r"\w*" for word in words)
    return re.compile(
        rf"\b{term}(?:\s*\([^)]*\))?[\"”’'*_]*,?\s+(?:is|are|was|were|means?|refers?|describes?|"
        r"measures?|involves?|consists?|comprises?|represents?|covers?|includes?|sets?|enables?|"
        r"provides?|allows?|aims?|helps?)\b"
        r"|\b(?:called|known as|termed|named|defined as|referred to as|stands for)\s+"
        rf"(?:an?\s+|the\s+)?[\"“‘'*_]*{term}|^\W*{term}(?:\s*\([^)]*\))?\s*[:–—-]\s",
        re.IGNORECASE,
    )
