"""Copies and archives of sources: what is in them, what is left out, and what they say of it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from qa_app.briefs.export import Form, export_brief
from qa_app.highlighting import archive
from qa_app.highlighting.archive import make_archive, safe_entry
from qa_app.highlighting.copies import Highlighter
from qa_app.models import Mark
from support.brief_samples import Desk, make_desk
from support.web_pdf import make_pdf

LAMP = "The lighthouse lamp was replaced in May."


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = make_desk(tmp_path)
    (desk.corpus / "lamp.pdf").write_bytes(make_pdf([LAMP]))
    desk.rebuild()
    yield desk
    desk.index.close()


def _mark(desk: Desk, document: str, words: str, note: str = "") -> Mark:
    start = desk.index.snapshot().document(document).text.index(words)
    return Mark(start, start + len(words), words, note)


def _highlighter(desk: Desk) -> Highlighter:
    return Highlighter(desk.index.snapshot().generation, desk.corpus)


def _export(desk: Desk) -> bytes:
    brief = desk.brief().with_pins([desk.pin(LAMP, "lamp.pdf")])
    generation = desk.index.snapshot().generation
    return export_brief(brief, generation, Form.ARCHIVE, desk.corpus, date(2026, 1, 31))


def _unpack(content: bytes) -> tuple[dict[str, bytes], dict[str, Any]]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    return files, json.loads(files.pop("manifest.json"))


def test_a_page_of_text_has_its_quotes_marked_and_listed(desk: Desk) -> None:
    board, note = "The board [sic] agreed", '<script>alert("x")</script>'
    marks = [
        _mark(desk, "boards.txt", board, note),
        _mark(desk, "boards.txt", "agreed *its* funding, <b>at last</b>", "two"),
    ]
    copy = _highlighter(desk).copy("boards.txt", marks)
    assert (copy.name, copy.misses, copy.warning) == ("boards.txt.html", (), "")
    page = BeautifulSoup(copy.content, "lxml")
    assert page.find("script") is None
    assert page.find("b") is None
    assert page.nav.find("p").text == note
    # Where two quotes overlap, the second begins within the first.
    marked = [(each.get("id"), each.text) for each in page.find_all("mark")]
    assert [text for _, text in marked] == [
        "The board [sic] ",
        "agreed",
        " *its* funding, <b>at last</b>",
    ]
    links = [link["href"].removeprefix("#") for link in page.nav.find_all("a")]
    assert links == [name for name, _ in marked if name]
    assert [heading.text for heading in page.main.find_all("h2")] == ["Boards"]


def test_words_that_do_not_stand_there_are_a_miss(desk: Desk) -> None:
    mark = Mark(0, 5, "Ropes")
    for document in ("roads.txt", "lamp.pdf"):
        with _highlighter(desk) as highlighter:
            copy = highlighter.copy(document, [mark, mark])
        assert [missed for missed, _ in copy.misses] == [mark]
        assert b"<mark" not in copy.content
        assert b"/Highlight" not in copy.content
        assert b"Ropes" in copy.content.replace(b"\0", b"")  # a note says so


def test_a_brief_is_exported_with_its_sources_and_their_copies(desk: Desk) -> None:
    content = _export(desk)
    assert content == _export(desk)
    files, manifest = _unpack(content)
    assert list(files) == [
        *("brief.docx", "brief.md", "brief.csv"),
        *("sources/boards.txt", "marked/boards.txt.html"),
        *("sources/lamp.pdf", "marked/lamp.pdf"),
        *("sources/roads.txt", "marked/roads.txt.html"),
    ]
    listed = {item["name"]: (item["sha256"], item["bytes"]) for item in manifest["files"]}
    assert listed == {
        name: (hashlib.sha256(found).hexdigest(), len(found)) for name, found in files.items()
    }
    assert files["sources/roads.txt"] == (desk.corpus / "roads.txt").read_bytes()
    assert b"Second, &lt;i&gt;mine&lt;/i&gt;." in files["marked/roads.txt.html"]
    assert (manifest["generation"], manifest["made"]) == ("000002", "2026-01-31")
    marked = {item["words"]: item["marked_in"] for item in manifest["quotes"]}
    assert marked[LAMP] == "marked/lamp.pdf"
    assert (manifest["left_out"], all(marked.values())) == ([], True)


def test_a_changed_source_is_left_out_with_the_reason(desk: Desk) -> None:
    (desk.corpus / "lamp.pdf").write_bytes(make_pdf([LAMP, "More."]))
    (desk.corpus / "boards.txt").unlink()
    files, manifest = _unpack(_export(desk))
    assert {name for name in files if "/" in name} == {
        "sources/roads.txt",
        "marked/roads.txt.html",
    }
    reason = "is gone, or has changed since it was indexed."
    left = [(item["document"], item["reason"]) for item in manifest["left_out"]]
    assert left == [(name, f"{name} {reason}") for name in ("boards.txt", "lamp.pdf")]
    unmarked = {item["document"] for item in manifest["quotes"] if not item["marked_in"]}
    assert unmarked == {"boards.txt", "lamp.pdf"}


def test_a_quote_that_is_gone_from_its_report_is_in_the_manifest(desk: Desk) -> None:
    brief = desk.brief()
    (desk.corpus / "roads.txt").write_text("Roads\n\nNothing of this kind.\n")
    desk.rebuild()
    generation = desk.index.snapshot().generation
    _, manifest = _unpack(export_brief(brief, generation, Form.ARCHIVE, desk.corpus))
    [gone] = (item for item in manifest["quotes"] if item["document"] == "roads.txt")
    assert gone["marked_in"] == ""
    assert gone["reason"] == "These words are not in roads.txt any more."


def test_an_archive_has_a_greatest_size(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 1_000)
    marks = {name: [_mark(desk, name, "oa")] for name in ("boards.txt", "roads.txt")}
    files, manifest = _unpack(make_archive(_highlighter(desk), marks, {}))
    assert list(files) == ["sources/boards.txt", "marked/boards.txt.html"]
    assert [item["document"] for item in manifest["left_out"]] == ["roads.txt"]


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("reports/A & B, é.pdf", "reports/A & B, é.pdf"),
        ("..\\..\\evil.pdf", ".._.._evil.pdf"),
        ("../../evil.pdf", "_/_/evil.pdf"),
        ("/etc/passwd", "_/etc/passwd"),
        ("C:/x.pdf", "C_/x.pdf"),
        ("a\0\n\u202efdp.exe", "a___fdp.exe"),
        ("CON/nul.pdf. ", "_CON/_nul.pdf"),
        ("\udce9.pdf", "_.pdf"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
    ],
)
def test_names_in_an_archive_are_harmless_anywhere(path: str, entry: str) -> None:
    assert safe_entry(path) == entry


def test_names_that_become_equal_are_numbered(desk: Desk) -> None:
    content = make_archive(
        _highlighter(desk), {}, {}, {"A?.md": b"1", "a*.md": b"2", "manifest.json": b"3"}
    )
    files, manifest = _unpack(content)
    assert files == {"A_.md": b"1", "a_-2.md": b"2", "manifest-2.json": b"3"}
    assert [item["name"] for item in manifest["files"]] == list(files)
