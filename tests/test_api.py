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
    assert (index.snapshot().generation.name, _documents(index)) == ("000001", {"roads.txt"})
    (corpus / "boards.txt").write_text(BOARDS)
    build_index(corpus, tmp_path / "index", encoder=encoder)
    assert _documents(index) == {"roads.txt", "boards.txt"}
    assert index.snapshot().generation.name == "000002"


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
        assert reopened.snapshot().generation.name == "000001"
        assert "embeddings.npy" in reopened.snapshot().generation.fallback
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
        assert (mended.snapshot().generation.fallback, mended.corpus) == ("", corpus)


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
    assert index.snapshot().generation.name == "000001"


def test_a_document_is_read_back_whole(index: Index) -> None:
    document = index.snapshot().document("roads.txt")
    (result,) = index.search("road safety", top_k=1)
    assert document.text == ROADS
    assert document.text[result.citation.start : result.citation.end] == result.passage.text
    with pytest.raises(QueryError, match=r"nothing\.txt"):
        index.snapshot().document("nothing.txt")


def test_verify_and_status(index: Index) -> None:
    assert index.verify().bad == ()
    assert (index.snapshot().status()["documents"], index.snapshot().status()["model"]["name"]) == (
        1,
        "fake",
    )


def test_a_snapshot_stays_with_its_generation(
    tmp_path: Path, write_corpus: Callable[[dict[str, str]], Path], encoder: FakeEncoder
) -> None:
    corpus = write_corpus({"roads.txt": "Roads are safer."})
    build_index(corpus, tmp_path / "index", encoder=encoder)
    with open_index(tmp_path / "index", encoder=encoder, reader="none") as index:
        before = index.snapshot()
        (corpus / "boards.txt").write_text("A board met.")
        build_index(corpus, tmp_path / "index", encoder=encoder)
        after = index.snapshot()
        assert [s.generation.name for s in (before, after)] == ["000001", "000002"]
        assert {s.passage.document for s in before.search("board")} == {"roads.txt"}
        assert set(before.facts()) == {"roads.txt"} < set(after.facts())
        assert before.ask("Who met?").generation == "000001"
