"""Following a lead: passages like a quote, answers without rejected quotes, follow-up questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_app.errors import QueryError
from qa_app.models import Answer, Place, Quote
from qa_app.web.address import Address
from qa_app.web.answer_view import filter_panel, passage_lines, passage_scores
from qa_app.web.catalogue import Visit
from qa_app.web.rendering import Marker, render

if TYPE_CHECKING:
    from qa_app.api import Snapshot


@dataclass(frozen=True, slots=True)
class Rejected:
    """A place that the user rejected, and what stands there; None if it is no longer there."""

    place: Place
    quote: Quote | None


def following(snapshot: Snapshot, here: Address, question: str) -> Address:
    """Return the address of a question typed at ``here``: a follow-up keeps the question before."""
    address = here.asking(question)
    before = snapshot.follow_up(here.question, here.after, here.filters)
    last, filters = (before.question, before.filters) if before else (here.question, here.filters)
    reading = snapshot.follow_up(question, last, filters)
    return address.but(after=last, filters=reading.filters) if reading else address


def ask_address(snapshot: Snapshot, address: Address) -> Answer:
    """Return the answer to an address's question; rejected places that are gone are passed over."""
    rejecting = [item.place for item in find_rejected(snapshot, address) if item.quote]
    return snapshot.ask(
        address.question, filters=address.filters, rejecting=rejecting, after=address.after
    )


def find_rejected(snapshot: Snapshot, address: Address) -> tuple[Rejected, ...]:
    """Return what an address rejects, in its order."""
    return tuple(Rejected(place, _quote(snapshot, place)) for place in address.rejected)


def _quote(snapshot: Snapshot, place: Place) -> Quote | None:
    try:
        return snapshot.quote(place)
    except QueryError:  # the reports were indexed anew since
        return None


def render_like(visit: Visit) -> str:
    """Return the HTML of the passages like the address's quote; without a quote, of a notice."""
    snapshot, here = visit.catalogue.snapshot, visit.address
    if here.like is None:
        raise ValueError("the address names no quote")
    seed = _quote(snapshot, here.like)
    results = snapshot.search_like(here.like, filters=here.filters) if seed else ()
    return render(
        "like",
        here=here,
        stamp=visit.stamp,
        seed=seed,
        results=results,
        facts=visit.catalogue.facts,
        filters=filter_panel(visit.catalogue, here),
        marker=Marker(seed.text if seed else "", snapshot.generation.lexical.analyser),
        passage_lines=passage_lines,
        passage_scores=passage_scores,
    )
