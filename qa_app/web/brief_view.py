"""The view of the brief and the saved questions, and the handlers of its buttons."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from qa_app.briefs.brief import Brief, Pin, pin_span
from qa_app.briefs.check import check_claims, claims_of
from qa_app.briefs.export import Form, export_brief
from qa_app.briefs.saved import SavedQuestion, SavedQuestions, open_saved, save_question
from qa_app.briefs.stored_file import StoredFile, open_brief
from qa_app.errors import BriefError, IndexNotFoundError, QAAppError
from qa_app.store.protocol import Generation
from qa_app.text.wording import count, slug
from qa_app.verification import Sources
from qa_app.web.acts import Act, number_of, text_of
from qa_app.web.address import Address, View, parse_address, parse_span, write_span
from qa_app.web.catalogue import Catalogue, Visit
from qa_app.web.rendering import render
from qa_app.web.security import BRIEF_ROUTE

_FORM_NAMES = {
    Form.WORD: "Word",
    Form.MARKDOWN: "Markdown",
    Form.CSV: "CSV",
    Form.ARCHIVE: "ZIP with highlighted sources",
}
_LONGEST_NAME = 60  # characters of an exported file's name, without its ending


class BriefController:
    """Handles the brief's events. Safe to use from several threads."""

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue
        self._stamps = itertools.count(1)
        self._edits: dict[str, Callable[[Brief, Act], Brief]] = {
            "title": lambda brief, act: brief.titled(text_of(act, "text")),
            "heading": lambda brief, act: brief.with_heading(text_of(act, "text")),
            "move": lambda brief, act: brief.shifted(number_of(act, "id"), number_of(act, "by")),
            "remove": lambda brief, act: brief.without(number_of(act, "id")),
            "restore": lambda brief, act: brief.restored(number_of(act, "id")),
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

    def notices(self, user: str, said: str = "", trouble: str = "", note: int = 0) -> str:
        """Return the HTML of the notices above every view.

        Args:
            said: the result of the last act.
            trouble: an error message, or "".
            note: number of the item whose note was just edited, or 0.
        """
        brief, saved = Brief(), SavedQuestions()
        try:
            brief, saved = self._brief(user).read(), self._saved(user).read()
        except IndexNotFoundError:
            pass
        except QAAppError as exc:
            trouble = trouble or exc.full_message
        return render(
            "notices",
            said=said,
            trouble=trouble,
            note=note,
            brief=brief,
            pinned=json.dumps([pin_key(pin) for pin in brief.pins]),
            saved=json.dumps([question_address(item).search for item in saved.items]),
            news=saved.with_news,
            question_address=question_address,
            stamp=self._stamp(),
        )

    def aside(self, user: str, act: Act) -> str:
        """Run an act that leaves the left side unchanged; return the new notices."""
        note = number_of(act, "id") if act.get("do") == "note" else 0
        try:
            said = _chosen(self._asides, act)(user, act)
        except QAAppError as exc:
            return self.notices(user, trouble=exc.full_message, note=note)
        return self.notices(user, said, note=note)

    def change(self, user: str, act: Act) -> tuple[str, str]:
        """Run an act that edits the displayed brief; return its new view and the new notices."""
        trouble = ""
        try:
            trouble = self._save_notes(user, act)
            edit = _chosen(self._edits, act)
            self._brief(user).change(lambda brief: edit(brief, act))
        except QAAppError as exc:
            trouble = exc.full_message
        undo = number_of(act, "id") if act.get("do") == "remove" and not trouble else 0
        return self._page(user, undo), self.notices(user, trouble=trouble)

    def broken(self, user: str) -> str:
        """Return the notices for when an event failed with an internal error."""
        words = "Something went wrong in the program, and your last change may be lost. "
        return self.notices(user, trouble=f"{words}Load the page again to see what is kept.")

    def export(self, user: str, form: Form, made: date | None = None) -> tuple[str, bytes]:
        """Return a file name for the exported brief, and its content.

        Raises:
            BriefError: the brief cannot be read.
            IndexNotFoundError: nothing has been built yet.
        """
        snapshot = self._catalogue().snapshot
        brief = open_brief(snapshot.index, user).read()
        words = slug(brief.title, _LONGEST_NAME)
        content = export_brief(brief, snapshot.generation, form, snapshot.corpus, made)
        return f"{words or 'brief'}.{form}", content

    def _pin(self, user: str, act: Act) -> str:
        span = parse_span(text_of(act, "at"))
        if span is None:
            raise BriefError("This cannot be pinned.", "Ask again.")
        pin = pin_span(
            self._catalogue().snapshot,
            text_of(act, "doc"),
            span,
            text_of(act, "question"),
            text_of(act, "value"),
            parse_span(text_of(act, "lead")),
        )
        brief = self._brief(user).change(lambda brief: brief.with_pins([pin]))
        return f"Pinned. {count(len(brief.pins), 'quote')} in the brief."

    def _unpin(self, user: str, act: Act) -> str:
        key = f"{text_of(act, 'doc')} {text_of(act, 'at')} {text_of(act, 'value')}"

        def without(brief: Brief) -> Brief:
            for item in brief.items:
                if item.pin is not None and pin_key(item.pin) == key:
                    return brief.without(item.id)
            return brief

        self._brief(user).change(without)
        return "Taken out of the brief."

    def _note(self, user: str, act: Act) -> str:
        item_id, text, seen = number_of(act, "id"), text_of(act, "text"), number_of(act, "seen")
        self._brief(user).change(lambda brief: brief.with_text(item_id, text, seen))
        return "Saved."

    def _save_notes(self, user: str, act: Act) -> str:
        """Save the notes that the browser had not sent yet; return an error message or ""."""
        notes = act.get("notes")
        try:
            for note in notes if isinstance(notes, list) else ():
                if isinstance(note, dict):
                    self._note(user, note)
        except QAAppError as exc:
            return exc.full_message
        return ""

    def _save(self, user: str, act: Act) -> str:
        catalogue = self._catalogue()
        address = parse_address(text_of(act, "search"), catalogue.facets)
        save_question(self._saved(user), catalogue.snapshot, address.question, address.filters)
        return "Saved. It is asked again after each build; the brief lists it."

    def _forget(self, user: str, act: Act) -> str:
        number = number_of(act, "id")
        self._saved(user).change(lambda saved: saved.without(number))
        return "Forgotten."

    def _shown(self, user: str, act: Act) -> str:
        generations = {number_of(act, "id"): text_of(act, "generation")}
        self._saved(user).change(lambda saved: saved.shown(generations))
        return ""

    def _page(self, user: str, undo: int) -> str:
        stamp = self._stamp()
        try:
            here = Address(view=View.BRIEF)
            return render_brief(Visit(self._catalogue(), here, stamp, user=user), undo)
        except QAAppError as exc:
            return render("notice", message=exc.message, hint=exc.hint, stamp=stamp)

    def _brief(self, user: str) -> StoredFile[Brief]:
        return open_brief(self._catalogue().snapshot.index, user)

    def _saved(self, user: str) -> StoredFile[SavedQuestions]:
        return open_saved(self._catalogue().snapshot.index, user)

    def _stamp(self) -> str:
        # The prefix keeps it different from PageController's stamps, used by the same elements.
        return f"brief-{next(self._stamps)}"


def render_brief(visit: Visit, undo: int = 0) -> str:
    """Return the HTML of the visit's user's brief.

    Args:
        visit: the user and the generation to show.
        undo: number of the item that was just removed, or 0.

    Raises:
        BriefError: the brief cannot be read.
    """
    snapshot = visit.catalogue.snapshot
    brief = open_brief(snapshot.index, visit.user).read()
    return render(
        "brief",
        here=Address(view=View.BRIEF),
        stamp=visit.stamp,
        brief=brief,
        saved=open_saved(snapshot.index, visit.user).read().items,
        warnings=warnings_of(brief, snapshot.generation),
        undo=undo,
        num_reports=len({pin.quote.citation.document for pin in brief.pins}),
        question_address=question_address,
        forms=_FORM_NAMES,
        route=BRIEF_ROUTE,
    )


def pin_key(pin: Pin) -> str:
    """Return the key by which a Pin button recognises that its quote is in the brief."""
    place = pin.quote.citation
    return f"{place.document} {write_span(place.start, place.end)} {pin.facet_value}"


def warnings_of(brief: Brief, generation: Generation) -> dict[int, str]:
    """Return item ids to a warning, for items with a quote that moved, changed or is gone.

    An item with several such quotes has the warning of the last.
    """
    checks = iter(check_claims(claims_of(brief), Sources(generation)))
    found: dict[int, str] = {}
    for item in brief.items:
        for _ in item.pin.quotes if item.pin else ():
            if reason := next(checks).reason:
                found[item.id] = f"Since it was pinned: {reason}"
    return found


def question_address(item: SavedQuestion) -> Address:
    """Return the address that asks a saved question."""
    return Address(question=item.question, filters=item.filters)


def _chosen(table: Mapping[str, Any], act: Act) -> Any:
    name = text_of(act, "do")
    if name not in table:
        raise BriefError("The page asked for something unknown.", "Load the page again.")
    return table[name]
