from __future__ import annotations

import pytest

from qa_app.citations import cite, label, short_title
from qa_app.models import Passage


def passage(title: str = "Deep Dives", section: tuple[str, ...] = (), **more: object) -> Passage:
    text = "Data sharing improved."
    return Passage("id", "deep.pdf", title, section, 100, 122, text, (), **more)  # type: ignore[arg-type]  # by name


def test_label_names_title_heading_paragraph_and_page() -> None:
    assert label(passage(section=("North", "Merseyside"), page=3)) == "Deep Dives, Merseyside, p. 3"
    assert label(passage(section=("Findings",), label="3.12")) == "Deep Dives, Findings, para 3.12"
    assert label(passage(label="3.12.", page=7)) == "Deep Dives, para 3.12, p. 7"
    assert label(passage()) == "Deep Dives"


def test_label_does_not_say_the_title_twice() -> None:
    assert label(passage(section=("DEEP DIVES",), page=1)) == "Deep Dives, p. 1"


def test_document_stands_in_for_a_missing_title() -> None:
    assert label(passage(title="", page=2)) == "deep.pdf, p. 2"


def test_long_titles_lose_their_subtitle_or_their_end() -> None:
    long = "Policing in partnership: an inspection of how local boards share what they know"
    assert short_title(long) == "Policing in partnership"
    assert short_title("word " * 30) == "word word word word word word word word word word word…"
    assert short_title("A: b") == "A: b"
    series = "FINDINGS REPORT: Annex: Towards Better Partnerships in the Regions: Deep Dives"
    assert short_title(series) == "Deep Dives"


def test_citation_holds_the_span() -> None:
    found = cite(passage(section=("A",), page=3), 105, 112)
    assert (found.document, found.title, found.page, found.section) == (
        "deep.pdf",
        "Deep Dives",
        3,
        ("A",),
    )
    assert (found.start, found.end, found.label) == (105, 112, "Deep Dives, A, p. 3")


def test_a_span_outside_the_passage_is_refused() -> None:
    with pytest.raises(ValueError, match="outside the passage"):
        cite(passage(), 90, 110)


def test_words_on_a_passages_second_page_are_cited_there() -> None:
    found = passage(page=3, page_breaks=(113,))
    assert [cite(found, start, 122).page for start in (100, 112, 113)] == [3, 3, 4]
    assert cite(found, 113, 122).label == "Deep Dives, p. 4"
