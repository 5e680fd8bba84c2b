from __future__ import annotations

from dataclasses import replace

import pytest

from qa_app.citations import (
    cite,
    cited_in_harvard,
    label,
    quoted_harvard,
    quoted_plain,
    short_title,
)
from qa_app.models import Answer, Citation, Finding, Passage, Support, Verdict


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


CITED = Citation(
    "a/annual.pdf", "Annual  report", 3, ("Aims", "Data"), 0, 9, "Annual report, Data, p. 3"
)


def test_a_quote_to_paste_is_one_line_with_where_it_stands() -> None:
    assert quoted_plain("Two\n  lines", CITED) == "‘Two lines’ (Annual report, Data, p. 3)"


@pytest.mark.parametrize(
    ("facts", "reference"),
    [
        (
            {"author": "A. Other", "publisher": "Council", "date": "2024-05"},
            "A. Other (2024) Annual report, p. 3",
        ),
        ({"publisher": "Council"}, "Council (no date) Annual report, p. 3"),
        ({"date": "2024"}, "Annual report (2024), p. 3"),
        ({"author": " ", "date": "last year"}, "Annual report (no date), p. 3"),
    ],
)
def test_harvard_style_does_with_what_is_known(facts: dict[str, str], reference: str) -> None:
    assert quoted_harvard("Words.", CITED, facts) == f"{reference}. ‘Words.’"


def test_harvard_style_names_the_section_where_there_are_no_pages() -> None:
    assert quoted_harvard("Words.", replace(CITED, page=None), {}) == (
        "Annual report (no date), section ‘Data’. ‘Words.’"
    )
    untitled = replace(CITED, page=None, section=(), title="")
    assert quoted_harvard("Words.", untitled, {}) == "a/annual.pdf (no date). ‘Words.’"


def test_an_answers_quotes_are_cited_in_harvard_style_those_beside_them_too() -> None:
    other = Finding(None, "Then.", Support.STRONG, 0.8, replace(CITED, document="old.pdf"))
    finding = Finding(None, "Now.", Support.STRONG, 0.9, CITED, others=(other,))
    answer = Answer("q", Verdict.ANSWERED, 0.9, (finding,), (), None, {}, "000001")
    facts = {"a/annual.pdf": {"author": "A. Other", "date": "2024"}}
    (cited,) = cited_in_harvard(answer, facts).findings
    assert cited.citation.label == "A. Other (2024) Annual report, p. 3"
    assert cited.others[0].citation.label == "Annual report (no date), p. 3"
