"""The views that the left side can show: one table, which the header, the address and events read.

A new view is a member of ``address.View``, a function from a ``Visit`` to HTML, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_app.web.address import Address, View
from qa_app.web.brief_desk import brief_page
from qa_app.web.catalogue import Catalogue, panel, source_list_view
from qa_app.web.rendering import Template, render
from qa_app.web.topics import topics_view
from qa_app.web.views import Link

if TYPE_CHECKING:
    from qa_app.api import Snapshot


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

    snapshot: Snapshot
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

    @property
    def href(self) -> str:
        """The view's address."""
        return Address(view=self.view).search or "?"


def _home(visit: Visit) -> str:
    examples = (Link(text, visit.address.asking(text).search) for text in visit.catalogue.examples)
    return render(
        Template.HOME,
        examples=tuple(examples),
        filters=panel(visit.catalogue, visit.address),
        search=visit.address.search,
        stamp=visit.stamp,
    )


def _brief(visit: Visit) -> str:
    return brief_page(visit.snapshot, visit.user, visit.stamp)


def _sources(visit: Visit) -> str:
    view = source_list_view(visit.catalogue, visit.uploads)
    return render(Template.SOURCES, view=view, stamp=visit.stamp)


def _topics(visit: Visit) -> str:
    view = topics_view(visit.snapshot, visit.address, visit.catalogue.facts)
    return render(Template.TOPICS, view=view, search=visit.address.search, stamp=visit.stamp)


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
