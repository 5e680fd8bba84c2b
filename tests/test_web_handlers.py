from dataclasses import replace

import pytest

from qa_app.models import (
    Answer,
    BlockKind,
    Citation,
    Coverage,
    Finding,
    Passage,
    Quote,
    SearchResult,
    Sentence,
    Support,
    Verdict,
)
from qa_app.presentation import coverage_headline, plural
from qa_app.web.address import Address
from qa_app.web.handlers import answer_view, copy_text
from qa_app.web.marking import Segment
from qa_app.web.views import FilterValue, Line, Link, Score

CITATION = Citation("a.txt", "Annual", 3, ("Findings",), 40, 58, "Annual, Findings, p. 3")
FINDING = Finding("North", "Shared data helps.", Support.STRONG, 0.9, CITATION)
PASSAGE = Passage(
    id="1",
    document="a.txt",
    title="Annual",
    section=("Findings",),
    start=40,
    end=72,
    text="Shared data helps.\n- Second item",
    sentences=(Sentence(40, 58, BlockKind.LIST_ITEM), Sentence(61, 72, BlockKind.LIST_ITEM)),
    page=3,
)
RESULT = SearchResult(1, 0.987, PASSAGE, replace(CITATION, end=72), {"dense": 0.5, "new_part": 1.0})
ANSWER = Answer(
    question="which regions share data?",
    verdict=Verdict.ANSWERED,
    confidence=0.9,
    findings=(FINDING,),
    passages=(RESULT,),
    coverage=Coverage("region", ("North",), ("South", "East"), 41),
    timings_ms={"total": 120.0, "encode": 8.0},
    generation="000007",
)
HERE = Address(question=ANSWER.question)


def test_the_verdict_line_counts_those_with_evidence_and_those_never_mentioned() -> None:
    view = answer_view(ANSWER, HERE, stamp="5")
    assert view.headline == "Evidence for 1 of the 3 regions in this corpus"
    assert view.detail == "41 known regions are not mentioned."
    assert view.silent == ("South", "East")
    assert view.value_heading == "Region"
    assert view.footnote == "Answered in 0.12 s from index 000007."
    assert (view.search, view.stamp) == ("?q=which+regions+share+data?", "5")


def test_a_row_has_the_words_their_strength_and_the_way_to_their_source() -> None:
    (row,) = answer_view(ANSWER, HERE).rows
    assert row.value == "North"
    assert row.quote == (
        Segment("Shared", marked=True),
        Segment(" "),
        Segment("data", marked=True),
        Segment(" helps."),
    )
    assert row.strength == "Strong"
    assert row.source == Link(
        "Annual, Findings, p. 3", "?q=which+regions+share+data?&doc=a.txt&at=40-58"
    )
    assert row.copy == "‘Shared data helps.’ (Annual, Findings, p. 3)"
    assert row.lead_in == ""


def test_a_title_in_the_row_is_not_said_again_in_its_source() -> None:
    finding = replace(FINDING, facet_value="Annual")
    (row,) = answer_view(replace(ANSWER, findings=(finding,)), HERE).rows
    assert row.source.text == "Findings, p. 3"
    assert row.copy.endswith("(Annual, Findings, p. 3)")


def test_a_lead_in_stands_above_its_bullet() -> None:
    finding = replace(FINDING, lead_in=Quote("The board agreed to:", CITATION))
    (row,) = answer_view(replace(ANSWER, findings=(finding,)), HERE).rows
    assert row.lead_in == "The board agreed to:"


def test_a_passage_keeps_its_list_and_names_its_scores() -> None:
    (passage,) = answer_view(ANSWER, HERE).passages
    assert passage.lines == (
        Line(
            (
                Segment("Shared", marked=True),
                Segment(" "),
                Segment("data", marked=True),
                Segment(" helps."),
            ),
            bullet=True,
        ),
        Line((Segment("Second item"),), bullet=True),
    )
    assert passage.score == "0.99"
    assert passage.why == (Score("Likeness of meaning", "0.50"), Score("New part", "1.00"))


def test_without_a_facet_the_table_has_no_first_column() -> None:
    finding = replace(FINDING, facet_value=None)
    view = answer_view(replace(ANSWER, coverage=None, findings=(finding, finding)), HERE)
    assert view.headline == "2 quotes from 1 report"
    assert (view.value_heading, view.detail, view.silent) == ("", "", ())


def test_not_found_is_said_plainly_with_the_nearest_passages() -> None:
    answer = replace(ANSWER, verdict=Verdict.NOT_FOUND, findings=())
    view = answer_view(answer, HERE)
    assert view.headline == "The reports do not say."
    assert view.detail == "These passages come nearest; none of them answers the question."
    assert (view.rows, view.silent) == ((), ())
    assert view.passages_heading == "Nearest passages"
    nothing = answer_view(replace(answer, passages=()), HERE)
    assert nothing.detail == "Nothing in them comes near the question."


def test_each_filter_leads_to_the_page_without_it() -> None:
    here = replace(HERE, filters={"region": ("North", "East")})
    assert answer_view(ANSWER, here).filters == (
        Link("region: North", "?q=which+regions+share+data?&region=East"),
        Link("region: East", "?q=which+regions+share+data?&region=North"),
    )


def test_under_a_filter_the_count_is_of_what_is_kept_to() -> None:
    here = replace(HERE, filters={"region": ("North",)})
    assert answer_view(ANSWER, here).headline == "Evidence for 1 of the 3 regions kept to"


def test_values_to_keep_to_lead_there_and_chosen_ones_lead_back() -> None:
    here = replace(HERE, question="q", filters={"region": ("North",)}, document="a.txt")
    (group,) = answer_view(ANSWER, here, "", {"region": {"North": 1200, "East": 3}}).filter_groups
    assert group.name == "Region"
    assert group.values == (
        FilterValue("North", "1,200", "?q=q", active=True),
        FilterValue("East", "3", "?q=q&region=North&region=East", active=False),
    )


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


def test_a_copied_quote_is_one_line() -> None:
    assert copy_text("Two\n  lines", CITATION) == "‘Two lines’ (Annual, Findings, p. 3)"
