from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.arrays import SpanArray
from qa_app.retrieval.late import (
    MOST_SCORED,
    QuestionTokens,
    TokenReader,
    add_maxsim,
    maxsim,
    token_weights,
)
from qa_app.store.contents import write_generation
from qa_app.store.embedded.generation import open_generation
from qa_app.store.protocol import Generation
from support.store_samples import make_contents, make_document

TEXTS = ("data road", "sharing of data", "safety board")


@pytest.fixture
def generation(tmp_path: Path) -> Iterator[Generation]:
    write_generation(tmp_path, make_contents(make_document("a.txt", TEXTS)))
    with open_generation(tmp_path) as opened:
        yield opened


def test_a_tokens_weight_is_its_words_rarity() -> None:
    # "data-sharing now" as [mark] data - sharing now [mark]
    np.testing.assert_allclose(token_weights([3, 1], [2.0, 4.0], 6), [0, 0.2, 0.2, 0.2, 0.4, 0])


def test_tokens_that_do_not_add_up_count_alike() -> None:
    np.testing.assert_allclose(token_weights([3, 1], [2.0, 4.0], 5), [0.2] * 5)
    np.testing.assert_allclose(token_weights([], [], 2), [0.5, 0.5])


def test_each_token_takes_its_best_match() -> None:
    every = np.array([[0.6, 0.8], [1, 0], [0, 1]], dtype=np.float32)
    question = QuestionTokens(
        np.array([[1, 0], [0, 1]], dtype=np.float32),
        np.array([0.25, 0.75], dtype=np.float32),
        np.array([0.0, 1.0], dtype=np.float32),
    )
    found = maxsim(question, every, np.array([2, 1]))
    np.testing.assert_allclose(found, [0.25 * 1.0 + 0.75 * 0.8, 0.75 * 1.0], rtol=1e-6)


def test_maxsim_moves_scores_and_keeps_their_mean() -> None:
    rows = np.array([7, 5, 3])
    scores = np.array([0.6, 0.5, 0.4], dtype=np.float32)
    # Two rows have a MaxSim: 0.8 standard deviations of their scores (0.1) up and down.
    found = add_maxsim(rows, scores, {3: 0.9, 7: 0.1})
    np.testing.assert_allclose(found, [0.52, 0.5, 0.48], rtol=1e-5)
    np.testing.assert_array_equal(scores, np.array([0.6, 0.5, 0.4], dtype=np.float32))


@pytest.mark.parametrize("found", [{0: 0.5, 1: 0.5}, {0: 0.5}, {}])
def test_maxsim_without_a_difference_moves_nothing(found: dict[int, float]) -> None:
    scores = np.array([0.6, 0.5], dtype=np.float32)
    np.testing.assert_array_equal(add_maxsim(np.array([1, 0]), scores, found), scores)


def test_maxsim_finds_the_passage_that_matches(
    generation: Generation, encoder: FakeEncoder
) -> None:
    found = TokenReader(generation, encoder).maxsim("sharing data", np.array([2, 1, 0]))
    assert sorted(found, key=found.__getitem__) == [2, 0, 1]
    assert encoder.encoded == []


def test_the_first_passages_alone_have_a_maxsim(tmp_path: Path, encoder: FakeEncoder) -> None:
    many = [f"data {number}" for number in range(MOST_SCORED + 1)]
    write_generation(tmp_path, make_contents(make_document("a.txt", many)))
    with open_generation(tmp_path) as generation:
        rows = np.arange(MOST_SCORED, -1, -1)
        assert list(TokenReader(generation, encoder).maxsim("data", rows)) == rows[:-1].tolist()


def test_a_passages_tokens_know_their_words(generation: Generation, encoder: FakeEncoder) -> None:
    # Embedded as "a.txt > Findings", new line, "sharing of data".
    (tokens,) = TokenReader(generation, encoder).passages([1], generation.passages([1]))
    assert tokens.spans.tolist() == [[-1, -1]] * 3 + [[0, 7], [8, 10], [11, 15]]
    # "sharing" is the second axis of nine, "data" the first: signs of each dimension.
    expected = np.full((2, 9), -1 / 3)
    expected[0, 1] = expected[1, 0] = 1 / 3
    np.testing.assert_allclose(tokens.vectors[tokens.within(0, 7)], expected[:1], rtol=1e-6)
    np.testing.assert_allclose(tokens.vectors[tokens.within(11, 15)], expected[1:], rtol=1e-6)
    assert not tokens.within(0, 6).any()
    # The fake encoder marks neither end; of the title the first token is taken for a mark.
    assert tokens.context.tolist() == [False, True, True, False, False, False]


def test_tokens_of_unknown_places_stand_nowhere(generation: Generation) -> None:
    class Other(FakeEncoder):
        def token_spans(self, texts: Sequence[str]) -> list[SpanArray]:
            return [np.zeros((1, 2), dtype=np.int32) for _ in texts]

    (tokens,) = TokenReader(generation, Other()).passages([1], generation.passages([1]))
    assert tokens.vectors.shape == (6, 9)
    assert tokens.spans.tolist() == [[-1, -1]] * 6


def test_without_stored_tokens_there_is_no_maxsim(tmp_path: Path, encoder: FakeEncoder) -> None:
    contents = replace(make_contents(make_document("a.txt", TEXTS)), tokens=())
    write_generation(tmp_path, contents)
    with open_generation(tmp_path) as generation:
        reader = TokenReader(generation, encoder)
        assert reader.maxsim("data", np.arange(3)) == {}
        (tokens,) = reader.passages([0], generation.passages([0]))
        assert tokens.vectors.shape == (0, 9)
        assert tokens.within(0, 9).shape == (0,)
