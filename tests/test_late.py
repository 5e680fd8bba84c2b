from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.retrieval.late import (
    LEAST_READ,
    MOST_READ,
    NOTHING_READ,
    LateReader,
    Reading,
    max_similarity,
    token_weights,
)
from qa_app.store.lexical import Lexical, write_lexical

TEXTS = ("data road", "sharing of data", "safety board")


@pytest.fixture
def lexical(tmp_path: Path) -> Lexical:
    write_lexical(tmp_path, TEXTS, "english")
    return Lexical.open(tmp_path)


def test_a_tokens_weight_is_its_words_rarity() -> None:
    # "data-sharing now" as [mark] data - sharing now [mark]
    np.testing.assert_allclose(token_weights([3, 1], [2.0, 4.0], 6), [0, 0.2, 0.2, 0.2, 0.4, 0])


def test_tokens_that_do_not_add_up_count_alike() -> None:
    np.testing.assert_allclose(token_weights([3, 1], [2.0, 4.0], 5), [0.2] * 5)
    np.testing.assert_allclose(token_weights([], [], 2), [0.5, 0.5])


def test_each_token_takes_its_best_centred_match() -> None:
    first = np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    second = np.array([[0, 0, 1]], dtype=np.float32)
    query = np.array([[1, 0, 0], [0, 0, 1]], dtype=np.float32)
    every = np.concatenate([first, second])
    centre = every.mean(axis=0)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:  # type: ignore[type-arg]  # a row
        a, b = a - centre, b - centre
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    weights = np.array([0.25, 0.75], dtype=np.float32)
    expected = [
        0.25 * 1.0 + 0.75 * max(cosine(query[1], row) for row in first),
        0.25 * cosine(query[0], second[0]) + 0.75 * 1.0,
    ]
    np.testing.assert_allclose(max_similarity(query, [first, second], weights), expected, rtol=1e-5)


def test_scores_of_what_was_read_move_and_keep_their_mean() -> None:
    reading = Reading(np.array([3, 7]), np.array([0.9, 0.1], dtype=np.float32))
    rows = np.array([7, 5, 3])
    scores = np.array([0.6, 0.5, 0.4], dtype=np.float32)
    # Two rows were read: 0.8 standard deviations of their scores (0.1) up and down.
    np.testing.assert_allclose(reading.adjust(rows, scores), [0.52, 0.5, 0.48], rtol=1e-5)
    np.testing.assert_array_equal(scores, np.array([0.6, 0.5, 0.4], dtype=np.float32))


@pytest.mark.parametrize("late", [(0.5, 0.5), (0.5,), ()])
def test_what_was_read_without_a_difference_moves_nothing(late: tuple[float, ...]) -> None:
    reading = Reading(np.arange(len(late)), np.array(late, dtype=np.float32))
    scores = np.array([0.6, 0.5], dtype=np.float32)
    np.testing.assert_array_equal(reading.adjust(np.array([1, 0]), scores), scores)


def test_reading_finds_the_passage_that_matches(lexical: Lexical, encoder: FakeEncoder) -> None:
    reading = LateReader(encoder, lexical).read("sharing data", np.array([5, 9, 2]), TEXTS)
    assert reading.rows.tolist() == [2, 5, 9]
    assert reading.late.argmax() == 2
    assert reading.late.argmin() == 0


def test_what_does_not_fit_into_the_time_is_not_read(
    lexical: Lexical, encoder: FakeEncoder
) -> None:
    # A tenth of a second at the pace that is assumed at first: 6,000 characters.
    reader = LateReader(encoder, lexical, budget=0.1)
    assert reader.affordable([1000] * 10) == 6
    assert reader.affordable([1000, 9000]) == 1
    assert reader.affordable([9000]) == 0
    assert reader.affordable([1] * 100) == MOST_READ
    assert reader.affordable([]) == 0


def test_too_few_are_not_read_and_the_next_guess_is_bolder(
    lexical: Lexical, encoder: FakeEncoder
) -> None:
    # At the pace assumed at first 0.1 s is 6,000 characters: five texts of 1,010, then six.
    reader = LateReader(encoder, lexical, budget=0.1)
    rows, texts = np.arange(8), ["data ".ljust(1010, "x")] * 8
    assert reader.affordable([1010] * 8) == LEAST_READ - 1
    assert reader.read("data", rows, texts) is NOTHING_READ
    assert reader.affordable([1010] * 8) == LEAST_READ
    assert reader.read("data", rows, texts).rows.tolist() == list(range(LEAST_READ))
