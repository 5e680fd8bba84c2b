"""The view of the evidence grids, and the handlers of its forms."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from qa_app.briefs.check import check_claims, claim_of
from qa_app.briefs.saved import open_saved
from qa_app.errors import BriefError, QAAppError
from qa_app.facets import DOCUMENT_FACET
from qa_app.grids.grid import Cell, Grid, Judgement, Row
from qa_app.grids.grid_export import GridForm, export_grid, link_to_file
from qa_app.grids.grid_runner import stamp_of, start_grid
from qa_app.grids.grid_store import list_grids, open_grid, remove_grid
from qa_app.grids.grid_words import summary
from qa_app.grids.question_list import parse_questions
from qa_app.models import Citation
from qa_app.retrieval.filters import DATE, TYPE
from qa_app.store.protocol import Generation
from qa_app.text.wording import count, slug
from qa_app.verification import Sources
from qa_app.web.acts import Act, text_of
from qa_app.web.address import Address, Key, View, parse_address
from qa_app.web.catalogue import Catalogue, Visit
from qa_app.web.grid_runs import GridRun, GridRuns
from qa_app.web.rendering import capitalise, render
from qa_app.web.security import GRID_ROUTE

# Facets whose values are properties of a quote's source, not the subject of the quote.
_PLACES = frozenset({DOCUMENT_FACET, DATE, TYPE})
_FACET_NAMES = {DATE: "year of the report", TYPE: "type of file"}
_FORM_NAMES = {GridForm.EXCEL: "Excel", GridForm.WORD: "Word"}
_LONGEST_FILE_NAME = 60  # characters of an exported file's name, without its ending


@dataclass(frozen=True, slots=True)
class GridPage:
    """A grid as an address selects it.

    Attributes:
        here: the address, with no source open.
        unasked: questions that have not been asked yet.
        outdated: questions that were asked of another generation, or with another reader.
        row, cell: the open cell, or None.
        warnings: for each quote of the open cell, how the report has changed since, or "".
    """

    here: Address
    grid: Grid
    unasked: int = 0
    outdated: int = 0
    row: Row | None = None
    cell: Cell | None = None
    warnings: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """How far the grid is filled, and what is new, as sentences."""
        parts = [f"{summary(self.grid)}."]
        if self.unasked:
            parts.append(f"{count(self.unasked, 'question')} still to be asked.")
        if self.outdated:
            asked = f"{count(self.outdated, 'question')} {'was' if self.outdated == 1 else 'were'}"
            parts.append(f"The index has changed since {asked} asked.")
        if news := sum(cell.is_new for _, cell in self.grid.cells):
            parts.append(f"{count(news, 'cell')} changed since the build before.")
        return " ".join(parts)

    @property
    def fill_words(self) -> str:
        """Words of the button that asks what is left; "" if nothing is."""
        if self.outdated:
            return "Bring up to date"
        if not self.unasked:
            return ""
        return "Ask the rest" if self.unasked < len(self.grid.rows) else "Ask them now"

    @property
    def found(self) -> tuple[int, ...]:
        """For each column, how many questions have quotes in it."""
        filled = Counter(cell.value for _, cell in self.grid.cells if cell.quotes)
        return tuple(filled[value] for value in self.grid.columns)

    @property
    def best(self) -> Citation | None:
        """The citation of the open cell's first quote, if that still stands there, or None."""
        if self.cell is None or not self.cell.quotes or self.warnings[0]:
            return None
        return self.cell.quotes[0].citation

    @property
    def about(self) -> str:
        """The facet value that the open cell's quotes are about; "" if it is no subject."""
        return self.cell.value if self.cell and self.grid.facet not in _PLACES else ""

    def at(self, row: Row | None = None, value: str = "") -> str:
        """Return the query string of a cell, or of the grid without an open cell."""
        cell = {Key.ROW: str(row.id), Key.VALUE: value} if row else {}
        return self.here.but(place={Key.GRID: self.grid.name, **cell}).search

    def label(self, row: Row, value: str) -> str:
        """Return what a screen reader says of a cell before its link's own words."""
        return f"{row.question} {value}:"


@dataclass(frozen=True, slots=True)
class _Draft:
    """A form as it was sent, shown again if it could not be used."""

    name: str = ""
    facet: str = ""
    text: str = ""
    note: str = ""
    judgement: str = ""
    table: bool = False
    saved: bool = False


