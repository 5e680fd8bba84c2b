"""The view of topics: what its cells say and where they lead, worked out without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest

from conftest import FakeEncoder
from qa_app.api import Index, build_index, open_index
from qa_app.web.address import Address, parse_address
from qa_app.web.rendering import Template, render
from qa_app.web.topics import TopicsView, topics_view

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


def _view(index: Index, search: str) -> TopicsView:
    return topics_view(index, parse_address(f"?show=topics{search}"), {})


def test_a_cell_has_its_number_its_shade_and_its_way(index: Index) -> None:
    view = _view(index, "")
    assert view.headline == "2 topics in 4 quotes"
    assert view.columns == (("Anytown", "Anytown"), ("Otherton", "Otherton"))
    assert next(iter(view.rows)) == ("road-safety", "road safety", 2, (2, 0))
    assert (view.shade(2), view.shade(1), view.shade(0)) == (5, 4, 0)
    assert view.href("road-safety", "Anytown") == CELL
    html = render(Template.TOPICS, view=view, search="?show=topics", stamp="1")
    assert f'<a href="{escape(CELL)}" data-go aria-label="road safety, Anytown: 2 quotes">2' in html
    assert re.findall(r'<td class="total">(\d+)', html) == ["2", "2", "4", "2", "2"]
    assert (view.panel, view.news_line) == (None, "")


def test_an_open_cell_shows_its_quotes_with_their_sources(index: Index) -> None:
    view = _view(index, "&by=town&topic=road-safety&value=Anytown")
    assert view.is_open("road-safety", "Anytown")
    assert not view.is_open("violence", "Anytown")
    panel = view.panel
    assert panel is not None
    assert panel.heading == "road safety · Anytown"
    ((label, (column,)),) = panel.rows
    assert (label, column.heading, column.amount) == ("", "", "2 quotes")
    quotes = {quote.quote: quote.source for quote in column.quotes}
    source = quotes["Road safety is a concern of the town."]
    address = parse_address(source.href)
    assert address.document == "a.md"
    assert address.span is not None
    assert address.place["topic"] == "road-safety"
    assert panel.best == column.quotes[0].source.href
    assert [link.text for link in panel.others] == ["Otherton"]
    assert json.loads(column.quotes[0].pin)["value"] == "Anytown"
    assert parse_address(panel.close).place == {"by": "town"}


def test_two_values_stand_side_by_side(index: Index) -> None:
    view = _view(index, "&by=town&value=Anytown&with=Otherton")
    assert view.panel is not None
    assert view.panel.heading == "Anytown and Otherton"
    amounts = {label: [column.amount for column in columns] for label, columns in view.panel.rows}
    assert amounts == {
        "road safety": ["2 quotes", "Nothing found"],
        "violence": ["Nothing found", "2 quotes"],
    }


def test_years_of_reports_are_a_facet_and_one_year_is_no_line_of_time(index: Index) -> None:
    view = _view(index, "&by=date&topic=violence")
    assert view.columns == (("2023", "2023"),)
    assert [choice.text for choice in view.facets if choice.current] == ["Year of report"]
    assert view.panel is not None
    assert view.panel.bars == ()
    assert view.notes == ()
    # A year is not whom a quote is about.
    panel = _view(index, "&by=date&topic=violence&value=2023").panel
    assert panel is not None
    assert json.loads(panel.rows[0][1][0].quotes[0].pin)["value"] == ""


def test_without_themes_it_says_how_to_get_some(index: Index) -> None:
    view = _view(index, "&groups=themes")
    assert (view.headline, list(view.rows)) == ("0 themes in 0 quotes", [])
    assert "themes.toml" in view.hint
    assert [choice.current for choice in view.kinds] == [False, True]


def test_after_a_build_it_says_what_is_new(
    index: Index, tmp_path: Path, encoder: FakeEncoder
) -> None:
    (index.corpus / "b.md").write_text("# News\n\nRoad safety is a concern of Otherton too.\n")
    build_index(index.corpus, tmp_path / "index", encoder=encoder)
    assert _view(index, "&by=date").notes == ("1 quote has no date: only the totals count it.",)
    view = _view(index, "")
    assert view.news_line == "Since the build before: 1 topic grew; 1 new quote."
    (change,) = view.news
    assert (change.heading, change.amount) == ("road safety", "2 → 3")
    assert change.quotes[0].quote == "Road safety is a concern of Otherton too."


def test_text_of_reports_is_escaped(index: Index) -> None:
    view = _view(index, "&by=document&topic=violence")
    html = render(Template.TOPICS, view=view, search="?show=topics", stamp="1")
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
