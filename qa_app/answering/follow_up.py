"""Reads a follow-up question with the one before it: "and in Surrey?", "what about 2023?".

By rule alone: the question must consist of lead words and of facet values, a date or a document.
The question before is asked again with each value in place of the former one of the same facet, or
with the value added if there was none. A question with any other word stands on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import PurePosixPath

from qa_app.facets import DOCUMENT_FACET, YEAR_FACET, Facets, Mention, phrase_pattern
from qa_app.retrieval.filters import DATE, Filters
from qa_app.store.protocol import Generation
from qa_app.text.dates import MONTHS, parse_date

# A year, a month of a year or a range of years, with a word that sets a limit.
_WHEN = re.compile(
    rf"\b(?:(?P<limit>since|before|after|until)\s+)?(?P<date>(?:(?P<month>{MONTHS})\s+)?"
    r"(?P<year>(?:19|20)\d\d)(?:\s*(?:[-–/]|to)\s*(?P<last>(?:19|20)?\d\d))?)(?![\w%]|[.,]\d)",
    re.IGNORECASE,
)
_PREPOSITION = r"(?:in|for|at|of|from|by|with|within|on|across|during|under)"
_VALUE = "\0"  # stands for a value: questions hold no NUL character
# What precedes the values; at least one word must, since "Surrey" may be searched for by itself.
_LEAD = (
    r"\s*(?=\w+\b)(?:(?:and|or|but|so|ok|okay|also|now|then)\b[\s,]*)*"
    rf"(?:(?:(?:what|how)\s+about|what\s+of)\s+)?(?:{_PREPOSITION}\s+)?(?:the\s+)?"
)
_NOUN = r"(?:report|document|paper)s?\b"
_TAIL = r"(?:[\s,]+(?:then|too|also|as\s+well|instead|please))*\W*"
_JOINED = r"(?:\s*,\s*|\s+)(?:(?:and|or|&)\s+)?"
_FORM = re.compile(
    rf"{_LEAD}{_VALUE}(?:\s+{_NOUN})?"
    rf"(?:{_JOINED}(?:{_PREPOSITION}\s+)?(?:the\s+)?{_VALUE}(?:\s+{_NOUN})?)*{_TAIL}",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"{_LEAD}(?P<name>.+?)(?P<noun>\s+{_NOUN})?{_TAIL}", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,]*(?:and|or|&|,)\s*", re.IGNORECASE)  # two values of one list
_BEFORE = re.compile(rf"\b({_PREPOSITION})\s+(?:the\s+)?$", re.IGNORECASE)
_LAST_MARKS = re.compile(r"[\s?.!]*$")
# How a filter writes days, by the word that sets a limit; none is the whole period.
_DAYS = {"": "{0}..{1}", "since": "{0}..", "until": "..{1}"}
# Characters of a follow-up: longer than any title; bounds the time of the patterns.
_MOST_CHARACTERS = 300


@dataclass(slots=True)
class Reading:
    """A follow-up question as it was read.

    Attributes:
        question: the question to ask.
        filters: all filters to ask it with.
        told: the filters that differ from those given, as told to the user.
    """

    question: str
    filters: dict[str, Sequence[str]]
    told: str = ""

    def __str__(self) -> str:
        return self.question + self.told

    def keep_to(self, facet: str, values: Sequence[str]) -> bool:
        """Set the filter of a facet; return True."""
        self.filters[facet] = tuple(values)
        self.told += f" ({facet}: {', '.join(values)})"
        return True

    def replace(self, former: Sequence[tuple[int, int]], value: str) -> bool:
        """Put a value in place of former ones; return False if these are not one or one list."""
        words = self.question
        between = [words[one[1] : other[0]] for one, other in pairwise(former)]
        if len({words[start:end].casefold() for start, end in former}) > 1:
            if not all(map(_BETWEEN.fullmatch, between)):
                return False
            former = [(former[0][0], former[-1][1])]
        for start, end in reversed(former):
            words = words[:start] + value + words[end:]
        self.question = words
        return True

    def append(self, value: str) -> bool:
        """Add words at the end of the question; return True."""
        self.question = _LAST_MARKS.sub(lambda marks: f" {value}{marks[0]}", self.question, 1)
        return True


def read_follow_up(
    question: str, before: str, filters: Filters | None, facets: Facets, generation: Generation
) -> Reading | None:
    """Return how a question is read with the one before it; None if it stands on its own.

    None too where several values of the question before could be meant.
    """
    if len(question) > _MOST_CHARACTERS:
        return None
    dates = list(_WHEN.finditer(question))
    mentions = facets.mentions(question, typed=True)
    spans = [_with_noun(question, found, facets) for found in mentions]
    spans = sorted([*spans, *(date.span() for date in dates)])
    if len(dates) > 1 or any(one[1] > other[0] for one, other in pairwise(spans)):
        return None  # two periods, or one name of two facets
    marked = question
    for start, end in reversed(spans):
        marked = marked[:start] + _VALUE + marked[end:]
    reading = Reading(before.strip(), dict(filters or {}))
    if not spans or not _FORM.fullmatch(marked) or marked.lstrip().startswith(_VALUE):
        return reading if _take_document(reading, question, generation) else None
    about_report = re.search(rf"{_VALUE}\s+{_NOUN}", marked) is not None
    taken = [
        _take_values(reading, question, list(named), facets)
        for _, named in groupby(mentions, lambda found: found.facet)
    ]
    taken += [_take_date(reading, date, about_report, generation) for date in dates]
    return reading if all(taken) else None


def _with_noun(question: str, found: Mention, facets: Facets) -> tuple[int, int]:
    """Return the span of a value's name with the facet noun behind it: "Surrey police force"."""
    nouns = "|".join(phrase_pattern(noun) for noun in facets.nouns(found.facet))
    noun = re.compile(rf"\s+(?:{nouns})(?!\w)", re.IGNORECASE).match(question, found.end)
    return found.start, noun.end() if nouns and noun else found.end


