"""Answers: exact quotes, one row a value, and no answer where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qa_app.answering.features import FeatureExtractor
from qa_app.answering.model import UNREAD, Logistic, chance
from qa_app.answering.question import parse_question
from qa_app.api import Index, build_index, open_index
from qa_app.errors import QueryError
from qa_app.facets import Facets
from qa_app.models import Answer, Mode, Relation, Support, Verdict
from qa_app.retrieval import Ranked, Retriever
from qa_app.store.protocol import Generation

ROOT = Path(__file__).resolve().parent.parent.parent
OpenReports = Callable[[dict[str, str]], Index]
FACETS = """
[region]
nouns = ["region", "regions", "where"]
[region.values]
"North" = []
"South" = []
"West" = []
"""
REPORT = """Report on the regions
Overview
The review was made by an independent panel in 2024.
Regional Safety Board (RSB) meetings were held.
North
- Data sharing improved in all offices.
- Road safety came first.
South
- Violence fell by a third.
- The RSB found duplication in funding.
"""
REPORTS = {"facets.toml": FACETS, "report.txt": REPORT}


@pytest.fixture
def facets(index: Index) -> Facets:
    return Facets.load(index.corpus)


def test_a_value_and_the_facets_words_are_no_evidence(
    facets: Facets, generation: Generation
) -> None:
    parsed = parse_question("What is the population of the North region?", facets, generation)

    assert parsed.text == "What is the population?"
    assert parsed.terms == ("popul",)
    assert parsed.named == {"region": ("North",)}
    assert parsed.table is None


def test_a_which_question_is_read_without_its_opening(
    facets: Facets, generation: Generation
) -> None:
    parsed = parse_question("Which regions are trying to improve data-sharing?", facets, generation)

    assert parsed.text == "improve data-sharing?"
    assert parsed.table is not None
    assert parsed.table.facet == "region"


def test_a_value_is_no_evidence_where_its_name_goes_on(
    facets: Facets, generation: Generation
) -> None:
    parsed = parse_question("How many officers does the North Office have?", facets, generation)

    assert parsed.text == "How many officers does Office have?"
    assert parsed.named == {"region": ("North",)}


def test_a_facet_that_no_passage_has_makes_no_table(generation: Generation) -> None:
    assert parse_question("Which years saw a rise?", Facets(), generation).table is not None
    assert parse_question("Which regions rose?", Facets(), generation).table is None


def test_a_sentence_is_measured_by_words_and_tokens(
    generation: Generation, facets: Facets, encoder: object
) -> None:
    parsed = parse_question("Which regions have road safety?", facets, generation)
    retriever = Retriever(generation, encoder, facets)  # type: ignore[arg-type]  # the tests' encoder
    extractor = FeatureExtractor(parsed, retriever)
    (row,) = (
        row
        for row in generation.rows_tagged("region", "North")
        if "Road" in generation.passage(row).text
    )
    ranked = [Ranked(int(row), 2.0)]

    ((first, second),) = extractor.sentences(ranked, generation.passages([row]), 4.0)

    assert first.text == "Data sharing improved in all offices."
    assert second.text == "Road safety came first."
    assert first.scores["covered"] == 0.0
    assert second.scores["covered"] == 1.0
    assert second.scores["passage"] == 0.5
    # "road" and "safety" each find themselves, of nine signs one; in the first sentence, neither.
    assert second.scores["late"] == second.scores["weakest"] == pytest.approx(1 / 3)
    assert first.scores["weakest"] == pytest.approx(-1 / 3)


def test_a_logistic_is_a_weighted_sum_as_a_chance() -> None:
    model = Logistic(-1.0, {"late": 2.0, "share": 4.0})

    assert model.logit({"late": 0.5, "share": 0.25, "other": 9.0}) == 1.0
    assert model.chance({"late": 0.5}) == 0.5
    assert model.chance({"late": 0.5, "share": 0.25}) == pytest.approx(1 / (1 + math.exp(-1)))


@pytest.mark.parametrize("mode", [Mode.BEST, Mode.FAST])
def test_a_table_has_a_row_for_each_value_with_evidence(index: Index, mode: Mode) -> None:
    answer = index.ask("Which regions improved data sharing?", mode=mode)

    assert answer.verdict is Verdict.ANSWERED
    (row,) = answer.findings
    assert (row.facet_value, row.quote) == ("North", "Data sharing improved in all offices.")
    assert answer.coverage is not None
    assert answer.coverage.with_evidence == ("North",)
    assert answer.coverage.without_evidence == ("South",)
    assert answer.coverage.not_in_corpus == 1
    assert answer.coverage.not_in_corpus_values == ("West",)


@pytest.mark.parametrize("mode", list(Mode))
def test_every_quote_is_words_of_its_document(index: Index, mode: Mode) -> None:
    for question in (
        "Which regions have duplication?",
        "When did violence fall?",
        "Where is data?",
    ):
        answer = index.ask(question, mode=mode)
        quotes = [*answer.findings, *answer.near_misses]
        assert quotes
        for found in quotes:
            text = index.snapshot().document(found.citation.document).text
            assert text[found.citation.start : found.citation.end] == found.quote


def test_a_list_that_runs_over_passages_keeps_its_lead_in(
    open_reports: OpenReports,
) -> None:
    items = [f"- share the numbered record {i} of every office with the board" for i in range(40)]
    text = "\n".join(["Each council has agreed that it will:", *items, "- repair every road"])
    index = open_reports({"long.txt": text})
    answer = index.ask("Who repairs the road?", mode=Mode.LEXICAL)
    found = (answer.findings or answer.near_misses)[0]
    assert found.quote == "repair every road"
    assert found.lead_in is not None
    assert found.lead_in.text == "Each council has agreed that it will:"
    assert (found.lead_in.citation.start, found.lead_in.citation.end) == (0, 37)


def test_what_is_nowhere_in_the_corpus_is_not_found(index: Index) -> None:
    answer = index.ask("How much data is shared in West?")

    assert answer.verdict is Verdict.NOT_FOUND
    assert answer.confidence == 0.0
    assert answer.findings == ()
    assert answer.passages


def test_a_table_keeps_to_the_filter(index: Index) -> None:
    answer = index.ask("Which regions improved data sharing?", filters={"region": ["South"]})

    assert answer.verdict is Verdict.NOT_FOUND
    assert answer.coverage is not None
    assert answer.coverage.without_evidence == ("South",)


def test_a_table_keeps_to_a_value_that_the_question_names(open_reports: OpenReports) -> None:
    north = "# North\n\nData sharing improved in the schools.\n"
    south = "# South\n\nData sharing improved in the prisons.\n"
    index = open_reports({"facets.toml": FACETS, "schools.md": north, "prisons.md": south})
    answer = index.ask("Which reports improved data sharing in the South?")
    assert [row.quote for row in answer.findings] == ["Data sharing improved in the prisons."]


def test_a_row_has_its_newest_quote_first_and_older_ones_beside(
    open_reports: OpenReports,
) -> None:
    index = open_reports(
        {
            "facets.toml": FACETS,
            "metadata.toml": '["a.txt"]\ndate = "2021"\n["b.txt"]\ndate = "2023-05"\n',
            "a.txt": "A\nNorth\n- Road safety rose.\n",
            "b.txt": "B\nNorth\n- Road safety fell.\n- The office has road safety.\n",
        }
    )
    (row,) = index.ask("Which regions have road safety?").findings
    assert index.snapshot().verify(index.ask("Which regions have road safety?")).bad == ()
    assert (row.quote, row.date, row.relation) == ("Road safety fell.", "2023-05", None)
    assert [(item.quote, item.date, item.relation) for item in row.others] == [
        ("Road safety rose.", "2021", Relation.EARLIER)
    ]


def test_an_answer_says_what_its_scores_were_weighed_with(index: Index) -> None:
    answer = index.ask("When did violence fall?")

    assert answer.explanation is not None
    assert answer.explanation.threshold == UNREAD.threshold
    weights = answer.explanation.weights
    for row in (*answer.findings, *answer.near_misses):
        weighed = sum(weights[name] * row.scores.get(name, 0.0) for name in weights)
        assert row.score == pytest.approx(chance(answer.explanation.intercept + weighed))


@pytest.mark.parametrize(
    "pointer",
    [
        "Road safety ........ 4",
        "Road safety (https://example.org/road-safety/guidance)",
        "What happened to road safety?",
    ],
)
def test_what_only_points_elsewhere_is_never_quoted(
    open_reports: OpenReports, pointer: str
) -> None:
    index = open_reports({"a.txt": f"A\n- {pointer}\n- Road safety rose.\n"})
    answer = index.ask("What happened to road safety?")
    quotes = [row.quote for row in (*answer.findings, *answer.near_misses)]
    assert "Road safety rose." in quotes
    assert pointer not in quotes


def test_a_list_of_references_is_never_quoted(
    open_reports: OpenReports,
) -> None:
    index = open_reports(
        {"a.md": "# Report\n\nRoad safety rose.\n\n## 7. References\n\nSmith, Road safety. 2020.\n"}
    )
    answer = index.ask("What happened to road safety?")
    assert [row.quote for row in (*answer.findings, *answer.near_misses)] == ["Road safety rose."]


def test_a_quote_about_another_year_is_no_answer(
    open_reports: OpenReports,
) -> None:
    index = open_reports({"a.txt": "A\n- Road safety came first in 2014.\n"})
    said = index.ask("What came first in 2014 for road safety?")
    other = index.ask("What came first in 2016 for road safety?")
    assert said.scores["misdated"] == 0
    assert other.near_misses[0].scores["misdated"] == 1
    assert other.verdict is Verdict.NOT_FOUND


def test_a_sentence_with_an_address_in_it_may_answer(
    open_reports: OpenReports,
) -> None:
    address = "https://example.org/" + "long/" * 30
    text = (
        f"A\n- The road safety review ({address}) was published on 28 June 2023.\n- See {address}\n"
    )
    index = open_reports({"a.txt": text})
    answer = index.ask("When was the road safety review published?")
    quotes = [row.quote for row in (*answer.findings, *answer.near_misses)]
    assert quotes[0].startswith("The road safety review")
    assert not any(quote.startswith("See") for quote in quotes)


def test_an_empty_question_is_refused(index: Index) -> None:
    with pytest.raises(QueryError):
        index.ask("  ")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    folder = tmp_path_factory.mktemp("real") / "index"
    build_index(ROOT / "corpus", folder)
    with open_index(folder, ROOT / "corpus") as opened:
        yield opened


def values(answer: Answer) -> set[str | None]:
    return {row.facet_value for row in answer.findings}


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which areas are trying to reduce duplication?", {"Humberside", "Surrey"}),
        ("Which force is dealing with road safety?", {"Lincolnshire"}),
        ("Which PCCs are working on serious violence?", {"Humberside", "Merseyside"}),
        ("Which forces use drones?", set()),
    ],
)
def test_the_report_says_which(real: Index, question: str, expected: set[str]) -> None:
    assert values(real.ask(question)) == expected


@pytest.mark.model
def test_what_says_it_is_strong(real: Index) -> None:
    (says,) = real.ask("Which force is dealing with road safety?").findings
    assert (says.facet_value, says.support) == ("Lincolnshire", Support.STRONG)


@pytest.mark.model
def test_the_words_that_answer_are_told(real: Index) -> None:
    found = real.ask("What new body is Surrey planning?").findings[0]
    assert found.answer is not None
    assert "Community Safety Board" in found.quote[slice(*found.answer)]


@pytest.mark.model
@pytest.mark.parametrize(
    "question", ["What is said about Humberside?", "What does the report say about Humberside?"]
)
def test_a_question_that_only_names_a_value_is_told_what_there_is(
    real: Index, question: str
) -> None:
    answer = real.ask(question)
    assert answer.verdict is Verdict.ANSWERED
    assert [row.citation.section[-1] for row in answer.findings] == ["Humberside"] * 4
    assert answer.findings[0].quote.startswith("Managing a unique and evolving partnership")


@pytest.mark.model
@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("When were the case studies carried out?", "September and December 2024"),
        ("What does MVRP stand for?", "Merseyside Violence Reduction Partnership"),
        (
            "What replaced the separate community safety partnerships in Lincolnshire?",
            "single Safer Lincolnshire Partnership",
        ),
    ],
)
def test_the_report_says_it(real: Index, question: str, words: str) -> None:
    answer = real.ask(question)

    assert answer.verdict is Verdict.ANSWERED
    assert words in answer.findings[0].quote


@pytest.mark.model
@pytest.mark.parametrize(
    "question",
    [
        "What is the population of Merseyside?",
        "What is the annual budget of the Humberside commissioner?",
        "Who is the chief constable of Surrey?",
        "How many officers does Kent employ?",
    ],
)
def test_naming_a_place_is_not_answering(real: Index, question: str) -> None:
    answer = real.ask(question)

    assert answer.verdict is Verdict.NOT_FOUND
    assert answer.findings == ()
    assert answer.passages
