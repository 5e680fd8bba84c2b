"""Dates with the precision of a year, month or day, ranges of days, and years in text."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
# A year in running text: not a sum of money, part of a longer number or decade ("1990s").
_YEAR = re.compile(r"(?<![\d,.£$€])(1[5-9]\d\d|20\d\d)(?!\d|[.,]\d|s\b|['’]s\b)")
# A range of years: "2003 to 2009", "2019-21".
_YEARS = re.compile(
    r"(?<!\d)(1[5-9]\d\d|20\d\d)\s*(?:[-–—/]|to|and|until)\s*(1[5-9]\d\d|20\d\d|\d\d)(?!\d)"
)
# Before a year these words set a limit; the question does not ask about that year itself.
_BOUND = re.compile(
    r"\b(?:before|prior to|until|till|after|since|by|from|to)\s+(?:the\s+)?(?:year\s+)?$",
    re.IGNORECASE,
)
# Years further apart than this are not taken as the two ends of one period.
_LONGEST = 60

RANGE_FORM = "2019, 2019-06, 2019-06-14, 2019..2024, 2019.. or ..2020-06"
# ISO 8601, to the year, month or day; a time of day is ignored.
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ].*)?)?)?")
_TO = ".."


@dataclass(frozen=True, slots=True)
class Days:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def meets(self, other: Days) -> bool:
        """Tell whether the two have a day in common."""
        return self.first <= other.last and other.first <= self.last


def parse_date(text: str) -> Days | None:
    """Return the days that a date covers: "2024-05" is all of May; None if it is no date."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day = (int(part) if part else 0 for part in match.groups())
    try:
        first = date(year, month or 1, day or 1)
        last_day = calendar.monthrange(year, month or 12)[1]
        return Days(first, date(year, month or 12, day or last_day))
    except ValueError:  # the year 0, the 13th month, the 30th of February
        return None


def parse_range(text: str) -> Days | None:
    """Return the days of a date or a range of the form ``RANGE_FORM``; None if it is neither."""
    start, to, end = text.partition(_TO)
    if not to:
        return parse_date(text)
    first = parse_date(start) if start.strip() else Days(date.min, date.min)
    last = parse_date(end) if end.strip() else Days(date.max, date.max)
    if first is None or last is None or not (start + end).strip() or first.first > last.last:
        return None
    return Days(first.first, last.last)


def years_in(text: str) -> set[int]:
    """Return the years named in a text, with every year of ranges as "2003 to 2009", "2019-21"."""
    found = {int(year) for year in _YEAR.findall(text)}
    for start, end in _YEARS.findall(text):
        first = int(start)
        last = int(end) if len(end) == len(start) else first // 100 * 100 + int(end)
        if first < last <= first + _LONGEST:
            found.update(range(first, last + 1))
    return found


def years_asked(question: str) -> set[int]:
    """Return the years that a question asks about; for "before 2000" there are none."""
    return {
        int(year[1])
        for year in _YEAR.finditer(question)
        if not _BOUND.search(question, 0, year.start())
    }
