from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from qa_app.errors import IndexCorruptError
from qa_app.store.bm25 import K1, B
from qa_app.store.embedded.lexical import EmbeddedLexical, write_lexical
from qa_app.text.analysis import analyser_for

ENGLISH = analyser_for("english")

TEXTS = (
    "data sharing improved",
    "data data and more data, at length, in a longer text",
    "road safety",
    "",
)
EVERY = np.arange(len(TEXTS))


@pytest.fixture
def lexical(tmp_path: Path) -> EmbeddedLexical:
    write_lexical(tmp_path, TEXTS, ENGLISH)
    return EmbeddedLexical(tmp_path, ENGLISH)


def expected(question: str) -> list[float]:
    """BM25 as it stands in the docstring of ``bm25``, term by term."""
    documents = [Counter(ENGLISH.terms(text)) for text in TEXTS]
    mean = sum(sum(document.values()) for document in documents) / len(documents)
    scores = []
    for document in documents:
        norm = K1 * (1 - B + B * sum(document.values()) / mean)
        score = 0.0
        for term in ENGLISH.terms(question):
            df = sum(term in other for other in documents)
            idf = math.log(1 + (len(documents) - df + 0.5) / (df + 0.5))
            score += idf * document[term] / (document[term] + norm)
        scores.append(score)
    return scores


@pytest.mark.parametrize("question", ["data", "data sharing", "safety data data", "nothing here"])
def test_scores_are_bm25(lexical: EmbeddedLexical, question: str) -> None:
    scores = lexical.scores(ENGLISH.terms(question)).at(EVERY)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected(question), rtol=1e-6)


def test_weights_scale_terms(lexical: EmbeddedLexical) -> None:
    scores = lexical.scores({"data": 0.5, "road": 2.0}).at(EVERY)
    data, road = (lexical.scores([term]).at(EVERY) for term in ("data", "road"))
    np.testing.assert_allclose(scores, 0.5 * data + 2 * road, rtol=1e-6)


def test_idf_and_the_possible_score(lexical: EmbeddedLexical) -> None:
    known, unknown = math.log(1 + 2.5 / 2.5), math.log(1 + 4.5 / 0.5)
    assert lexical.idf(["data", "unknown"]) == pytest.approx({"data": known, "unknown": unknown})
    assert lexical.max_score(["data", "unknown"]) == pytest.approx(math.log(2) + math.log(10))


def test_terms_of_the_passages_are_known(lexical: EmbeddedLexical) -> None:
    assert "data" in lexical
    assert "unknown" not in lexical
    assert "" not in lexical


def test_rows_of_a_term_ascend_over_many_passages(tmp_path: Path) -> None:
    texts = [f"common word{i % 7}" for i in range(45_000)]
    write_lexical(tmp_path, texts, ENGLISH)
    lexical = EmbeddedLexical(tmp_path, ENGLISH)
    hits = lexical.rows_with(["word3", "common"])
    np.testing.assert_array_equal(hits, np.arange(3, 45_000, 7))
    assert np.all(lexical.scores(["common"]).at(np.arange(45_000)) > 0)


def test_passages_without_terms(tmp_path: Path) -> None:
    write_lexical(tmp_path, ["", "the"], ENGLISH)
    lexical = EmbeddedLexical(tmp_path, ENGLISH)
    assert lexical.scores(["data"]).at(np.arange(2)).tolist() == [0.0, 0.0]
    assert lexical.max_score(["data"]) > 0


@pytest.mark.parametrize(
    "name",
    [
        "data.csc.index.npy",
        "indices.csc.index.npy",
        "indptr.csc.index.npy",
        "params.index.json",
        "vocab.index.json",
    ],
)
def test_a_cut_file_is_named_as_corrupt(tmp_path: Path, name: str) -> None:
    write_lexical(tmp_path, TEXTS, ENGLISH)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(IndexCorruptError, match="lexical index"):
        EmbeddedLexical(tmp_path, ENGLISH)


def test_kept_terms_give_the_index_that_a_clean_build_gives(tmp_path: Path) -> None:
    write_lexical(tmp_path / "old", TEXTS, ENGLISH)
    texts = [TEXTS[2], "safety data, new words", TEXTS[0], TEXTS[2]]
    kept = np.array([2, -1, 0, 2])
    write_lexical(tmp_path / "new", texts[1:2], ENGLISH, tmp_path / "old", kept)
    write_lexical(tmp_path / "clean", texts, ENGLISH)
    new = EmbeddedLexical(tmp_path / "new", ENGLISH)
    clean = EmbeddedLexical(tmp_path / "clean", ENGLISH)
    for term in ("data", "share", "improv", "road", "safeti", "new", "word", "longer"):
        assert new.idf(term) == clean.idf(term)
        assert new.scores([term]).at(EVERY).tolist() == clean.scores([term]).at(EVERY).tolist()


@pytest.mark.parametrize("top_k", [1, 7, 2_000, 9_000])
def test_the_best_of_many_are_those_of_sorting_all(tmp_path: Path, top_k: int) -> None:
    texts = [f"word {'data ' * (n * 7 % 11)}{'x ' * (n % 13)}" for n in range(5_000)]
    write_lexical(tmp_path, texts, ENGLISH)
    scores = EmbeddedLexical(tmp_path, ENGLISH).scores(["data"])
    every = scores.at(np.arange(5_000))
    order = np.lexsort((np.arange(5_000), -every))
    found = scores.best(top_k)
    assert every[found].tolist() == every[order[: len(found)]].tolist()
    assert len(found) == min(top_k, int((every > 0).sum()))
    assert scores.best(top_k, np.array([], dtype=np.int64)).tolist() == []
