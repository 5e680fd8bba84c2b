"""A brief: what can be done to it, and that no change is lost on the way to the disk."""

from __future__ import annotations

import json
import re
import shutil
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from qa_app.briefs import brief as limits
from qa_app.briefs.brief import (
    Brief,
    Item,
    Removed,
    pin_findings,
    pin_passages,
    pin_span,
)
from qa_app.briefs.saved import open_saved
from qa_app.briefs.stored_file import open_brief, own_name, safe_name
from qa_app.errors import BriefError, QueryError
from qa_app.models import Citation
from qa_app.settings import Location
from qa_app.store.kept import kept_files
from support.brief_samples import Desk

# Written by version 0.1.0: people have such files in briefs/.
VERSION_1 = Path(__file__).parent / "version_1"


def _texts(brief: Brief) -> list[str]:
    return [item.pin.quote.text if item.pin else item.text for item in brief.items]


def test_a_pin_holds_the_exact_words_and_where_they_stand(desk: Desk) -> None:
    pin = desk.pin("Data sharing did not.", value="North")
    text = desk.index.snapshot().document("roads.txt").text
    place = pin.quote.citation
    assert pin.quote.text == text[place.start : place.end] == "Data sharing did not."
    assert (place.document, place.page, pin.generation) == ("roads.txt", None, "000001")
    assert (pin.question, pin.facet_value) == ("What improved?", "North")
    assert len(pin.document_sha256) == 64


def test_words_across_passages_or_outside_the_text_cannot_be_pinned(desk: Desk) -> None:
    for span in ((0, 10_000), (5, 5), (-3, 4)):
        with pytest.raises(QueryError, match="Nothing can be quoted"):
            pin_span(desk.index.snapshot(), "roads.txt", span)
    with pytest.raises(QueryError, match="Nothing can be quoted"):
        pin_span(desk.index.snapshot(), "../roads.txt", (0, 4))


def test_rows_and_passages_are_pinned(desk: Desk) -> None:
    answer = desk.index.ask("Which reports improved road safety?")
    assert [finding.facet_value for finding in answer.findings] == ["Roads"]
    [pin] = pin_findings(desk.index.snapshot(), answer, ["Roads"])
    assert (pin.quote.text, pin.facet_value) == ("Road safety improved in the north.", "Roads")
    with pytest.raises(QueryError, match="no row 'boards'"):
        pin_findings(desk.index.snapshot(), answer, ["boards"])
    [passage] = pin_passages(desk.index.snapshot(), "board", desk.index.search("board", 1))
    assert passage.quote.citation.document == "boards.txt"


def test_items_are_put_in_order_changed_removed_and_put_back(desk: Desk) -> None:
    brief = desk.brief()
    heading, road, board = _texts(brief)
    assert _texts(brief.shifted(3, -1)) == [heading, board, road]
    assert _texts(brief.moved(1, 99)) == [road, board, heading]
    assert brief.shifted(1, -1) == brief.moved(3, 2) == brief
    gone = brief.without(2)
    assert _texts(gone) == [heading, board]
    back = gone.with_heading("Last").restored(2)
    assert _texts(back) == [heading, road, board, "Last"]
    assert back.removed == ()
    assert back.item(2).text == "First paragraph.\n\n- Second, <i>mine</i>."
    with pytest.raises(BriefError, match="no item 9"):
        brief.without(9)


def test_what_is_pinned_already_is_not_pinned_twice(desk: Desk) -> None:
    brief = desk.brief()
    again = desk.pin("Road safety improved in the north.", value="North")
    assert brief.with_pins([again]) == brief
    other = desk.pin("Road safety improved in the north.", value="South")
    assert len(brief.with_pins([other, other]).items) == 4


def test_a_note_changed_elsewhere_is_not_overwritten(desk: Desk) -> None:
    seen = desk.brief()
    elsewhere = seen.with_text(2, "Theirs.", seen.version)
    with pytest.raises(BriefError, match="it says now: Theirs"):
        elsewhere.with_text(2, "Mine.", seen.version)
    # Another's change to another item, or to the order, is in nobody's way.
    assert elsewhere.without(3).with_text(1, "Mine.", seen.version).item(1).text == "Mine."


def test_limits_are_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    brief = desk.brief()
    with pytest.raises(BriefError, match="10,000 are the most"):
        brief.with_text(2, "x" * 10_001)
    with pytest.raises(BriefError, match="The heading is empty"):
        brief.with_heading(" \n")
    monkeypatch.setattr(limits, "MOST_ITEMS", 3)
    with pytest.raises(BriefError, match="takes no more"):
        brief.with_heading("One too many")


def test_a_brief_survives_a_restart(unchanged_desk: Desk, kept_index: Location) -> None:
    file, brief = open_brief(kept_index), unchanged_desk.brief()
    assert file.read() == Brief()
    assert file.change(lambda _: brief) == open_brief(kept_index).read() == brief
    assert kept_files(kept_index).names("") == ["brief.json"]


