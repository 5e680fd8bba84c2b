"""Saved questions: only what is new is shown, and nothing that is new is lost."""

from __future__ import annotations

import pytest

from qa_app.briefs.saved import SavedQuestions, ask_again, open_saved, save_question
from qa_app.briefs.stored_file import StoredFile
from qa_app.errors import BriefError, QueryError
from qa_app.settings import Location
from support.brief_samples import Desk

QUESTION = "Which reports improved road safety?"
SOUTH = "South\n\nRoad safety improved in the south.\n"


@pytest.fixture
def saved(desk: Desk) -> StoredFile[SavedQuestions]:
    file = open_saved(desk.folder)
    save_question(file, desk.index.snapshot(), f"  {QUESTION} ")
    return file


def _news(saved: SavedQuestions) -> list[str]:
    return [pin.quote.text for item in saved.items for pin in item.new]


def test_what_a_question_finds_at_first_is_no_news(
    desk: Desk, saved: StoredFile[SavedQuestions]
) -> None:
    [item] = ask_again(saved, desk.index.snapshot()).items
    assert (item.id, item.question, item.new, item.generation) == (1, QUESTION, (), "000001")
    assert len(item.seen) == 1


def test_only_new_evidence_is_shown_and_only_until_it_was_seen(
    desk: Desk, kept_index: Location
) -> None:
    saved = open_saved(kept_index)
    save_question(saved, desk.index.snapshot(), QUESTION)
    (desk.corpus / "south.txt").write_text(SOUTH)
    desk.rebuild()
    assert saved.read().is_stale("000002")
    first = ask_again(saved, desk.index.snapshot())
    assert _news(first) == ["Road safety improved in the south."]
    assert first.with_news == first.items
    assert not first.is_stale("000002")
    assert ask_again(saved, desk.index.snapshot()) == first == saved.read()
    seen = saved.change(lambda now: now.shown({1: "000002"}))
    assert _news(seen) == _news(ask_again(saved, desk.index.snapshot())) == []


def test_news_that_came_after_it_was_shown_stays_news(
    desk: Desk, saved: StoredFile[SavedQuestions]
) -> None:
    (desk.corpus / "south.txt").write_text(SOUTH)
    desk.rebuild()
    ask_again(saved, desk.index.snapshot())
    after = saved.change(lambda now: now.shown({1: "000001"}))
    assert _news(after) == ["Road safety improved in the south."]


def test_a_report_that_moves_its_words_brings_no_news(
    desk: Desk, saved: StoredFile[SavedQuestions]
) -> None:
    roads = desk.corpus / "roads.txt"
    roads.write_text(f"Preface\n\nSome words.\n\n{roads.read_text()}")
    desk.rebuild()
    assert _news(ask_again(saved, desk.index.snapshot())) == []


def test_a_question_that_cannot_be_asked_any_more_says_why(desk: Desk) -> None:
    file = open_saved(desk.folder)
    save_question(file, desk.index.snapshot(), QUESTION, {"document": ["boards.txt"]})
    (desk.corpus / "boards.txt").unlink()
    desk.rebuild()
    [item] = ask_again(file, desk.index.snapshot()).items
    assert "boards.txt" in item.trouble
    assert item.generation == "000002"


def test_a_question_is_saved_once_and_forgotten(
    desk: Desk, saved: StoredFile[SavedQuestions]
) -> None:
    with pytest.raises(BriefError, match="saved already"):
        save_question(saved, desk.index.snapshot(), QUESTION)
    with pytest.raises(QueryError):
        save_question(saved, desk.index.snapshot(), QUESTION, {"planet": ["Mars"]})
    save_question(saved, desk.index.snapshot(), QUESTION, {"document": ["roads.txt"]})
    assert [item.id for item in saved.change(lambda now: now.without(1)).items] == [2]
    with pytest.raises(BriefError, match="no saved question 1"):
        saved.change(lambda now: now.without(1))
