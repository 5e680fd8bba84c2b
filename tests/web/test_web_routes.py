from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from qa_app.web.routes import read_original

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("name", "content", "media_type", "disposition"),
    [
        ("a.pdf", b"%PDF", "application/pdf", "inline; filename*=UTF-8''a.pdf"),
        ("é b.txt", "é".encode(), TEXT, "inline; filename*=UTF-8''%C3%A9%20b.txt"),
        ("old.md", b"\xe9", "text/plain; charset=windows-1252", "inline; filename*=UTF-8''old.md"),
        ("t.csv", b"a,b", BYTES, "attachment; filename*=UTF-8''t.csv"),
        ("x.HTML", b"<b>", BYTES, "attachment; filename*=UTF-8''x.HTML"),
        ("x.svg", b"<svg/>", BYTES, "attachment; filename*=UTF-8''x.svg"),
        ('a"\r\nb.eml', b"", BYTES, "attachment; filename*=UTF-8''a%22%0D%0Ab.eml"),
    ],
)
def test_what_a_file_is_sent_as(
    tmp_path: Path, name: str, content: bytes, media_type: str, disposition: str
) -> None:
    (tmp_path / name).write_bytes(content)
    headers = {"content-type": media_type, "content-disposition": disposition}
    assert read_original(tmp_path, name, sha256(content)) == (content, headers)


def test_a_file_that_changed_or_went_is_not_sent(tmp_path: Path) -> None:
    assert read_original(tmp_path, "a.txt", sha256(b"old")) is None
    (tmp_path / "a.txt").write_bytes(b"new")
    assert read_original(tmp_path, "a.txt", sha256(b"old")) is None


def test_nothing_outside_the_corpus_is_sent(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (tmp_path / "secret.txt").write_bytes(b"secret")
    (corpus / "link.txt").symlink_to(tmp_path / "secret.txt")
    for name in ("../secret.txt", "link.txt", str(tmp_path / "secret.txt"), "."):
        assert read_original(corpus, name, sha256(b"secret")) is None
