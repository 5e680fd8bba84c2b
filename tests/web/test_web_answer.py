from __future__ import annotations

from dataclasses import replace

import pytest
from bs4 import BeautifulSoup, Tag

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
from qa_app.web.answer_view import render_answer
from qa_app.web.catalogue import Catalogue, Visit
from support.web_pages import links, make_catalogue, parse, words

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


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return make_catalogue(tmp_path_factory.mktemp("answer"))


def shown(catalogue: Catalogue, answer: Answer = ANSWER, here: Address = HERE) -> BeautifulSoup:
    return parse(render_answer(Visit(catalogue, here, stamp="5"), answer))


def rows(catalogue: Catalogue, *findings: Finding) -> list[Tag]:
    return shown(catalogue, replace(ANSWER, findings=findings)).select("tbody tr")


def copied(part: Tag) -> list[str]:
    return [str(button["data-copy"]) for button in part.select("[data-copy]")]


def why(part: Tag) -> list[tuple[str, str]]:
    return [(words(item.dt), words(item.dd)) for item in part.select(".why dl > div")]


def test_the_verdict_line_counts_those_with_evidence_and_those_never_mentioned(
    catalogue: Catalogue,
) -> None:
    page = shown(catalogue)
    assert words(page.select_one("#verdict")) == "Evidence for 1 of the 3 regions in this corpus"
    assert words(page.select_one(".verdict p")) == "41 known regions are not mentioned."
    assert words(page.select_one("p.silent")) == "No evidence found for South, East"
    assert words(page.select_one("th[scope=col]")) == "Region"
    assert words(page.select_one(".footnote")).startswith("Answered in 0.12 s from index 000007.")
    article = page.article
    assert article is not None
    assert (article["data-search"], article["data-stamp"]) == ("?q=which+regions+share+data?", "5")


def test_a_row_has_the_words_their_strength_and_the_way_to_their_source(
    catalogue: Catalogue,
) -> None:
    (row,) = rows(catalogue, FINDING)
    assert words(row.th) == "North"
    quote = row.blockquote
    assert quote is not None
    assert quote.decode_contents() == "<mark>Shared</mark> <mark>data</mark> helps."
    assert words(row.select_one(".strength")) == "Strong"
    assert links(row, "a.open") == [
        ("Annual, Findings, p. 3", "?q=which+regions+share+data?&doc=a.txt&at=40-58")
    ]
    assert copied(row)[0] == "‘Shared data helps.’ (Annual, Findings, p. 3)"
    assert row.select_one(".lead-in") is None


def test_the_words_that_answer_are_marked_in_place_of_the_questions(catalogue: Catalogue) -> None:
    (row,) = rows(catalogue, replace(FINDING, answer=(12, 17)))
    assert [words(mark) for mark in row.select("mark")] == ["helps"]


def test_a_title_in_the_row_is_not_said_again_in_its_source(catalogue: Catalogue) -> None:
    (row,) = rows(catalogue, replace(FINDING, facet_value="Annual"))
    assert words(row.select_one("a.open")) == "Findings, p. 3"
    assert copied(row)[0].endswith("(Annual, Findings, p. 3)")


def test_a_lead_in_stands_above_its_bullet(catalogue: Catalogue) -> None:
    (row,) = rows(catalogue, replace(FINDING, lead_in=Quote("The board agreed to:", CITATION)))
    assert words(row.select_one(".lead-in")) == "The board agreed to:"


def test_a_passage_keeps_its_list_and_names_its_scores(catalogue: Catalogue) -> None:
    (passage,) = shown(catalogue).select(".passages li.result")
    lines = passage.select(".passage-text p")
    assert [(words(line), line.get("class")) for line in lines] == [
        ("Shared data helps.", ["bullet"]),
        ("Second item", ["bullet"]),
    ]
    assert [words(mark) for mark in passage.select("mark")] == ["Shared", "data"]
    assert words(passage.select_one(".score")) == "0.99"
    assert why(passage) == [("Closeness in meaning", "0.50"), ("New part", "1.00")]


def test_without_a_facet_the_table_has_no_first_column(catalogue: Catalogue) -> None:
    finding = replace(FINDING, facet_value=None)
    page = shown(catalogue, replace(ANSWER, coverage=None, findings=(finding, finding)))
    assert words(page.select_one("#verdict")) == "2 quotes from 1 report"
    assert [words(head) for head in page.select("th")] == [
        "In the report’s words", "Evidence", "Source",
    ]  # fmt: skip
    assert page.select(".verdict p, .silent") == []


