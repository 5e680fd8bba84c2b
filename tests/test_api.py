"""The front door: an open index follows builds, and survives a damaged generation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import FakeEncoder
from qa_app import build_index, open_index
from qa_app.api import Index, corpus_of
from qa_app.errors import IndexCorruptError, IndexMismatchError, QueryError
from qa_app.settings import Settings

ROADS = "Roads\nRoad safety improved in the north.\n"
BOARDS = "Boards\nThe board agreed its funding.\n"


@pytest.fixture
def corpus(write_corpus: Callable[[dict[str, str]], Path]) -> Path:
    return write_corpus({"roads.txt": ROADS})


@pytest.fixture
def index(corpus: Path, tmp_path: Path, encoder: FakeEncoder) -> Index:
    build_index(corpus, tmp_path / "index", encoder=encoder)
    return open_index(tmp_path / "index", encoder=encoder, reader="none")


def _documents(index: Index) -> set[str]:
    return {result.passage.document for result in index.search("road board")}


def test_a_new_generation_is_picked_up(
    index: Index, corpus: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    assert (index.generation, _documents(index)) == ("000001", {"roads.txt"})
    (corpus / "boards.txt").write_text(BOARDS)
    build_index(corpus, tmp_path / "index", encoder=encoder)
    assert _documents(index) == {"roads.txt", "boards.txt"}
    assert index.generation == "000002"


def test_an_index_remembers_its_corpus(index: Index, corpus: Path, tmp_path: Path) -> None:
    assert index.corpus == corpus
    assert corpus_of(Settings(index=tmp_path / "index")) == corpus
    assert corpus_of(Settings(index=tmp_path / "none")) == Path("corpus")


def test_a_damaged_generation_leaves_the_one_before_answering(
    index: Index, corpus: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    folder = tmp_path / "index"
    (corpus / "boards.txt").write_text(BOARDS)
    build_index(corpus, folder, encoder=encoder)
    path = folder / "generations" / "000002" / "embeddings.npy"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    assert _documents(index) == {"roads.txt"}  # open since before
    with open_index(folder, encoder=encoder, reader="none") as reopened:
        assert reopened.generation == "000001"
        assert "embeddings.npy" in reopened.fallback
    report = build_index(index=folder, encoder=encoder)
    assert report.generation == "000003"
    assert _documents(index) == {"roads.txt", "boards.txt"}


def test_a_damaged_pointer_is_mended_by_a_plain_build(
    index: Index, corpus: Path, tmp_path: Path, encoder: FakeEncoder
) -> None:
    folder = tmp_path / "index"
    (folder / "CURRENT").write_text("?")
    assert _documents(index) == {"roads.txt"}
    build_index(index=folder, encoder=encoder)
    with open_index(folder, encoder=encoder, reader="none") as mended:
        assert (mended.fallback, mended.corpus) == ("", corpus)


def test_nothing_sound_is_an_error(index: Index, tmp_path: Path, encoder: FakeEncoder) -> None:
    index.close()
    for path in (tmp_path / "index" / "generations").rglob("embeddings.npy"):
        path.unlink()
    with pytest.raises(IndexCorruptError, match=r"embeddings\.npy"):
        open_index(tmp_path / "index", encoder=encoder, reader="none")


def test_another_model_is_refused_by_both_names(index: Index, tmp_path: Path) -> None:
    with pytest.raises(IndexMismatchError) as caught:
        open_index(tmp_path / "index", encoder=FakeEncoder("other"))
    assert "fake" in caught.value.message
    assert "other" in caught.value.message
    assert index.generation == "000001"


def test_a_document_is_read_back_whole(index: Index) -> None:
    document = index.document("roads.txt")
    (result,) = index.search("road safety", top_k=1)
    assert document.text == ROADS
    assert document.text[result.citation.start : result.citation.end] == result.passage.text
    with pytest.raises(QueryError, match=r"nothing\.txt"):
        index.document("nothing.txt")


def test_verify_and_status(index: Index) -> None:
    assert index.verify().bad == ()
    assert (index.status()["documents"], index.status()["model"]["name"]) == (1, "fake")