def test_files_of_the_first_version_are_read_and_written_as_they_are(tmp_path: Path) -> None:
    brief_file, saved_file = open_brief(tmp_path / "index"), open_saved(tmp_path / "index")
    folder = tmp_path / "briefs"
    shutil.copytree(VERSION_1, folder)
    brief = brief_file.read()
    assert _texts(brief) == [
        "Road safety improved in the north.",
        "What improved",
        "The board [sic] agreed *its* funding, <b>at last</b>: =1+1.",
        "Data sharing did not.",
    ]
    road, heading, _, sharing = brief.items
    assert (road.id, road.changed, road.text) == (
        2,
        4,
        "First paragraph.\n\n- Second, <i>mine</i>.",
    )
    assert road.pin.quote.citation == Citation("roads.txt", "Roads", None, (), 7, 41, "Roads")
    assert (road.pin.facet_value, road.pin.generation) == ("North", "000001")
    assert heading.pin is None
    assert sharing.text.startswith("Half a character: \ud83d, a whole one: \U0001f600, –")
    assert (sharing.pin.lead_in, sharing.pin.reader) == (
        road.pin.quote,
        "span-reader, weights 0123abcd",
    )
    assert brief.removed == (Removed(4, Item(5, "Taken out", None, 7)),)
    assert (brief.title, brief.version, brief.next_id) == ("Roads & boards", 9, 6)

    saved = saved_file.read()
    assert [(item.filters, len(item.seen), len(item.new)) for item in saved.items] == [
        ({"document": ("roads.txt",)}, 1, 0),
        ({}, 0, 3),
    ]
    assert saved.items[0].trouble == "There is no document 'roads.txt'."
    assert saved.items[1].new[2].quote == road.pin.quote

    # Whatever is not changed is written as it was, byte for byte.
    for name, file, edit in (
        ("brief.json", brief_file, lambda now: replace(now, next_id=77)),
        ("saved.json", saved_file, lambda now: replace(now, next_id=77)),
    ):
        before = (folder / name).read_text()
        file.change(edit)
        assert (folder / name).read_text() == re.sub(r'"next_id": \d', '"next_id": 77', before)


def test_what_came_after_the_first_briefs_may_be_missing(tmp_path: Path) -> None:
    shutil.copytree(VERSION_1, tmp_path / "briefs")
    path = tmp_path / "briefs" / "brief.json"
    text = re.sub(r',\s+"reader": "[^"]*"', "", path.read_text())
    path.write_text(text.replace('"changed": 2', '"x": 1'))
    brief = open_brief(tmp_path / "index").read()
    assert {pin.reader for pin in brief.pins} == {""}
    assert brief.item(1).changed == 0


def test_two_writers_lose_nothing(kept_index: Location) -> None:
    def write(name: str) -> None:
        for number in range(20):
            heading = f"{name} {number}"
            open_brief(kept_index).change(partial(Brief.with_heading, text=heading))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    brief = open_brief(kept_index).read()
    assert sorted(_texts(brief)) == sorted(f"{name} {n}" for name in "ab" for n in range(20))
    assert [item.id for item in brief.items] == list(range(1, 41))
    assert brief.version == 40


def test_a_write_that_fails_leaves_the_brief_as_it_was(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = open_brief(desk.folder)
    before = file.change(lambda brief: brief.with_heading("Before"))

    def fail(*_: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", fail)
        with pytest.raises(BriefError, match="No space left"):
            file.change(lambda brief: brief.with_heading("After"))
    assert file.read() == before
    assert _texts(file.change(lambda brief: brief.with_heading("Then"))) == ["Before", "Then"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"title": 3}', "cannot be read"),
        (json.dumps({"format_version": 99}), "has format 99; this program reads format 1"),
    ],
)
def test_a_damaged_file_is_said_and_not_overwritten(
    tmp_path: Path, content: str, message: str
) -> None:
    kept = kept_files(tmp_path / "index")
    kept.change("brief.json", lambda _: content.encode())
    with pytest.raises(BriefError, match=message):
        open_brief(tmp_path / "index").change(lambda brief: brief.with_heading("Lost"))
    assert kept.read("brief.json") == content.encode()


def test_messages_say_what_is_damaged_and_where(kept_index: Location) -> None:
    file, kept = open_brief(kept_index, "ann"), kept_files(kept_index)
    file.change(lambda brief: brief.titled("Ann’s"))
    [name] = kept.names("brief-ann-")
    kept.change(name, lambda _: b"{")
    with pytest.raises(BriefError) as caught:
        file.read()
    if isinstance(kept_index, Path):
        assert f"{kept_index.parent / 'briefs' / name} cannot be read" in caught.value.message
        assert "Put a copy of it back" in caught.value.hint
    else:
        assert f"The brief of ann in {kept_index} cannot be read" in caught.value.message
        assert "qa_app.kept" in caught.value.hint


def test_every_user_has_a_file_of_their_own() -> None:
    names = [
        "alice",
        "Alice",
        "al/ice",
        "..",
        "../../etc/passwd",
        "a" * 300,
        "",
        "\0",
        "CON",
        "Ünö",
    ]
    files = [safe_name(name) for name in names]
    assert own_name("brief", "") != own_name("brief", "brief")
    assert len(set(files)) == len(names)
    assert all(name.isascii() and name.replace("-", "").isalnum() for name in files)
    assert max(map(len, files)) < 60
