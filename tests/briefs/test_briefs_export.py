"""Exports: real footnotes, cells that no spreadsheet runs, and quotes that can be checked again."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from qa_app.briefs.brief import Brief, Pin
from qa_app.briefs.check import Standing, claims_of, verify_claims
from qa_app.briefs.export import Form, export_brief, form_of
from qa_app.briefs.export.as_csv import COLUMNS, neutral, to_csv
from qa_app.briefs.export.as_markdown import read_claims, to_markdown
from qa_app.briefs.export.as_word import to_docx
from qa_app.briefs.export.outline import Outline, outline
from qa_app.errors import BriefError
from qa_app.models import Citation, Quote
from qa_app.verification import Sources, plain
from support.brief_samples import Desk

MADE = date(2026, 1, 31)
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def _outline(desk: Desk, brief: Brief) -> Outline:
    generation = desk.index.snapshot().generation
    return outline(brief, generation, Sources(generation, desk.corpus), MADE)


def _standings(desk: Desk, text: str) -> list[tuple[int, Standing]]:
    checks = verify_claims(desk.folder, read_claims(text))
    return [(check.claim.number, check.standing) for check in checks]


def _part(content: bytes, name: str) -> etree._Element:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return etree.fromstring(archive.read(name))


def test_markdown_is_what_a_reader_expects(desk: Desk) -> None:
    text = to_markdown(_outline(desk, desk.brief()))
    body, _, rest = text.partition("## Sources")
    assert body == (
        "# Roads \\& boards\n\n2 quotes from 2 reports.\n\n## What improved\n\n"
        "*What improved?*\n\n**North**\n\n> Road safety improved in the north.[^1]\n\n"
        "First paragraph.\n\n\\- Second, \\<i\\>mine\\</i\\>.\n\n"
        "**Boards**\n\n"
        "> The board \\[sic\\] agreed \\*its\\* funding, \\<b\\>at last\\</b\\>: =1+1.[^2]\n\n"
    )
    assert "- Date: 2026-01-31\n" in rest
    assert "2 quotes found word for word in the reports on this date" in rest
    assert "[^1]: Roads. roads.txt, characters 7 to 41. <!-- qa-app {" in rest


def test_the_same_brief_gives_the_same_bytes(desk: Desk) -> None:
    generation = desk.index.snapshot().generation
    for form in Form:
        first, again = (
            export_brief(desk.brief(), generation, form, desk.corpus, MADE) for _ in range(2)
        )
        assert first == again
        other = export_brief(desk.brief(), generation, form, desk.corpus, date(2026, 2, 1))
        assert first != other
        if form not in {Form.WORD, Form.ARCHIVE}:
            assert other.replace(b"2026-02-01", b"2026-01-31") == first
    assert form_of("My Brief.DOCX", Form) is Form.WORD
    with pytest.raises(BriefError, match="does not say what to export"):
        form_of("brief.pdf", Form)


def test_every_footnote_of_the_word_file_belongs_to_a_quote(desk: Desk) -> None:
    content = to_docx(_outline(desk, desk.brief()))
    document, notes = _part(content, "word/document.xml"), _part(content, "word/footnotes.xml")
    references = [node.get(f"{WORD}id") for node in document.iter(f"{WORD}footnoteReference")]
    kept = [node for node in notes if node.get(f"{WORD}type") is None]
    assert references == [node.get(f"{WORD}id") for node in kept] == ["1", "2"]
    assert "".join(kept[0].itertext()).strip() == "Roads. roads.txt, characters 7 to 41."
    paragraphs = {
        "".join(node.itertext()): node.find(f"{WORD}pPr/{WORD}pStyle").get(f"{WORD}val")
        for node in document.iter(f"{WORD}p")
    }
    assert paragraphs["Road safety improved in the north."] == "Quote"
    assert paragraphs["What improved"] == "Heading1"
    assert paragraphs["The board [sic] agreed *its* funding, <b>at last</b>: =1+1."] == "Quote"
    styles = {node.get(f"{WORD}styleId") for node in _part(content, "word/styles.xml")}
    assert set(paragraphs.values()) | {"FootnoteText", "FootnoteReference"} <= styles


def test_every_part_of_the_word_file_is_declared(desk: Desk) -> None:
    content = to_docx(_outline(desk, desk.brief()))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = set(archive.namelist())
    types = _part(content, "[Content_Types].xml")
    declared = {node.get("PartName").lstrip("/") for node in types if node.get("PartName")}
    assert declared == {name for name in names if not name.endswith((".rels", "].xml"))}
    for folder, rels in (("", "_rels/.rels"), ("word/", "word/_rels/document.xml.rels")):
        for node in _part(content, rels):
            assert f"{folder}{node.get('Target')}" in names


def test_characters_that_xml_cannot_hold_are_left_out_of_the_word_file(desk: Desk) -> None:
    brief = desk.brief().with_text(2, "bell \x07, nul \0, half \ud800, fine \U0001f600 & <tag>")
    document = _part(to_docx(_outline(desk, brief)), "word/document.xml")
    assert "bell , nul , half , fine \U0001f600 & <tag>" in "".join(document.itertext())


def test_a_lead_in_is_quoted_with_a_footnote_of_its_own(desk: Desk) -> None:
    lead_in = desk.pin("Road safety improved in the north.").quote
    pin = replace(desk.pin("Data sharing did not."), lead_in=lead_in)
    found = _outline(desk, Brief().with_pins([pin]))
    text = to_markdown(found)
    assert "> Road safety improved in the north.[^1]\n>\n> Data sharing did not.[^2]\n" in text
    assert _standings(desk, text) == [(1, Standing.OK), (2, Standing.OK)]
    assert [note.number for note in found.notes] == [1, 2]


def test_verify_catches_a_quote_edited_by_hand(desk: Desk) -> None:
    text = to_markdown(_outline(desk, desk.brief()))
    assert _standings(desk, text) == [(1, Standing.OK), (2, Standing.OK)]
    for old, new in (
        ("improved in the north", "worsened in the north"),
        ("Road safety improved in the north.", "Road safety improved"),  # still in the report
        ("Road safety improved in the north.[^1]", "[^1]"),
        ("> Road safety improved in the north.[^1]", ""),
        ('"start": 7, "end": 41', '"start": "7", "end": 41'),
    ):
        assert old in text
        statuses = dict(_standings(desk, text.replace(old, new)))
        assert statuses[1] in (Standing.CHANGED, Standing.UNCITED)
        assert statuses[2] is Standing.OK


def test_an_export_of_the_first_version_can_be_checked(desk: Desk) -> None:
    text = (Path(__file__).parent / "version_1" / "brief.md").read_text(encoding="utf-8")
    assert _standings(desk, text) == [(number, Standing.OK) for number in (1, 2, 3, 4)]


def test_verify_takes_no_notice_of_how_a_quote_is_set(desk: Desk) -> None:
    text = to_markdown(_outline(desk, desk.brief()))
    for new in (
        "> Road safety\n> improved in  the north.[^1]",
        "> Road safety improved\nin the north.\n> [^1]",
        "> Road **safety** improved in the north. [^1]",
    ):
        edited = text.replace("> Road safety improved in the north.[^1]", new)
        assert _standings(desk, edited) == [(1, Standing.OK), (2, Standing.OK)]
    assert _standings(desk, text.replace("\n", "\r\n")) == [(1, Standing.OK), (2, Standing.OK)]


def test_verify_catches_a_quote_without_a_citation(desk: Desk) -> None:
    text = to_markdown(_outline(desk, desk.brief())) + "\n> Crime fell by half.\n"
    assert _standings(desk, text)[-1] == (0, Standing.UNCITED)
    with pytest.raises(BriefError, match="no citations of qa_app"):
        read_claims("# Some other file\n\n> words[^1]\n\n[^1]: somewhere\n")


def test_verify_against_reports_that_changed(desk: Desk) -> None:
    text = to_markdown(_outline(desk, desk.brief()))
    roads, boards = desk.corpus / "roads.txt", desk.corpus / "boards.txt"
    roads.write_text(f"Preface\n\nSome words.\n\n{roads.read_text()}")
    boards.write_text(boards.read_text().replace("agreed", "refused"))
    for rebuilt in (False, True):
        if rebuilt:
            desk.rebuild()
        first, second = verify_claims(desk.folder, read_claims(text))
        assert (first.standing, first.start, first.end) == (Standing.MOVED, 29, 63)
        assert first.reason == "The words stand in roads.txt, characters 29 to 63."
        assert second.standing is Standing.CHANGED
    boards.unlink()
    assert _standings(desk, text) == [(1, Standing.MOVED), (2, Standing.GONE)]


def test_a_document_under_another_name_has_moved(desk: Desk) -> None:
    text = to_markdown(_outline(desk, desk.brief()))
    shutil.move(desk.corpus / "roads.txt", desk.corpus / "roads-2026.txt")
    assert _standings(desk, text)[0] == (1, Standing.GONE)
    desk.rebuild()
    first = verify_claims(desk.folder, read_claims(text))[0]
    assert (first.standing, first.document) == (Standing.MOVED, "roads-2026.txt")


def test_words_are_found_as_whole_words_nearest_to_where_they_stood(desk: Desk) -> None:
    (desk.corpus / "roads.txt").write_text("Xroad art\n\nart cart art\n\nRoads\n\nart\n")
    desk.rebuild()
    place = Citation("roads.txt", "Roads", None, (), 14, 17, "Roads")
    brief = Brief().with_pins([Pin(Quote("art", place), "", "000001")])
    [check] = verify_claims(desk.folder, claims_of(brief))
    assert (check.standing, check.start, check.end) == (Standing.MOVED, 11, 14)


# Whatever stands in a report, the Markdown gives it back.
@given(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
    | st.text(st.sampled_from("\\`*_[]()<>&~|$#+-=.!:^1 \n\t\"'a"), max_size=60)
)
def test_markup_in_quotes_survives(words: str) -> None:
    quote = Quote(words, Citation("a--b>.txt", words, 3, (words,), 0, max(1, len(words)), words))
    brief = Brief().with_pins([Pin(quote, "0" * 64, "000001", facet_value=words)], words)
    [entry] = _entries(brief)
    text = to_markdown(Outline("T", "2026-01-31", "One", (entry,), (), ()))
    [claim] = read_claims(text)
    assert plain(claim.words) == plain(words)
    assert (claim.document, claim.number, claim.end) == ("a--b>.txt", 1, max(1, len(words)))


def _entries(brief: Brief) -> list[Outline]:
    from qa_app.briefs.export.outline import _entry

    return [_entry(item, 1, "") for item in brief.items]


FORMULAS = [
    f"{gap}{sign}{rest}"
    for gap in ("", " ", "\t", "\u200b", "\ufeff")
    for sign in ("=", "+", "-", "@", "＝", "＋", "－", "＠")
    for rest in ("1+1",)
] + [
    "\tplain", "\rplain", "\nplain", "\0plain", "\0=1", "\r\n=1", "=cmd|'/C calc'!A0", '="a"&"b"',
    "=HYPERLINK(\"http://example.org\",\"x\")", "@SUM(1)", "+1-1", "-2+3",
    "﹢1", "﹦1", "﹫A", "﹣1",
    "\u00a0=1", "\u2028=1", "\x1f=1", "\u202e=1",
]  # fmt: skip


@pytest.mark.parametrize("payload", FORMULAS, ids=ascii)
def test_no_cell_of_the_csv_is_a_formula(payload: str) -> None:
    assert len(FORMULAS) >= 60
    assert neutral(payload) == f"'{payload}"
    place = Citation(payload, payload, None, (payload,), 1, 2, payload)
    pin = Pin(Quote(payload, place), payload, payload, payload, payload)
    [entry] = _entries(Brief().with_pins([pin]))
    entry = replace(entry, remarks=(payload,), heading="")
    heading = replace(entry, heading=payload, notes=())
    found = Outline(payload, payload, payload, (heading, entry), (), ((payload, payload),))
    rows = list(csv.DictReader(io.StringIO(to_csv(found).decode("utf-8-sig"), newline="")))
    filled = {name for row in rows for name, cell in row.items() if cell == f"'{payload}"}
    assert filled == set(COLUMNS) - {"kind", "number", "page", "start", "end"}
    assert not any(re.match(r"[=+\-@\t\r\n\0]", cell) for row in rows for cell in row.values())


def test_harmless_cells_stay_as_they_are() -> None:
    for cell in ("", "a=b", "1", "’tis", "« quoted »", "3-2", "–dash"):
        assert neutral(cell) == cell
