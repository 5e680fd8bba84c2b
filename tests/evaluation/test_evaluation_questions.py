"""A team's own questions are scored on its index, and every slip in them is named by its row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from conftest import FakeEncoder
from qa_app.api import Index
from qa_app.cli import main
from qa_app.errors import CorpusError
from qa_app.evaluation import Evaluation, Side, evaluate_questions
from qa_app.evaluation.questions import read_expected
from qa_app.models import Mode, Verdict
from qa_app.output.contract import evaluation_json
from qa_app.output.terminal import Progress, evaluation_text
from qa_app.store.contents import write_generation
from qa_app.store.documents import IndexedDocument
from support.store_samples import make_contents, make_document

REPORT = ("Road safety is a priority.", "The board met about funding.", "Violence fell by a tenth.")
NOTES = ("Data sharing has begun.", "There was no duplication.")


def _with_pages(item: IndexedDocument) -> IndexedDocument:
    """Put each paragraph on a page of its own; the last one runs on to a page more."""
    spans = [(passage.start, passage.end) for passage in item.passages]
    extra = spans[-1][1] - 6
    document = replace(item.document, page_starts=(*(start for start, _ in spans), extra))
    passages = [
        replace(passage, page=number) for number, passage in enumerate(item.passages, start=1)
    ]
    passages[-1] = replace(passages[-1], page_breaks=(extra,))
    return replace(item, document=document, passages=tuple(passages))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """Two documents: reports/annual.pdf of four pages, and notes.txt without pages."""
    documents = (
        _with_pages(make_document("reports/annual.pdf", REPORT)),
        make_document("notes.txt", NOTES),
    )
    write_generation(tmp_path / "index", make_contents(*documents))
    with Index(tmp_path / "index", tmp_path, FakeEncoder()) as opened:
        yield opened


def _write(tmp_path: Path, *rows: str, header: str = "question,document,page") -> Path:
    path = tmp_path / "questions.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def _score(path: Path, index: Index, *modes: Mode) -> Evaluation:
    sides = [Side(f"index, {mode}", index.snapshot(), mode) for mode in modes or (Mode.LEXICAL,)]
    return evaluate_questions(path, sides, Progress())


def test_figures_by_hand(tmp_path: Path, index: Index) -> None:
    path = _write(
        tmp_path,
        "Which road safety work is a priority?,annual.pdf,1",
        "Did the board meet about funding?,reports/annual.pdf,1 or 2",
        # Found first, on a page on which nothing of it stands; page 4 is never found.
        "Has violence fallen?,annual,1",
        # Two things: the second stands in a document that the words do not find.
        "Has data sharing begun?,notes.txt,",
        "Has data sharing begun?,annual.pdf,2",
        "How many ships are there?,,",
    )
    found = _score(path, index)
    assert found.figures == {
        "hit@1": 3 / 4,
        "recall@5": (1 + 1 + 0 + 1 / 2) / 4,
        "mrr@10": 3 / 4,
        "right_verdict": 1.0,
        "refusal": {"auroc": 1.0, "precision": 1.0, "recall": 1.0, "false_refusals": 0.0},
        "queries": 5,
    }
    assert [(miss.id, miss.rank) for miss in found.misses] == [("row 4", None), ("row 5", 1)]
    assert found.misses[0].expected == ("reports/annual.pdf, p. 1",)
    assert found.misses[0].came[0].citation.page == 3


def test_a_passage_stands_on_every_page_that_it_touches(tmp_path: Path, index: Index) -> None:
    found = _score(_write(tmp_path, "Has violence fallen?,annual.pdf,4"), index)
    assert (found.figures["hit@1"], found.misses) == (1.0, ())
    assert found.figures["refusal"] == {
        "auroc": None,
        "precision": None,
        "recall": None,
        "false_refusals": 0.0,
    }


def test_a_wrong_refusal_and_a_wrong_answer_are_misses(tmp_path: Path, index: Index) -> None:
    path = _write(tmp_path, "How many ships are there?,notes.txt,", "Did the board meet?,,")
    found = _score(path, index)
    assert [(miss.id, miss.verdict, miss.expected) for miss in found.misses] == [
        ("row 2", Verdict.NOT_FOUND, ("notes.txt",)),
        ("row 3", Verdict.ANSWERED, ()),
    ]
    assert found.figures["right_verdict"] == 0.0


def test_two_modes_side_by_side(tmp_path: Path, index: Index) -> None:
    # By its words "violence" finds page 3 alone; by meaning every passage has a rank.
    path = _write(
        tmp_path, "Which road safety work is a priority?,annual,1", "Has violence fallen?,annual,1"
    )
    found = _score(path, index, Mode.LEXICAL, Mode.FAST)
    assert found.comparison is not None
    assert found.comparison.names == ("index, lexical", "index, fast")
    assert (found.figures["mrr@10"], found.comparison.figures["mrr@10"]) == (0.5, 0.75)
    difference = found.comparison.differences["mrr@10"]
    assert (difference.mean, difference.interval, difference.p_value) == (0.25, (0.0, 0.5), 1.0)
    assert (difference.better, difference.worse, difference.tied) == (1, 0, 1)
    assert found.comparison.differences["hit@1"].tied == 2


def test_what_is_printed(tmp_path: Path, index: Index) -> None:
    path = _write(tmp_path, "Has violence fallen?,annual.pdf,1")
    found = _score(path, index, Mode.LEXICAL, Mode.FAST)
    text = evaluation_text(found, with_misses=True)
    assert text.splitlines()[0] == "hit@1                  0.0000"
    assert "A is index, lexical; B is index, fast." in text
    assert "1 miss of 1 question\n\n  row 2: Has violence fallen?" in text
    assert "    expected reports/annual.pdf, p. 1\n" in text
    assert "    came: reports/annual.pdf, Findings, p. 3: “Violence fell by a tenth.”" in text
    assert "miss" not in evaluation_text(found)
    shown = json.loads(json.dumps(evaluation_json(found)))
    [miss] = shown["misses"]
    assert (miss["question"], miss["came"][0]["citation"]["page"]) == ("Has violence fallen?", 3)
    assert shown["comparison"]["differences"]["mrr@10"]["interval"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("question,document,page", "Why?,a.pdf,3"),
        ("\ufeffQuestion;Expected_Document;Expected Pages", "Why?;a.pdf;p. 3"),
        ("Page\tid\tQUERY\tFile name", "3.0\t17\tWhy?\ta.pdf"),
        ('"question","document","page"', '"Why?","a.pdf","page 3"'),
    ],
)
def test_headers_are_forgiving(tmp_path: Path, header: str, row: str) -> None:
    [item] = read_expected(_write(tmp_path, "", row, header=header))
    [target] = item.targets
    assert (item.row, item.question) == (3, "Why?")
    assert (target.document, target.pages) == ("a.pdf", {3})


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ("", set()),
        ("12-14", {12, 13, 14}),
        ("pp. 3–4 and 9", {3, 4, 9}),
        ('"1, 2; 5"', {1, 2, 5}),
        ("7 or 9", {7, 9}),
    ],
)
def test_pages_are_forgiving(tmp_path: Path, pages: str, expected: set[int]) -> None:
    [item] = read_expected(_write(tmp_path, f"Why?,a.pdf,{pages}"))
    assert item.targets[0].pages == expected


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("Why?,a.pdf,twelve",), "row 2: 'twelve' is no page"),
        (("Why?,a.pdf,3.5",), "row 2: '3.5' is no page"),
        (("Why?,a.pdf,9-3",), "row 2: '9-3' is no page"),
        (("Why?,a.pdf,0",), "row 2: '0' is no page"),
        ((",a.pdf,1",), "row 2 has no question"),
        (("Why?,,4",), "row 2 has a page and no document"),
        (("Why?,a.pdf,1", " why? ,,"), "row 3: the question of row 2 again"),
        ((), "There are no questions"),
    ],
)
def test_a_slip_is_named_by_its_row(tmp_path: Path, rows: tuple[str, ...], words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        read_expected(_write(tmp_path, *rows))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("question,page", "row 1 names no column 'document'"),
        ("document", "row 1 names no column 'question'"),
        ("question,document,page,pages", "row 1 has two columns for the page"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: str, words: str) -> None:
    with pytest.raises(CorpusError, match=words):
        read_expected(_write(tmp_path, "Why?,a.pdf,1", header=header))


@pytest.mark.parametrize(
    ("row", "words", "hint"),
    [
        ("anual.pdf,1", "row 2: the index has no document 'anual.pdf'", "reports/annual.pdf?"),
        ("zzz,1", "row 2: the index has no document 'zzz'", "qa-app status"),
        ("annual.pdf,5", "row 2: reports/annual.pdf has 4 pages, not 5", "from 1"),
        ("notes.txt,1", "row 2: notes.txt has no pages", "Leave the page empty"),
    ],
)
def test_what_is_not_in_the_index_is_named(
    tmp_path: Path, index: Index, row: str, words: str, hint: str
) -> None:
    with pytest.raises(CorpusError, match=words) as caught:
        _score(_write(tmp_path, f"Why?,{row}"), index)
    assert hint in caught.value.hint


def test_a_name_of_two_documents_needs_its_folder(tmp_path: Path) -> None:
    documents = [make_document(f"{year}/report.txt", [f"Road {year}."]) for year in (2023, 2024)]
    write_generation(tmp_path / "index", make_contents(*documents))
    with Index(tmp_path / "index", tmp_path, FakeEncoder()) as index:
        with pytest.raises(CorpusError, match=r"may be 2023/report\.txt or 2024/report\.txt"):
            _score(_write(tmp_path, "Which road?,report.txt,"), index)
        found = _score(_write(tmp_path, r"Which road is of 2024?,2024\report.txt,"), index)
    assert found.figures["hit@1"] == 1.0


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot be read: No such file"):
        read_expected(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["FOLDER", "--compare-index", "other"], "--compare-index is for a CSV"),
        (["FOLDER", "--compare-mode", "best"], "nothing to compare: both sides are best"),
        (["q.csv", "--task", "answers"], "are for a folder in BEIR form"),
        (["q.csv", "--index", "a", "--compare-index", "a"], "both sides are a, best"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments]) == 1
    assert words in capsys.readouterr().err


def test_wording_that_is_shown_once_is_found_in_both_places(tmp_path: Path) -> None:
    documents = (_with_pages(make_document("a.pdf", REPORT)), make_document("b.txt", REPORT[1:]))
    write_generation(tmp_path / "index", make_contents(*documents))
    rows = [f"When did the board meet about funding?,{place}" for place in ("a.pdf,2", "b.txt,")]
    with Index(tmp_path / "index", tmp_path, FakeEncoder()) as opened:
        assert _score(_write(tmp_path, *rows), opened).figures["hit@1"] == 1.0
        assert _score(_write(tmp_path, *rows), opened).figures["recall@5"] == 1.0
        wrong = "When did the board meet about funding?,a.pdf,1"
        assert _score(_write(tmp_path, wrong), opened).figures["recall@5"] == 0.0
