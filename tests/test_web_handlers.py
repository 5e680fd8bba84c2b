from dataclasses import replace

from qa_app.analysis import analyser_for
from qa_app.models import (
    Answer,
    BlockKind,
    Citation,
    Coverage,
    Explanation,
    Finding,
    Passage,
    Quote,
    Relation,
    SearchResult,
    Sentence,
    Support,
    Verdict,
)
from qa_app.web.address import Address
from qa_app.web.handlers import answer_view
from qa_app.web.marking import Segment
from qa_app.web.views import FilterPanelView, Line, Link, Score

ENGLISH = analyser_for("english")
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
FILTERS = FilterPanelView((), (), None)


def test_the_verdict_line_counts_those_with_evidence_and_those_never_mentioned() -> None:
    view = answer_view(ANSWER, HERE, ENGLISH, FILTERS, stamp="5")
    assert view.headline == "Evidence for 1 of the 3 regions in this corpus"
    assert view.detail == "41 known regions are not mentioned."
    assert view.silent == ("South", "East")
    assert view.value_heading == "Region"
    assert view.footnote == "Answered in 0.12 s from index 000007."
    assert (view.search, view.stamp) == ("?q=which+regions+share+data?", "5")


def test_a_row_has_the_words_their_strength_and_the_way_to_their_source() -> None:
    (row,) = answer_view(ANSWER, HERE, ENGLISH, FILTERS).rows
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
    assert row.copies.plain == "‘Shared data helps.’ (Annual, Findings, p. 3)"
    assert row.lead_in == ""


def test_a_title_in_the_row_is_not_said_again_in_its_source() -> None:
    finding = replace(FINDING, facet_value="Annual")
    (row,) = answer_view(replace(ANSWER, findings=(finding,)), HERE, ENGLISH, FILTERS).rows
    assert row.source.text == "Findings, p. 3"
    assert row.copies.plain.endswith("(Annual, Findings, p. 3)")


def test_a_lead_in_stands_above_its_bullet() -> None:
    finding = replace(FINDING, lead_in=Quote("The board agreed to:", CITATION))
    (row,) = answer_view(replace(ANSWER, findings=(finding,)), HERE, ENGLISH, FILTERS).rows
    assert row.lead_in == "The board agreed to:"


def test_a_passage_keeps_its_list_and_names_its_scores() -> None:
    (passage,) = answer_view(ANSWER, HERE, ENGLISH, FILTERS).passages
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
    assert passage.why == (Score("Closeness in meaning", "0.50"), Score("New part", "1.00"))


def test_without_a_facet_the_table_has_no_first_column() -> None:
    finding = replace(FINDING, facet_value=None)
    view = answer_view(
        replace(ANSWER, coverage=None, findings=(finding, finding)), HERE, ENGLISH, FILTERS
    )
    assert view.headline == "2 quotes from 1 report"
    assert (view.value_heading, view.detail, view.silent) == ("", "", ())


def test_not_found_is_said_plainly_with_the_nearest_passages() -> None:
    answer = replace(ANSWER, verdict=Verdict.NOT_FOUND, findings=())
    view = answer_view(answer, HERE, ENGLISH, FILTERS)
    assert view.headline == "The reports do not say."
    assert view.detail == "These passages come nearest; none of them answers the question."
    assert (view.rows, view.silent) == ((), ())
    assert view.passages_heading == "Nearest passages"
    assert [passage.score for passage in view.passages] == [""]
    nothing = answer_view(replace(answer, passages=()), HERE, ENGLISH, FILTERS)
    assert nothing.detail == "Nothing in them comes near the question."


def test_under_a_filter_the_count_is_of_what_is_kept_to() -> None:
    here = replace(HERE, filters={"region": ("North",)})
    assert (
        answer_view(ANSWER, here, ENGLISH, FILTERS).headline
        == "Evidence for 1 of the 3 regions within these filters"
    )


def test_what_said_so_earlier_stands_beside_its_row() -> None:
    earlier = replace(FINDING, quote="It was shared.", date="2019", relation=Relation.EARLIER)
    first = replace(FINDING, date="2024-05", others=(earlier,))
    rows = answer_view(replace(ANSWER, findings=(first, FINDING)), HERE, ENGLISH, FILTERS).rows
    assert [(row.beside, row.relation, row.date) for row in rows] == [
        (False, "", "2024-05"),
        (True, "Earlier", "2019"),
        (False, "", ""),  # no date where there is nothing to tell it from
    ]


def test_where_else_the_words_stand_is_linked() -> None:
    places = tuple(replace(CITATION, document=f"{n}.txt", label=f"Report {n}") for n in range(5))
    result = replace(RESULT, also_in=places)
    (passage,) = answer_view(replace(ANSWER, passages=(result,)), HERE, ENGLISH, FILTERS).passages
    assert [link.text for link in passage.also_in] == [
        "Report 0", "Report 1", "Report 2", "and 2 more",
    ]  # fmt: skip
    assert passage.also_in[1].href == "?q=which+regions+share+data?&doc=1.txt&at=40-58"


def test_a_quotes_score_is_explained_largest_part_first() -> None:
    finding = replace(FINDING, scores={"late": 0.9, "dense": 0.5, "tiny": 0.01})
    weights = {"dense": 5.0, "late": 20.0, "tiny": 1.0}
    answer = replace(ANSWER, findings=(finding,), explanation=Explanation(0.42, -15.4, weights))
    (row,) = answer_view(answer, HERE, ENGLISH, FILTERS).rows
    assert row.why == (
        Score("Words and headings that mean the same", "+18.0"),
        Score("Closeness in meaning", "+2.5"),
        Score("Starting point", "-15.4"),
        Score("Score (0 to 1)", "0.90"),
    )


def test_harvard_style_is_made_of_the_documents_facts() -> None:
    facts = {"a.txt": {"author": "Ann Other", "date": "2024-05"}}
    (row,) = answer_view(ANSWER, HERE, ENGLISH, FILTERS, "", facts).rows
    assert row.copies.harvard == "Ann Other (2024) Annual, p. 3. ‘Shared data helps.’"
