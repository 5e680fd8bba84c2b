from __future__ import annotations

import hashlib
import io
import os
import pickle
import re
import zipfile
from pathlib import Path

import pytest

from qa_app.errors import BrokenFileError, LimitError
from qa_app.loading import load, load_many, scan, worker
from qa_app.loading.limits import MAX_BYTES, open_zip
from qa_app.models import Document, Failure
from qa_app.web.page_images import PageImages


def make_zip(**parts: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name.replace("__", "/") + ".xml", part)
    return content.getvalue()


def test_documents_come_in_order_and_equal_those_read_in_process(tmp_path: Path) -> None:
    for i in range(20):
        (tmp_path / f"{i:02}.txt").write_text(
            f"Title {i}\nBody “{i}” é.\n- One\n", encoding="utf-8"
        )
    (tmp_path / "05.txt").write_bytes(b"")
    (tmp_path / "07.pdf").write_bytes(b"not a pdf")
    sources = scan(tmp_path).files
    outcomes = list(load_many(sources, jobs=2))
    assert [source for source, _ in outcomes] == list(sources)
    failed = {source.path: outcome for source, outcome in outcomes if isinstance(outcome, Failure)}
    assert sorted(failed) == ["05.txt", "07.pdf"]
    assert failed["05.txt"].reason == "The file is empty."
    for source, outcome in outcomes:
        if isinstance(outcome, Document):
            assert outcome == load(source)


def test_a_worker_that_dies_costs_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "die", "z"):
        (tmp_path / f"{name}.txt").write_text("Words.", encoding="utf-8")
    dying = (
        "import os, qa_app.loading.worker as w; answer = w._answer;"
        "w._answer = lambda r: os.abort() if 'die' in r.path else answer(r);"
        "w.main()"
    )
    monkeypatch.setattr(worker, "_COMMAND", (*worker._COMMAND[:-1], dying))
    outcomes = [outcome for _, outcome in load_many(scan(tmp_path).files, jobs=1)]
    assert [type(outcome) for outcome in outcomes] == [Document, Failure, Document]
    assert isinstance(outcomes[1], Failure)
    assert outcomes[1].reason == "The program that reads it crashed on it."


def test_a_worker_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "hang", "z"):
        (tmp_path / f"{name}.txt").write_text("Words.", encoding="utf-8")
    hanging = (
        "import time, qa_app.loading.worker as w; answer = w._answer;"
        "w._answer = lambda r: time.sleep(600) if 'hang' in r.path else answer(r);"
        "w.main()"
    )
    monkeypatch.setattr(worker, "_COMMAND", (*worker._COMMAND[:-1], hanging))
    monkeypatch.setattr(worker, "MAX_SECONDS", 2.0)
    outcomes = [outcome for _, outcome in load_many(scan(tmp_path).files, jobs=1)]
    assert [type(outcome) for outcome in outcomes] == [Document, Failure, Document]
    assert isinstance(outcomes[1], Failure)
    assert outcomes[1].reason == "Reading it took more than 2 seconds."


def test_a_build_that_is_stopped_leaves_no_process_waiting(tmp_path: Path) -> None:
    for i in range(5):
        (tmp_path / f"{i}.txt").write_text("Words.", encoding="utf-8")
    outcomes = load_many(scan(tmp_path).files, jobs=2)
    assert isinstance(next(outcomes)[1], Document)
    outcomes.close()  # type: ignore[attr-defined]  # it is a generator
    assert list(outcomes) == []


def test_no_files_need_no_worker() -> None:
    assert list(load_many([])) == []


def test_a_file_over_the_size_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(LimitError, match="the limit is 100 MB"):
        load(scan(tmp_path).files[0])


def test_zip_packages_are_checked_before_they_are_opened() -> None:
    assert open_zip(make_zip(word__document=b"<a/>")).namelist() == ["word/document.xml"]
    with pytest.raises(LimitError, match="expands to 300 MB"):
        open_zip(make_zip(a=b"\0" * (300 * 2**20)))
    with pytest.raises(LimitError, match=r"5,001 parts"):
        open_zip(make_zip(**{f"p{i}": b"" for i in range(5001)}))
    with pytest.raises(BrokenFileError, match="defines entities"):
        open_zip(make_zip(a=b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'))
    with pytest.raises(BrokenFileError, match="damaged"):
        open_zip(b"PK\x03\x04 and nothing more")


def test_errors_keep_their_kind_between_processes(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\0\1")
    reader = worker.Worker()
    try:
        outcome = reader.read(scan(tmp_path).files[0])
    finally:
        reader.close()
    assert isinstance(outcome, BrokenFileError)
    assert outcome.message == "The file holds binary data where text was expected."
    assert outcome.hint


class _Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self._made = made

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._made),)


@pytest.mark.parametrize(
    "frame",
    ["pickle.dumps", "[]", '{"type":"_Loaded"}', '{"type":"_Drawn","boxes":[["x"]]}', "[" * 10_000],
)
def test_a_worker_that_was_taken_over_runs_nothing_in_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frame: str
) -> None:
    made = tmp_path / "made"
    payload = pickle.dumps(_Payload(made)) if frame == "pickle.dumps" else frame.encode()
    hostile = (
        f"import qa_app.loading.worker as w; w._answer = lambda r: ({payload!r}, b'no'); w.main()"
    )
    monkeypatch.setattr(worker, "_COMMAND", (*worker._COMMAND[:-1], hostile))
    path = tmp_path / "a.txt"
    path.write_text("Words.", encoding="utf-8")
    ((_, outcome),) = load_many(scan(tmp_path).files)
    assert isinstance(outcome, Failure)
    assert outcome.reason == "The program that reads it gave no sense."
    pages = PageImages()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert pages.draw(path, sha256, Document("a.txt", "text", "", "", ()), 1, None) is None
    assert pages.worker_pid is None
    assert not made.exists()


def test_nothing_that_a_worker_sends_is_unpickled() -> None:
    package = Path(worker.__file__).parent.parent
    modules = [*(package / "loading").rglob("*.py"), package / "web" / "page_images.py"]
    for path in modules:
        words = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(?:import|from) (?:pickle|multiprocessing)", words, re.M), path
