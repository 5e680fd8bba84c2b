from dataclasses import replace

from qa_app.models import Block, BlockKind, Citation, Document, MetadataField
from qa_app.web.address import Address, Form
from qa_app.web.marking import Segment
from qa_app.web.page_images import PageBox, PageImage
from qa_app.web.source import source_view, split_parts, wanted_page
from qa_app.web.views import BlockView, Link

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


def test_the_marked_words_are_exactly_the_span() -> None:
    view = source_view(DOCUMENT, HERE)
    marked = [segment.text for block in view.blocks for segment in block.segments if segment.marked]
    assert marked == ["two.", "First"]


def test_headings_paragraphs_and_lists_keep_their_kind() -> None:
    blocks = source_view(DOCUMENT, replace(HERE, span=None)).blocks
    assert [block.kind for block in blocks] == [block.kind for block in BLOCKS]
    assert blocks[1] == BlockView(BlockKind.HEADING, 4, "", (Segment("Findings"),))
    assert blocks[2].label == "3.1"
    assert [block.segments for block in blocks[3:]] == [(Segment("First"),), (Segment("Second"),)]


def test_no_level_of_heading_is_left_out() -> None:
    levels = (4, 4, 2, 5, 3, 1)
    blocks = tuple(Block(at, at + 1, BlockKind.HEADING, level) for at, level in enumerate(levels))
    view = source_view(replace(DOCUMENT, blocks=blocks), replace(HERE, span=None))
    assert [block.depth for block in view.blocks] == [3, 3, 3, 4, 4, 3]


def test_the_head_says_where_the_quote_stands() -> None:
    document = replace(
        DOCUMENT,
        page_starts=(0, 16),
        page_labels=("i", "1"),
        metadata=(MetadataField("date", "2024", "info"), MetadataField("tool", "x", "info")),
        warnings=("page 2 has no text",),
    )
    view = source_view(document, HERE, citation=CITATION)
    assert view.place == "Findings › page 2 of 2"
    assert view.facts == ("2024", "2 pages", "page 2 has no text")
    assert view.copies is not None
    assert view.copies.plain == "‘two. First’ (Report, Findings, p. 2)"
    assert view.close == "?q=q"
    assert [block.page for block in view.blocks] == [
        "Page 1 (printed: i)",
        "",
        "Page 2 (printed: 1)",
        "",
        "",
    ]


def test_of_many_headings_above_a_quote_the_last_two_are_named() -> None:
    citation = replace(CITATION, section=("Report", "Part", "Chapter", "Section"))
    assert source_view(DOCUMENT, HERE, citation=citation).place == "… › Chapter › Section"


def test_words_that_cannot_be_quoted_are_marked_but_not_copied() -> None:
    view = source_view(DOCUMENT, HERE)
    assert (view.place, view.copies) == ("", None)


def test_a_span_beyond_the_end_marks_nothing() -> None:
    view = source_view(DOCUMENT, replace(HERE, span=(30, 9999)))
    assert (view.place, view.copies) == ("", None)


def test_a_long_document_comes_in_parts_and_opens_at_the_quote() -> None:
    # 90 paragraphs of 1,000 characters, a line end between them.
    blocks = tuple(Block(n * 1001, n * 1001 + 1000, BlockKind.PARAGRAPH) for n in range(90))
    document = Document("long.txt", "text", "Long", ("x" * 1000 + "\n") * 90, blocks)
    assert [len(part) for part in split_parts(blocks)] == [39, 39, 12]
    here = Address("q", document="long.txt", span=(50_000, 50_010))
    view = source_view(document, here)
    assert view.parts == "Part 2 of 3"
    assert view.before == Link("Previous part", "?q=q&doc=long.txt&at=50000-50010&part=1")
    assert view.after == Link("Next part", "?q=q&doc=long.txt&at=50000-50010&part=3")
    last = source_view(document, replace(here, part=99))
    assert (last.parts, last.after) == ("Part 3 of 3", None)


def test_a_part_rather_starts_at_a_heading() -> None:
    lengths = [50, 40, 5, 50]
    kinds = [BlockKind.PARAGRAPH, BlockKind.PARAGRAPH, BlockKind.HEADING, BlockKind.PARAGRAPH]
    blocks, at = [], 0
    for length, kind in zip(lengths, kinds, strict=True):
        blocks.append(Block(at, at + length, kind))
        at += length
    assert [len(part) for part in split_parts(blocks, size=100)] == [2, 2]


def test_a_document_without_blocks_is_shown_empty() -> None:
    view = source_view(replace(DOCUMENT, blocks=()), Address(document="r.txt"))
    assert (view.blocks, view.parts, view.close) == ((), "", "?")


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
    view = source_view(PDF, replace(HERE, document="r.pdf"), image=image)
    assert view.blocks == ()
    assert view.image is not None
    assert view.image.source.startswith("data:image/png;base64,iVBORw0KGgo")
    assert (view.image.width, view.image.height) == (10, 20)
    assert view.image.boxes == image.boxes
    assert view.image.alt == "Page 2 of Report. Boxes are around the words: two. First"
    assert view.parts == "Page 2 of 3"
    assert view.before == Link("Previous page", "?q=q&doc=r.pdf&at=20-30&part=1")
    assert view.after == Link("Next page", "?q=q&doc=r.pdf&at=20-30&part=3")
    assert view.other_form == Link("Show the text", "?q=q&doc=r.pdf&at=20-30&as=text")


def test_a_page_that_cannot_be_drawn_is_shown_as_text() -> None:
    view = source_view(PDF, replace(HERE, document="r.pdf", part=3))
    assert view.image is None
    assert len(view.blocks) == 5