class GridController:
    """Handles the events of grids. Safe to use from several threads."""

    def __init__(self, catalogue: Callable[[], Catalogue]) -> None:
        self._catalogue = catalogue
        self._stamps = itertools.count(1)
        self._runs = GridRuns()

    def act(self, user: str, act: Act, search: str) -> str:
        """Run an act, and return the view's HTML for the address that follows it."""
        # The prefix keeps it different from PageController's stamps, used by the same elements.
        stamp = f"grid-{next(self._stamps)}"
        try:
            catalogue = self._catalogue()
        except QAAppError as exc:
            return render("notice", message=exc.message, hint=exc.hint, stamp=stamp)
        address = parse_address(search, catalogue.facets).opening("")
        trouble, draft = "", _Draft()
        name = text_of(act, "name") or address.place.get(Key.GRID, "")
        try:
            name = self._do(catalogue, user, act, name)
            if name != address.place.get(Key.GRID, ""):
                address = Address(view=View.GRID, place={Key.GRID: name} if name else {})
        except QAAppError as exc:
            trouble = exc.full_message
            draft = _Draft(
                name=text_of(act, "name"),
                facet=text_of(act, "facet"),
                text=text_of(act, "text"),
                note=text_of(act, "note"),
                judgement=text_of(act, "judgement"),
                table=act.get("table") is True,
                saved=act.get("saved") is True,
            )
        try:
            return _rendered(Visit(catalogue, address, stamp, user=user), trouble, draft)
        except QAAppError as exc:  # the file of a grid is damaged
            return render("notice", message=exc.message, hint=exc.hint, stamp=stamp)

    def state(self, user: str, name: str) -> GridRun:
        """Return the progress of the run that fills a user's grid."""
        return self._runs.state(user, name)

    def export(self, user: str, name: str, form: GridForm) -> tuple[str, bytes]:
        """Return a file name for an exported grid, and its content.

        Raises:
            BriefError: there is no such grid, or it cannot be read.
            IndexNotFoundError: nothing has been built yet.
        """
        snapshot = self._catalogue().snapshot
        grid = open_grid(snapshot.index, name, user).read()
        if not grid.rows:
            raise BriefError(f"There is no grid {name!r}.", "See the list of grids on the page.")
        words = slug(grid.name, _LONGEST_FILE_NAME)
        content = export_grid(grid, form, link_to_file(snapshot.corpus))
        return f"{words or 'grid'}.{form}", content

    def _do(self, catalogue: Catalogue, user: str, act: Act, name: str) -> str:
        """Run an act; return the name of the grid to show, or "" for the list of grids."""
        snapshot, kind = catalogue.snapshot, text_of(act, "do")
        if kind in {"ask", "new"}:
            file = open_grid(snapshot.index, name, user)
            if kind == "new" and file.read().rows:
                raise BriefError(
                    f"There is a grid {name!r} already.", "Give this one another name."
                )
            text = text_of(act, "text")
            if act.get("saved") is True:
                saved = open_saved(snapshot.index, user).read().items
                text = "\n".join([text, *(item.question for item in saved)])
            questions = parse_questions(text, "The list of questions", act.get("table") is True)
            start_grid(file, snapshot, questions, text_of(act, "facet"))
            self._runs.start(snapshot, user, name)
        elif kind == "show":
            pass  # only rendered anew
        elif kind == "fill":
            self._runs.start(snapshot, user, name)
        elif kind == "stop":
            self._runs.stop(user, name)
        elif kind == "remove":
            self._runs.stop(user, name)
            remove_grid(snapshot.index, name, user)
            return ""
        elif kind == "mark":
            self._mark(catalogue, user, act, name)
        else:
            raise BriefError("The page asked for something unknown.", "Load the page again.")
        return name

    def _mark(self, catalogue: Catalogue, user: str, act: Act, name: str) -> None:
        judgement = next((item for item in Judgement if item == act.get("judgement")), None)
        row, note = text_of(act, "row"), text_of(act, "note")
        seen = text_of(act, "seen")
        file = open_grid(catalogue.snapshot.index, name, user)
        file.change(
            lambda grid: grid.marked(
                int(row) if row.isdecimal() else 0,
                text_of(act, "value"),
                # A note alone is a mark too: it must not be lost for want of a choice.
                judgement or (Judgement.NOTED if note.strip() else None),
                note,
                int(seen) if seen.isdecimal() else None,
            )
        )


def render_grid(visit: Visit) -> str:
    """Return the HTML of the grid that the address names, or of the list of grids.

    Raises:
        BriefError: a grid cannot be read.
    """
    return _rendered(visit, "", _Draft())


def _rendered(visit: Visit, trouble: str, draft: _Draft) -> str:
    snapshot, place = visit.catalogue.snapshot, visit.address.place
    name = place.get(Key.GRID, "")
    grid = open_grid(snapshot.index, name, visit.user).read() if name else Grid()
    page = _page(visit.address, grid, stamp_of(snapshot), snapshot.generation)
    if name and not grid.rows and not trouble:
        trouble = f"There is no grid ‘{name}’."
    return render(
        "grid",
        view=page if grid.rows else None,
        here=page.here,
        trouble=trouble,
        draft=draft,
        grids=() if grid.rows else list_grids(snapshot.index, visit.user),
        facets={name: _FACET_NAMES.get(name, name) for name in snapshot.triage.facet_names()},
        num_saved=len(open_saved(snapshot.index, visit.user).read().items),
        judgements={item: capitalise(item) for item in Judgement},
        forms=_FORM_NAMES,
        route=GRID_ROUTE,
        facts=visit.catalogue.facts,
        stamp=visit.stamp,
        address_of=lambda name: Address(view=View.GRID, place={Key.GRID: name}).search,
    )


def _page(address: Address, grid: Grid, stamp: str, generation: Generation) -> GridPage:
    unasked = sum(not row.stamp for row in grid.rows)
    page = GridPage(address, grid, unasked, len(grid.pending(stamp)) - unasked)
    number, value = address.place.get(Key.ROW, ""), address.place.get(Key.VALUE, "")
    row = next((row for row in grid.rows if str(row.id) == number), None)
    if row is None or value not in grid.columns:
        return page
    cell = row.cell(value)
    return replace(page, row=row, cell=cell, warnings=_warnings(cell, generation))


def _warnings(cell: Cell, generation: Generation) -> tuple[str, ...]:
    """Return for each quote of a cell how it differs from the reports as they are now, or ""."""
    claims = [claim_of(item.text, item.citation, item.document_sha256) for item in cell.quotes]
    return tuple(check.reason for check in check_claims(claims, Sources(generation)))
