from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_app.errors import BrokenFileError
from qa_app.loading.plain import decode, find_blocks, load_text
from qa_app.models import BlockKind

CORPUS = Path(__file__).resolve().parent.parent.parent / "corpus"
REPORT = CORPUS / "apcc-towards-better-partnerships-deep-dives.txt"


def outline(text: str) -> list[tuple[str, int, str | None, str]]:
    return [
        (block.kind.value, block.level, block.label, text[block.start : block.end])
        for block in find_blocks(text)
    ]


def headings(text: str) -> list[tuple[int, str]]:
    return [(level, words) for kind, level, _, words in outline(text) if kind == "heading"]


def test_the_report_in_the_corpus_keeps_its_two_levels() -> None:
    content = REPORT.read_bytes()
    document = load_text(REPORT.name, content)
    assert document.text == content.decode("utf-8")
    assert document.title == "APCC FINDINGS REPORT: Annex: Towards Better Partnerships: Deep Dives"
    assert headings(document.text) == [
        (1, document.title),
        (2, "Overview"),
        (2, "Key findings"),
        (3, "Humberside"),
        (3, "Lincolnshire"),
        (3, "Merseyside"),
        (3, "Surrey"),
        (3, "Strategic Relevance"),
    ]
    bullets = [block for block in document.blocks if block.kind is BlockKind.LIST_ITEM]
    assert len(bullets) == 20
    assert document.text[bullets[0].start : bullets[0].end] == (
        "Managing a unique and evolving partnership landscape across four local authority areas."
    )


def test_numbers_give_headings_their_depth_and_paragraphs_their_label() -> None:
    text = (
        "Policy Manual\n\n300.1 PURPOSE AND SCOPE\nThis is why.\n"
        "300.1.1 DEFINITIONS\nForce is this.\n300.2 POLICY\n3.12 The board met in May.\n"
    )
    assert outline(text) == [
        ("heading", 1, None, "Policy Manual"),
        ("heading", 2, None, "300.1 PURPOSE AND SCOPE"),
        ("paragraph", 0, None, "This is why."),
        ("heading", 3, None, "300.1.1 DEFINITIONS"),
        ("paragraph", 0, None, "Force is this."),
        ("heading", 2, None, "300.2 POLICY"),
        ("paragraph", 0, "3.12", "The board met in May."),
    ]


def test_items_lose_their_marker_and_keep_their_number() -> None:
    text = "It covers:\n(a) force;\n(b) rank.\n\n1. Warnings\n2. Commands\n\n(c)\n\nThe end."
    assert outline(text) == [
        ("paragraph", 0, None, "It covers:"),
        ("list_item", 1, "a", "force;"),
        ("list_item", 1, "b", "rank."),
        ("list_item", 1, "1", "Warnings"),
        ("list_item", 1, "2", "Commands"),
        ("list_item", 1, "c", "The end."),
    ]


def test_hard_wrapped_lines_are_one_block() -> None:
    text = (
        "Road safety\n\nThe partnership agreed in March that all four councils\n"
        "would share their data on roads. It then asked the\nMinister for funds.\n\n"
        "- A bullet that is long enough to be wrapped by the\n  editor\n- Another\n"
    )
    assert [words for *_, words in outline(text)] == [
        "Road safety",
        "The partnership agreed in March that all four councils\n"
        "would share their data on roads. It then asked the\nMinister for funds.",
        "A bullet that is long enough to be wrapped by the\n  editor",
        "Another",
    ]


def test_capitals_are_above_plain_headings_and_addresses_are_not_headings() -> None:
    text = "PURPOSE\nWhy we do this.\nScope\nWho does.\nPOLICY\nHow we do.\nRoom 1\nHigh St\nYork"
    assert headings(text) == [(1, "PURPOSE"), (2, "Scope"), (2, "POLICY")]


def test_page_feet_are_left_out() -> None:
    text = "One is.\nManual - 38\nTwo is.\nManual - 39\nThree is.\nManual - 40\nFour is."
    assert [words for *_, words in outline(text)] == [
        "One is.",
        "Two is.",
        "Three is.",
        "Four is.",
    ]


@pytest.mark.parametrize(
    "content",
    [
        "Café “£5”\nend".encode(),
        codecs.BOM_UTF8 + "Café “£5”\r\nend".encode(),
        codecs.BOM_UTF16_LE + "Café “£5”\rend".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "Café “£5”\nend".encode("utf-16-be"),
        "Café “£5”\r\nend".encode("cp1252"),
    ],
)
def test_encodings_and_line_ends_come_out_the_same(content: bytes) -> None:
    assert decode(content) == "Café “£5”\nend"


def test_binary_files_are_refused() -> None:
    with pytest.raises(BrokenFileError, match="binary"):
        load_text("a.txt", b"\x00\x01\x02")


def test_the_file_name_is_the_title_where_the_text_has_none() -> None:
    assert (
        load_text("2024/annual_report-1.txt", b"Long text follows here.").title == "Annual report 1"
    )


@given(st.text(alphabet="Ab .:-\n\t(1)•*#"))
def test_blocks_are_disjoint_ascending_and_trimmed(text: str) -> None:
    end = 0
    for block in find_blocks(text):
        assert block.start >= end
        end = block.end
        assert text[block.start : block.end] == text[block.start : block.end].strip() != ""
        assert (block.level >= 1) == (block.kind in {BlockKind.HEADING, BlockKind.LIST_ITEM})
