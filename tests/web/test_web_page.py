"""The page's events, as functions, over a real index made with the tests' encoder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qa_app.api import Index, build_index, open_index
from qa_app.web.page import PageController

Corpus = Callable[[dict[str, str]], Path]
FACETS = '[region]\nnouns = ["region", "regions"]\n[region.values]\n"North" = []\n"South" = []\n'
NORTH = "North\n- Data sharing improved.\n- Road safety came first.\n"
SOUTH = "South\n- Violence fell.\n- Funding for data sharing ended.\n"


@pytest.fixture
def index(write_corpus: Corpus, encoder: object, tmp_path: Path) -> Iterator[Index]:
    corpus = write_corpus(
        {
            "facets.toml": FACETS,
            "annual.txt": f"Annual report of the regions\n{NORTH}{SOUTH}",
            "broken.pdf": "not a PDF",
        }
    )
    build_index(corpus, tmp_path / "index", encoder=encoder)
    with open_index(tmp_path / "index", corpus, encoder=encoder, reader="none") as opened:
        yield opened


def texts(html: str) -> str:
    """Return the words of the HTML, each run of white space as one space."""
    html = re.sub(r"</?mark[^>]*>", "", html)
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_front_page_says_what_is_indexed_and_gives_examples(index: Index) -> None:
    page = PageController(index)
    question, answer, source = page.go("")
    assert (question, source) == ("", "")
    assert "1 report, 1 could not be read" in texts(page.header())
    assert "Which regions mention data sharing?" in texts(answer)


def test_a_question_is_answered_and_its_best_source_named(index: Index) -> None:
    page = PageController(index)
    answer, shell = page.ask("  which regions improved data sharing? ", "")
    assert 'data-search="?q=which+regions+improved+data+sharing?"' in answer
    assert "<table" in answer
    assert "Data sharing improved." in texts(answer)
    assert texts(shell).startswith("Source Close Annual report of the regions")
    best = re.search(r'data-best="([^"]+)"', answer)
    assert best is not None
    source = page.open(best[1].replace("&amp;", "&"), preview=True)
    assert "is-preview" in source
    assert re.findall(r"<mark[^>]*>([^<]+)", source) == ["Data sharing improved."]


def test_a_link_shows_what_its_sender_saw(index: Index) -> None:
    page = PageController(index)
    answer, _ = page.ask("which regions improved data sharing?", "")
    href = re.search(r'class="open" href="([^"]+)"', answer)
    assert href is not None
    link = href[1].replace("&amp;", "&")
    question, again, source = page.go(link)
    assert question == "which regions improved data sharing?"
    without_stamp = re.compile(r'data-stamp="\d+"|Answered in [\d.]+ s')
    assert without_stamp.sub("", again) == without_stamp.sub("", answer)
    assert "is-preview" not in source
    assert page.open(link).replace("data-stamp", "") != ""
    assert "Annual report of the regions" in texts(page.open(link))


def test_words_that_no_report_has_are_named_where_the_reports_do_not_say(index: Index) -> None:
    answer, _ = PageController(index).ask(
        "How much duplication in Mongolia? Lighthuoses of Mongolia!", ""
    )
    assert (
        "“duplication”, “Mongolia” and “Lighthuoses” are in none of the reports: check the "
        "spelling, or try another word."
    ) in texts(answer)
    answer, _ = PageController(index).ask("Which regions improved data-sharing?", "")
    assert "in none of the reports" not in texts(answer)


def test_filters_stay_when_another_question_is_asked(index: Index) -> None:
    answer, _ = PageController(index).ask("data sharing", "?q=violence&region=South")
    assert 'data-search="?q=data+sharing&amp;region=South"' in answer
    assert "Region: South" in texts(answer)
    assert "Road safety" not in texts(answer)


@pytest.mark.parametrize("question", ["", "   ", "\0"])
def test_no_question_is_no_error(index: Index, question: str) -> None:
    answer, source = PageController(index).ask(question, "")
    assert source == ""
    assert "data-stamp" in answer


def test_a_question_that_is_too_long_is_a_calm_notice(index: Index) -> None:
    answer, source = PageController(index).ask("x" * 10_000, "")
    assert source == ""
    assert "The question has 10,000 characters" in texts(answer)
    assert "<table" not in answer


def test_a_source_that_is_not_there_is_a_calm_notice(index: Index) -> None:
    source = PageController(index).open("?q=x&doc=../../etc/passwd&at=1-5")
    assert "is-preview" not in source
    assert "../../etc/passwd" in texts(source)
    assert 'href="?q=x"' in source


def test_nothing_is_open_without_a_document(index: Index) -> None:
    assert PageController(index).open("?q=x") == ""


def test_words_are_looked_for_inside_the_open_source(index: Index) -> None:
    page = PageController(index)
    listed = page.open("?q=x&doc=annual.txt&find=sharing")
    assert "2 passages with these words" in texts(listed)
    places = re.findall(r'<li><a href="([^"]+)" data-go>([^<]+)</a><p>(.*?)</p>', listed)
    assert [(place, texts(words)) for _, place, words in places] == [
        ("North", "Data sharing improved."),
        ("South", "Funding for data sharing ended."),
    ]
    second = page.open(places[1][0].replace("&amp;", "&"))
    assert re.findall(r"<mark[^>]*>([^<]+)", second) == ["Funding for data sharing ended."]
    assert "Result 2 of 2 Previous result All results" in texts(second)
    assert places[0][0] in second  # the way back to the first


def test_passages_with_all_the_words_come_alone(index: Index) -> None:
    page = PageController(index)
    assert "1 passage with these words" in texts(page.open("?doc=annual.txt&find=sharing+funding"))
    some = texts(page.open("?doc=annual.txt&find=sharing+elephants"))
    assert "No passage has all these words; 2 with some of them" in some


def test_words_that_a_source_does_not_have_give_the_nearest(index: Index) -> None:
    listed = texts(PageController(index).open("?doc=annual.txt&find=elephants"))
    assert "No passage has these words; the nearest in meaning" in listed
    assert "Violence fell." in listed


def test_the_list_of_sources_names_every_file_read_or_not(index: Index) -> None:
    _, answer, _ = PageController(index).go("?show=sources")
    assert "1 report, 2 passages 1 file could not be read broken.pdf" in texts(answer)
    assert "annual.txt" in texts(answer)
    assert 'href="?show=sources&amp;doc=annual.txt"' in answer


def test_markup_in_a_report_stays_text(
    write_corpus: Corpus, encoder: object, tmp_path: Path
) -> None:
    payload = "<img src=x onerror=alert(1)> data sharing"
    corpus = write_corpus({"<b>a.txt": f"Title of <script>x</script>\n{payload} is here.\n"})
    build_index(corpus, tmp_path / "index", encoder=encoder)
    with open_index(tmp_path / "index", corpus, encoder=encoder, reader="none") as opened:
        for html in (
            *PageController(opened).ask("data sharing", ""),
            *PageController(opened).go("?show=sources"),
        ):
            assert "<img" not in html
            assert "<script" not in html
            assert "<b>" not in html


def test_without_an_index_the_page_says_what_to_do_and_sees_the_first_build(
    write_corpus: Corpus, encoder: object, tmp_path: Path
) -> None:
    corpus = write_corpus({"a.txt": "Findings\nData sharing improved.\n"})
    page = PageController(
        None, lambda: open_index(tmp_path / "index", corpus, encoder=encoder, reader="none")
    )
    _, answer, source = page.go("?q=data")
    assert "python build_index.py" in texts(answer)
    assert source == ""
    build_index(corpus, tmp_path / "index", encoder=encoder)
    _, answer, _ = page.go("?q=data+sharing")
    assert "1 report" in texts(page.header())
    assert "Data sharing improved." in texts(answer)


def test_a_new_generation_shows_without_a_restart(
    write_corpus: Corpus, encoder: object, tmp_path: Path
) -> None:
    corpus = write_corpus({"a.txt": "Findings\nData sharing improved.\n"})
    build_index(corpus, tmp_path / "index", encoder=encoder)
    with open_index(tmp_path / "index", corpus, encoder=encoder, reader="none") as opened:
        page = PageController(opened)
        assert "1 report" in texts(page.header())
        write_corpus({"b.txt": "More findings\nRoad safety improved.\n"})
        build_index(corpus, tmp_path / "index", encoder=encoder)
        assert "2 reports" in texts(page.header())


def test_opening_a_source_keeps_the_filters(index: Index) -> None:
    source = PageController(index).open("?q=data&region=South&doc=annual.txt")
    assert 'href="?q=data&amp;region=South" data-go data-close' in source


def test_one_report_can_be_asked_alone(index: Index) -> None:
    page = PageController(index)
    _, sources, _ = page.go("?show=sources")
    assert 'href="?document=annual.txt"' in sources
    _, home, _ = page.go("?document=annual.txt")
    assert "Document: Annual report of the regions" in texts(home)
    answer, _ = page.ask("data sharing", "?document=annual.txt")
    assert 'data-search="?q=data+sharing&amp;document=annual.txt"' in answer


def test_a_filter_for_what_is_not_there_is_a_calm_notice(index: Index) -> None:
    _, answer, _ = PageController(index).go("?q=data&region=Nowhere")
    assert "Nowhere" in texts(answer)
    assert "<table" not in answer
    assert '<a href="?q=data" data-go>Region: Nowhere' in answer  # the way out


def test_a_mistake_of_the_programs_own_is_said_calmly() -> None:
    answer, source = PageController(None).broken()
    assert texts(answer).startswith("Something went wrong in the program")
    assert "data-search" not in answer  # the question stays in the browser's address
    assert source == ""


def test_a_source_that_breaks_the_program_is_said_calmly(index: Index) -> None:
    page = PageController(index)
    page.header()
    source = page.broken_source("?q=x&region=North&doc=annual.txt&at=1-5")
    assert texts(source).startswith("Source Close The source could not be opened Something went")
    assert "Open it once more." in texts(source)
    assert 'href="?q=x&amp;region=North"' in source  # closing it keeps the answer and its filter
    assert texts(PageController(None).broken_source("")).startswith(
        "Source Close The source could not be"
    )
