"""Follow-up questions are read with the one before, by rule of facet and date only."""

from __future__ import annotations

import pytest

from qa_app.api import Index
from qa_app.retrieval.filters import Filters

REPORTS = {
    "facets.toml": (
        '[force]\nnouns = ["forces", "police"]\n[force.values]\n'
        '"Humberside" = []\n"Surrey" = []\n"Kent" = []\n"Avon and Somerset" = []\n'
    ),
    "metadata.toml": '["annual.txt"]\ntitle = "Annual Review"\ndate = "2019-05"\n',
    "annual.txt": "Data sharing in Surrey improved.\n\nData sharing in Humberside began.",
    "plans-2021.txt": "Road safety in Kent is funded.",
}
PLAN = "What is planned in Humberside?"


@pytest.fixture(scope="module")
def index(unchanged_index: Index) -> Index:
    return unchanged_index


def read(index: Index, question: str, after: str = PLAN, filters: Filters | None = None) -> str:
    reading = index.snapshot().follow_up(question, after, filters)
    return "" if reading is None else str(reading)


@pytest.mark.parametrize(
    ("question", "after", "expected"),
    [
        ("and in Surrey?", PLAN, "What is planned in Surrey?"),
        ("And Surrey?", PLAN, "What is planned in Surrey?"),
        ("what about surrey?", PLAN, "What is planned in Surrey?"),
        ("How about Surrey police, please?", PLAN, "What is planned in Surrey?"),
        ("so what about Surrey then?", PLAN, "What is planned in Surrey?"),
        ("in Kent and Surrey?", PLAN, "What is planned in Kent and Surrey?"),
        ("and Kent?", "What does Humberside’s plan say?", "What does Kent’s plan say?"),
        ("and Kent?", "What do Surrey and Humberside plan?", "What do Kent plan?"),
        ("and in Avon and Somerset?", PLAN, "What is planned in Avon and Somerset?"),
        ("and for Kent?", "What is planned?", "What is planned for Kent?"),
        ("what about 2023?", "What was spent in 2019?", "What was spent in 2023?"),
        ("and in May 2023?", "What was spent in 2019?", "What was spent in May 2023?"),
        ("and 2020-21?", "What was spent in 2019?", "What was spent in 2020-21?"),
        ("and since 2020?", "What was spent in 2019?", "What was spent since 2020?"),
        ("and 2020?", "What was spent since 2019?", "What was spent since 2020?"),
        ("what about 2023?", "What was spent?", "What was spent in 2023?"),
        ("and in Kent in 2023?", "What did Surrey spend in 2019?", "What did Kent spend in 2023?"),
        ("and the 2019 report?", "What improved?", "What improved? (date: 2019)"),
        ("and the 2021 report?", "What improved?", "What improved? (document: plans-2021.txt)"),
        ("what about Annual Review?", "What improved?", "What improved? (document: annual.txt)"),
        (
            "and the plans 2021 report?",
            "What does Annual Review say?",
            "What does Plans 2021 say? (document: plans-2021.txt)",
        ),
        ("and Surrey?", "Which forces share data?", "Which forces share data? (force: Surrey)"),
    ],
)
def test_a_value_takes_the_place_of_the_former_one(
    index: Index, question: str, after: str, expected: str
) -> None:
    assert read(index, question, after) == expected


@pytest.mark.parametrize(
    "question",
    [
        "and who leads the plan in Surrey?",
        "and what is planned in Surrey?",
        "and how much was spent in 2023?",
        "and when did Surrey begin?",
        "and why in Surrey?",
        "and is data sharing better in Kent?",
        "and the budget?",
        "and data sharing in Kent?",
        "and the board of Surrey?",
        "and roads?",
        "what about data sharing?",
        "what about funding in Surrey?",
        "what about the board?",
        "what about violence in 2023?",
        "what about the costs in Kent and Surrey?",
        "what about an annual review?",
        "what about the report?",
        "what about £2023?",
        "what about 2023 cases?",
        "what about Surrey’s budget?",
        "how about road safety?",
        "in which force?",
        "in Surrey, who is in charge?",
        "for whom?",
        "Surrey",
        "2023?",
        "and",
        "and " + "the " * 2000 + "Surrey?",
        "what about?",
        "",
    ],
)
def test_a_question_with_words_of_its_own_stands_on_its_own(index: Index, question: str) -> None:
    assert read(index, question) == ""


def test_where_several_former_values_could_be_meant_nothing_is_guessed(index: Index) -> None:
    assert read(index, "and Kent?", "Did Surrey plan more than Humberside?") == ""
    assert read(index, "and 2023?", "What changed in 2019 that was agreed in 2017?") == ""
    assert read(index, "and in Surrey?", after="") == ""


@pytest.mark.parametrize(
    ("question", "filters", "expected"),
    [
        ("and Surrey?", {"force": ["Kent"]}, "What improved? (force: Surrey)"),
        ("and 2023?", {"date": ["2019"]}, "What improved? (date: 2023)"),
        ("and since May 2023?", {"date": ["2019"]}, "What improved? (date: 2023-05..)"),
        ("and 2020 to 2022?", {"date": ["2019"]}, "What improved? (date: 2020..2022)"),
        ("and 2023?", {"year": ["2019"]}, "What improved? (year: 2023)"),
    ],
)
def test_a_filter_takes_the_new_value(
    index: Index, question: str, filters: Filters, expected: str
) -> None:
    assert read(index, question, "What improved?", filters) == expected


def test_the_answer_is_the_same_as_to_the_whole_question_and_says_so(index: Index) -> None:
    whole = index.ask("What is said about data sharing in Surrey?")
    answer = index.ask("and Surrey?", after="What is said about data sharing in Humberside?")
    assert answer.read_as == answer.question == whole.question
    assert (answer.findings, answer.passages) == (whole.findings, whole.passages)
    assert whole.read_as == ""
