"""The questions that the reader learns from are whole, and its recipe does what it says."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.calibrate import Case, calibration_error, fit, judged
from training.examples import Example, with_other_passage, without_answer
from training.sources import document_name, document_path, is_kept_for_measuring

ROOT = Path(__file__).resolve().parent.parent
TYPES = {
    "who", "when", "where", "how-many", "how-much", "how-long", "what", "why", "how", "how-far",
    "which", "did", "plan", "said",
}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    files = sorted((ROOT / "training/questions").glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text("utf-8").splitlines()]


def test_questions_come_in_pairs(rows: list[dict[str, Any]]) -> None:
    assert len(rows) >= 20_000
    rows = [row for row in rows if "value" not in row]
    assert len({row["id"] for row in rows}) == len(rows)
    sides: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        sides[row["twin"]].append("span" in row)
    assert all(sorted(pair) == [False, True] for pair in sides.values())


def test_spans_stand_in_their_passages(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        first, last = row["passage"]
        assert row["type"] in TYPES
        if "span" in row:
            assert first <= row["start"] < row["start"] + len(row["span"]) <= last, row["id"]


def test_which_questions_are_read_for_many_values(rows: list[dict[str, Any]]) -> None:
    passages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if "value" in row:
            passages[row["question"]].append(row)
    assert len(passages) >= 80
    for question, some in passages.items():
        assert len({row["value"] for row in some}) >= 20, question
        assert question.endswith("?")
        assert {row["type"] for row in some} == {"which"}
    assert sum("span" in row for some in passages.values() for row in some) >= 500


def test_types_are_even_on_both_sides(rows: list[dict[str, Any]]) -> None:
    rows = [row for row in rows if "value" not in row]
    answerable = Counter(row["type"] for row in rows if "span" in row)
    near = Counter(row["type"] for row in rows if "span" not in row)
    for kind in TYPES - {"plan"}:
        assert 0.7 < answerable[kind] / near[kind] < 1.4, kind


def test_documents_that_measure_are_not_learnt_from(rows: list[dict[str, Any]]) -> None:
    assert not any(is_kept_for_measuring(row["document"]) for row in rows)
    assert is_kept_for_measuring("other/us-federal/DHS2020.pdf")


def test_documents_are_named_by_their_place() -> None:
    assert document_name("uk/nhs/a.pdf") == document_path("uk/nhs/a.pdf") == "uk/nhs/a.pdf"
    assert document_name("policy/Spokane.txt") == "policy:Spokane"
    assert document_path("gov.uk:divorce") == "gov.uk/divorce.txt"


TEXT = "The board met in May. It chose Ann Lee as chair. Nobody voted against her that day at all."


def _example(passage: str = TEXT, words: str = "Ann Lee") -> Example:
    start = passage.find(words)
    return Example("s", "g", "Who chairs it?", "T.", passage, start, start + len(words))


def test_the_answering_sentence_is_taken_out() -> None:
    longer = TEXT + " The minutes are kept in the county's own archive, where all may read them."
    cut = without_answer(_example(longer))
    assert cut is not None
    assert not cut.answerable
    assert "Ann Lee" not in cut.passage
    assert cut.passage.startswith("The board met in May.")
    # What is left would say nothing, or says it again.
    assert without_answer(_example("Ann Lee is chair.")) is None
    assert without_answer(_example(longer + " Ann Lee spoke.")) is None


def test_another_passage_of_the_document_does_not_answer() -> None:
    other = _example("Costs rose by 4% in the year.", "4%")
    found = with_other_passage([_example(), other], random.Random(1), 1.0)
    assert all(not item.answerable for item in found)
    assert {(item.question, item.passage) for item in found} <= {
        ("Who chairs it?", other.passage),
        ("Who chairs it?", TEXT),
    }


def test_calibration_error_is_the_gap_between_chance_and_share() -> None:
    assert calibration_error(np.array([0.75, 0.75]), np.array([1.0, 0.0])) == pytest.approx(0.25)
    assert calibration_error(np.array([0.05, 0.95]), np.array([0.0, 1.0])) == pytest.approx(0.05)


def test_the_fit_follows_what_is_right() -> None:
    rng = np.random.default_rng(3)
    cases = []
    for n in range(200):
        scores = [{"answer": float(value)} for value in np.sort(rng.normal(size=4))[::-1]]
        right = [bool(rng.random() < 1 / (1 + np.exp(-2 * s["answer"]))) for s in scores]
        cases.append(Case(f"source {n % 4}", "document", "q", any(right), scores, right))
    model = fit(cases, ["answer"])
    assert model[1] == pytest.approx(2.0, abs=0.5)
    chances = [chance for chance, _ in judged(cases[0], model, ["answer"])]
    assert chances == sorted(chances, reverse=True)
