"""Other models: their prompts, their dimensions, and an index that holds on to both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_app.api import build_from_settings, open_from_settings
from qa_app.cli import main
from qa_app.embedding import SentenceTransformerEncoder, load_model
from qa_app.errors import EmbeddingError, IndexMismatchError
from qa_app.settings import Settings
from support.tiny_models import WIDTH, make_encoder

E5 = {"prompts": {"query": "query: ", "passage": "passage: "}}
ARCTIC = {"prompts": {"query": "which passage is of the query: "}}
GEMMA = {"prompts": {"query": "a query: ", "document": "where : the passage: ", "a": "a "}}
QWEN = {"prompts": {"query": "which of the passage\nquery:", "document": ""}}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("models") / "plain")


@pytest.mark.parametrize(
    ("config", "query", "document"),
    [
        ({}, "", ""),
        (E5, "query: ", "passage: "),
        (ARCTIC, "which passage is of the query: ", ""),
        (GEMMA, "a query: ", "where : the passage: "),
        (QWEN, "which of the passage\nquery:", ""),
        # As the library writes it when such a model is saved again.
        ({"prompts": {"query": "", "document": "", "passage": "passage: "}}, "", "passage: "),
        ({"prompts": {"of": "of: "}, "default_prompt_name": "of"}, "of: ", "of: "),
        ({"prompts": {"query": "query: "}, "default_prompt_name": "query"}, "query: ", ""),
    ],
)
def test_prompts_of_every_style_take_effect(
    tmp_path: Path, plain: Path, config: dict[str, Any], query: str, document: str
) -> None:
    bare = SentenceTransformerEncoder(str(plain))
    model = SentenceTransformerEncoder(str(make_encoder(tmp_path / "model", config)))
    assert (model.identity.query_prompt, model.identity.document_prompt) == (query, document)
    texts = ["road safety", "data"]
    expected = bare.encode_documents([query + text for text in texts])
    np.testing.assert_allclose(model.encode_queries(texts), expected, atol=1e-6)
    expected = bare.encode_documents([document + text for text in texts])
    np.testing.assert_allclose(model.encode_documents(texts), expected, atol=1e-6)
    if query:
        distance = np.abs(model.encode_queries(texts) - bare.encode_queries(texts)).max()
        assert distance > 0.05


@pytest.mark.parametrize("config", [ARCTIC, GEMMA, QWEN])
def test_prompts_are_those_that_the_library_finds(tmp_path: Path, config: dict[str, Any]) -> None:
    folder = make_encoder(tmp_path / "model", config)
    model, library = SentenceTransformerEncoder(str(folder)), load_model(folder)
    for ours, theirs in (
        (model.encode_queries(["road safety"]), library.encode_query(["road safety"])),
        (model.encode_documents(["road safety"]), library.encode_document(["road safety"])),
    ):
        unit = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
        np.testing.assert_allclose(ours, unit, atol=1e-6)


def test_own_prompts_stand_in_for_the_models(plain: Path, tmp_path: Path) -> None:
    own = SentenceTransformerEncoder(str(plain), 0, "query: ", "passage: ")
    e5 = SentenceTransformerEncoder(str(make_encoder(tmp_path / "e5", E5)))
    np.testing.assert_allclose(own.encode_queries(["data"]), e5.encode_queries(["data"]), atol=1e-6)
    (spans,) = own.token_spans(["road"])
    # A mark, "passage", ":", "road", a mark.
    assert spans.tolist() == [[0, 0], [0, 0], [0, 0], [0, 4], [0, 0]]


def test_the_first_dimensions_are_kept_and_made_unit(plain: Path) -> None:
    whole, cut = (SentenceTransformerEncoder(str(plain), dimension) for dimension in (0, 8))
    assert (whole.identity.dimension, cut.identity.dimension) == (WIDTH, 8)
    texts = ["road safety", "data sharing of the police"]
    first = whole.encode_documents(texts)[:, :8]
    expected = first / np.linalg.norm(first, axis=1, keepdims=True)
    np.testing.assert_allclose(cut.encode_documents(texts), expected, atol=1e-6)
    np.testing.assert_allclose(cut.encode_queries(texts), expected, atol=1e-6)


def test_more_dimensions_than_there_are_are_refused(plain: Path) -> None:
    with pytest.raises(EmbeddingError, match="plain has 32 dimensions; 64 were asked for"):
        SentenceTransformerEncoder(str(plain), 64)


def test_files_that_say_a_wrong_width_are_refused(tmp_path: Path) -> None:
    folder = make_encoder(tmp_path / "model")
    (folder / "1_Pooling" / "config.json").write_text(
        '{"word_embedding_dimension": 32, "pooling_mode_cls_token": true, '
        '"pooling_mode_mean_tokens": true}'
    )
    with pytest.raises(EmbeddingError, match="speak of 32 dimensions; its vectors have 64"):
        SentenceTransformerEncoder(str(folder)).encode_queries(["data"])


@pytest.fixture
def settings(
    write_corpus: Callable[[dict[str, str]], Path], tmp_path: Path, plain: Path
) -> Settings:
    """Of an index that was built with eight dimensions and with prompts."""
    corpus = write_corpus({"a.txt": "Data sharing of the police.\n", "b.txt": "Road safety.\n"})
    chosen = Settings(
        corpus=corpus,
        index=tmp_path / "index",
        model=str(plain),
        dimension=8,
        query_prompt="query: ",
        document_prompt="passage: ",
    )
    build_from_settings(chosen)
    return chosen


def test_an_index_remembers_dimension_and_prompts(settings: Settings, plain: Path) -> None:
    with open_from_settings(Settings(index=settings.index)) as index:
        model = index.snapshot().status()["model"]
        assert (model["name"], model["dimension"]) == ("plain", 8)
        assert (model["query_prompt"], model["document_prompt"]) == ("query: ", "passage: ")
        encoder = SentenceTransformerEncoder(str(plain), 8, "query: ", "passage: ")
        vectors = index.snapshot().generation.stored_vectors(np.arange(2))
        expected = encoder.encode_documents(["a\nData sharing of the police.", "b\nRoad safety."])
        np.testing.assert_allclose(vectors, expected, atol=1e-3)
    report = build_from_settings(Settings(corpus=settings.corpus, index=settings.index))
    assert (report.generation, report.embedded, report.reused) == ("000001", 0, 2)


def test_another_dimension_is_refused_by_both(settings: Settings, plain: Path) -> None:
    with pytest.raises(IndexMismatchError) as caught:
        open_from_settings(replace(settings, dimension=16))
    assert caught.value.found == "plain (8 dimensions)"
    assert caught.value.expected == "plain (16 dimensions)"
    assert f"--model {plain} --dimension 8)" in caught.value.hint
    assert caught.value.hint.endswith(f"qa-app build --model {plain} --dimension 16")


def test_another_document_prompt_is_refused_and_another_query_prompt_is_not(
    settings: Settings,
) -> None:
    with pytest.raises(IndexMismatchError) as caught:
        open_from_settings(replace(settings, document_prompt="report: "))
    assert caught.value.found == "plain (8 dimensions, passages behind 'passage: ')"
    assert caught.value.expected == "plain (8 dimensions, passages behind 'report: ')"
    open_from_settings(replace(settings, query_prompt="which ")).close()


def test_another_dimension_embeds_everything_again(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", "--index", str(settings.index), "--dimension", "16"]) == 0
    assert "2 embedded, 0 reused" in capsys.readouterr().out
    assert main(["status", "--index", str(settings.index)]) == 0
    assert "plain (16 dimensions)" in capsys.readouterr().out
