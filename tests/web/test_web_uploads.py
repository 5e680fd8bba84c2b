from __future__ import annotations

import os
from pathlib import Path

import pytest

from qa_app.errors import LimitError, UnsupportedFormatError, UploadError
from qa_app.loading.limits import MAX_BYTES
from qa_app.web.uploads import IncomingFile, safe_name


def send(corpus: Path, name: str, *chunks: bytes) -> bool:
    with IncomingFile(corpus, name) as file:
        for chunk in chunks:
            file.write(chunk)
        return file.keep()


def test_a_report_is_kept_whole_under_its_own_name(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    assert send(corpus, "Annual é (v2).txt", b"one ", b"two") is True
    assert (corpus / "Annual é (v2).txt").read_bytes() == b"one two"
    assert [path.name for path in corpus.iterdir()] == ["Annual é (v2).txt"]


def test_the_same_file_again_is_no_error_and_another_is_never_written_over(tmp_path: Path) -> None:
    assert send(tmp_path, "a.txt", b"first")
    assert send(tmp_path, "a.txt", b"first") is False
    with pytest.raises(UploadError, match=r"Another file is called a\.txt"):
        send(tmp_path, "a.txt", b"second")
    assert (tmp_path / "a.txt").read_bytes() == b"first"


def test_a_link_of_the_same_name_is_not_followed(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "a.txt").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(UploadError):
        send(corpus, "a.txt", b"x")
    assert not (tmp_path / "outside.txt").exists()


def test_a_file_that_breaks_off_or_is_too_long_leaves_nothing(tmp_path: Path) -> None:
    with IncomingFile(tmp_path, "a.txt") as file:
        file.write(b"half")
    with IncomingFile(tmp_path, "b.txt") as file:
        for _ in range(MAX_BYTES // 2**22):
            file.write(bytes(2**22))
        with pytest.raises(LimitError, match="100 MB"):
            file.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_server_left_is_thrown_away(tmp_path: Path) -> None:
    left, on_its_way = tmp_path / ".upload-old", tmp_path / ".upload-new"
    for path in (left, on_its_way):
        path.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert send(tmp_path, "a.txt", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".upload-new", "a.txt"]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "corpus").write_text("a file", encoding="utf-8")
    with pytest.raises(UploadError, match=r"a\.txt could not be saved"):
        send(tmp_path / "corpus", "a.txt", b"x")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden.txt",
        "../a.txt",
        "/etc/a.txt",
        "..\\a.txt",
        "C:a.txt",
        "a\0.txt",
        "a\n.txt",
        "a\u202etxt.pdf",
        " a.txt",
        "a.txt ",
        "a<b>.txt",
        "x" * 300 + ".txt",
        "README.md",
        "facets.toml",
    ],
)
def test_names_that_lead_elsewhere_or_cannot_be_shown_are_refused(name: str) -> None:
    with pytest.raises(UploadError):
        safe_name(name)


@pytest.mark.parametrize("name", ["a.exe", "a", "a.doc", "a.py", "a.txt.zip"])
def test_kinds_of_file_that_cannot_be_read_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedFormatError):
        safe_name(name)


def test_a_name_is_the_same_however_its_accents_were_typed() -> None:
    assert os.fsencode(safe_name("e\u0301.txt")) == "é.txt".encode()
