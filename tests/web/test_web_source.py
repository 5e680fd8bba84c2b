from __future__ import annotations

from dataclasses import replace
from typing import Any

from bs4 import BeautifulSoup

from qa_app.models import Block, BlockKind, Citation, Document, MetadataField
from qa_app.web.address import Address, Form
from qa_app.web.page_images import PageBox, PageImage
from qa_app.web.source_view import render_source, split_parts, wanted_page
from support.web_pages import links, parse, words

TEXT = "Report\nFindings\nOne two.\nFirst\nSecond"
BLOCKS = (
    Block(0, 6, BlockKind.HEADING, level=1),
    Block(7, 15, BlockKind.HEADING, level=2),
    Block(16, 24, BlockKind.PARAGRAPH, label="3.1"),
    Block(25, 30, BlockKind.LIST_ITEM, level=1),
    Block(31, 37, BlockKind.LIST_ITEM, level=1),
)
DOCUMENT = Document("r.txt", "text", "Report", TEXT, BLOCKS)
HERE = Address("q", document="r.txt", span=(20, 30))
CITATION = Citation("r.txt", "Report", 2, ("Report", "Findings"), 20, 30, "Report, Findings, p. 2")


def shown(document: Document, address: Address, **given: Any) -> BeautifulSoup:
    return parse(render_source(document, address, **given))


def test_the_marked_words_are_exactly_the_span() -> None:
    marks = shown(DOCUMENT, HERE).select("mark")
    assert [words(mark) for mark in marks] == ["two.", "First"]
    assert [mark.get("id") for mark in marks] == ["quote", None]


def test_headings_paragraphs_and_lists_keep_their_kind() -> None:
    page = shown(DOCUMENT, replace(HERE, span=None))
    text = page.select_one(".source-text")
    assert text is not None
    assert [(part.name, words(part)) for part in text.find_all(recursive=False)] == [
        ("h3", "Report"),
        ("h4", "Findings"),
        ("p", "3.1 One two."),
        ("ul", "First Second"),  # neighbours make one list
    ]
    assert words(text.select_one(".number")) == "3.1"
    assert [item["class"] for item in text.select("li")] == [["depth-1"], ["depth-1"]]


def test_no_level_of_heading_is_left_out() -> None:
    levels = (4, 4, 2, 5, 3, 1)
    blocks = tuple(Block(at, at + 1, BlockKind.HEADING, level) for at, level in enumerate(levels))
    page = shown(replace(DOCUMENT, blocks=blocks), replace(HERE, span=None))
    headings = page.select(".source-text > *")
    assert [heading.name for heading in headings] == ["h3", "h3", "h3", "h4", "h4", "h3"]


def test_the_head_says_where_the_quote_stands() -> None:
    document = replace(
        DOCUMENT,
        page_starts=(0, 16),
        page_labels=("i", "1"),
        metadata=(MetadataField("date", "2024", "info"), MetadataField("tool", "x", "info")),
        warnings=("page 2 has no text",),
    )
    page = shown(document, HERE, citation=CITATION)
    assert words(page.select_one(".place")) == "Findings › page 2 of 2"
    assert words(page.select_one(".path")) == "r.txt · 2024 · 2 pages · page 2 has no text"
    assert [button["data-copy"] for button in page.select("[data-copy]")] == [
        "‘two. First’ (Report, Findings, p. 2)",
        "Report (2024), p. 2. ‘two. First’",
    ]
    assert links(page, "a[data-close]") == [("Close", "?q=q")]
    assert [words(part) for part in page.select(".page-break")] == [
        "Page 1 (printed: i)",
        "Page 2 (printed: 1)",
    ]


def test_of_many_headings_above_a_quote_the_last_two_are_named() -> None:
    citation = replace(CITATION, section=("Report", "Part", "Chapter", "Section"))
    page = shown(DOCUMENT, HERE, citation=citation)
    assert words(page.select_one(".place")) == "… › Chapter › Section"


def test_words_that_cannot_be_quoted_are_marked_but_not_copied() -> None:
    page = shown(DOCUMENT, HERE)
    assert page.select("mark")
    assert page.select(".place, .copies") == []


def test_a_span_beyond_the_end_marks_nothing() -> None:
    page = shown(DOCUMENT, replace(HERE, span=(30, 9999)), citation=CITATION)
    assert page.select(".place, .copies, mark") == []


