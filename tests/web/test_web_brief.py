"""The brief's events, as functions: what the buttons do, and what they cannot be made to do."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from qa_app.briefs.export import Form
from qa_app.briefs.saved import ask_again, open_saved
from qa_app.briefs.stored_file import open_brief
from qa_app.store.kept import kept_files
from qa_app.web.brief_view import BriefController
from qa_app.web.page import PageController
from qa_app.web.rendering import pin_payload
from support.brief_samples import Desk

QUESTION = "Which reports improved road safety?"
WORDS = "Road safety improved in the north."


@pytest.fixture
def briefs(desk: Desk) -> BriefController:
    return PageController(desk.index).briefs


def _act(desk: Desk, words: str, document: str = "roads.txt") -> dict[str, Any]:
    pin = desk.pin(words, document)
    return {"do": "pin", "question": QUESTION, **json.loads(pin_payload(pin.quote.citation))}


def _said(html: str) -> str:
    found = re.search(r'data-said="([^"]*)" data-trouble="([^"]*)"', html)
    assert found is not None
    return unescape(found[1] or found[2])


def _items(html: str) -> list[str]:
    return re.findall(r'data-item="(\d+)"', html)


def test_a_pin_is_made_from_a_place_and_taken_out_again(
    desk: Desk, briefs: BriefController
) -> None:
    act = _act(desk, WORDS)
    html = briefs.aside("", act)
    assert _said(html) == "Pinned. 1 quote in the brief."
    assert unescape(re.findall(r'data-pinned="([^"]*)"', html)[0]) == '["roads.txt 7-41 "]'
    [pin] = open_brief(desk.folder).read().pins
    assert (pin.quote.text, pin.question) == (WORDS, QUESTION)
    assert _said(briefs.aside("", {**act, "do": "unpin"})) == "Taken out of the brief."
    assert open_brief(desk.folder).read().pins == ()


def test_every_user_has_a_brief_of_their_own(desk: Desk, briefs: BriefController) -> None:
    briefs.aside("ann", _act(desk, WORDS))
    assert 'data-quotes="1"' in briefs.notices("ann")
    assert 'data-quotes="0"' in briefs.notices("bob")
    assert 'data-quotes="0"' in briefs.notices("")
    assert WORDS.encode() in briefs.export("ann", Form.MARKDOWN)[1]
    assert WORDS.encode() not in briefs.export("bob", Form.MARKDOWN)[1]


@pytest.mark.parametrize(
    "act",
    [
        {},
        {"do": "drop everything"},
        {"do": ["pin"]},
        {"do": "pin", "doc": "roads.txt", "at": "5"},
        {"do": "pin", "doc": "roads.txt", "at": "0-999999"},
        {"do": "pin", "doc": "../index/CURRENT", "at": "0-5"},
        {"do": "pin", "doc": 7, "at": None},
        {"do": "note", "id": "1", "text": 5, "seen": True},
        {"do": "save", "search": "?q="},
        {"do": "forget", "id": 10**30},
    ],
)
def test_what_no_button_says_changes_nothing(
    desk: Desk, briefs: BriefController, act: dict[str, Any]
) -> None:
    before = open_brief(desk.folder).change(lambda _: desk.brief())
    assert _said(briefs.aside("", act))
    left, notices = briefs.change("", act)
    assert 'class="trouble"' in notices
    assert _items(left) == ["1", "2", "3"]
    assert open_brief(desk.folder).read() == before


def test_the_order_changes_and_notes_on_their_way_are_kept(
    desk: Desk, briefs: BriefController
) -> None:
    brief = open_brief(desk.folder).change(lambda _: desk.brief())
    note = {"do": "note", "id": 3, "text": "On its way.", "seen": brief.version}
    left, _ = briefs.change("", {"do": "move", "id": 3, "by": -1, "notes": [note, "nonsense"]})
    assert _items(left) == ["1", "3", "2"]
    left, _ = briefs.change("", {"do": "remove", "id": 2})
    assert "Removed: North" in left
    assert '"do": "restore", "id": 2' in left
    left, _ = briefs.change("", {"do": "restore", "id": 2})
    assert "Removed" not in left
    left, _ = briefs.change("", {"do": "heading", "text": "<b>Last</b>"})
    assert 'value="&lt;b&gt;Last&lt;/b&gt;"' in left
    left, _ = briefs.change("", {"do": "title", "text": "Mine"})
    assert "</span>Mine</h2>" in left
    assert open_brief(desk.folder).read().item(3).text == "On its way."


def test_a_note_changed_in_another_window_is_not_overwritten(
    desk: Desk, briefs: BriefController
) -> None:
    seen = open_brief(desk.folder).change(lambda _: desk.brief()).version
    note = {"do": "note", "id": 2, "seen": seen}
    assert _said(briefs.aside("", {**note, "text": "First window."})) == "Saved."
    html = briefs.aside("", {**note, "text": "Second window."})
    assert "it says now: First window." in _said(html)
    assert 'data-note="2"' in html
    assert open_brief(desk.folder).read().item(2).text == "First window."


def test_a_quote_whose_report_changed_is_marked(desk: Desk, briefs: BriefController) -> None:
    open_brief(desk.folder).change(lambda _: desk.brief())
    left, _ = briefs.change("", {"do": "move", "id": 3, "by": 1})
    assert "Since it was pinned" not in left
    roads = desk.corpus / "roads.txt"
    roads.write_text(roads.read_text().replace("north", "south"))
    desk.rebuild()
    left, _ = briefs.change("", {"do": "move", "id": 3, "by": 1})
    warning = "Since it was pinned: These words are not in roads.txt any more."
    assert left.count(warning) == left.count("Since it was pinned") == 1


def test_a_saved_question_shows_its_news_until_it_is_seen(
    desk: Desk, briefs: BriefController
) -> None:
    saved = briefs.aside("", {"do": "save", "search": f"?q={QUESTION}&document=south.txt"})
    assert "south.txt" in _said(saved)  # there is no such document yet
    assert "asked again" in _said(briefs.aside("", {"do": "save", "search": f"?q={QUESTION}"}))
    (desk.corpus / "south.txt").write_text("South\n\nRoad safety improved in the south.\n")
    desk.rebuild()
    ask_again(open_saved(desk.folder), desk.index.snapshot())
    html = briefs.notices("")
    assert "<strong>1 new finding</strong>" in html
    assert 'href="?q=Which+reports+improved+road+safety?&amp;doc=south.txt&amp;at=7-41"' in html
    seen = {"do": "shown", "id": 1, "generation": "000002"}
    assert "new finding" not in briefs.aside("", seen)


def test_without_an_index_there_is_nothing_to_say() -> None:
    briefs = PageController(None).briefs
    assert 'data-trouble=""' in briefs.notices("")
    left, notices = briefs.change("", {"do": "title", "text": "x"})
    assert "There is no index yet." in left
    assert "There is no index yet." in notices


def test_a_mistake_of_the_programs_own_is_said_and_shows_what_is_kept(
    desk: Desk, briefs: BriefController
) -> None:
    briefs.aside("", _act(desk, WORDS))
    html = briefs.broken("")
    assert 'role="alert">Something went wrong in the program' in html
    assert 'data-quotes="1"' in html


def test_a_damaged_brief_is_said_calmly(desk: Desk, briefs: BriefController) -> None:
    kept_files(desk.folder).change("brief.json", lambda _: b"{")
    assert "brief.json cannot be read" in briefs.notices("")
    left, _ = briefs.change("", {"do": "title", "text": "x"})
    assert "brief.json cannot be read" in left
