"""The JSON of the contract, what the terminal shows, and the sentences shared with the page."""

from __future__ import annotations

import pytest

from qa_app.models import (
    Answer,
    BuildReport,
    Citation,
    Coverage,
    Failure,
    Passage,
    SearchResult,
    Verdict,
)
from qa_app.output.contract import build_json
from qa_app.output.messages import also_in_text, coverage_headline, coverage_text
from qa_app.output.terminal import answer_text
from qa_app.text.wording import count, plural


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


def test_the_places_of_a_repeated_wording() -> None:
    places = [
        Citation(f"{name}.pdf", name, page, (), 0, 1, f"{name}, p. {page}")
        for name, page in (("Response", 4), ("Summary", 1), ("Plan", 9), ("Annex", 2), ("Note", 3))
    ]
    assert also_in_text(places[:1]) == "Also in Response, p. 4"
    assert also_in_text(places) == "Also in Response, p. 4; Summary, p. 1; Plan, p. 9; and 2 more"


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


@pytest.mark.parametrize(
    ("found", "silent", "line"),
    [
        (("A",), (), "Evidence for the one force in this corpus"),
        (("A", "B"), (), "Evidence for all 2 forces in this corpus"),
        (("A", "B"), ("C",), "Evidence for 2 of the 3 forces in this corpus"),
        ((), ("C", "D"), "Evidence for 0 of the 2 forces in this corpus"),
    ],
)
def test_coverage_line(found: tuple[str, ...], silent: tuple[str, ...], line: str) -> None:
    assert coverage_headline(Coverage("force", found, silent, 0)) == line


@pytest.mark.parametrize(
    ("noun", "nouns"),
    [
        ("force", "forces"),
        ("agency", "agencies"),
        ("survey", "surveys"),
        ("bus", "buses"),
        ("branch", "branches"),
    ],
)
def test_plural(noun: str, nouns: str) -> None:
    assert plural(noun) == nouns


def test_words_that_no_report_has_stand_below_the_verdict() -> None:
    nothing = Answer("x", Verdict.NOT_FOUND, 0.0, (), (), None, {}, "000001")
    assert answer_text(nothing, "“x” is in none.").splitlines() == [
        "The reports do not say.",
        "“x” is in none.",
    ]


def test_a_refusals_coverage_stands_above_the_nearest_passages() -> None:
    passage = Passage("p1", "a.txt", "A", (), 0, 17, "The road is safe.", ())
    place = Citation("a.txt", "A", None, (), 0, 17, "A")
    nearest = (SearchResult(1, 0.5, passage, place),)
    coverage = Coverage("force", (), ("Kent", "Surrey"), 0)
    refused = Answer("x", Verdict.NOT_FOUND, 0.0, (), nearest, coverage, {}, "000001")
    assert answer_text(refused).splitlines() == [
        "The reports do not say.",
        "",
        "Evidence for 0 of the 2 forces in this corpus; none for Kent and Surrey.",
        "",
        "Nearest passages:",
        "  1. A   [0.500]",
        "     The road is safe.",
    ]
