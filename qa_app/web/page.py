"""The handlers of the page's events, from address to HTML, and the list of the page's views.

Handlers show a ``QAAppError`` as a notice in place of the answer or the source, and don't raise it.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_app.citations import find_in_source
from qa_app.errors import IndexNotFoundError, QAAppError, QueryError
from qa_app.highlighting.copies import source_path
from qa_app.models import Answer, Citation, Document
from qa_app.web.address import Address, View, parse_address
from qa_app.web.answer_view import filter_panel, render_answer, render_home
from qa_app.web.brief_view import BriefController, render_brief
from qa_app.web.builds import Builds
from qa_app.web.catalogue import Catalogue, Visit, read_catalogue
from qa_app.web.grid_view import GridController, render_grid
from qa_app.web.lead_view import ask_address, find_rejected, following, render_like
from qa_app.web.page_images import PageImage, PageImages
from qa_app.web.rendering import render
from qa_app.web.source_view import (
    render_source,
    search_source,
    valid_span,
    wanted_page,
)
from qa_app.web.sources_view import render_sources
from qa_app.web.topics_view import render_topics

if TYPE_CHECKING:
    from qa_app.api import Index, Snapshot
    from qa_app.settings import Settings
    from qa_app.synthesis import LanguageModel

OpenIndex = Callable[[], "Index"]
_BROKEN = "Something went wrong in the program"
_LOG = "If it stays so, tell whoever runs this page: its log says what happened."


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """A view of the left side.

    Attributes:
        label: its name in the header.
        render: returns its HTML; a ``QAAppError`` that it raises is shown as a notice.
    """

    view: View
    label: str
    render: Callable[[Visit], str]

    @property
    def href(self) -> str:
        """The view's relative URL."""
        return Address(view=self.view).search or "?"


# In the header's order. The first is the front page, which shows the answer once there is a
# question. A new view needs a member of ``address.View``, a module with its template, and a line
# here.
VIEWS = (
    ViewEntry(View.ANSWER, "Ask", render_home),
    ViewEntry(View.TOPICS, "Topics", render_topics),
    ViewEntry(View.GRID, "Grid", render_grid),
    ViewEntry(View.BRIEF, "Brief", render_brief),
    ViewEntry(View.SOURCES, "Sources", render_sources),
)


