"""What each event of the page does: the address in, HTML out.

Nothing raises here that a user could cause: an error of ours becomes a calm notice in the place
where the answer or the source would be.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from qa_app.citations import find_in_source
from qa_app.errors import IndexNotFoundError, QAAppError, QueryError
from qa_app.facets import Facets
from qa_app.models import Answer, Citation, Document
from qa_app.output.messages import unknown_text
from qa_app.web.address import Address, View, parse_address
from qa_app.web.builds import Builds
from qa_app.web.catalogue import Catalogue, header_view, panel, read_catalogue
from qa_app.web.finding import find_view
from qa_app.web.handlers import answer_view
from qa_app.web.navigation import VIEWS, Visit, render_view
from qa_app.web.originals import source_path
from qa_app.web.page_images import PageImage, PageImages
from qa_app.web.rendering import Template, render, render_notice
from qa_app.web.source import source_view, valid_span, wanted_page
from qa_app.web.views import HeaderView, SourceView

if TYPE_CHECKING:
    from qa_app.api import Index, Snapshot
    from qa_app.settings import Settings

OpenIndex = Callable[[], "Index"]
_BROKEN = "Something went wrong in the program"
_LOG = "If it stays so, tell whoever runs this page: its log says what happened."


class Desk:
    """The page's events over one index. Safe to use from several threads.

    Args:
        index: an open index, or None while there is none.
        open_index: called while there is none, so that a first build is seen without a restart.
        uploads: with what to build when reports are added from the page; None to take none.
    """

    def __init__(
        self,
        index: Index | None,
        open_index: OpenIndex | None = None,
        uploads: Settings | None = None,
    ) -> None:
        self._index = index
        self._open_index = open_index
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._stamps = itertools.count(1)
        self._pages = PageImages()
        self.builds = Builds(uploads) if uploads is not None else None

    def header(self) -> str:
        """Return the line at the top, as the live generation has it."""
        try:
            return render(
                Template.HEADER, view=header_view(self.catalogue(self.snapshot())), views=VIEWS
            )
        except QAAppError:
            return render(Template.HEADER, view=HeaderView(), views=())

    def generation(self) -> str:
        """Return the name of the live generation; empty where nothing was built yet."""
        try:
            return self.snapshot().generation.name
        except QAAppError:
            return ""

    def go(self, search: str, user: str = "") -> tuple[str, str, str]:
        """Return question, answer and source for an address."""
        try:
            snapshot = self.snapshot()
            address = parse_address(search, self.catalogue(snapshot).facets)
        except QAAppError as exc:
            return parse_address(search).question, self._trouble(exc), ""
        answer, shell = self._answer(snapshot, address, user)
        return address.question, answer, self._source(snapshot, address) or shell

    def ask(self, question: str, search: str) -> tuple[str, str]:
        """Return answer and source for a question typed at this address; filters stay."""
        try:
            snapshot = self.snapshot()
            address = parse_address(search, self.catalogue(snapshot).facets)
        except QAAppError as exc:
            return self._trouble(exc), ""
        return self._answer(snapshot, address.asking(question.strip()))

    def open(self, search: str, preview: bool = False) -> str:
        """Return the source for an address; empty when none is open.

        Args:
            search: the address.
            preview: it is shown along with an answer, unasked.
        """
        try:
            snapshot = self.snapshot()
            address = parse_address(search, self.catalogue(snapshot).facets)
        except QAAppError as exc:
            here = parse_address(search)
            return self._bare_source(exc.message, exc.hint, search, here) if here.document else ""
        return self._source(snapshot, address, preview)

    def broken(self) -> tuple[str, str]:
        """Return answer and source for when an event broke off."""
        notice = render_notice(
            f"{_BROKEN}, not in your question.", f"Ask again. {_LOG}", self._stamp()
        )
        return notice, ""

    def broken_source(self, search: str) -> str:
        """Return the source for when opening one broke off at this address."""
        known = self._catalogue.facets if self._catalogue else ()
        title, hint = "The source could not be opened", f"{_BROKEN}. Open it once more. {_LOG}"
        return self._bare_source(title, hint, search, parse_address(search, known))

    def index(self) -> Index:
        """Return the index, opening it if it was not there before.

        Raises:
            IndexNotFoundError: nothing was built yet.
        """
        with self._lock:
            if self._index is None:
                if self._open_index is None:
                    raise IndexNotFoundError(
                        "There is no index yet.", "Build one: python build_index.py"
                    )
                self._index = self._open_index()
            return self._index

    def snapshot(self) -> Snapshot:
        """Return the live generation, which one event keeps to; raises as ``index`` does."""
        return self.index().snapshot()

    def catalogue(self, snapshot: Snapshot) -> Catalogue:
        """Return what a generation holds."""
        generation = snapshot.generation
        with self._lock:
            if self._catalogue is None or self._catalogue.generation != generation.name:
                self._catalogue = read_catalogue(generation, Facets.load(snapshot.corpus))
            return self._catalogue

    def warm(self) -> None:
        """Load what the first question needs, so that the first visitor does not wait for it."""
        with contextlib.suppress(QAAppError):  # the visitor's own question will say it
            for example in self.catalogue(self.snapshot()).examples[:1]:
                self.ask(example, "")

    def _answer(self, snapshot: Snapshot, address: Address, user: str = "") -> tuple[str, str]:
        """Return the left side, and a shell that keeps the best quote's place on the right."""
        here = address.opening("")
        try:
            catalogue = self.catalogue(snapshot)
            if address.view is not View.ANSWER or not address.question:
                uploads, stamp = self.builds is not None, self._stamp()
                visit = Visit(snapshot, catalogue, here, stamp, uploads, user)
                return render_view(visit), ""
            answer = snapshot.ask(address.question, filters=address.filters)
            unknown = unknown_text(answer, snapshot.retriever)
        except QAAppError as exc:
            return self._trouble(exc, here, snapshot), ""
        filters = panel(catalogue, here)
        analyser = snapshot.generation.lexical.analyser
        view = answer_view(answer, here, analyser, filters, self._stamp(), catalogue.facts, unknown)
        return render(Template.ANSWER, view=view), self._shell(answer, view.best, here)

    def _shell(self, answer: Answer, best: str, here: Address) -> str:
        if not best:
            return ""
        citation = answer.findings[0].citation
        return self._bare_source(citation.title, citation.label, best, here, preview=True)

    def _bare_source(
        self, title: str, place: str, search: str, here: Address, preview: bool = False
    ) -> str:
        close = here.opening("").search or "?"
        view = SourceView(title, place, search, close, self._stamp(), preview)
        return render(Template.SOURCE, view=view)

    def _source(self, snapshot: Snapshot, address: Address, preview: bool = False) -> str:
        if not address.document:
            return ""
        try:
            if address.document not in self.catalogue(snapshot).hashes:
                title = f"There is no report ‘{address.document}’"
                hint = "It may have been renamed or taken out since: Sources lists all there are."
                return self._bare_source(title, hint, address.search, address)
            document = snapshot.document(address.document)
            citation = _citation(snapshot, document, address)
            image = self._draw(snapshot, document, address)
            find = find_view(snapshot, address)
        except QAAppError as exc:
            return self._bare_source(exc.message, exc.hint, address.search, address)
        view = source_view(document, address, self._stamp(), citation, image, find, preview)
        return render(Template.SOURCE, view=view)

    def _draw(self, snapshot: Snapshot, document: Document, address: Address) -> PageImage | None:
        page = wanted_page(document, address)
        sha256 = self.catalogue(snapshot).hashes.get(document.path)
        if page is None or sha256 is None:
            return None
        path = source_path(snapshot.corpus, document.path)
        if path is None:
            return None
        return self._pages.draw(path, sha256, document, page, valid_span(document, address))

    def _trouble(
        self, error: QAAppError, here: Address | None = None, snapshot: Snapshot | None = None
    ) -> str:
        stamp = self._stamp()
        if isinstance(error, IndexNotFoundError) and self._index is None:
            return render(Template.SETUP, uploads=self.builds is not None, stamp=stamp)
        if here is None or snapshot is None:
            return render_notice(error.message, error.hint, stamp, "")
        # A filter may be the reason, and can be taken off where it shows.
        is_filtered = bool(here.filters) and isinstance(error, QueryError)
        filters = panel(self.catalogue(snapshot), here) if is_filtered else None
        return render_notice(error.message, error.hint, stamp, here.search, filters)

    def _stamp(self) -> str:
        return str(next(self._stamps))


def _citation(snapshot: Snapshot, document: Document, address: Address) -> Citation | None:
    span = valid_span(document, address)
    if span is None:
        return None
    try:
        return find_in_source(snapshot.generation, document.path, span).citation
    except QueryError:  # a link may mark words of more than one passage
        return None
