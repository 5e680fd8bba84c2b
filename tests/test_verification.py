"""Verify: one changed character, in the index or in a report, is found and named."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app import loading
from qa_app.api import Index, open_index
from qa_app.errors import IndexNotFoundError
from qa_app.indexing import build
from qa_app.models import Sentence
from qa_app.settings import Settings
from qa_app.store.contents import write_generation
from qa_app.store.documents import IndexedDocument, SourceStamp
from qa_app.store.embedded.generation import open_generation
from qa_app.store.manifest import generation_folder
from qa_app.verification import verify
from support.store_samples import make_contents, make_document

ROADS = "# Roads\n\nRoad safety rose. Crashes fell.\n\n## Money\n\nFunding fell.\n"
BOARD = "The board met.\nIt was a good day for all.\n"


@pytest.fixture
def settings(
    write_corpus: Callable[[dict[str, str]], Path], tmp_path: Path, encoder: FakeEncoder
) -> Settings:
    corpus = write_corpus({"board.txt": BOARD, "roads.md": ROADS})
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    build(settings, encoder)
    return settings


def test_a_sound_index(settings: Settings) -> None:
    report = verify(settings.index, settings.corpus)
    with open_generation(settings.index) as generation:
        files = len(generation.manifest.files) + 1 + 2
        assert (report.files, report.passages) == (files, generation.num_passages)
    assert report.bad == ()


def test_the_corpus_of_the_last_build_is_found(settings: Settings, tmp_path: Path) -> None:
    assert verify(settings.index).passages == verify(settings.index, settings.corpus).passages
    moved = tmp_path / "moved"
    moved.mkdir()
    for folder in (settings.index, tmp_path / "corpus"):
        shutil.move(folder, moved)
    assert verify(moved / "index").bad == ()


def test_every_flipped_byte_of_the_index_is_named(settings: Settings) -> None:
    folder = generation_folder(settings.index, "000001")
    generator = np.random.default_rng(7)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for place in generator.integers(len(whole), size=3):
            flipped = bytearray(whole)
            flipped[place] ^= 0x10
            path.write_bytes(flipped)
            report = verify(settings.index, settings.index / "no reports")
            assert path.relative_to(folder).as_posix() in [item.path for item in report.bad]
        path.write_bytes(whole)
    assert verify(settings.index).bad == ()


def test_a_missing_file_of_the_index_is_named(settings: Settings) -> None:
    folder = generation_folder(settings.index, "000001")
    (folder / "lexical" / "vocab.index.json").unlink()
    (bad,) = verify(settings.index).bad
    assert (bad.path, bad.reason) == ("lexical/vocab.index.json", "it is missing")
    (folder / "manifest.json").unlink()
    (bad,) = verify(settings.index).bad
    assert bad.path == "manifest.json"
    assert "missing" in bad.reason


def test_a_damaged_pointer_is_named(settings: Settings) -> None:
    (settings.index / "CURRENT").write_bytes(b"000001\n")
    (bad,) = verify(settings.index).bad
    assert bad.path == "CURRENT"


def test_a_changed_report_is_named(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "corpus" / "roads.md"
    path.write_text(ROADS.replace("rose", "fell"))
    report = verify(settings.index)
    (bad,) = report.bad
    assert bad.path == "roads.md"
    assert "changed" in bad.reason
    assert "qa-app build" in bad.hint
    assert report.passages == 1


def test_a_missing_report_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "corpus" / "board.txt").unlink()
    assert [bad.path for bad in verify(settings.index).bad] == ["board.txt"]


def test_a_missing_corpus_is_named(settings: Settings, tmp_path: Path) -> None:
    report = verify(settings.index, tmp_path / "none")
    assert [bad.path for bad in report.bad] == [str(tmp_path / "none")]
    assert report.passages == 0


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError):
        verify(tmp_path)


# An index whose files are all sound, made from other words than the report's


def _write(tmp_path: Path, item: IndexedDocument, content: str) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.txt").write_text(content)
    (source,) = loading.scan(corpus).files
    stamp = SourceStamp(source.size, source.mtime_ns, _sha256(content))
    contents = make_contents(dataclasses.replace(item, source=stamp))
    write_generation(tmp_path / "index", dataclasses.replace(contents, corpus=corpus))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_words_that_are_not_the_reports_are_named(tmp_path: Path) -> None:
    _write(tmp_path, make_document("a.txt", ["Road safety rose."]), "Road safety fell.\n")
    reasons = [bad.reason for bad in verify(tmp_path / "index").bad]
    assert reasons == [
        "Its text is not read as it was when the index was built.",
        "The passage a.txt:0-17 is not what stands there.",
    ]


def test_a_sentence_outside_its_passage_is_named(tmp_path: Path) -> None:
    item = make_document("a.txt", ["Road safety rose."])
    wrong = dataclasses.replace(item.passages[0], sentences=(Sentence(5, 18),))
    _write(tmp_path, dataclasses.replace(item, passages=(wrong,)), "Road safety rose.\n")
    reasons = [bad.reason for bad in verify(tmp_path / "index").bad]
    assert "The sentence 5:18 is not what stands there." in reasons


# One answer


@pytest.fixture
def index(settings: Settings, tmp_path: Path, encoder: FakeEncoder) -> Iterator[Index]:
    with open_index(settings.index, tmp_path / "corpus", encoder=encoder, reader="none") as opened:
        yield opened


def test_a_sound_answer(index: Index) -> None:
    answer = index.ask("What happened to road safety?")
    report = index.snapshot().verify(answer)
    assert report.bad == ()
    assert report.quotes == len(answer.findings + answer.near_misses)
    assert (report.passages, report.files) == (len(answer.passages), 2)


def test_a_quote_that_is_not_what_stands_there_is_named(index: Index) -> None:
    answer = index.ask("What happened to road safety?")
    first, *rest = answer.findings or answer.near_misses
    wrong = dataclasses.replace(first, quote=first.quote.replace("rose", "fell"))
    moved = dataclasses.replace(wrong.citation, page=4)
    other = dataclasses.replace(first, citation=moved)
    found = dataclasses.replace(answer, findings=(wrong, other, *rest), near_misses=())
    assert [bad.reason for bad in index.snapshot().verify(found).bad] == [
        "The quote 6:23 is not what stands there.",
        "The quote 6:23 is not on page 4.",
    ]


def test_an_answer_from_a_report_that_is_gone(index: Index, tmp_path: Path) -> None:
    answer = index.ask("What happened to road safety?")
    (tmp_path / "corpus" / "roads.md").unlink()
    (bad,) = index.snapshot().verify(answer).bad
    assert bad.reason == "It is not in the corpus any more, or cannot be read."
    first, *rest = answer.findings or answer.near_misses
    elsewhere = dataclasses.replace(
        first, citation=dataclasses.replace(first.citation, document="a.txt")
    )
    older = dataclasses.replace(answer, findings=(elsewhere, *rest), near_misses=())
    assert [(bad.path, bad.reason) for bad in index.snapshot().verify(older).bad] == [
        ("a.txt", "It is not in the index any more."),
        ("roads.md", "It is not in the corpus any more, or cannot be read."),
    ]


def test_an_answer_from_a_report_that_has_changed(index: Index, tmp_path: Path) -> None:
    answer = index.ask("What happened to road safety?")
    (tmp_path / "corpus" / "roads.md").write_text(ROADS.replace("Crashes", "Deaths"))
    (bad,) = index.snapshot().verify(answer).bad
    assert (bad.path, "changed" in bad.reason) == ("roads.md", True)
