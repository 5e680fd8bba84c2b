"""What the page's buttons do to the brief and the saved questions.

An act comes from the browser as a mapping; every word of it is checked before it is used.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from qa_app.briefs.brief import Brief, pin_span
from qa_app.briefs.export import Form, export_brief
from qa_app.briefs.saved import SavedQuestions, open_saved, save_question
from qa_app.briefs.stored_file import StoredFile, open_brief
from qa_app.errors import BriefError, IndexNotFoundError, QAAppError
from qa_app.text.wording import count
from qa_app.web.address import parse_address, parse_span
from qa_app.web.brief_view import (
    BriefView,
    pin_key,
    question_address,
    saved_view,
    warnings_of,
)
from qa_app.web.rendering import Template, render, render_notice
from qa_app.web.security import BRIEF_ROUTE

if TYPE_CHECKING:
    from qa_app.api import Snapshot
    from qa_app.web.events import Desk

Act = Mapping[str, Any]
_FORM_NAMES = {Form.WORD: "Word", Form.MARKDOWN: "Markdown", Form.CSV: "CSV"}


class BriefDesk:
    """The brief's events over a desk. Safe to use from several threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stamps = itertools.count(1)
        self._edits: dict[str, Callable[[Brief, Act], Brief]] = {
            "title": lambda brief, act: brief.titled(_text(act, "text")),
            "heading": lambda brief, act: brief.with_heading(_text(act, "text")),
            "move": lambda brief, act: brief.shifted(_number(act, "id"), _number(act, "by")),
            "remove": lambda brief, act: brief.without(_number(act, "id")),
            "restore": lambda brief, act: brief.restored(_number(act, "id")),
        }
        self._asides: dict[str, Callable[[str, Act], str]] = {
            "pin": self._pin,
            "unpin": self._unpin,
            "note": self._note,
            "save": self._save,
            "forget": self._forget,
            "shown": self._shown,
            "look": lambda _user, _act: "",
        }

    def notices(self, user: str) -> str:
        """Return what stands above every view."""
        return self._notices(user)

    def aside(self, user: str, act: Act) -> str:
        """Do what leaves the left side as it is; return what stands above it then."""
        note = _number(act, "id") if act.get("do") == "note" else 0
        try:
            said = self._chosen(self._asides, act)(user, act)
        except QAAppError as exc:
            return self._notices(user, trouble=_words(exc), note=note)
        return self._notices(user, said, note=note)

    def change(self, user: str, act: Act) -> tuple[str, str]:
        """Change the brief that is shown; return it anew, and what stands above it."""
        trouble = ""
        try:
            trouble = self._save_notes(user, act)
            edit = self._chosen(self._edits, act)
            self._brief(user).change(lambda brief: edit(brief, act))
        except QAAppError as exc:
            trouble = _words(exc)
        undo = _number(act, "id") if act.get("do") == "remove" and not trouble else 0
        return self._page(user, undo), self._notices(user, trouble=trouble)

    def broken(self, user: str) -> str:
        """Return what stands above every view when an event broke off."""
        words = "Something went wrong in the program, and your last change may be lost. "
        return self._notices(user, trouble=f"{words}Load the page again to see what is kept.")

    def export(self, user: str, form: Form, made: date | None = None) -> tuple[str, bytes]:
        """Return a name for the exported brief, and its bytes."""
        snapshot = self._desk.snapshot()
        brief = self._brief(user).read()
        words = re.sub(r"[^a-z0-9]+", "-", brief.title.lower()).strip("-")[:60]
        content = export_brief(brief, snapshot.generation, form, snapshot.corpus, made)
        return f"{words or 'brief'}.{form}", content

    def _pin(self, user: str, act: Act) -> str:
        span = parse_span(_text(act, "at"))
        if span is None:
            raise BriefError("This cannot be pinned.", "Ask again.")
        pin = pin_span(
            self._desk.snapshot(),
            _text(act, "doc"),
            span,
            _text(act, "question"),
            _text(act, "value"),
            parse_span(_text(act, "lead")),
        )
        brief = self._brief(user).change(lambda brief: brief.with_pins([pin]))
        return f"Pinned. {count(len(brief.pins), 'quote')} in the brief."

    def _unpin(self, user: str, act: Act) -> str:
        key = f"{_text(act, 'doc')} {_text(act, 'at')} {_text(act, 'value')}"

        def without(brief: Brief) -> Brief:
            for item in brief.items:
                if item.pin is not None and pin_key(item.pin) == key:
                    return brief.without(item.id)
            return brief

        self._brief(user).change(without)
        return "Taken out of the brief."

    def _note(self, user: str, act: Act) -> str:
        item_id, text, seen = _number(act, "id"), _text(act, "text"), _number(act, "seen")
        self._brief(user).change(lambda brief: brief.with_text(item_id, text, seen))
        return "Saved."

    def _save_notes(self, user: str, act: Act) -> str:
        """Save the notes that are still on their way; return what went wrong."""
        notes = act.get("notes")
        try:
            for note in notes if isinstance(notes, list) else ():
                if isinstance(note, dict):
                    self._note(user, note)
        except BriefError as exc:
            return _words(exc)
        return ""

    def _save(self, user: str, act: Act) -> str:
        snapshot = self._desk.snapshot()
        address = parse_address(_text(act, "search"), self._desk.catalogue(snapshot).facets)
        save_question(self._saved(user), snapshot, address.question, address.filters)
        return "Saved. It is asked again after each build; the brief lists it."

    def _forget(self, user: str, act: Act) -> str:
        number = _number(act, "id")
        self._saved(user).change(lambda saved: saved.without(number))
        return "Forgotten."

    def _shown(self, user: str, act: Act) -> str:
        generations = {_number(act, "id"): _text(act, "generation")}
        self._saved(user).change(lambda saved: saved.shown(generations))
        return ""

    def _page(self, user: str, undo: int) -> str:
        try:
            return brief_page(self._desk.snapshot(), user, self._stamp(), undo)
        except QAAppError as exc:
            return render_notice(exc.message, exc.hint, self._stamp())

    def _notices(self, user: str, said: str = "", trouble: str = "", note: int = 0) -> str:
        brief, saved = Brief(), SavedQuestions()
        try:
            brief, saved = self._brief(user).read(), self._saved(user).read()
        except IndexNotFoundError:
            pass
        except QAAppError as exc:
            trouble = trouble or _words(exc)
        return render(
            Template.NOTICES,
            said=said,
            trouble=trouble,
            note=note,
            brief=brief,
            pinned=json.dumps([pin_key(pin) for pin in brief.pins]),
            saved=json.dumps([question_address(item).search for item in saved.items]),
            news=[saved_view(item) for item in saved.with_news],
            stamp=self._stamp(),
        )

    def _brief(self, user: str) -> StoredFile[Brief]:
        return open_brief(self._desk.index().path, user)

    def _saved(self, user: str) -> StoredFile[SavedQuestions]:
        return open_saved(self._desk.index().path, user)

    def _stamp(self) -> str:
        # Unlike any of the desk's own, which show in the same places.
        return f"brief-{next(self._stamps)}"

    def _chosen(self, table: Mapping[str, Any], act: Act) -> Any:
        name = _text(act, "do")
        if name not in table:
            raise BriefError("The page asked for something unknown.", "Load the page again.")
        return table[name]


def brief_page(snapshot: Snapshot, user: str, stamp: str, undo: int = 0) -> str:
    """Return a user's brief as the left side shows it.

    Args:
        undo: number of the item that was removed just now, or 0.

    Raises:
        BriefError: it cannot be read.
    """
    brief = open_brief(snapshot.index, user).read()
    saved = tuple(saved_view(item) for item in open_saved(snapshot.index, user).read().items)
    warnings = warnings_of(brief, snapshot.generation)
    view = BriefView(brief, saved, warnings, undo, stamp)
    return render(Template.BRIEF, view=view, forms=_FORM_NAMES, route=BRIEF_ROUTE)


def _text(act: Act, name: str) -> str:
    value = act.get(name, "")
    return value if isinstance(value, str) else ""


def _number(act: Act, name: str) -> int:
    value = act.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _words(error: QAAppError) -> str:
    return f"{error.message} {error.hint}".strip()