def test_a_long_document_comes_in_parts_and_opens_at_the_quote() -> None:
    # 90 paragraphs of 1,000 characters, a line end between them.
    blocks = tuple(Block(n * 1001, n * 1001 + 1000, BlockKind.PARAGRAPH) for n in range(90))
    document = Document("long.txt", "text", "Long", ("x" * 1000 + "\n") * 90, blocks)
    assert [len(part) for part in split_parts(blocks)] == [39, 39, 12]
    here = Address("q", document="long.txt", span=(50_000, 50_010))
    page = shown(document, here)
    assert words(page.select_one(".parts span")) == "Part 2 of 3"
    assert links(page, ".parts a") == [
        ("Previous part", "?q=q&doc=long.txt&at=50000-50010&part=1"),
        ("Next part", "?q=q&doc=long.txt&at=50000-50010&part=3"),
    ]
    last = shown(document, replace(here, part=99))
    assert words(last.select_one(".parts")) == "Previous part Part 3 of 3"


def test_a_part_rather_starts_at_a_heading() -> None:
    lengths = [50, 40, 5, 50]
    kinds = [BlockKind.PARAGRAPH, BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.PARAGRAPH]
    blocks, at = [], 0
    for length, kind in zip(lengths, kinds, strict=True):
        blocks.append(Block(at, at + length, kind))
        at += length
    assert [len(part) for part in split_parts(blocks, size=100)] == [2, 2]


def test_a_document_without_blocks_is_shown_empty() -> None:
    page = shown(replace(DOCUMENT, blocks=()), Address(document="r.txt"))
    assert words(page.select_one(".source-text")) == ""
    assert page.select(".parts") == []
    assert links(page, "a[data-close]") == [("Close", "?")]


def test_a_preview_can_be_told_from_a_source_that_was_opened() -> None:
    assert shown(DOCUMENT, HERE).select(".is-preview") == []
    assert shown(DOCUMENT, HERE, preview=True).select(".is-preview")


PDF = replace(DOCUMENT, path="r.pdf", format="pdf", page_starts=(0, 16, 30))
# The first bytes of a PNG of 10 by 20 pixels.
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x0a\x00\x00\x00\x14"


def test_a_pdf_is_shown_by_the_page_of_the_quote() -> None:
    here = replace(HERE, document="r.pdf")
    assert wanted_page(PDF, here) == 2
    assert wanted_page(PDF, replace(here, part=3)) == 3
    assert wanted_page(PDF, replace(here, part=99)) == 3
    assert wanted_page(PDF, replace(here, span=None)) == 1
    assert wanted_page(PDF, replace(here, form=Form.TEXT)) is None
    assert wanted_page(DOCUMENT, HERE) is None
    assert wanted_page(replace(PDF, page_starts=()), here) is None


def test_a_page_has_its_boxes_its_neighbours_and_the_way_to_its_text() -> None:
    image = PageImage(2, PNG, (PageBox(0.1, 0.25, 0.5, 0.3),))
    page = shown(PDF, replace(HERE, document="r.pdf"), image=image)
    (drawn,) = page.select("img")
    assert str(drawn["src"]).startswith("data:image/png;base64,iVBORw0KGgo")
    assert (drawn["width"], drawn["height"]) == ("10", "20")
    assert drawn["alt"] == "Page 2 of Report. Boxes are around the words: two. First"
    (box,) = page.select(".page-box")
    assert box["style"] == "left:10.000%;top:25.000%;width:40.000%;height:5.000%"
    assert words(page.select_one(".parts span")) == "Page 2 of 3"
    assert links(page, ".parts a") == [
        ("Previous page", "?q=q&doc=r.pdf&at=20-30&part=1"),
        ("Next page", "?q=q&doc=r.pdf&at=20-30&part=3"),
    ]
    form = ("Show the text", "?q=q&doc=r.pdf&at=20-30&as=text")
    assert form in links(page, ".source-bar a")
    assert [words(part) for part in page.select(".source-text > *")] == [""]  # the image alone


def test_a_page_that_cannot_be_drawn_is_shown_as_text() -> None:
    page = shown(PDF, replace(HERE, document="r.pdf", part=3))
    assert page.select("img") == []
    assert words(page.select_one(".source-text mark")) == "two."


def test_the_text_of_a_pdf_leads_back_to_its_page() -> None:
    page = shown(PDF, replace(HERE, document="r.pdf", form=Form.TEXT))
    assert ("Show the page", "?q=q&doc=r.pdf&at=20-30") in links(page, ".source-bar a")
