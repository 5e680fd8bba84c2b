"""Counts: what "how many" is read as, what is counted, and what never is."""

from __future__ import annotations

import pytest

from qa_app.api import Index
from qa_app.models import Count, Support, Verdict
from qa_app.output.messages import count_detail, count_headline
from qa_app.output.terminal import answer_text

FACETS = """
[region]
nouns = ["region", "regions", "county"]
[region.values]
"North" = []
"South" = []
"West" = []
"""
REPORTS = {
    "facets.toml": FACETS,
    "north.md": "# North\n\nData sharing improved. Road safety came first.\n",
    "south.md": "# South\n\nData on funding is ready for sharing. Violence fell.\n",
    "west.md": "# West\n\nThe data is old.\n\nSharing of cars is new.\n",
}


@pytest.fixture(scope="module")
def index(unchanged_index: Index) -> Index:
    return unchanged_index


def test_reports_that_mention_words_are_counted_by_the_words(index: Index) -> None:
    answer = index.ask("How many reports mention data sharing?")

    assert answer.count == Count("document", strong=1, found=2, total=3, words="data sharing")
    rows = [(row.facet_value, row.support, row.quote) for row in answer.findings]
    assert rows == [
        ("North", Support.STRONG, "Data sharing improved."),
        ("South", Support.PARTIAL, "Data on funding is ready for sharing."),
    ]
    assert answer.coverage is not None
    assert answer.coverage.without_evidence == ("West",)
    line, *_ = answer_text(answer).splitlines()
    assert line == "2 of the 3 documents in this corpus mention “data sharing” in these words."


@pytest.mark.parametrize(
    ("question", "words", "found"),
    [
        ("In how many reports is road safety mentioned?", "road safety", 1),
        ("Count the documents that mention “violence”", "violence", 1),
        ("How many of the reports do not mention violence?", "violence", 1),
        ("What number of reports refer to violence or road safety?", "violence or road safety", 2),
        ("How many regions mention data sharing?", "data sharing", 2),
        ("Give me the number of reports that use the word sharing", "sharing", 3),
        ("How many reports mention county lines?", "county lines", 0),
    ],
)
def test_ways_to_ask_for_mentions(index: Index, question: str, words: str, found: int) -> None:
    answer = index.ask(question)

    assert answer.count is not None
    assert (answer.count.words, answer.count.found) == (words, found)
    assert (answer.verdict is Verdict.ANSWERED) == (found > 0)


def test_rows_are_counted_where_the_question_is_about_their_meaning(index: Index) -> None:
    answer = index.ask("How many regions improved data sharing?")

    assert answer.count is not None
    assert answer.coverage is not None
    assert answer.count.words == ""
    assert answer.count.found == len(answer.coverage.with_evidence) > 0
    assert answer.count.total == 3


@pytest.mark.parametrize(
    "question",
    [
        "Which regions improved data sharing?",
        "How many rural regions improved data sharing?",
        "How many regions did not improve data sharing?",
        "How many regions in the valley improved data sharing?",
        "How many reports improved data sharing in North?",
        "How many reports were made on data sharing?",
        "How many officers does North have?",
        "How many regions are there?",
    ],
)
def test_what_is_not_checked_is_not_counted(index: Index, question: str) -> None:
    assert index.ask(question).count is None


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (Count("force", 3, 3, 4), "Strong evidence found for 3 of the 4 forces in this corpus"),
        (
            Count("force", 2, 3, 4),
            "Strong evidence found for 2 of the 4 forces in this corpus, partial for 1 more",
        ),
        (
            Count("force", 0, 2, 4),
            "Only partial evidence found, for 2 of the 4 forces in this corpus",
        ),
        (
            Count("force", 0, 0, 4, "drones"),
            "None of the 4 forces in this corpus mentions “drones”",
        ),
        (Count("force", 1, 1, 1, "drones"), "The one force in this corpus mentions “drones”"),
    ],
)
def test_a_count_says_what_was_counted(count: Count, line: str) -> None:
    assert count_headline(count).startswith(line)
    assert count_detail(count)
