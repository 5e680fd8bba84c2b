"""Sentences and shapes that every face shows alike."""

from __future__ import annotations

import pytest

from qa_app.models import BuildReport, Coverage, Failure
from qa_app.presentation import build_json, count, coverage_text


def test_the_coverage_line_names_who_has_no_evidence() -> None:
    coverage = Coverage("force", ("Merseyside", "Surrey"), ("Humberside",), 41)
    assert coverage_text(coverage) == (
        "Evidence for 2 of the 3 forces in this corpus; none for Humberside; "
        "41 known forces are not mentioned."
    )


def test_the_coverage_line_stays_short() -> None:
    silent = tuple(f"Place {number}" for number in range(30))
    text = coverage_text(Coverage("city", (), silent, 1))
    assert text.startswith("Evidence for 0 of the 30 cities in this corpus; none for Place 0, ")
    assert text.endswith("Place 11 and 18 more; 1 known city is not mentioned.")


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "file", "1 file"),
        (2_000, "file", "2,000 files"),
        (0, "day", "0 days"),
        (2, "box", "2 boxes"),
    ],
)
def test_numbers_and_their_nouns(number: int, noun: str, words: str) -> None:
    assert count(number, noun) == words


def test_the_builds_json_has_the_contracts_keys() -> None:
    failure = Failure("a.pdf", "no text", "use --ocr")
    report = BuildReport("000002", 1, 2, 3, 4, (failure,), (), 40, 10, 30, 4.0)
    assert build_json(report) == {
        "generation": "000002",
        "documents": {"added": 1, "changed": 2, "removed": 3, "unchanged": 4, "failed": 1},
        "failures": [{"path": "a.pdf", "reason": "no text", "hint": "use --ocr"}],
        "warnings": [],
        "passages": 40,
        "embedded": 10,
        "reused": 30,
        "seconds": 4.0,
        "passages_per_second": 2.5,
    }
