"""The brief as the page shows it, and what is known of it beside every other view."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from qa_app.briefs.brief import Brief, Item, Pin
from qa_app.briefs.check import check_claims, claims_of
from qa_app.briefs.saved import SavedQuestion
from qa_app.models import Citation, Quote
from qa_app.store.generation import Generation
from qa_app.text.wording import count
from qa_app.verification import Sources
from qa_app.web.address import Address, View
from qa_app.web.views import Link

_HERE = Address(view=View.BRIEF)


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
        warnings: number of an item to what is wrong with its quote today.
        undo: number of the item that was removed just now, or 0.
    """

    brief: Brief
    saved: tuple[SavedView, ...]
    warnings: Mapping[int, str]
    undo: int
    stamp: str

    @property
    def search(self) -> str:
        """The address of the view."""
        return _HERE.search

    @property
    def summary(self) -> str:
        """How much there is in it."""
        documents = {pin.quote.citation.document for pin in self.brief.pins}
        quotes = count(len(self.brief.pins), "quote")
        return f"{quotes} from {count(len(documents), 'report')}"

    @property
    def removed(self) -> tuple[Item, ...]:
        """What can be put back, the latest first."""
        return tuple(gone.item for gone in reversed(self.brief.removed))

    def href(self, pin: Pin) -> str:
        """Return the address that shows a quote in its source."""
        return _HERE.citing(pin.quote.citation).search


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


def warnings_of(brief: Brief, generation: Generation) -> dict[int, str]:
    """Return for each item what its quotes' place in the index has come to, where it changed."""
    checks = iter(check_claims(claims_of(brief), Sources(generation)))
    found: dict[int, str] = {}
    for item in brief.items:
        for _ in item.pin.quotes if item.pin else ():
            if reason := next(checks).reason:
                found[item.id] = f"Since it was pinned: {reason}"
    return found


def saved_view(item: SavedQuestion) -> SavedView:
    """Return a saved question as it is shown."""
    address = question_address(item)
    return SavedView(
        id=item.id,
        question=Link(item.question, address.search),
        kept_to="; ".join(f"{name}: {', '.join(kept)}" for name, kept in item.filters.items()),
        line=item.trouble or (count(len(item.new), "new finding") if item.new else "Nothing new"),
        news=tuple(Link(pin.about, address.citing(pin.quote.citation).search) for pin in item.new),
        generation=item.generation,
    )


def question_address(item: SavedQuestion) -> Address:
    """Return where the page asks a saved question."""
    return Address(question=item.question, filters=item.filters)
