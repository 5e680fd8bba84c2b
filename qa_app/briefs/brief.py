"""A brief, an ordered list of pinned quotes and headings, and the operations that change it.

Briefs are immutable, and nothing here reads or writes files. A change names its item by id, not by
position, so that changes from two windows may arrive in any order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qa_app.citations import find_in_source
from qa_app.errors import BriefError, QueryError
from qa_app.models import Answer, Quote, SearchResult

if TYPE_CHECKING:
    from qa_app.api import Snapshot

FORMAT_VERSION = 1  # of the files of briefs and saved questions; readers refuse higher ones
MOST_ITEMS = 1_000  # limits the size of the file and the page; users collect far fewer
LONGEST_NOTE = 10_000  # characters; limits the size of the file
LONGEST_HEADING = 200  # characters, also of the title; keeps them to a line or two
_MOST_REMOVED = 50  # removed items kept for restoring; limits the size of the file
_LIST_HINT = "Look up the numbers: qa-app brief list"


@dataclass(frozen=True, slots=True)
class Pin:
    """A quote from a report, with where and how it was found.

    Attributes:
        document_sha256: of the source file at the time of pinning; "" if it is unknown.
        generation: name of the index generation that the quote was pinned from.
        question: the question or search that found it, or "".
        facet_value: the facet value that the quote is about, or "".
        lead_in: the line that introduces a quoted bullet, where it needs one.
        reader: identity of the reader model that selected the words, or "".
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
        """The lead-in, if any, and the quote, in reading order."""
        return (self.lead_in, self.quote) if self.lead_in else (self.quote,)

    @property
    def about(self) -> str:
        """The facet value that the quote is about, else its citation's label."""
        return self.facet_value or self.quote.citation.label


@dataclass(frozen=True, slots=True)
class Item:
    """A heading, or a pin with its note.

    Attributes:
        id: unique in the brief, never reused.
        text: the heading, or the note on the pin.
        changed: version of the brief in which the text last changed.
    """

    id: int
    text: str = ""
    pin: Pin | None = None
    changed: int = 0

    @property
    def name(self) -> str:
        """The name of the item in the labels of its buttons."""
        return self.pin.about if self.pin else self.text


@dataclass(frozen=True, slots=True)
class Removed:
    """A removed item and the position, from 0, that it had."""

    position: int
    item: Item


@dataclass(frozen=True, slots=True)
class Brief:
    """An ordered list of headings and pins.

    Attributes:
        removed: removed items that can be restored, the latest last; at most 50.
        version: increases by one with every change.
    """

    title: str = "Brief"
    items: tuple[Item, ...] = ()
    removed: tuple[Removed, ...] = ()
    version: int = 0
    next_id: int = 1
    format_version: int = FORMAT_VERSION

    @property
    def pins(self) -> tuple[Pin, ...]:
        """All pins, in order."""
        return tuple(item.pin for item in self.items if item.pin is not None)

    def item(self, item_id: int) -> Item:
        """Return the item with this id; ``BriefError`` if there is none."""
        return self.items[self._position(item_id)]

    def titled(self, title: str) -> Brief:
        """Return the brief with another title; ``BriefError`` if it is empty or too long."""
        return self._next(title=_checked(title, LONGEST_HEADING, "The title"))

    def with_pins(self, pins: Iterable[Pin], note: str = "") -> Brief:
        """Return the brief with pins added at its end, each with the note.

        A pin whose quote and facet value are in the brief already is skipped. ``BriefError`` if the
        note is too long or the brief is full.
        """
        note = _checked(note, LONGEST_NOTE, "The note", empty=True)
        brief = self
        for pin in pins:
            if (pin.quote, pin.facet_value) not in ((p.quote, p.facet_value) for p in brief.pins):
                brief = brief._with(Item(brief.next_id, note, pin))
        return brief

    def with_heading(self, text: str) -> Brief:
        """Return the brief with a heading added at its end.

        ``BriefError`` if the heading is empty or too long, or the brief is full.
        """
        return self._with(Item(self.next_id, _checked(text, LONGEST_HEADING, "The heading")))

    def with_text(self, item_id: int, text: str, seen: int | None = None) -> Brief:
        """Return the brief with another text for an item: a pin's note, or a heading.

        ``seen`` is the version of the brief that the user edited. ``BriefError`` if the item has
        changed since then, or if the text is too long, or is an empty heading.
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
        items = (changed if other.id == item_id else other for other in self.items)
        return self._next(items=tuple(items))

    def moved(self, item_id: int, position: int) -> Brief:
        """Return the brief with an item at another position, from 0; limited to the list's ends."""
        item = self.item(item_id)
        others = [other for other in self.items if other.id != item_id]
        others.insert(max(0, position), item)
        return self if tuple(others) == self.items else self._next(items=tuple(others))

    def shifted(self, item_id: int, by: int) -> Brief:
        """Return the brief with an item moved down by ``by`` positions, or up if negative."""
        return self.moved(item_id, max(0, self._position(item_id) + by))

    def without(self, item_id: int) -> Brief:
        """Return the brief without an item, which can be restored."""
        position = self._position(item_id)
        gone = Removed(position, self.items[position])
        return self._next(
            items=self.items[:position] + self.items[position + 1 :],
            removed=(*self.removed, gone)[-_MOST_REMOVED:],
        )

    def restored(self, item_id: int) -> Brief:
        """Return the brief with a removed item at its former position.

        ``BriefError`` if no removed item has this id.
        """
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


