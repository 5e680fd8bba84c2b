"""Dates and ranges: which days they may mean."""

from __future__ import annotations

from datetime import date

import pytest

from qa_app.text.dates import Days, parse_date, parse_range, years_asked, years_in


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024", date(2024, 1, 1), date(2024, 12, 31)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        (" 2023-02-28 ", date(2023, 2, 28), date(2023, 2, 28)),
        ("2024-05-01T10:00:00Z", date(2024, 5, 1), date(2024, 5, 1)),
        ("2019..2024", date(2019, 1, 1), date(2024, 12, 31)),
        ("2019 .. 2020-06", date(2019, 1, 1), date(2020, 6, 30)),
        ("2019-06..", date(2019, 6, 1), date.max),
        ("..2020-06", date.min, date(2020, 6, 30)),
    ],
)
def test_a_range_is_its_first_and_last_day(text: str, first: date, last: date) -> None:
    assert parse_range(text) == Days(first, last)


@pytest.mark.parametrize(
    "text",
    ["", "..", "may", "24", "2024-13", "2023-02-29", "0000", "2024..2019", "2019...2020", "2019-6"],
)
def test_what_is_no_date_is_no_range(text: str) -> None:
    assert parse_range(text) is None


def test_a_date_is_no_range() -> None:
    assert parse_date("2019..2020") is None


def test_days_meet_where_they_share_one() -> None:
    june = Days(date(2020, 6, 1), date(2020, 6, 30))
    assert june.meets(Days(date(2020, 6, 30), date(2021, 1, 1)))
    assert not june.meets(Days(date(2020, 7, 1), date(2021, 1, 1)))
    assert not june.meets(Days(date(2019, 1, 1), date(2020, 5, 31)))


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("In 2020, 38,824 people died.", {2020}),
        ("Between 2003 and 2005 it rose.", {2003, 2004, 2005}),
        ("The 2019–21 plan.", {2019, 2020, 2021}),
        ("It cost £2000 in the 1990s, or 2,010 dollars.", set()),
        ("From 1900 to 2000 people came.", {1900, 2000}),
    ],
)
def test_the_years_of_a_text(text: str, years: set[int]) -> None:
    assert years_in(text) == years


def test_a_year_that_only_bounds_is_not_asked_about() -> None:
    assert years_asked("How many left in FY 2016?") == {2016}
    assert years_asked("How many left before 2016?") == set()