class PageController:
    """Handles the page's events for one index. Safe to use from several threads.

    Args:
        index: an open index, or None if there is none yet.
        open_index: called while there is none, to pick up a first build without a restart.
        uploads: settings for the builds that follow uploads; None disables uploads.
        watch: settings for the builds that follow changes of the corpus; None for none.
        llm: writes summaries of answers; None for none.
    """

    def __init__(
        self,
        index: Index | None,
        open_index: OpenIndex | None = None,
        uploads: Settings | None = None,
        watch: Settings | None = None,
        llm: LanguageModel | None = None,
    ) -> None:
        self._index = index
        self._open_index = open_index
        self.llm = llm
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._stamps = itertools.count(1)
        self._pages = PageImages()
        self.briefs = BriefController(self.catalogue)
        self.grids = GridController(self.catalogue)
        build_from = uploads or watch
        self.builds = Builds(build_from) if build_from is not None else None
        self.takes_uploads = uploads is not None
        self.watches = watch is not None
        self.is_warm = False
        self.has_logins = False
        self.listeners: list[Callable[[Answer], None]] = []

    def told(self, answer: Answer) -> Answer:
        """Tell the listeners of an answer that was given, and return it."""
        for listener in self.listeners:
            listener(answer)
        return answer

    def header(self) -> str:
        """Return the header's HTML for the live generation."""
        try:
            catalogue = self.catalogue()
        except QAAppError:
            catalogue = None
        return render("header", catalogue=catalogue, views=VIEWS, has_logins=self.has_logins)

    def generation(self) -> str:
        """Return the name of the live generation; empty if the index cannot be opened."""
        try:
            return self.snapshot().generation.name
        except QAAppError:
            return ""

    def go(self, search: str, user: str = "") -> tuple[str, str, str]:
        """Return (question, answer HTML, source HTML) for an address and a signed-in user."""
        try:
            catalogue = self.catalogue()
        except QAAppError as exc:
            return parse_address(search).question, self._trouble(exc), ""
        address = parse_address(search, catalogue.facets)
        answer, placeholder = self._answer(catalogue, address, user)
        return address.question, answer, self._source(catalogue, address) or placeholder

    def ask(self, question: str, search: str) -> tuple[str, str]:
        """Return (answer HTML, source HTML) for a question typed here; filters are kept."""
        try:
            catalogue = self.catalogue()
        except QAAppError as exc:
            return self._trouble(exc), ""
        address = parse_address(search, catalogue.facets)
        return self._answer(catalogue, following(catalogue.snapshot, address, question.strip()))

    def open(self, search: str, preview: bool = False) -> str:
        """Return the source HTML for an address, or "" if no source is open.

        A ``preview`` is shown automatically beside an answer, not opened by the user.
        """
        try:
            catalogue = self.catalogue()
        except QAAppError as exc:
            here = parse_address(search)
            return self._notice(exc.message, exc.hint, here, search) if here.document else ""
        return self._source(catalogue, parse_address(search, catalogue.facets), preview)

    def broken(self) -> tuple[str, str]:
        """Return (answer HTML, source HTML) for when an event failed with an internal error."""
        message, hint = f"{_BROKEN}, not in your question.", f"Ask again. {_LOG}"
        return render("notice", message=message, hint=hint, stamp=self._stamp()), ""

    def broken_source(self, search: str) -> str:
        """Return the source HTML for when opening it failed with an internal error."""
        known = self._catalogue.facets if self._catalogue else ()
        title, hint = "The source could not be opened", f"{_BROKEN}. Open it once more. {_LOG}"
        return self._notice(title, hint, parse_address(search, known), search)

    def snapshot(self) -> Snapshot:
        """Return the live generation, after opening the index if it was not open.

        Raises:
            IndexNotFoundError: nothing has been built yet.
        """
        with self._lock:
            if self._index is None:
                if self._open_index is None:
                    raise IndexNotFoundError(
                        "There is no index yet.", "Build one: python build_index.py"
                    )
                self._index = self._open_index()
            return self._index.snapshot()

    def catalogue(self) -> Catalogue:
        """Return the live generation and its contents; an event reads it once, for consistency.

        Raises:
            IndexNotFoundError: nothing has been built yet.
        """
        snapshot = self.snapshot()
        with self._lock:
            if self._catalogue is None or self._catalogue.snapshot is not snapshot:
                self._catalogue = read_catalogue(snapshot)
            return self._catalogue

    def warm(self) -> None:
        """Load the models by asking an example question, so that the first user need not wait."""
        with contextlib.suppress(QAAppError):  # the user's own question will show it
            catalogue = self.catalogue()
            if self._index is not None:
                self._index.warm()
            for example in catalogue.examples[:1]:
                catalogue.snapshot.ask(example)
            self.is_warm = True

    def _answer(self, catalogue: Catalogue, address: Address, user: str = "") -> tuple[str, str]:
        """Return the left side's HTML, and for the right side a placeholder for the best quote."""
        here = address.opening("")
        visit = Visit(catalogue, here, self._stamp(), self.takes_uploads, user, self.llm)
        try:
            if address.view is View.ANSWER and address.like:
                return render_like(visit), ""
            if address.view is not View.ANSWER or not address.question:
                (entry,) = (entry for entry in VIEWS if entry.view is address.view)
                return entry.render(visit), ""
            answer = self.told(ask_address(catalogue.snapshot, address))
            rejected = find_rejected(catalogue.snapshot, address)
            html = render_answer(visit, answer, rejected)
        except QAAppError as exc:
            return self._trouble(exc, visit), ""
        if not answer.findings:
            return html, ""
        best = answer.findings[0].citation
        search = here.citing(best).search
        return html, self._notice(best.title, best.label, here, search, preview=True)

    def _source(self, catalogue: Catalogue, address: Address, preview: bool = False) -> str:
        if not address.document:
            return ""
        if address.document not in catalogue.documents:
            title = f"There is no report ‘{address.document}’"
            hint = "It may have been renamed or taken out since: Sources lists all there are."
            return self._notice(title, hint, address)
        snapshot = catalogue.snapshot
        try:
            document = snapshot.document(address.document)
            citation = _citation(snapshot, document, address)
            image = self._draw(catalogue, document, address)
            found = search_source(snapshot, address)
        except QAAppError as exc:
            return self._notice(exc.message, exc.hint, address)
        return render_source(document, address, self._stamp(), citation, image, found, preview)

    def _draw(self, catalogue: Catalogue, document: Document, address: Address) -> PageImage | None:
        page = wanted_page(document, address)
        path = source_path(catalogue.snapshot.corpus, document.path)
        if page is None or path is None:
            return None
        sha256 = catalogue.documents[document.path].source.sha256
        return self._pages.draw(path, sha256, document, page, valid_span(document, address))

    def _notice(
        self,
        title: str,
        place: str,
        here: Address,
        search: str | None = None,
        preview: bool = False,
    ) -> str:
        """Return the source pane's HTML for a source that is not loaded yet or not available."""
        return render(
            "source_notice",
            title=title,
            place=place,
            here=here,
            search=here.search if search is None else search,
            stamp=self._stamp(),
            preview=preview,
        )

    def _trouble(self, error: QAAppError, visit: Visit | None = None) -> str:
        stamp = self._stamp()
        if isinstance(error, IndexNotFoundError) and self._index is None:
            return render("setup", uploads=self.takes_uploads, watches=self.watches, stamp=stamp)
        here = visit.address if visit else Address()
        # A filter may be the cause, so the panel is shown for the user to remove it.
        is_filtered = visit is not None and here.filters and isinstance(error, QueryError)
        filters = filter_panel(visit.catalogue, here) if visit and is_filtered else None
        return render(
            "notice",
            message=error.message,
            hint=error.hint,
            stamp=stamp,
            search=here.search,
            filters=filters,
        )

    def _stamp(self) -> str:
        return str(next(self._stamps))


def _citation(snapshot: Snapshot, document: Document, address: Address) -> Citation | None:
    span = valid_span(document, address)
    if span is None:
        return None
    try:
        return find_in_source(snapshot.generation, document.path, span).citation
    except QueryError:  # the link marks words that no single citation covers
        return None
