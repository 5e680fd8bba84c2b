"""The brief as the page shows it, and what is known of it beside every other view."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qa_app.briefs.brief import Brief, Item, Pin
from qa_app.briefs.checking import Check, Sources, check_claims, claims_of
from qa_app.briefs.exporting import Form
from qa_app.briefs.saved import SavedQuestion, SavedQuestions
from qa_app.models import Citation, Quote
from qa_app.presentation import count
from qa_app.store.generation import Generation
from qa_app.web.address import Address
from qa_app.web.security import BRIEF_ROUTE
from qa_app.web.views import Link

_FORM_NAMES = {Form.WORD: "Word", Form.MARKDOWN: "Markdown", Form.CSV: "CSV"}


@dataclass(frozen=True, slots=True)
class ItemView:
    """A heading or a pin.

    Attributes:
        name: what it is called in the names of its buttons.
        lines: of the quote; none for a heading.
        warning: what is wrong with the quote today, or "".
    """

    id: int
    name: str
    text: str
    question: str
    value: str
    lead_in: str
    lines: tuple[str, ...]
    source: Link | None
    warning: str


@dataclass(frozen=True, slots=True)
class SavedView:
    """A saved question and its news.

    Attributes:
        line: "2 new findings", or why it could not be asked.
        news: whose the new quotes are, or where they stand, each leading to the quote.
    """

    id: int
    question: Link
    kept_to: str
    line: str
    news: tuple[Link, ...]
    generation: str


@dataclass(frozen=True, slots=True)
class BriefView:
    """The brief.

    Attributes:
        version: of the brief, for the browser to say what its writer has seen.
        undo: the item that was removed just now.
        removed: what else can be put back, the latest first.
    """

    title: str
    summary: str
    items: tuple[ItemView, ...]
    exports: tuple[Link, ...]
    saved: tuple[SavedView, ...]
    undo: ItemView | None
    removed: tuple[ItemView, ...]
    version: int
    search: str
    stamp: str


@dataclass(frozen=True, slots=True)
class NoticesView:
    """What stands above every view, and what its buttons go by.

    Attributes:
        said: what was just done; trouble: what could not be.
        note: number of the item whose note was just saved, or 0.
        pinned, saved: JSON lists of what is pinned and saved, as the buttons name it.
    """

    said: str
    trouble: str
    note: int
    version: int
    quotes: int
    pinned: str
    saved: str
    news: tuple[SavedView, ...]
    stamp: str


def pin_payload(citation: Citation, value: str = "", lead_in: Quote | None = None) -> str:
    """Return what a Pin button carries: a place, from which the server takes the words itself."""
    place = {"doc": citation.document, "at": f"{citation.start}-{citation.end}", "value": value}
    if lead_in is not None:
        place["lead"] = f"{lead_in.citation.start}-{lead_in.citation.end}"
    return json.dumps(place)


def pin_key(pin: Pin) -> str:
    """Return what tells a Pin button that its quote is in the brief."""
    place = pin.quote.citation
    return f"{place.document} {place.start}-{place.end} {pin.facet_value}"


def brief_view(
    brief: Brief,
    saved: SavedQuestions,
    generation: Generation,
    address: Address,
    stamp: str,
    undo: int = 0,
) -> BriefView:
    """Return the brief as it is shown.

    Args:
        undo: number of the item that was removed just now, or 0.
    """
    warnings = _warnings(brief, generation)
    documents = {pin.quote.citation.document for pin in brief.pins}
    gone = [_item(entry.item, address, {}) for entry in reversed(brief.removed)]
    return BriefView(
        title=brief.title,
        summary=f"{count(len(brief.pins), 'quote')} from {count(len(documents), 'report')}",
        items=tuple(_item(item, address, warnings) for item in brief.items),
        exports=tuple(Link(name, f".{BRIEF_ROUTE}.{form}") for form, name in _FORM_NAMES.items()),
        saved=tuple(_saved(item) for item in saved.items),
        undo=next((item for item in gone if item.id == undo), None),
        removed=tuple(item for item in gone if item.id != undo),
        version=brief.version,
        search=address.search,
        stamp=stamp,
    )


def notices_view(
    brief: Brief,
    saved: SavedQuestions,
    stamp: str,
    said: str = "",
    trouble: str = "",
    note: int = 0,
) -> NoticesView:
    """Return what stands above every view."""
    return NoticesView(
        said=said,
        trouble=trouble,
        note=note,
        version=brief.version,
        quotes=len(brief.pins),
        pinned=json.dumps([pin_key(pin) for pin in brief.pins]),
        saved=json.dumps([_address(item).search for item in saved.items]),
        news=tuple(_saved(item) for item in saved.with_news),
        stamp=stamp,
    )


def _item(item: Item, address: Address, warnings: Mapping[int, str]) -> ItemView:
    pin = item.pin
    if pin is None:
        return ItemView(item.id, item.text, item.text, "", "", "", (), None, "")
    place = pin.quote.citation
    return ItemView(
        id=item.id,
        name=pin.facet_value or place.label,
        text=item.text,
        question=pin.question,
        value=pin.facet_value,
        lead_in=pin.lead_in.text if pin.lead_in else "",
        lines=tuple(line.strip() for line in pin.quote.text.split("\n") if line.strip()),
        source=Link(place.label, address.citing(place).search),
        warning=warnings.get(item.id, ""),
    )


def _warnings(brief: Brief, generation: Generation) -> dict[int, str]:
    """Return for each item what its quotes' place in the index has come to, where it changed."""
    checks = iter(check_claims(claims_of(brief), Sources(generation)))
    found: dict[int, str] = {}
    for item in brief.items:
        for _ in item.pin.quotes if item.pin else ():
            if reason := _reason(next(checks)):
                found[item.id] = reason
    return found


def _reason(check: Check) -> str:
    return f"Since it was pinned: {check.reason}" if check.reason else ""


def _saved(item: SavedQuestion) -> SavedView:
    address = _address(item)
    return SavedView(
        id=item.id,
        question=Link(item.question, address.search),
        kept_to="; ".join(f"{name}: {', '.join(kept)}" for name, kept in item.filters.items()),
        line=item.trouble or (count(len(item.new), "new finding") if item.new else "Nothing new"),
        news=tuple(_news(item.new, address)),
        generation=item.generation,
    )


def _news(pins: Iterable[Pin], address: Address) -> Iterable[Link]:
    for pin in pins:
        place = pin.quote.citation
        yield Link(pin.facet_value or place.label, address.citing(place).search)


def _address(item: SavedQuestion) -> Address:
    return Address(question=item.question, filters=item.filters)
