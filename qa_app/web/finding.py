"""Words searched for inside the open source: a list of places, and steps from one to the next."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qa_app.facets import DOCUMENT_FACET
from qa_app.models import Mode, Passage, SearchResult, Sentence
from qa_app.text.wording import count
from qa_app.web.address import Address
from qa_app.web.marking import Marker
from qa_app.web.views import FindView, HitView, Link

if TYPE_CHECKING:
    from qa_app.api import Snapshot

_MOST_HITS = 100
_MOST_NEAR = 5
_LONGEST_HIT = 300


def find_view(snapshot: Snapshot, address: Address) -> FindView | None:
    """Return where the open source has the words that the address looks for, None for no words.

    Those with all of the words, in the document's order; failing that those with some of them,
    and failing that what comes nearest in meaning.
    """
    if not (address.document and address.find):
        return None
    kept = {DOCUMENT_FACET: (address.document,)}
    found = snapshot.search(address.find, _MOST_HITS, kept, Mode.LEXICAL)
    more = " or more" if len(found) == _MOST_HITS else ""
    marker = Marker(address.find, snapshot.generation.lexical.analyser)
    whole = [item for item in found if marker.shared(item.passage.text) == len(marker.terms)]
    if whole:
        more = more if len(whole) == len(found) else ""
        headline = f"{count(len(whole), 'passage')}{more} with these words"
    elif found:
        headline = f"No passage has all these words; {len(found)}{more} with some of them"
    else:
        found = snapshot.search(address.find, _MOST_NEAR, kept)
        headline = "No passage has these words; the nearest in meaning"
    return hits_view(whole or found, address, headline, marker)


def hits_view(
    found: Sequence[SearchResult], address: Address, headline: str, marker: Marker
) -> FindView:
    """Return the passages found as places to go to, in the document's order."""
    ordered = sorted((result.passage for result in found), key=lambda passage: passage.start)
    spans = [_best_sentence(passage, marker) for passage in ordered]
    hits = tuple(
        HitView(
            place=_place(passage, span[0]),
            words=marker.mark(_shortened(passage.slice(*span))),
            href=replace(address, span=span, part=0).search,
        )
        for passage, span in zip(ordered, spans, strict=True)
    )
    at = spans.index(address.span) if address.span in spans else None
    return FindView(
        headline=headline,
        hits=hits,
        back=Link("All results", replace(address, span=None, part=0).search),
        before=Link("Previous result", hits[at - 1].href) if at else None,
        after=Link("Next result", hits[at + 1].href) if at is not None and hits[at + 1 :] else None,
        position="" if at is None else f"Result {at + 1} of {len(hits)}",
    )


def _best_sentence(passage: Passage, marker: Marker) -> tuple[int, int]:
    def shared(sentence: Sentence) -> int:
        return marker.shared(passage.slice(sentence.start, sentence.end))

    best = max(passage.sentences, key=shared, default=None)  # the first of equals
    return (best.start, best.end) if best else (passage.start, passage.end)


def _place(passage: Passage, start: int) -> str:
    page = passage.page_at(start)
    heading = [heading for heading in passage.section[-1:] if heading != passage.title]
    return ", ".join([*([f"p. {page}"] if page else []), *heading])


def _shortened(text: str) -> str:
    return textwrap.shorten(text, _LONGEST_HIT, placeholder=" …")
