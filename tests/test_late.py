from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.retrieval.late import (
    MOST_READ,
    LateReader,
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


def test_scores_move_by_match_and_keep_their_mean(lexical: Lexical, encoder: FakeEncoder) -> None:
    scores = np.array([0.6, 0.5, 0.4], dtype=np.float32)
    reader = LateReader(encoder, lexical)
    moved = reader.adjust("sharing data", TEXTS, scores)
    assert moved.mean() == pytest.approx(scores.mean(), rel=1e-5)
    assert moved[1] > scores[1]
    assert moved[2] < scores[2]


def test_texts_that_match_alike_stay_as_they_were(lexical: Lexical, encoder: FakeEncoder) -> None:
    scores = np.array([0.6, 0.5], dtype=np.float32)
    reader = LateReader(encoder, lexical)
    np.testing.assert_array_equal(reader.adjust("road", ["road", "road"], scores), scores)
    np.testing.assert_array_equal(reader.adjust("road", ["road"], scores[:1]), scores[:1])


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