def _take_values(reading: Reading, question: str, named: Sequence[Mention], facets: Facets) -> bool:
    """Ask about these values of one facet in place of former ones."""
    facet, values = named[0].facet, tuple(dict.fromkeys(found.value for found in named))
    mentions = facets.mentions(reading.question, typed=True)
    former = [(found.start, found.end) for found in mentions if found.facet == facet]
    table = facets.question(reading.question)
    if former and not reading.replace(former, " and ".join(values)):
        return False
    if facet in reading.filters or (table is not None and not former):
        return reading.keep_to(facet, values)
    if former:
        return True
    preposition = _BEFORE.search(question, 0, named[0].start)
    return reading.append(f"{preposition[1] if preposition else 'in'} {' and '.join(values)}")


def _take_date(
    reading: Reading, date: re.Match[str], about_report: bool, generation: Generation
) -> bool:
    """Ask about this date in place of a former one, or of the reports of it if it asks for them."""
    year, limit = date["year"], (date["limit"] or "").lower()
    former = list(_WHEN.finditer(reading.question))
    if former:
        # Without a word that sets a limit the former one stays: "since 2019" to "since 2023".
        spans = [_with_preposition(item) if limit else item.span("date") for item in former]
        return reading.replace(spans, date[0] if limit else date["date"])
    if DATE in reading.filters:
        days = _DAYS.get(limit)
        first, last = _first_and_last(date)
        if days is None:
            return False
        is_one = first == last and not limit
        return reading.keep_to(DATE, [first if is_one else days.format(first, last)])
    if YEAR_FACET in reading.filters and date["date"] == year and not limit:
        return reading.keep_to(YEAR_FACET, [year])
    if about_report:
        return _take_reports(reading, year, generation)
    return reading.append(date[0] if limit else f"in {date['date']}")


def _with_preposition(date: re.Match[str]) -> tuple[int, int]:
    """Return the span of a date with the "in" or "since" before it."""
    before = _BEFORE.search(date.string, 0, date.start())
    return before.start(1) if before else date.start(), date.end()


def _first_and_last(date: re.Match[str]) -> tuple[str, str]:
    """Return the first and last day of a period, to the year or month: ("2019", "2021")."""
    year, last = date["year"], date["last"]
    if date["month"]:
        months = [month.casefold() for month in MONTHS.split("|")]
        day = f"{year}-{months.index(date['month'].casefold()) + 1:02}"
        return day, day
    return year, year[: 4 - len(last)] + last if last else year


def _take_reports(reading: Reading, year: str, generation: Generation) -> bool:
    """Keep to the reports with this year in their title or file name, else to those dated so."""
    records = generation.documents
    named = [
        item.path for item in records if year in f"{item.title} {PurePosixPath(item.path).name}"
    ]
    if named:
        return reading.keep_to(DOCUMENT_FACET, named)
    days = parse_date(year)
    if days and any(item.dated and item.dated.meets(days) for item in records):
        reading.filters.pop(DOCUMENT_FACET, None)
        return reading.keep_to(DATE, [year])
    return False


def _take_document(reading: Reading, question: str, generation: Generation) -> bool:
    """Keep to the documents of a title or file name, in place of those kept to or named.

    A title alone may be ordinary words ("data sharing"): it must be followed by "report", hold a
    number, or be typed with its capitals.
    """
    match = _NAMED.fullmatch(question)
    if match is None or not question[: match.start("name")].strip():
        return False
    name, records = match["name"], generation.documents
    is_certain = match["noun"] or re.search(r"\d|\.\w|\s[A-Z]", name)
    found = [item for item in records if _plain(name) in _names(item.title, item.path)]
    if not found or not is_certain or not _plain(name):
        return False
    others = {item.title for item in records} - {item.title for item in found}
    # A title of one word may be any word of the question.
    former = [title for title in others if " " in title and title in reading.question]
    if former:
        title = max(former, key=len)
        reading.question = reading.question.replace(title, found[0].title)
    return reading.keep_to(DOCUMENT_FACET, [item.path for item in found])


def _names(title: str, path: str) -> Iterator[str]:
    for name in (title, PurePosixPath(path).name, PurePosixPath(path).stem):
        yield _plain(name)
        yield re.sub(rf"\s{_NOUN}$", "", _plain(name))


def _plain(name: str) -> str:
    """Return a name's words in lower case, without "the" before them."""
    return " ".join(re.findall(r"\w+", name.casefold().replace("_", " "))).removeprefix("the ")
