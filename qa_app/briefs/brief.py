"""A brief: pinned quotes and headings in an order, and every way to change it.

Nothing here touches a file. A change names its item by number, not by place, so that changes from
two windows can follow each other in any order.
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

FORMAT_VERSION = 1  # of the stored briefs and saved questions
MOST_ITEMS = 1_000  # bounds the file and the page; people collect far fewer
LONGEST_NOTE = 10_000  # characters
LONGEST_HEADING = 200  # characters; also of the title
_MOST_REMOVED = 50  # items that can be put back
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
            if (pin.quote, pin.facet_value) not in ((p.quote, p.facet_value) for p in brief.pins):
                brief = brief._with(Item(brief.next_id, note, pin))
        return brief

    def with_heading(self, text: str) -> Brief:
        """Return the brief with a heading at its end."""
        return self._with(Item(self.next_id, _checked(text, LONGEST_HEADING, "The heading")))

    def with_text(self, item_id: int, text: str, seen: int | None = None) -> Brief:
        """Return the brief with another note, or other words in a heading.

        ``BriefError`` if the item was changed since the version ``seen`` of the brief, which is
        the one that the writer had before them.
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


def pin_findings(
    snapshot: Snapshot, answer: Answer, values: Collection[str] = ()
) -> tuple[Pin, ...]:
    """Return a pin for each finding of an answer, or for those of these facet values.

    ``QueryError`` if there is no row of such a value, or no finding.
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
    """Return a pin for each quote of an answer, wherever its words stand."""
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
    """Return a pin for each ranked passage."""
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
    """Return a pin for the words at offsets ``span`` of a document, and for their lead-in."""
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
    hashes = {record.path: record.source.sha256 for record in generation.documents}
    return Pin(
        quote,
        document_sha256=hashes.get(quote.citation.document, ""),
        generation=generation.name,
        question=question,
        facet_value=facet_value or "",
        lead_in=lead_in,
        reader=str(snapshot.reader.identity) if read and snapshot.reader else "",
    )
