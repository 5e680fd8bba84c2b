from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import pytest

from qa_app.errors import BrokenFileError, PasswordError
from qa_app.loading.docx import load_docx
from qa_app.loading.epub import load_epub
from qa_app.loading.mail import load_mail
from qa_app.loading.numerals import letters, roman
from qa_app.loading.odf import load_odf
from qa_app.loading.plain import load_rst
from qa_app.loading.pptx import load_pptx
from qa_app.loading.sheets import load_csv, load_spreadsheet
from qa_app.models import Document

W = 'xmlns:w="w"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
CORE = (
    '<c xmlns:d="d"><d:title>The title</d:title><d:creator>A. Writer</d:creator>'
    "<d:modified>2024-05-01T10:00:00Z</d:modified></c>"
)


def pack(parts: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        for name, part in parts.items():
            package.writestr(name, part)
    return content.getvalue()


def outline(document: Document) -> list[tuple[str, int, str | None, str]]:
    return [
        (block.kind.value, block.level, block.label, document.text[block.start : block.end])
        for block in document.blocks
    ]


def words_of(document: Document) -> list[str]:
    return [document.text[block.start : block.end] for block in document.blocks]


def facts_of(document: Document) -> list[tuple[str, str, str]]:
    return [(fact.name, fact.value, fact.origin) for fact in document.metadata]


def relations(**targets: str) -> str:
    return (
        "<R>"
        + "".join(f'<x Id="{key}" Target="{name}"/>' for key, name in targets.items())
        + "</R>"
    )


def paragraph(words: str, style: str = "", more: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{more}</w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"


def docx(body: str, **parts: str) -> bytes:
    styles = (
        f"<w:styles {W}>"
        '<w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style>'
        '<w:style w:styleId="Own"><w:name w:val="Own"/><w:basedOn w:val="H1"/></w:style>'
        '<w:style w:styleId="C"><w:name w:val="caption"/></w:style></w:styles>'
    )
    named = {f"word/{name}.xml": part for name, part in parts.items()}
    document = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    return pack({"word/document.xml": document, "word/styles.xml": styles, **named})


def test_word_headings_lists_tables_and_notes() -> None:
    row = "<w:tr>{}</w:tr>"
    cell = "<w:tc>{}</w:tc>"
    rows = [["Force", "Officers"], ["North", "12"]]
    table = "".join(
        row.format("".join(cell.format(paragraph(words)) for words in cells)) for cells in rows
    )
    numbering = '<w:numPr><w:ilvl w:val="1"/></w:numPr>'
    note = '<w:p><w:r><w:t>Said.</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
    body = (
        paragraph("Findings", "Own")
        + paragraph("3.12 The board met.")
        + paragraph("Deeper", more=numbering)
        + f"<w:tbl>{table}</w:tbl>"
        + f"<w:sdt><w:sdtContent>{paragraph('In a control')}</w:sdtContent></w:sdt>"
        + "<w:p><w:ins><w:r><w:t>Kept</w:t></w:r></w:ins>"
        + "<w:del><w:r><w:t>Gone</w:t></w:r></w:del></w:p>"
        + note
    )
    notes = (
        f'<w:footnotes {W}><w:footnote w:id="2">{paragraph("A note.")}</w:footnote></w:footnotes>'
    )
    document = load_docx("a.docx", docx(body, footnotes=notes))
    assert outline(document) == [
        ("heading", 1, None, "Findings"),
        ("paragraph", 0, "3.12", "The board met."),
        ("list_item", 2, None, "Deeper"),
        ("table_row", 0, None, "Force: North; Officers: 12"),
        ("paragraph", 0, None, "In a control"),
        ("paragraph", 0, None, "Kept"),
        ("paragraph", 0, None, "Said."),
        ("footnote", 0, None, "A note."),
    ]


def numbered(words: str, depth: int, list_id: int = 1) -> str:
    numbering = f'<w:ilvl w:val="{depth}"/><w:numId w:val="{list_id}"/>'
    return f"<w:p><w:pPr><w:numPr>{numbering}</w:numPr></w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"


def level(depth: int, shape: str, form: str = "decimal", more: str = "") -> str:
    said = f'<w:start w:val="1"/><w:numFmt w:val="{form}"/><w:lvlText w:val="{shape}"/>{more}'
    return f'<w:lvl w:ilvl="{depth}">{said}</w:lvl>'


def test_word_works_out_numbers_as_word_does() -> None:
    levels = level(0, "%1.", more='<w:pStyle w:val="H"/>') + level(1, "%1.%2")
    levels += level(2, "(%3)", "lowerLetter") + level(
        3, "%4)", "upperRoman", '<w:lvlRestart w:val="0"/>'
    )
    again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'
    numbering = (
        f'<w:abstractNum w:abstractNumId="5">{levels}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="6">{level(0, "x", "bullet")}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="5"/></w:num>'
        f'<w:num w:numId="2"><w:abstractNumId w:val="5"/>{again}</w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="6"/></w:num>'
    )
    styles = (
        '<w:style w:styleId="H"><w:name w:val="heading 1"/>'
        '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
    )
    cell = f"<w:tc>{numbered('In a cell', 1)}</w:tc><w:tc>{paragraph('9')}</w:tc>"
    body = "".join(
        [
            paragraph("Aims", "H"),
            numbered("The board met.", 1),
            numbered("first", 2),
            numbered("deep", 3),
            numbered("It met again.", 1),
            numbered("anew", 2),
            numbered("deeper", 3),
            f"<w:tbl><w:tr>{cell}</w:tr><w:tr>{cell}</w:tr></w:tbl>",
            paragraph("Ends", "H"),
            numbered("So it ended.", 1),
            numbered("another list", 0, 2),
            numbered("goes on", 0, 2),
            numbered("a bullet", 0, 3),
            numbered("taken out", 0, 0),
        ]
    )
    assert outline(
        load_docx(
            "a.docx", docx(body, numbering=f"<n {W}>{numbering}</n>", styles=f"<s {W}>{styles}</s>")
        )
    ) == [
        ("heading", 1, None, "1. Aims"),
        ("paragraph", 0, "1.1", "The board met."),
        ("list_item", 3, "a", "first"),
        ("list_item", 4, "I", "deep"),
        ("paragraph", 0, "1.2", "It met again."),
        ("list_item", 3, "a", "anew"),
        ("list_item", 4, "II", "deeper"),
        ("table_row", 0, None, "1.3 In a cell; 9"),
        ("table_row", 0, None, "1.4 In a cell; 9"),
        ("heading", 1, None, "2. Ends"),
        ("paragraph", 0, "2.1", "So it ended."),
        ("list_item", 1, "7", "another list"),
        ("list_item", 1, "8", "goes on"),
        ("list_item", 1, None, "a bullet"),
        ("paragraph", 0, None, "taken out"),
    ]


@pytest.mark.parametrize(
    ("value", "numeral", "by_letters"),
    [(1, "i", "a"), (14, "xiv", "n"), (29, "xxix", "cc"), (1994, "mcmxciv", "r" * 50), (0, "", "")],
)
def test_numerals(value: int, numeral: str, by_letters: str) -> None:
    assert (roman(value), letters(value)) == (numeral, by_letters)


def test_word_metadata_and_broken_files() -> None:
    content = pack(
        {
            "word/document.xml": f"<w:d {W}><w:body>{paragraph('Words')}</w:body></w:d>",
            "docProps/core.xml": CORE,
        }
    )
    document = load_docx("a.docx", content)
    assert document.title == "The title"
    assert facts_of(document) == [
        ("title", "The title", "document properties"),
        ("author", "A. Writer", "document properties"),
        ("date", "2024-05-01", "document properties"),
    ]
    with pytest.raises(BrokenFileError, match="main part is missing"):
        load_docx("a.docx", pack({"other.xml": "<a/>"}))
    with pytest.raises(BrokenFileError, match=r"word/document\.xml is damaged"):
        load_docx("a.docx", pack({"word/document.xml": "<a>"}))
    assert load_docx("a.docx", docx("")).blocks == ()


def test_powerpoint_slides_are_pages_with_the_title_first() -> None:
    def shape(kind: str, *words: str) -> str:
        lines = "".join(f"<p><r><t>{w}</t></r></p>" for w in words)
        return f'<sp><nvSpPr><nvPr><ph type="{kind}"/></nvPr></nvSpPr><txBody>{lines}</txBody></sp>'

    parts = {
        "ppt/presentation.xml": f'<p {R}><sldId r:id="r2"/><sldId r:id="r1"/></p>',
        "ppt/_rels/presentation.xml.rels": relations(r1="slides/s1.xml", r2="slides/s2.xml"),
        "ppt/slides/s1.xml": f"<s>{shape('title', 'Second')}</s>",
        "ppt/slides/s2.xml": f"<s>{shape('obj', 'One', 'Two')}{shape('title', 'First')}"
        f"{shape('sldNum', '1')}</s>",
        "ppt/slides/_rels/s2.xml.rels": relations(n="../notesSlides/n.xml"),
        "ppt/notesSlides/n.xml": f"<s>{shape('body', 'Say this')}</s>",
    }
    document = load_pptx("a.pptx", pack(parts))
    assert outline(document) == [
        ("heading", 1, None, "First"),
        ("list_item", 1, None, "One"),
        ("list_item", 1, None, "Two"),
        ("footnote", 0, None, "Say this"),
        ("heading", 1, None, "Second"),
    ]
    assert [document.page_at(block.start) for block in document.blocks] == [1, 1, 1, 1, 2]


SPREADSHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def relation_list(**targets: str) -> str:
    rows = (
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{name}"/>'
        for key, (kind, name) in ((key, said.split(" ")) for key, said in targets.items())
    )
    return f"<Relationships>{''.join(rows)}</Relationships>"


def workbook(**sheets: str) -> bytes:
    listed = "".join(
        f'<sheet name="{name}" sheetId="{number}" r:id="r{number}" state="hidden"/>'
        for number, name in enumerate(sheets, 1)
    )
    numbers = range(1, len(sheets) + 1)
    formats = "".join(f'<xf numFmtId="{code}"/>' for code in (0, 14, 22, 20, 46))
    return pack(
        {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": relation_list(r1="officeDocument xl/workbook.xml"),
            "xl/workbook.xml": f"<workbook {SPREADSHEET} {R}><sheets>{listed}</sheets></workbook>",
            "xl/_rels/workbook.xml.rels": relation_list(
                **{f"r{number}": f"worksheet worksheets/s{number}.xml" for number in numbers}
            ),
            "xl/sharedStrings.xml": f"<sst {SPREADSHEET}><si><t>Share</t></si></sst>",
            "xl/styles.xml": f"<styleSheet {SPREADSHEET}><cellXfs>{formats}</cellXfs></styleSheet>",
            "docProps/core.xml": CORE,
            **{
                f"xl/worksheets/s{number}.xml": f"<worksheet {SPREADSHEET}><sheetData>{rows}"
                "</sheetData></worksheet>"
                for number, rows in enumerate(sheets.values(), 1)
            },
        }
    )


def test_excel_rows_carry_their_headers_and_dates_are_dates() -> None:
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c>'
        '<c r="C1" t="inlineStr"><is><t>Day</t></is></c></row>'
        '<row r="2"><c r="A2"><v>0.1</v></c><c r="C2" s="1"><v>45413</v></c></row>'
    )
    other = (
        '<row r="1"><c r="A1" s="2"><v>45413.5</v></c><c r="B1" s="3"><v>0.5</v></c>'
        '<c r="C1" s="4"><v>1.25</v></c><c r="D1" t="b"><v>1</v></c><c r="E1"><v>12</v></c>'
        '<c r="F1" t="str"><f>A1</f><v>so</v></c></row>'
    )
    for name in ("a.xlsx", "a.xlsm"):
        document = load_spreadsheet(name, workbook(Counts=rows, Hidden=other, Empty=""))
        assert words_of(document) == [
            "Counts",
            "Share; Day",
            "0.1; 2024-05-01",
            "Hidden",
            "2024-05-01; 12:00; 30:00; yes; 12; so",
        ]
        assert document.title == "The title"


def test_opendocument_spreadsheets_and_old_excel_files() -> None:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    day = '<table:table-cell office:value-type="date" office:date-value="2024-05-01"/>'
    row = "<table:table-row>{}</table:table-row>"
    names = " ".join(
        f'xmlns:{key}="urn:oasis:names:tc:opendocument:xmlns:{key}:1.0"'
        for key in ("office", "table", "text")
    )
    table = row.format(cell.format("Town") + cell.format("Day")) + row.format(
        cell.format("York") + day + '<table:table-cell table:number-columns-repeated="16000"/>'
    )
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="Visits">{table}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    parts = {"mimetype": kind, "META-INF/manifest.xml": "<m/>", "content.xml": content}
    document = load_spreadsheet("a.ods", pack(parts))
    assert words_of(document) == ["Visits", "Town: York; Day: 2024-05-01"]
    locked = {**parts, "META-INF/manifest.xml": "<m><encryption-data/></m>"}
    with pytest.raises(PasswordError):
        load_spreadsheet("a.ods", pack(locked))
    with pytest.raises(BrokenFileError, match="no spreadsheet"):
        load_spreadsheet("a.xls", b"<html>")


def test_csv_rows_carry_their_headers() -> None:
    document = load_csv("a.csv", "Force;Officers\r\nNorth;12\r\n\r\nSouth;“9”\r\n".encode())
    assert words_of(document) == ["Force: North; Officers: 12", "Force: South; Officers: “9”"]


def test_opendocument_headings_lists_tables_and_passwords() -> None:
    body = (
        '<h outline-level="2">Findings</h><p>Words<s/>here<note><note-body><p>A note.</p>'
        "</note-body></note>.</p><list><list-item><p>One</p></list-item></list><table><table-row><table-cell>"
        "<p>A</p></table-cell><table-cell><p>B</p></table-cell></table-row></table>"
    )
    content = f"<d><body><text>{body}</text></body></d>"
    document = load_odf("a.odt", pack({"content.xml": content}))
    assert outline(document) == [
        ("heading", 2, None, "Findings"),
        ("paragraph", 0, None, "Words here."),
        ("footnote", 0, None, "A note."),
        ("list_item", 1, None, "One"),
        ("table_row", 0, None, "A; B"),
    ]
    locked = {"content.xml": "x", "META-INF/manifest.xml": "<m><encryption-data/></m>"}
    with pytest.raises(PasswordError):
        load_odf("a.odt", pack(locked))


def test_epub_chapters_come_in_reading_order() -> None:
    parts = {
        "META-INF/container.xml": '<c><rootfile full-path="b/book.opf"/></c>',
        "b/book.opf": '<p xmlns:d="d"><d:title>Book</d:title><item id="1" href="one.html"/>'
        '<item id="2" href="t%77o.html"/><itemref idref="2"/><itemref idref="1"/></p>',
        "b/one.html": "<h1>One</h1><p>First.</p>",
        "b/two.html": "<!DOCTYPE html><h1>Two</h1><p>Second.</p>",
    }
    document = load_epub("a.epub", pack(parts))
    assert document.title == "Book"
    assert words_of(document) == ["Two", "Second.", "One", "First."]


def test_mail_has_its_subject_sender_and_body() -> None:
    message = (
        "From: A <a@example.org>\r\nSubject: =?utf-8?q?Caf=C3=A9?=\r\n"
        "Date: Wed, 01 May 2024 10:00:00 +0000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        "Dear all,\r\n- One thing\r\n"
    )
    document = load_mail("a.eml", message.encode())
    assert outline(document) == [
        ("heading", 1, None, "Café"),
        ("paragraph", 0, None, "Dear all,"),
        ("list_item", 1, None, "One thing"),
    ]
    assert facts_of(document) == [
        ("author", "A <a@example.org>", "message"),
        ("date", "2024-05-01", "message"),
    ]


def test_rst_headings_are_told_by_their_underlines() -> None:
    text = (
        "=====\nTitle\n=====\n\nIt opens\nhere.\n\nFindings\n--------\n\n.. note::\n"
        "   Not this.\n\n- One\n- Two\n\nShort line\n\nThe end.\n"
    )
    document = load_rst("a.rst", text.encode())
    assert document.text == text
    assert document.title == "Title"
    assert outline(document) == [
        ("heading", 1, None, "Title"),
        ("paragraph", 0, None, "It opens\nhere."),
        ("heading", 2, None, "Findings"),
        ("list_item", 1, None, "One"),
        ("list_item", 1, None, "Two"),
        ("paragraph", 0, None, "Short line"),
        ("paragraph", 0, None, "The end."),
    ]
