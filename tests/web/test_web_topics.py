"""The view of topics: what its cells say and where they lead, worked out without a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from conftest import FakeEncoder
from qa_app.api import Index, build_index, open_index
from qa_app.web.address import Address, parse_address
from qa_app.web.catalogue import Visit, read_catalogue
from qa_app.web.topics_view import render_topics
from support.web_pages import links, parse, words

FACETS = '[town]\nnouns = ["town"]\n[town.values]\n"Anytown" = []\n"Otherton" = []\n'
CELL = "?show=topics&by=town&topic=road-safety&value=Anytown"
REPORT = """# Review &lt;b&gt;of&lt;/b&gt; two towns

## Anytown

- Road safety is a concern of the town.
- Funding for road safety comes from the county.

## Otherton

- Violence is a concern of the town & county.
- Funding for violence reduction is in the plan.
"""


@pytest.fixture
def index(
    write_corpus: Callable[[dict[str, str]], Path], tmp_path: Path, encoder: FakeEncoder
) -> Index:
    corpus = write_corpus(
        {
            "a.md": REPORT,
            "facets.toml": FACETS,
            "metadata.toml": '["a.md"]\ndate = "2023-05"\n',
        }
    )
    build_index(corpus, tmp_path / "index", encoder=encoder)
    return open_index(tmp_path / "index", encoder=encoder, reader="none")


def shown(index: Index, search: str) -> BeautifulSoup:
    address = parse_address(f"?show=topics{search}")
    return parse(render_topics(Visit(read_catalogue(index.snapshot()), address, stamp="1")))


def pinned(part: Tag) -> list[str]:
    return [json.loads(str(button["data-pin"]))["value"] for button in part.select("[data-pin]")]


def test_a_cell_has_its_number_its_shade_and_its_way(index: Index) -> None:
    page = shown(index, "")
    assert words(page.select_one("#verdict")) == "2 topics in 4 quotes"
    assert [words(head) for head in page.select("thead th")] == [
        "Topic", "Total", "Anytown", "Otherton",
    ]  # fmt: skip
    first = page.select("tbody tr")[0]
    assert [words(cell) for cell in first.select("th, td")] == [
        "road safety", "2", "2", "nothing found",
    ]  # fmt: skip
    cell = first.select_one("td.shade-5 a")
    assert cell is not None
    assert (cell["href"], cell["aria-label"]) == (CELL, "road safety, Anytown: 2 quotes")
    assert [words(total) for total in page.select("td.total")] == ["2", "2", "4", "2", "2"]
    assert page.select(".cell-panel, .news, [aria-current] [aria-current]") == []


def test_an_open_cell_shows_its_quotes_with_their_sources(index: Index) -> None:
    page = shown(index, "&by=town&topic=road-safety&value=Anytown")
    assert links(page, "td a[aria-current=true]") == [("2", CELL)]
    assert words(page.select_one("#cell-title")) == "road safety · Anytown"
    assert [words(item) for item in page.select(".side-by-side .eyebrow, h4")] == ["2 quotes"]
    quotes = page.select(".cell-panel .result")
    sources = {words(quote.blockquote): links(quote, "a.open")[0][1] for quote in quotes}
    address = parse_address(sources["Road safety is a concern of the town."])
    assert address.document == "a.md"
    assert address.span is not None
    assert address.place["topic"] == "road-safety"
    article = page.article
    assert article is not None
    assert article["data-best"] == next(iter(sources.values()))
    assert [text for text, _ in links(page, ".compare a")] == ["Otherton"]
    assert pinned(quotes[0]) == ["Anytown"]
    ((_, close),) = links(page, ".cell-head a")
    assert parse_address(close).place == {"by": "town"}


def test_two_values_stand_side_by_side(index: Index) -> None:
    page = shown(index, "&by=town&value=Anytown&with=Otherton")
    assert words(page.select_one("#cell-title")) == "Anytown and Otherton"
    rows = zip(page.select("h4"), page.select(".side-by-side"), strict=True)
    assert {words(topic): [words(n) for n in row.select(".eyebrow")] for topic, row in rows} == {
        "road safety": ["Anytown: 2 quotes", "Otherton: Nothing found"],
        "violence": ["Anytown: Nothing found", "Otherton: 2 quotes"],
    }


def test_years_of_reports_are_a_facet_and_one_year_is_no_line_of_time(index: Index) -> None:
    page = shown(index, "&by=date&topic=violence")
    assert [words(head) for head in page.select("thead th")][2:] == ["2023"]
    assert [words(link) for link in page.select(".choices a[aria-current]")] == [
        "Topics found", "Year of report",
    ]  # fmt: skip
    assert page.select_one(".cell-panel") is not None
    assert page.select(".timeline, p.footnote") == []
    # A year is not whom a quote is about.
    assert pinned(shown(index, "&by=date&topic=violence&value=2023"))[0] == ""


def test_without_themes_it_says_how_to_get_some(index: Index) -> None:
    page = shown(index, "&groups=themes")
    assert words(page.select_one("#verdict")) == "0 themes in 0 quotes"
    assert "themes.toml" in words(page.select_one(".verdict p"))
    assert page.select("table") == []
    assert words(page.select(".choices a[aria-current]")[0]) == "My themes"


def test_after_a_build_it_says_what_is_new(
    index: Index, tmp_path: Path, encoder: FakeEncoder
) -> None:
    (index.corpus / "b.md").write_text("# News\n\nRoad safety is a concern of Otherton too.\n")
    build_index(index.corpus, tmp_path / "index", encoder=encoder)
    note = "1 quote has no date: only the totals count it."
    assert words(shown(index, "&by=date").select_one("p.footnote")) == note
    (news,) = shown(index, "").select(".news")
    assert words(news.summary) == "Since the build before: 1 topic grew; 1 new quote."
    assert words(news.h3) == "road safety 2 → 3"
    assert words(news.blockquote) == "Road safety is a concern of Otherton too."


def test_text_of_reports_is_escaped(index: Index) -> None:
    address = parse_address("?show=topics&by=document&topic=violence")
    html = render_topics(Visit(read_catalogue(index.snapshot()), address, stamp="1"))
    assert "<b>of</b>" not in html
    assert "&lt;b&gt;of&lt;/b&gt;" in html
    assert "town &amp; county" in html


def test_where_one_is_in_the_view_is_in_the_address() -> None:
    search = "?show=topics&by=town&topic=a&value=b&with=c"
    assert parse_address(search).search == search
    assert parse_address("?by=town").place == {}
    # A facet may be called so.
    assert parse_address("?topic=roads", ["topic"]).filters == {"topic": ("roads",)}
    assert Address().search == ""