def test_not_found_is_said_plainly_with_the_nearest_passages(catalogue: Catalogue) -> None:
    answer = replace(ANSWER, verdict=Verdict.NOT_FOUND, findings=(), question="regions?")
    page = shown(catalogue, answer)
    assert words(page.select_one("#verdict")) == "The reports do not say."
    detail = "These passages come nearest; none of them answers the question."
    assert words(page.select_one(".verdict p")) == detail
    assert page.select("table, .silent, .score") == []
    assert words(page.select_one("#passages-title")) == "Nearest passages"
    nothing = shown(catalogue, replace(answer, passages=()))
    assert words(nothing.select_one(".verdict p")) == "Nothing in them comes near the question."


def test_under_a_filter_the_count_is_of_what_is_kept_to(catalogue: Catalogue) -> None:
    page = shown(catalogue, here=replace(HERE, filters={"region": ("North",)}))
    verdict = "Evidence for 1 of the 3 regions within these filters"
    assert words(page.select_one("#verdict")) == verdict


def test_what_said_so_earlier_stands_beside_its_row(catalogue: Catalogue) -> None:
    earlier = replace(FINDING, quote="It was shared.", date="2019", relation=Relation.EARLIER)
    first = replace(FINDING, date="2024-05", others=(earlier,))
    found = rows(catalogue, first, replace(FINDING, date="2020"))
    assert [(row["class"], words(row.select_one(".strength"))) for row in found] == [
        (["result"], "Strong 2024-05"),
        (["result", "beside"], "Strong Earlier, 2019"),
        (["result"], "Strong"),  # no date where there is nothing to tell it from
    ]


def test_where_else_the_words_stand_is_linked(catalogue: Catalogue) -> None:
    places = tuple(replace(CITATION, document=f"{n}.txt", label=f"Report {n}") for n in range(5))
    page = shown(catalogue, replace(ANSWER, passages=(replace(RESULT, also_in=places),)))
    also_in = page.select_one(".also-in")
    assert words(also_in) == "Also in Report 0; Report 1; Report 2; and 2 more"
    assert links(page, ".also-in a")[1][1] == "?q=which+regions+share+data?&doc=1.txt&at=40-58"


def test_a_quotes_score_is_explained_largest_part_first(catalogue: Catalogue) -> None:
    finding = replace(FINDING, scores={"late": 0.9, "dense": 0.5, "tiny": 0.01})
    weights = {"dense": 5.0, "late": 20.0, "tiny": 1.0}
    answer = replace(ANSWER, findings=(finding,), explanation=Explanation(0.42, -15.4, weights))
    (row,) = shown(catalogue, answer).select("tbody tr")
    assert why(row) == [
        ("Words and headings that mean the same", "+18.0"),
        ("Closeness in meaning", "+2.5"),
        ("Starting point", "-15.4"),
        ("Score (0 to 1)", "0.90"),
    ]


def test_harvard_style_is_made_of_the_documents_facts(catalogue: Catalogue) -> None:
    facts = {"a.txt": {"author": "Ann Other", "date": "2024-05"}}
    (row,) = rows(replace(catalogue, facts=facts), FINDING)
    assert copied(row)[1] == "Ann Other (2024) Annual, p. 3. ‘Shared data helps.’"


def test_the_best_quote_is_named_for_the_page_to_open(catalogue: Catalogue) -> None:
    article = shown(catalogue).article
    assert article is not None
    assert article["data-best"] == "?q=which+regions+share+data?&doc=a.txt&at=40-58"


def test_the_order_is_verdict_table_passages(catalogue: Catalogue) -> None:
    html = str(shown(catalogue))
    places = [html.index(part) for part in ('id="verdict"', "<table", 'id="passages-title"')]
    assert places == sorted(places)


def test_strength_differs_in_words_and_in_shape(catalogue: Catalogue) -> None:
    found = rows(catalogue, FINDING, replace(FINDING, support=Support.PARTIAL))
    cells = [row.select_one(".strength") for row in found]
    assert [(words(cell), len(cell.select("circle"))) for cell in cells if cell] == [
        ("Strong", 2),
        ("Partial", 1),
    ]


def test_the_evidence_is_a_real_table_with_headers(catalogue: Catalogue) -> None:
    page = shown(catalogue)
    assert [words(head) for head in page.select("th[scope=col]")] == [
        "Region", "In the report’s words", "Evidence", "Source",
    ]  # fmt: skip
    (head,) = page.select("th[scope=row]")
    assert (words(head), head["role"], head["class"]) == ("North", "rowheader", ["value"])


def test_many_names_without_evidence_are_a_list_to_unfold(catalogue: Catalogue) -> None:
    names = tuple(f"Annual report, {year}, of all the boards" for year in range(2000, 2015))
    coverage = Coverage("report", ("North",), names, 0)
    page = shown(catalogue, replace(ANSWER, coverage=coverage))
    silent = page.select_one("details.silent")
    assert silent is not None
    assert words(silent.summary) == "No evidence found for the other 15"
    assert words(silent.select("li")[-1]) == "Annual report, 2014, of all the boards"
