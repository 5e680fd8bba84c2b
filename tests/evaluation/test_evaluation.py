"""A folder in BEIR form is scored through the ordinary index, with vectors worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import FakeEncoder
from qa_app.errors import CorpusError
from qa_app.evaluation import Evaluation, Task, evaluate_folder, read_set
from qa_app.models import Mode, Verdict
from qa_app.output.terminal import Progress
from qa_app.settings import Settings

ROWS = [
    {"_id": "1", "title": "Roads", "text": "Road safety is a priority for Anytown.", "doc": "A"},
    {"_id": "2", "title": "Boards", "text": "The board met in 2019 about funding.", "doc": "A"},
    {"_id": "3", "title": "Crime", "text": "Violence fell by a tenth.", "doc": "B"},
]
QUERIES: list[dict[str, Any]] = [
    {
        "_id": "q1",
        "text": "Which road safety work is a priority?",
        "answers": [{"text": "Road safety is a priority"}],
        "context_id": "1",
        "scope_doc": "A",
    },
    {
        "_id": "q2",
        "text": "When did the board meet about funding?",
        "answers": [{"text": "2019"}],
        "context_id": "2",
        "scope_doc": "B",
    },
    {"_id": "q3", "text": "How much duplication is there?", "is_impossible": True},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rows in (("corpus", ROWS), ("queries", QUERIES)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t1\t1\nq2\t2\t2\n")
    return tmp_path


def _evaluate(folder: Path, task: Task, scoped: bool = False, *modes: Mode) -> Evaluation:
    chosen = modes or (Mode.FAST,)
    return evaluate_folder(
        folder, task, chosen, scoped, Settings(reader="none"), Progress(), FakeEncoder()
    )


def test_retrieval_figures(folder: Path) -> None:
    found = _evaluate(folder, Task.RETRIEVAL)
    assert found.figures == {
        "ndcg@10": 1.0,
        "recall@10": 1.0,
        "recall@100": 1.0,
        "mrr@10": 1.0,
        "queries": 2,
    }
    assert (found.misses, found.comparison) == ((), None)


def test_scope_is_a_filter(folder: Path) -> None:
    # The second query names document B, in which its row is not.
    found = _evaluate(folder, Task.RETRIEVAL, scoped=True)
    assert found.figures["recall@100"] == 0.5
    [miss] = found.misses
    assert (miss.id, miss.expected, miss.rank) == ("q2", ("2 Boards",), None)
    assert [quote.text for quote in miss.came] == ["Violence fell by a tenth."]


def test_answer_figures(folder: Path) -> None:
    figures = _evaluate(folder, Task.ANSWERS).figures
    assert figures["queries"] == 3
    assert figures["sentence_accuracy@1"] == 1.0
    assert figures["right_verdict"] == 1.0
    assert figures["refusal"]["auroc"] == 1.0
    assert set(figures["refusal"]) >= {"auroc", "precision", "recall"}
    assert set(figures["refusal_article_removed"]) >= {"auroc", "precision", "recall"}


def test_a_wrong_quote_is_a_miss(folder: Path) -> None:
    queries = [{**QUERIES[1], "answers": [{"text": "2020"}]}]
    (folder / "queries.jsonl").write_text(json.dumps(queries[0]))
    [miss] = _evaluate(folder, Task.ANSWERS).misses
    assert (miss.expected, miss.verdict, miss.rank) == (("2020",), Verdict.ANSWERED, None)
    assert miss.came[0].text == "The board met in 2019 about funding."


def test_two_modes_are_compared_on_the_same_questions(folder: Path) -> None:
    # No word of this question stands in its row, so words alone do not find it first.
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t3\t1\nq2\t2\t1\n")
    found = _evaluate(folder, Task.RETRIEVAL, False, Mode.LEXICAL, Mode.DENSE)
    assert found.comparison is not None
    assert found.comparison.names == ("lexical", "dense")
    first, second = found.figures["mrr@10"], found.comparison.figures["mrr@10"]
    difference = found.comparison.differences["mrr@10"]
    assert difference.mean == pytest.approx(second - first)
    assert (difference.better, difference.worse, difference.tied) == (1, 0, 1)
    assert difference.p_value == 1.0


def test_no_key_of_one_set_changes_a_question(folder: Path) -> None:
    (folder / "queries.jsonl").write_text(
        '{"_id": "q", "scenario": "I drive.", "text": "May I?"}\n'
    )
    assert read_set(folder).queries[0].text == "May I?"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("corpus.jsonl", None, r"corpus\.jsonl cannot be read"),
        ("corpus.jsonl", "{", r"corpus\.jsonl cannot be read"),
        ("queries.jsonl", '{"_id": "1"}', r"queries\.jsonl, line 1 has no 'text'"),
        ("qrels.tsv", "query-id\tcorpus-id\tscore\nq1 1 1\n", r"qrels\.tsv, line 2"),
    ],
)
def test_what_is_not_in_this_form_is_named(
    folder: Path, name: str, text: str | None, words: str
) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text)
    with pytest.raises(CorpusError, match=words):
        _evaluate(folder, Task.RETRIEVAL)
