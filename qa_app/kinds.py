"""Kinds of answers: the sort of words that a question asks for, and whether a text has any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from qa_app.analysis import analyse
from qa_app.dates import MONTHS


class AnswerKind(StrEnum):
    """What sort of words would answer a question."""

    TIME = "time"
    DURATION = "duration"
    FREQUENCY = "frequency"
    NUMBER = "number"
    MONEY = "money"
    SHARE = "share"
    NAME = "name"
    ADVICE = "advice"
    REASON = "reason"
    MEANING = "meaning"
    DEFINITION = "definition"
    ANY = "any"


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
         r"has|have|had|was|were|is|are)\b.*\b(?:cost|charge[ds]?|fined?|earn|spen[dt]|invest(?:ed)?|"
         r"pa(?:y|id)|worth|raised?)\b|\bwhat (?:did|does|do|will|would)\b.*\bcost\b|"
         r"\bwhat (?:is|are|was|were|will be) the (?:\w+ ){0,2}(?:price|cost|budget|salary|fee|"
         r"precept)s?\b"),
        (AnswerKind.DURATION, r"\bhow long (?:ago|after|before|for|until|was|were|is|are|do|"
         r"does|did|has|have|had|will|would|should|must|may|can|could)\b"),
        (AnswerKind.FREQUENCY, r"\bhow (?:often|frequently|regularly)\b"),
        (AnswerKind.NUMBER, r"\bhow many\b|^\W*how (?:much|long|far|old|tall|high|big|large|fast|"
         r"deep|wide|heavy|few)\b|\bwhat (?:(?:is|was|are|were) the (?:\w+ ){0,2})?(?:population|"
         r"number|size|age|length|width|height|depth|weight|distance|speed|dose|dosage|ratio|"
         r"temperature|capacity|output)\b"),
        (AnswerKind.TIME, r"^\W*when (?:did|was|were|will|had|has)\b|\bsince when\b|"
         r"\b(?:what|which) (?:year|date|day|month|"
         r"century|decade)\b"),
        (AnswerKind.NAME, r"\b(?:who|whom|whose|where)\b|\b(?:what|which) (?:city|country|state|"
         r"county|place|town|region|person|company|organi[sz]ation|university|team)\b"),
        (AnswerKind.REASON, r"\bwhy\b|\bhow come\b|\bwhat (?:caused?|reasons?|led to)\b"),
        (AnswerKind.ADVICE, r"\brecommend\w*\b|\badvise[ds]?\b|^\W*what (?:should|must)\b"),
        (AnswerKind.DEFINITION, _ASKS_DEFINITION.pattern),
        (AnswerKind.MEANING, r"\bstands? for\b|\bmean(?:s|ing)? (?:by|of)\b|\bwhat does .* mean\b|"
         r"\bdefin(?:e|ed|ition)\b|\b(?:acronym|abbreviation)\b"),
    )
)  # fmt: skip
_MONTHS = f"{MONTHS}|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec"
_NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
    "seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|"
    "thousands?|millions?|billions?|dozens?|half|twice|double|none|one|several|few|couple|pair|"
    "majority|(?:an?|one|two|three)[ -](?:third|quarter)s?"
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
    AnswerKind.NUMBER: re.compile(rf"\d(?:[\d,.]*\d)?|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
    AnswerKind.MONEY: re.compile(
        r"[£$€¥]|\b(?:dollars|pounds|euros|pence|[mb]illion|free|no (?:cost|charge|fee))\b", re.I
    ),
    AnswerKind.SHARE: re.compile(
        r"%|\bper ?cent|\b(?:half|third|quarter|fifth|tenth|majority)s?\b|\b(?:most|all|none) of\b"
        r"|\b\w+ (?:in|out of) (?:every )?(?:\d|two|three|four|five|six|seven|eight|nine|ten)",
        re.IGNORECASE,
    ),
    AnswerKind.NAME: re.compile(rf"(?<=[^.!?\s]\s)(?!(?:{_MONTHS})\b)[A-Z][\w'’-]+"),
    AnswerKind.ADVICE: re.compile(
        r"\b(?:recommend\w*|should|must|urged?|urges|advis\w+|call(?:s|ed)? (?:for|on)|"
        r"propos(?:e|es|ed|als?)|needs? to|ought)\b",
        re.IGNORECASE,
    ),
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
# Digits that number a paragraph, a note, a law, a product or a date, and count nothing.
_NO_COUNT = re.compile(
    r"^\W*(?:\d+(?:\.\d+)*[.)]|\(\d+\)|\d+(?:\.\d+)+(?=\s+[A-Z]))"
    r"|(?<=[A-Za-z])[-–]?\d[\d.]*|(?<=[a-z][.,;:’”\"')\]])\d+\b|\b\d+(?:st|nd|rd|th)\b"
    r"|\b(?:sections?|paragraphs?|paras?|pages?|pp?|chapters?|tables?|fig(?:ure)?s?|annex|appendix|"
    r"parts?|schedules?|articles?|regulations?|clauses?|rules?|notes?|recommendations?|vol(?:ume)?|"
    r"no|version|type|stage|level|grade|class)\.?\s*\d[\w.()/]*"
    rf"|\b\d{{1,2}}\s+(?:of\s+)?(?:{_MONTHS})\b|\b(?:{_MONTHS})\s+\d{{1,2}}\b"
    r"|\b(?:19|20)\d\d\b(?!,\d)|\b(?:in|since|by|of|from|until|between|to|and)\s+1[0-8]\d\d\b",
    re.IGNORECASE,
)
# What is counted: the words behind "how many", as far as the verb.
_COUNTED = re.compile(
    r"\bhow many\s+((?:(?!(?:did|do|does|are|is|were|was|have|has|had|can|could|will|would|must|"
    r"should|may|might|there|of|in|on|at|for|to|from|with|who|that|which)\b)[\w’'-]+\s*)+)",
    re.IGNORECASE,
)
# As many words may stand between a number and what it counts, unless it measures something.
_REACH = 4
_MEASURES = re.compile(
    rf"\W*(?:%|per ?cent|(?:{_UNITS_OF_TIME})s?\b|[ap]\.?m\b|k?m\b|[cm]m\b|m?g\b|ml\b)",
    re.IGNORECASE,
)


def asked_kind(question: str) -> AnswerKind:
    """Return what sort of words would answer the question."""
    return next((kind for kind, asked in _ASKED if asked.search(question)), AnswerKind.ANY)


def supplies(kind: AnswerKind, text: str, question: str) -> float:
    """Return 1 if the text has words of the kind that are not the question's own, 0 if not.

    0.5 where any words would do, or where a number stands there but not by what is counted.
    """
    if kind is AnswerKind.ANY:
        return 0.5
    if kind is AnswerKind.DEFINITION:
        return float(_defining(question).search(text) is not None)
    if kind is AnswerKind.ADVICE:
        return float(_SUPPLIES[kind].search(text) is not None)
    if kind is AnswerKind.NUMBER:
        text = _NO_COUNT.sub(lambda found: " " * len(found[0]), text)
    found = list(_foreign(kind, text, question))
    if kind is AnswerKind.NUMBER and (counted := _COUNTED.search(question)) and found:
        return 1.0 if _beside(found, text, counted[1]) else 0.5
    return float(bool(found))


def _foreign(kind: AnswerKind, text: str, question: str) -> Iterator[re.Match[str]]:
    """Yield the text's words of the kind that are not the question's."""
    own = {word.lower() for word in re.findall(r"\w(?:[\w,.]*\w)?", question)}
    return (found for found in _SUPPLIES[kind].finditer(text) if found[0].lower() not in own)


def _beside(numbers: list[re.Match[str]], text: str, counted: str) -> bool:
    """Tell whether one of the numbers stands by the last of the words that are counted."""
    nouns = analyse(counted)[-1:]
    if not nouns:
        return True
    for number in numbers:
        measured = _MEASURES.match(text, number.end())
        reach = 1 if measured else _REACH + 1
        behind = text[number.end() :].split()[:reach]
        before = [] if measured else text[: number.start()].split()[-_REACH:]
        if nouns[0] in analyse(" ".join([*before, *behind])):
            return True
    return False


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
