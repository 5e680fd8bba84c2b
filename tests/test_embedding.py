"""The real model: its identity, its vectors, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_app.arrays import FloatArray
from qa_app.embedding import (
    SentenceTransformerEncoder,
)
from qa_app.errors import EmbeddingError


@pytest.fixture(scope="module")
def model() -> SentenceTransformerEncoder:
    return SentenceTransformerEncoder()


def test_identity_is_read_from_the_files(model: SentenceTransformerEncoder) -> None:
    identity = model.identity
    assert (identity.name, identity.dimension, identity.max_tokens) == (
        "all-MiniLM-L6-v2",
        384,
        256,
    )
    assert identity.weights_sha256.startswith("53aa51172d14")


def test_tokens_are_the_models_own(model: SentenceTransformerEncoder) -> None:
    assert model.count_tokens(["data-sharing", ""]) == [3, 0]


@pytest.mark.model
def test_vectors_are_unit_rows_and_mean_what_they_say(model: SentenceTransformerEncoder) -> None:
    texts = [
        "Police forces share data.",
        "Sharing of information by the police.",
        "A bowl of soup.",
    ]
    steps: list[int] = []
    rows = model.encode_documents(texts, steps.append)
    assert rows.shape == (3, 384)
    assert rows.dtype == np.float32
    assert sum(steps) == 3
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
    assert rows[0] @ rows[1] > 0.6 > 0.3 > rows[0] @ rows[2]
    np.testing.assert_allclose(model.encode_queries(texts), rows, atol=0.02)


@pytest.mark.model
def test_order_is_kept_whatever_the_lengths(model: SentenceTransformerEncoder) -> None:
    texts = ["short", "a rather longer text about road safety " * 5, "middling text on boards"]
    together = model.encode_documents(texts)
    alone = np.vstack([model.encode_documents([text]) for text in texts])
    # Not even the last bit depends on the other texts: an interrupted build can go on.
    np.testing.assert_array_equal(together, alone)


@pytest.mark.model
def test_token_vectors_are_unit_rows(model: SentenceTransformerEncoder) -> None:
    tokens = model.encode_query_tokens("data-sharing")
    assert tokens.shape == (5, 384)
    np.testing.assert_allclose(np.linalg.norm(tokens, axis=1), 1.0, atol=1e-5)


@pytest.mark.model
def test_a_question_that_is_kept_cannot_be_changed(model: SentenceTransformerEncoder) -> None:
    first = model.encode_queries(["Who shares data?"])
    first += 1
    again = model.encode_queries(["Who shares data?"])
    np.testing.assert_allclose(np.linalg.norm(again, axis=1), 1.0, atol=1e-6)
    together = model.encode_queries(["Who shares data?", "A bowl of soup."])
    assert (together[:1] * again).sum() > 0.999


@pytest.mark.model
def test_one_pass_gives_the_same_rows_and_the_tokens(model: SentenceTransformerEncoder) -> None:
    texts = ["Roads\nForces share data.", "A bowl of soup.", "long " * 300]
    kept: dict[int, FloatArray] = {}
    rows = model.encode_documents(texts, keep=lambda place, _, own: kept.update({place: own}))
    np.testing.assert_array_equal(rows, model.encode_documents(texts))
    spans = model.token_spans(texts)
    assert [len(kept[place]) for place in range(3)] == [len(found) for found in spans]
    assert [texts[0][start:end] for start, end in spans[0]] == [
        "", "Roads", "Forces", "share", "data", ".", ""
    ]  # fmt: skip
    assert len(spans[2]) == 256
    assert spans[2][-2].tolist() == [5 * 253, 5 * 253 + 4]
    alone = model.encode_query_tokens(texts[1])  # this model has no prompts
    np.testing.assert_allclose(kept[1], alone, atol=0.05)


def test_nothing_to_encode_is_no_rows(model: SentenceTransformerEncoder) -> None:
    assert model.encode_queries([]).shape == (0, 384)


@pytest.mark.parametrize("name", ["harmful.py", "pytorch_model.bin", "weights.pkl"])
def test_a_folder_that_can_run_code_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(EmbeddingError, match=f"holds {name}, a kind of file that can run code"):
        SentenceTransformerEncoder(str(tmp_path))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"holds no model\.safetensors"):
        SentenceTransformerEncoder(str(tmp_path))


def test_an_unknown_model_is_refused_and_not_fetched() -> None:
    with pytest.raises(EmbeddingError, match="There is no model 'nobody/nothing'") as caught:
        SentenceTransformerEncoder("nobody/nothing")
    assert "Nothing is downloaded" in caught.value.hint
