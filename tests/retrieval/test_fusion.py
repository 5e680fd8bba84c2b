from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_app.retrieval.fusion import expand_query, feedback_strength, share_scores
from qa_app.store.embedded.lexical import EmbeddedLexical, write_lexical
from qa_app.text.analysis import analyser_for


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


@pytest.mark.parametrize(
    ("scores", "strength"),
    [
        ((1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0), 0.25),
        ((1.0, 1.0, 1.0), 1.0),
        ((1.0, 0.2), 0.04),
        ((1.0,), 0.0),
        ((0.0, 0.0), 0.0),
        ((), 0.0),
    ],
)
def test_strength_is_small_where_the_first_passage_stands_out(
    scores: tuple[float, ...], strength: float
) -> None:
    assert feedback_strength(floats(*scores)) == pytest.approx(strength, rel=1e-5)


@pytest.fixture
def lexical(tmp_path: Path) -> EmbeddedLexical:
    write_lexical(
        tmp_path, ["data sharing", "data board", "road", "road board"], analyser_for("english")
    )
    return EmbeddedLexical(tmp_path, analyser_for("english"))


def test_expanded_terms_keep_the_questions_and_sum_to_one(lexical: EmbeddedLexical) -> None:
    expanded = expand_query(["data"], [["data", "share"], ["data", "data", "board"]], lexical, 0.5)
    # Share of the passages' terms: 0.5 * 0.5. "share" is in one of four texts, the others in two.
    idf = lexical.idf(["share", "data"])
    once, twice = idf["share"], idf["data"]
    said = {"data": (1 / 2 + 2 / 3) * twice, "share": once / 2, "board": twice / 2}
    total = sum(said.values())
    assert expanded == pytest.approx(
        {
            "data": 0.75 + 0.25 * said["data"] / total,
            "share": 0.25 * said["share"] / total,
            "board": 0.25 * said["board"] / total,
        }
    )
    assert sum(expanded.values()) == pytest.approx(1.0)


def test_nothing_to_widen_with(lexical: EmbeddedLexical) -> None:
    assert expand_query(["data", "data", "road"], [], lexical, 1.0) == pytest.approx(
        {"data": 2 / 3, "road": 1 / 3}
    )
    # A question of stop words alone stays without terms: it is the vectors' business.
    assert sum(expand_query([], [["data"]], lexical, 1.0).values()) == 0.0


def test_no_strength_changes_nothing(lexical: EmbeddedLexical) -> None:
    assert expand_query(["data"], [["road"]], lexical, 0.0) == {"data": 1.0, "road": 0.0}
    scores = floats(0.3, 0.2, 0.1)
    np.testing.assert_allclose(share_scores(scores, np.eye(3, dtype=np.float32), 0.0), scores)


def test_neighbours_share_by_cosine() -> None:
    embeddings = np.array([[1, 0], [0.6, 0.8], [0, 1]], dtype=np.float32)
    shared = share_scores(floats(1.0, 0.5, 0.0), embeddings, 1.0)
    # Cosines are 0.6 (first and second), 0.8 (second and third) and 0, which is all but no weight.
    np.testing.assert_allclose(
        shared,
        [0.6 * 1.0 + 0.4 * 0.5, 0.6 * 0.5 + 0.4 * (0.6 * 1.0) / 1.4, 0.4 * 0.5],
        atol=1e-5,
    )


def test_one_passage_has_no_neighbours() -> None:
    scores = floats(0.7)
    np.testing.assert_array_equal(share_scores(scores, floats(1, 0)[None], 1.0), scores)
