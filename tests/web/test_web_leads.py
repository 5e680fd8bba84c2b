"""The page's ways on from a quote: more like it, not this, and follow-up questions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup

from conftest import FakeEncoder
from qa_app.api import build_index, open_index
from qa_app.web.page import PageController
from support.web_pages import links, parse, words

QUESTION = "?q=is+there+data+sharing+on+road+safety?"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageController]:
    folder = tmp_path_factory.mktemp("leads")
    (folder / "facets.toml").write_text(
        '[region]\nnouns = ["regions"]\n[region.values]\n"North" = []\n"South" = []\n'
    )
    (folder / "a.txt").write_text("Data sharing on road safety <b>improved</b>.")
    (folder / "c.txt").write_text("Data sharing on road funding improved in the South.")
    (folder / "d.txt").write_text("Violence fell in the North.")
    build_index(folder, folder / "index", encoder=FakeEncoder())
    with open_index(folder / "index", folder, encoder=FakeEncoder(), reader="none") as index:
        yield PageController(index)


def go(page: PageController, search: str) -> BeautifulSoup:
    return parse(page.go(search)[1])


def leads(shown: BeautifulSoup, kind: str) -> list[str]:
    return [str(link["href"]) for link in shown.select(f"[data-lead={kind}]")]


def opened(shown: BeautifulSoup) -> list[str]:
    return [href.split("doc=")[1] for _, href in links(shown, ".passages a.open")]


def test_more_like_this_names_its_quote_and_leads_back(page: PageController) -> None:
    answer = go(page, QUESTION)
    like = leads(answer, "like")[-3]
    assert like == f"{QUESTION}&like=a.txt@0-44"
    shown = go(page, like)
    assert words(shown.h2) == "Passages like this one"
    assert words(shown.select_one(".seed blockquote")).startswith("Data sharing on road safety <b>")
    assert opened(shown) == ["c.txt&at=0-51", "d.txt&at=0-27"]
    assert links(shown, "p > a")[0] == ("Back to the answer", QUESTION)
    assert leads(shown, "not") == []  # it is about an answer
    assert leads(shown, "like")[0] == f"{QUESTION}&like=c.txt@0-51"
    kept = go(page, f"{like}&region=North")
    assert opened(kept) == ["d.txt&at=0-27"]
    assert words(go(page, f"{like}&document=a.txt").select("p")[-1]) == (
        "There is no other passage within these filters."
    )


def test_not_this_answers_again_and_can_be_taken_back(page: PageController) -> None:
    link = leads(go(page, QUESTION), "not")[-3]
    assert link == f"{QUESTION}&not=a.txt@0-44"
    shown = go(page, link)
    assert opened(shown) == ["c.txt&at=0-51", "d.txt&at=0-27"]
    ((text, back),) = links(shown, ".rejected a")
    assert text == "Not: “Data sharing on road safety <b>improved</b>.” (A) take back"
    assert back == QUESTION
    both = go(page, leads(shown, "not")[-2])
    assert opened(both) == ["d.txt&at=0-27"]
    assert [href for _, href in links(both, ".rejected a")] == [
        f"{QUESTION}&not=c.txt@0-51", f"{QUESTION}&not=a.txt@0-44",
    ]  # fmt: skip
    nothing = go(page, leads(both, "not")[-1])
    assert words(nothing.h2) == "The reports do not say."
    assert "Nothing in them but what you left out comes near" in words(
        nothing.select_one(".verdict")
    )


def test_what_is_gone_after_a_build_is_said(page: PageController) -> None:
    gone = go(page, f"{QUESTION}&like=z.txt@0-9")
    assert words(gone.h2) == "The quote is no longer in the reports"
    shown = go(page, f"{QUESTION}&not=z.txt@0-9")
    assert opened(shown)[0] == "a.txt&at=0-44"
    (chip,) = shown.select(".rejected a")
    assert "a passage of z.txt that is no longer in the reports" in words(chip)


def test_a_follow_up_is_read_with_the_question_before_and_says_so(page: PageController) -> None:
    before = "?q=is+there+funding+in+the+North?"
    shown = parse(page.ask("and in the South?", before)[0])
    article = shown.article
    assert article is not None
    link = "?q=and+in+the+South?&after=is+there+funding+in+the+North?"
    assert article["data-search"] == link
    assert article["data-question"] == "is there funding in the South?"
    told = words(shown.select_one(".read-as"))
    assert told == ("Read as: is there funding in the South? Ask “and in the South?” as it stands")
    assert links(shown, ".read-as a")[0][1] == "?q=and+in+the+South?"
    (save,) = shown.select("[data-save]")
    assert save["data-save"] == "?q=is+there+funding+in+the+South?"
    again = parse(page.ask("what about the North?", link)[0]).article
    assert again is not None
    assert again["data-question"] == "is there funding in the North?"
    alone = parse(page.ask("and who pays in the South?", link)[0]).article
    assert alone is not None
    assert alone["data-search"] == "?q=and+who+pays+in+the+South?"


def test_a_follow_up_changes_the_filter_that_is_set(page: PageController) -> None:
    shown = parse(page.ask("and the South?", "?q=is+there+funding?&region=North")[0])
    article = shown.article
    assert article is not None
    assert article["data-search"] == "?q=and+the+South?&after=is+there+funding?&region=South"
    assert "Read as: is there funding? (region: South)" in words(shown)
