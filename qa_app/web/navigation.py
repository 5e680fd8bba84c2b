"""The views that the left side can show: one table, which the header, the address and events read.

A new view is a member of ``address.View``, a function from a ``Visit`` to HTML, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_app.web import rendering
from qa_app.web.address import Address, View
from qa_app.web.brief_desk import brief_page
from qa_app.web.catalogue import Catalogue, home_view, source_list_view
from qa_app.web.topics import topics_view
from qa_app.web.views import NavigationLink

if TYPE_CHECKING:
    from qa_app.api import Index


@dataclass(frozen=True, slots=True)
class Visit:
    """What a view is rendered from.

    Attributes:
        address: the page's state, with no source open; its ``search`` belongs into the root
            element's ``data-search``.
        stamp: belongs into the root element's ``data-stamp``; it tells the page that this is new.
        uploads: reports may be added from the page.
        user: who is signed in, or "" where nobody has to be.
    """

    index: Index
    catalogue: Catalogue
    address: Address
    stamp: str
    uploads: bool = False
    user: str = ""


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """A view of the left side.

    Attributes:
        label: what the header calls it.
        render: returns its HTML; what it raises of our own errors becomes a calm notice.
    """

    view: View
    label: str
    render: Callable[[Visit], str]


def _home(visit: Visit) -> str:
    view = home_view(visit.catalogue, visit.address)
    return rendering.render_home(view, visit.address.search, visit.stamp)


def _brief(visit: Visit) -> str:
    return brief_page(visit.index, visit.user, visit.stamp)


def _sources(visit: Visit) -> str:
    return rendering.render_sources(source_list_view(visit.catalogue, visit.uploads), visit.stamp)


def _topics(visit: Visit) -> str:
    view = topics_view(visit.index, visit.address, visit.catalogue.facts)
    return rendering.render_topics(view, visit.address.search, visit.stamp)


# In the header's order. The first is the front page; with a question it is the answer.
VIEWS = (
    ViewEntry(View.ANSWER, "Ask", _home),
    ViewEntry(View.TOPICS, "Topics", _topics),
    ViewEntry(View.BRIEF, "Brief", _brief),
    ViewEntry(View.SOURCES, "Sources", _sources),
)


def render_view(visit: Visit) -> str:
    """Return the left side for an address without a question."""
    (entry,) = (entry for entry in VIEWS if entry.view is visit.address.view)
    return entry.render(visit)


def navigation() -> tuple[NavigationLink, ...]:
    """Return the header's links."""
    return tuple(
        NavigationLink(entry.view, entry.label, Address(view=entry.view).search) for entry in VIEWS
    )
