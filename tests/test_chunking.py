from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_app.chunking import chunk
from qa_app.loading.plain import load_text
from qa_app.models import Block, BlockKind, Document, LeadIn, Passage


def count_words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def cut(text: str, max_tokens: int = 30) -> list[Passage]:
    return list(chunk(load_text("a.txt", text.encode()), count_words, max_tokens))


def document(*blocks: tuple[BlockKind, int, str | None, str], title: str = "T") -> Document:
    text, found = "", []
    for kind, level, label, words in blocks:
        found.append(Block(len(text), len(text) + len(words), kind, level, label))
        text += words + "\n"
    return Document(path="d", format="text", title=title, text=text, blocks=tuple(found))


def test_a_list_is_one_passage_with_its_section_and_markers() -> None:
    text = "The title\nIt opens.\nKey findings\nYork\n- One thing.\n- Two things.\nHull\n- Three."
    found = cut(text)
    assert [(p.section, p.text) for p in found] == [
        ((), "It opens."),
        (("Key findings", "York"), "- One thing.\n- Two things."),
        (("Key findings", "Hull"), "- Three."),
    ]
    york = found[1]
    assert york.id == f"a.txt:{text.index('- One')}-{york.end}"
    assert [york.slice(s.start, s.end) for s in york.sentences] == ["One thing.", "Two things."]
    assert york.context == "The title > Key findings > York"


def test_a_list_keeps_its_lead_in_even_where_it_is_longer_than_a_passage() -> None:
    text = "We meet. Boards must:\n" + "".join(f"- do thing {i} well\n" for i in range(8))
    found = cut(text, max_tokens=20)
    assert [p.text.count("\n") + 1 for p in found] == [5, 4]
    lead_ins = {text[s.lead_in[0] : s.lead_in[1]] for p in found for s in p.sentences if s.lead_in}
    assert lead_ins == {"Boards must:"}
    assert [s.lead_in for s in found[0].sentences[:2]] == [None, None]
    assert all(s.lead_in for s in found[1].sentences)
    assert found[0].lead_in is None
    start = text.index("Boards")
    assert found[1].lead_in == LeadIn(start, start + 12, "Boards must:")
    assert found[1].slice(start, start + 6) == "Boards"


def test_a_list_that_runs_over_keeps_the_number_of_the_paragraph_that_it_is_part_of() -> None:
    items = [(BlockKind.LIST_ITEM, 1, "a", f"one thing and another {i}") for i in range(6)]
    opening = (BlockKind.PARAGRAPH, 0, "3.12", "The board has agreed:")
    last = (BlockKind.PARAGRAPH, 0, None, "It then went home to think about all of that again.")
    found = chunk(document(opening, *items, last), count_words, 16)
    assert [p.label for p in found] == ["3.12", "3.12", "3.12", None]


def test_a_lead_in_on_an_earlier_page_is_cited_there() -> None:
    items = [(BlockKind.LIST_ITEM, 1, None, f"one thing and another {i}") for i in range(6)]
    whole = document((BlockKind.PARAGRAPH, 0, None, "The board has agreed:"), *items)
    second = chunk(replace(whole, page_starts=(0, 30)), count_words, 16)[1]
    assert second.sentences[0].lead_in == (0, 21)
    assert (second.page_at(0), second.page_at(second.start)) == (1, 2)


def test_a_list_after_a_full_stop_has_no_lead_in() -> None:
    assert [s.lead_in for s in cut("It ended.\n- one\n- two")[0].sentences] == [None, None, None]


def test_tiny_neighbours_share_a_passage_and_longer_ones_do_not() -> None:
    long = " ".join(["word"] * 14) + "."
    assert [len(p.sentences) for p in cut(f"{long}\n{long}\nTiny one.\nTiny two.")] == [1, 3]


def test_long_paragraphs_are_cut_at_sentence_ends_then_between_words() -> None:
    found = cut("One two three. Four five six. Seven eight.", max_tokens=6)
    assert [p.text for p in found] == ["One two three. Four five six.", "Seven eight."]
    found = cut(" ".join(f"w{i}" for i in range(10)), max_tokens=4)
    assert [p.text for p in found] == ["w0 w1 w2", "w3 w4 w5", "w6 w7 w8 w9"]


def test_a_numbered_paragraph_opens_a_passage_and_names_it() -> None:
    found = cut("3.11 First one.\n3.12 Second one.\nIt goes on.")
    assert [(p.label, p.text) for p in found] == [
        ("3.11", "3.11 First one."),
        ("3.12", "3.12 Second one.\nIt goes on."),
    ]
    assert found[0].slice(found[0].sentences[0].start, found[0].end) == "First one."


def test_footnotes_stay_apart_and_pages_are_where_the_passage_starts() -> None:
    source = document(
        (BlockKind.PARAGRAPH, 0, None, "Body."),
        (BlockKind.FOOTNOTE, 0, "1", "A note."),
        (BlockKind.PARAGRAPH, 0, None, "More."),
    )
    paged = Document("d", "pdf", "T", source.text, source.blocks, page_starts=(0, 6))
    found = chunk(paged, count_words)
    assert [(p.text, p.page) for p in found] == [("Body.", 1), ("A note.", 2), ("More.", 2)]


def test_headings_without_text_are_still_found() -> None:
    heading = BlockKind.HEADING
    source = document(
        (heading, 1, None, "Alpha"), (heading, 2, None, "Beta"), (heading, 1, None, "C")
    )
    assert [(p.section, p.text) for p in chunk(source, count_words)] == [
        (("Alpha",), "Beta"),
        ((), "C"),
    ]


def test_an_empty_document_has_no_passages() -> None:
    assert chunk(document(), count_words) == ()


def test_max_tokens_under_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        chunk(document(), count_words, 0)


@given(st.text(alphabet="Ab .:-\n3"), st.integers(1, 9))
def test_passages_are_exact_spans_that_leave_no_text_out(text: str, max_tokens: int) -> None:
    if not text.strip():
        return
    source = load_text("a.txt", text.encode())
    end = 0
    covered: set[int] = set()
    for passage in chunk(source, count_words, max_tokens):
        assert passage.text == source.text[passage.start : passage.end]
        assert passage.start >= end
        end = passage.end
        covered.update(range(passage.start, passage.end))
        for sentence in passage.sentences:
            assert passage.slice(sentence.start, sentence.end).strip()
    for block in source.blocks:
        if block.kind is not BlockKind.HEADING:
            span = range(block.start, block.end)
            assert all(i in covered or source.text[i].isspace() for i in span)


def test_a_passage_knows_where_its_pages_begin() -> None:
    text = "The first page ends here. The second begins here."
    block = Block(0, len(text), BlockKind.PARAGRAPH)
    document = Document("a.pdf", "pdf", "A", text, (block,), page_starts=(0, 26))
    (passage,) = chunk(document, lambda texts: [len(item.split()) for item in texts])
    assert (passage.page, passage.page_breaks) == (1, (26,))
    assert [passage.page_at(sentence.start) for sentence in passage.sentences] == [1, 2]
