"""A watched corpus: what starts a build, what does not, and what it leaves alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qa_app.settings import Settings
from qa_app.web.page import PageController
from qa_app.web.routes import page_routes
from qa_app.web.security import BUILD_ROUTE, UPLOAD_ROUTE
from qa_app.web.watcher import Watcher
from support.web_serving import wait_for

QUIET = 0.3


@contextmanager
def watching(corpus: Path, *own: Path) -> Iterator[list[dict[str, int]]]:
    """Yield what the corpus held each time that a change was told: size by name."""
    told: list[dict[str, int]] = []

    def look() -> None:
        files = (path for path in corpus.rglob("*") if path.is_file())
        told.append({path.name: path.stat().st_size for path in files})

    with Watcher(corpus, look, own, QUIET):
        yield told


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    return tmp_path / "corpus"


def test_a_file_written_in_pieces_is_left_until_it_is_whole(corpus: Path) -> None:
    with watching(corpus) as told:
        with (corpus / "a.txt").open("wb", buffering=0) as file:
            for _ in range(8):
                file.write(b"piece ")
                time.sleep(QUIET / 3)
        wait_for(lambda: bool(told))
        time.sleep(2 * QUIET)
        assert told == [{"a.txt": 48}]


def test_many_changes_make_one_build_and_each_kind_of_change_counts(corpus: Path) -> None:
    (corpus / "old.txt").write_text("old", encoding="utf-8")
    with watching(corpus) as told:
        wait_for(lambda: len(told) == 1)  # what changed before the start
        for number in range(50):
            (corpus / f"{number}.txt").write_text("new", encoding="utf-8")
        wait_for(lambda: len(told) == 2)
        assert len(told[1]) == 51
        (corpus / "old.txt").unlink()
        (corpus / "0.txt").rename(corpus / "renamed.txt")
        (corpus / "facets.toml").write_text("", encoding="utf-8")
        wait_for(lambda: len(told) == 3)
        assert {"renamed.txt", "facets.toml"} < told[2].keys()
        assert not {"old.txt", "0.txt"} & told[2].keys()


def test_neither_temporary_files_nor_the_index_itself_start_a_build(corpus: Path) -> None:
    index = corpus / "index"
    with watching(corpus, index, corpus / "briefs") as told:
        for name in ("~$a.docx", "b.pdf.part", "c.CRDOWNLOAD", ".d.txt.swp", "e.tmp"):
            (corpus / name).write_text("x", encoding="utf-8")
        for own in (index / "generations", corpus / "briefs"):
            own.mkdir(parents=True)
            (own / "f.txt").write_text("x", encoding="utf-8")
        time.sleep(3 * QUIET)
        assert told == []
        (corpus / "a.docx").write_text("x", encoding="utf-8")
        wait_for(lambda: bool(told))


def test_it_ends_at_once_with_the_server_even_without_a_corpus(tmp_path: Path) -> None:
    with watching(tmp_path / "none") as told:
        time.sleep(0.1)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    assert told == []
    assert "watcher" not in {thread.name for thread in threading.enumerate()}


def test_a_watched_folder_takes_no_uploads(corpus: Path) -> None:
    settings = Settings(corpus=corpus)
    watched = page_routes(PageController(None, watch=settings))
    uploads = page_routes(PageController(None, uploads=settings))
    assert {route.path for route in uploads} - {route.path for route in watched} == {
        UPLOAD_ROUTE,
        BUILD_ROUTE,
    }
