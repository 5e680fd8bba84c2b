"""Following a lead: passages like a quote, and answers without rejected ones."""

from __future__ import annotations

import numpy as np
import pytest

from qa_app.api import Index
from qa_app.citations import parse_place
from qa_app.errors import QueryError
from qa_app.models import Mode, Place, SearchResult, Verdict
from qa_app.retrieval.duplicates import is_repeat
from qa_app.retrieval.leads import REJECTED_WEIGHT, mean_vector, turn_away

REPORTS = {
    "facets.toml": '[force]\nnouns = ["forces"]\n[force.values]\n"Kent" = []\n"Surrey" = []\n',
    "a.txt": "Data sharing on road safety improved.",
    "b.txt": "1. Data sharing on road safety improved!",
    "c.txt": "Data sharing on road funding improved in Kent.",
    "d.txt": "Data on violence for the board.",
    "e.txt": "Duplication.",
}


@pytest.fixture(scope="module")
def index(unchanged_index: Index) -> Index:
    return unchanged_index


def documents(results: tuple[SearchResult, ...]) -> list[str]:
    return [result.passage.document for result in results]


def place_of(index: Index, document: str) -> Place:
    (passage,) = index.snapshot().generation.passages(
        index.snapshot().generation.document_rows(document)
    )
    return Place(document, passage.start, passage.end)


def test_a_query_moves_away_from_the_mean_of_the_rejected() -> None:
    query = np.array([[0.6, 0.8, 0.0]], dtype=np.float32)
    rejected = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    half = REJECTED_WEIGHT / 2
    moved = np.array([0.6 - half, 0.8, -half])
    np.testing.assert_allclose(
        turn_away(query, rejected)[0], moved / np.linalg.norm(moved), rtol=1e-6
    )
    assert query[0, 0] == np.float32(0.6)


def test_a_mean_of_opposite_vectors_is_no_division_by_zero() -> None:
    opposite = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    assert mean_vector(opposite).tolist() == [[0, 0]]
    assert mean_vector(np.eye(2, dtype=np.float32))[0] == pytest.approx([0.5**0.5] * 2)


def test_one_text_repeats_another_whichever_is_longer() -> None:
    assert is_repeat("The board met.", "3.1 The board met! It agreed.")
    assert is_repeat("3.1 The board met! It agreed.", "The board met.")
    assert not is_repeat("The board met 4 times.", "The board met 5 times.")


def test_more_like_this_is_nearest_first_without_the_quote_and_its_repeats(index: Index) -> None:
    like = place_of(index, "a.txt")
    found = index.snapshot().search_like(like, 2)
    assert documents(found) == ["c.txt", "d.txt"]
    # (data, sharing, road, safety) and (data, sharing, road, funding), each of length 2.
    assert found[0].scores["dense"] == pytest.approx(3 / 4, abs=1e-3)
    within = index.snapshot().search_like(like, 8, {"document": ["d.txt", "e.txt"]})
    assert documents(within) == ["d.txt", "e.txt"]
    assert index.snapshot().search_like(like, 8, {"document": ["a.txt", "b.txt"]}) == ()


@pytest.mark.parametrize("mode", list(Mode))
def test_rejected_passages_and_their_repeats_never_come_back(index: Index, mode: Mode) -> None:
    question = "Is there data sharing on road safety?"
    first = index.ask(question, mode=mode)
    assert documents(first.passages)[0] == "a.txt"
    answer = index.ask(question, mode=mode, rejecting=[place_of(index, "b.txt")])
    assert {"a.txt", "b.txt"}.isdisjoint(documents(answer.passages))
    assert documents(answer.passages)[0] == "c.txt"
    assert [quote.citation.document for quote in answer.rejected] == ["b.txt"]
    assert index.ask(question, mode=mode).passages == first.passages  # nothing is kept


def test_rejecting_moves_the_question_for_dense_scores_too(index: Index) -> None:
    places = [place_of(index, "a.txt")]
    plain, moved = index.snapshot().retriever, index.snapshot().retriever.without(places)
    stored = plain.generation.stored_vectors(np.array([0])).astype(np.float32)
    expected = turn_away(plain.encode("data on funding"), stored)
    np.testing.assert_array_equal(moved.encode("data on funding"), expected)


def test_rejecting_keeps_to_the_filters(index: Index) -> None:
    kept = {"document": ["a.txt", "c.txt"]}
    answer = index.ask("data sharing", filters=kept, rejecting=[place_of(index, "a.txt")])
    assert documents(answer.passages) == ["c.txt"]


def test_a_table_is_made_again_without_the_rejected(index: Index) -> None:
    question = "Which forces mention data sharing on road funding?"
    answer = index.ask(question)
    assert [row.facet_value for row in answer.findings or answer.near_misses] == ["Kent"]
    without = index.ask(question, rejecting=[place_of(index, "c.txt")])
    assert (without.findings, without.near_misses) == ((), ())


def test_rejecting_everything_is_refused_honestly(index: Index) -> None:
    every = [place_of(index, name) for name in REPORTS if name.endswith(".txt")]
    answer = index.ask("Is there data sharing on road safety?", rejecting=every)
    assert (answer.verdict, answer.findings, answer.passages) == (Verdict.NOT_FOUND, (), ())


def test_a_place_that_is_gone_is_said_so(index: Index) -> None:
    for gone in (Place("z.txt", 0, 5), Place("a.txt", 900, 910)):
        with pytest.raises(QueryError, match="Nothing can be quoted"):
            index.ask("data", rejecting=[gone])
        with pytest.raises(QueryError, match="Nothing can be quoted"):
            index.snapshot().search_like(gone)


def test_a_place_is_written_and_read() -> None:
    assert parse_place("reports/a@b.txt@3-9") == Place("reports/a@b.txt", 3, 9)
    assert str(Place("reports/a@b.txt", 3, 9)) == "reports/a@b.txt@3-9"
    for bad in ("", "a.txt", "a.txt@9-3", "@1-2", "a.txt@1-", "a.txt@x-y"):
        with pytest.raises(QueryError, match="no place"):
            parse_place(bad)