def pin_findings(
    snapshot: Snapshot, answer: Answer, values: Collection[str] = ()
) -> tuple[Pin, ...]:
    """Return a pin for each finding of an answer, or only for those with these facet values.

    ``QueryError`` if there are no findings, or none with one of the values.
    """
    rows = {finding.facet_value or "" for finding in answer.findings}
    if unknown := [value for value in values if value not in rows]:
        known = ", ".join(sorted(rows)) if any(rows) else "the answer has none"
        raise QueryError(f"The answer has no row {unknown[0]!r}.", f"Rows: {known}.")
    if not answer.findings:
        raise QueryError(
            "The reports do not say, so there is nothing to pin.",
            "Pin a passage: qa-app brief add QUERY --passage 1",
        )
    question, read = answer.question, bool(answer.reader)
    return tuple(
        _pin(snapshot, Quote(row.quote, row.citation), question, row.facet_value, row.lead_in, read)
        for row in answer.findings
        if not values or row.facet_value in values
    )


def pin_everything(snapshot: Snapshot, answer: Answer) -> tuple[Pin, ...]:
    """Return a pin for each quote of an answer, including further quotes and repeated places."""
    question, read = answer.question, bool(answer.reader)
    return tuple(
        _pin(snapshot, Quote(other.quote, place), question, row.facet_value, None, read)
        for row in answer.findings
        for other in (row, *row.others)
        for place in (other.citation, *other.also_in)
    )


def pin_passages(
    snapshot: Snapshot, query: str, results: Sequence[SearchResult]
) -> tuple[Pin, ...]:
    """Return a pin for the full text of each ranked passage."""
    quotes = [Quote(result.passage.text, result.citation) for result in results]
    return tuple(_pin(snapshot, quote, query) for quote in quotes)


def pin_span(
    snapshot: Snapshot,
    document: str,
    span: tuple[int, int],
    question: str = "",
    facet_value: str = "",
    lead_in: tuple[int, int] | None = None,
) -> Pin:
    """Return a pin for the text at the character offsets ``span`` of a document.

    ``lead_in`` is the span of the line that introduces it. ``QueryError`` if there is no such
    document, or a span is not within one passage, or one list that spans several.
    """
    introduction = find_in_source(snapshot.generation, document, lead_in) if lead_in else None
    quote = find_in_source(snapshot.generation, document, span)
    return _pin(snapshot, quote, question, facet_value, introduction, bool(question))


def _pin(
    snapshot: Snapshot,
    quote: Quote,
    question: str,
    facet_value: str | None = None,
    lead_in: Quote | None = None,
    read: bool = False,
) -> Pin:
    generation = snapshot.generation
    return Pin(
        quote,
        document_sha256=generation.document_sha256(quote.citation.document),
        generation=generation.name,
        question=question,
        facet_value=facet_value or "",
        lead_in=lead_in,
        reader=str(snapshot.reader.identity) if read and snapshot.reader else "",
    )
