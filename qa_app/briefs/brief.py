"""A brief: pinned quotes and headings in an order, and every way to change it.

Nothing here touches a file. A change names what it changes by its number, never by its place, so
that changes from two windows can follow each other in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from qa_app.errors import BriefError
from qa_app.models import Quote

FORMAT_VERSION = 1
MOST_ITEMS = 1_000
LONGEST_NOTE = 10_000
LONGEST_HEADING = 200
_MOST_REMOVED = 50
_LIST_HINT = "Look up the numbers: qa-app brief list"


@dataclass(frozen=True, slots=True)
class Pin:
    """Words of a report as they were pinned.

    Attributes:
        document_sha256: of the source file when the words were pinned.
        generation: of the index that they were pinned from.
        question: what they were found by, or "".
        facet_value: whom they are about, or "".
        lead_in: the line that introduces a quoted bullet, where it needs one.
        reader: what found the answering words, and its weights, or "".
    """

    quote: Quote
    document_sha256: str
    generation: str
    question: str = ""
    facet_value: str = ""
    lead_in: Quote | None = None
    reader: str = ""

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """Every exact quote in it, in reading order."""
        return (self.lead_in, self.quote) if self.lead_in else (self.quote,)

    @property
    def about(self) -> str:
        """Whom the quote is about, else where it stands."""
        return self.facet_value or self.quote.citation.label

    def is_same(self, other: Pin) -> bool:
        """Tell whether both hold the same words, about the same value."""
        return self.quote == other.quote and self.facet_value == other.facet_value


@dataclass(frozen=True, slots=True)
class Item:
    """A heading, or a pin with its note.

    Attributes:
        id: a number that is never given twice in a brief.
        text: the heading's words, or the note.
        changed: version of the brief that last changed the text.
    """

    id: int
    text: str = ""
    pin: Pin | None = None
    changed: int = 0

    @property
    def name(self) -> str:
        """What it is called where its buttons are named."""
        return self.pin.about if self.pin else self.text


@dataclass(frozen=True, slots=True)
class Removed:
    """An item that was taken out, and the place (from 0) that it had."""

    position: int
    item: Item


@dataclass(frozen=True, slots=True)
class Brief:
    """An ordered list of headings and pins.

    Attributes:
        version: goes up by one with every change.
        removed: what was taken out and can be put back, the latest last.
    """

    title: str = "Brief"
    items: tuple[Item, ...] = ()
    removed: tuple[Removed, ...] = ()
    version: int = 0
    next_id: int = 1
    format_version: int = FORMAT_VERSION

    @property
    def pins(self) -> tuple[Pin, ...]:
        """Every pin, in order."""
        return tuple(item.pin for item in self.items if item.pin is not None)

    def item(self, item_id: int) -> Item:
        """Return the item with this number; ``BriefError`` if there is none."""
        return self.items[self._position(item_id)]

    def titled(self, title: str) -> Brief:
        """Return the brief under another title."""
        return self._next(title=_checked(title, LONGEST_HEADING, "The title"))

    def with_pins(self, pins: Iterable[Pin], note: str = "") -> Brief:
        """Return the brief with more pins at its end; what is pinned already stays as it is."""
        note = _checked(note, LONGEST_NOTE, "The note", empty=True)
        brief = self
        for pin in pins:
            if not any(pin.is_same(other) for other in brief.pins):
                brief = brief._with(Item(brief.next_id, note, pin))
        return brief

    def with_heading(self, text: str) -> Brief:
        """Return the brief with a heading at its end."""
        return self._with(Item(self.next_id, _checked(text, LONGEST_HEADING, "The heading")))

    def with_text(self, item_id: int, text: str, seen: int | None = None) -> Brief:
        """Return the brief with another note, or other words in a heading.

        Args:
            item_id: number of the item.
            text: what it says from now on.
            seen: version of the brief that the writer had before them.

        Raises:
            BriefError: there is no such item, or it was changed since that version.
        """
        item = self.item(item_id)
        if item.pin is None:
            text = _checked(text, LONGEST_HEADING, "The heading")
        else:
            text = _checked(text, LONGEST_NOTE, "The note", empty=True)
        if text == item.text:
            return self
        if seen is not None and item.changed > seen:
            raise BriefError(
                f"This was changed elsewhere meanwhile; it says now: {item.text or '(nothing)'}",
                "Load the brief again, then put your words in.",
            )
        changed = replace(item, text=text, changed=self.version + 1)
        return self._next(
            items=tuple(changed if other.id == item_id else other for other in self.items)
        )

    def moved(self, item_id: int, position: int) -> Brief:
        """Return the brief with an item at another place, from 0; beyond the end is the end."""
        item = self.item(item_id)
        others = [other for other in self.items if other.id != item_id]
        others.insert(max(0, position), item)
        return self if tuple(others) == self.items else self._next(items=tuple(others))

    def shifted(self, item_id: int, by: int) -> Brief:
        """Return the brief with an item moved up (under 0) or down by some places."""
        return self.moved(item_id, max(0, self._position(item_id) + by))

    def without(self, item_id: int) -> Brief:
        """Return the brief without an item, which can be put back."""
        position = self._position(item_id)
        gone = Removed(position, self.items[position])
        return self._next(
            items=self.items[:position] + self.items[position + 1 :],
            removed=(*self.removed, gone)[-_MOST_REMOVED:],
        )

    def restored(self, item_id: int) -> Brief:
        """Return the brief with a removed item back where it was."""
        for gone in self.removed:
            if gone.item.id == item_id:
                items = [*self.items]
                items.insert(gone.position, gone.item)
                removed = tuple(other for other in self.removed if other != gone)
                return self._next(items=tuple(items), removed=removed)
        raise BriefError(f"There is no removed item {item_id} in the brief.", _LIST_HINT)

    def _with(self, item: Item) -> Brief:
        if len(self.items) >= MOST_ITEMS:
            raise BriefError(
                f"The brief has {MOST_ITEMS:,} items, and takes no more.",
                "Export it and remove some: qa-app brief remove NUMBER",
            )
        item = replace(item, changed=self.version + 1)
        return self._next(items=(*self.items, item), next_id=item.id + 1)

    def _next(self, **changes: Any) -> Brief:
        return replace(self, version=self.version + 1, **changes)

    def _position(self, item_id: int) -> int:
        for position, item in enumerate(self.items):
            if item.id == item_id:
                return position
        raise BriefError(f"There is no item {item_id} in the brief.", _LIST_HINT)


def _checked(text: str, longest: int, name: str, empty: bool = False) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text and not empty:
        raise BriefError(f"{name} is empty.", "Give it some words.")
    if len(text) > longest:
        raise BriefError(
            f"{name} has {len(text):,} characters; {longest:,} are the most.", "Shorten it."
        )
    return text
