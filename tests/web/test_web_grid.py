"""The events of the grids, as functions: forms, marks, progress, and what they must refuse."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from bs4 import BeautifulSoup

from conftest import FakeEncoder
from qa_app.api import open_index
from qa_app.arrays import FloatArray
from qa_app.briefs.saved import open_saved, save_question
from qa_app.errors import BriefError
from qa_app.grids.grid import Grid, Judgement, Mark
from qa_app.grids.grid_export import GridForm
from qa_app.grids.grid_store import list_grids, open_grid
from qa_app.store.embedded.kept_folder import briefs_folder
from qa_app.store.kept import kept_files
from qa_app.web.grid_runs import GridRun
from qa_app.web.grid_view import GridController
from qa_app.web.page import PageController
from support.brief_samples import ROADS, Desk, make_desk
from support.web_pages import links, parse, words
from support.web_payloads import PAYLOADS
from support.web_serving import wait_for

ROAD, BOARD = "Which reports improved road safety?", "Which reports say what the board agreed?"
NONE = "Any violence?"
SAFER = "Road safety improved in the north."
NEW = {"do": "new", "name": "Framework", "facet": "document", "text": f"{ROAD}\n{BOARD}\n{NONE}"}
HERE, LIST = "?show=grid&grid=Framework", "?show=grid"
CELL = f"{HERE}&row=1&value=Roads"


class Gate(FakeEncoder):
    """Encodes no question until it is let through."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.open = threading.Event()

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        self.asked += texts
        assert self.open.wait(10)
        return super().encode_queries(texts)


@pytest.fixture
def desk(unchanged_desk: Desk) -> Desk:
    """Return reports without any grid."""
    shutil.rmtree(briefs_folder(unchanged_desk.folder), ignore_errors=True)
    return unchanged_desk


@pytest.fixture
def page(desk: Desk) -> PageController:
    return PageController(desk.index)


def show(page: PageController, search: str = HERE, user: str = "") -> BeautifulSoup:
    return parse(page.go(search, user)[1])


def finish(grids: GridController, name: str = "Framework", user: str = "") -> GridRun:
    wait_for(lambda: not grids.state(user, name).running)
    return grids.state(user, name)


def begin(page: PageController, user: str = "", **changes: Any) -> BeautifulSoup:
    """Ask the three questions, and return the grid when all are answered."""
    page.grids.act(user, {**NEW, **changes}, LIST)
    assert finish(page.grids, user=user).trouble == ""
    return show(page, user=user)


def cells(html: BeautifulSoup) -> list[list[str]]:
    """Return the words of each cell of each row, without the question and the value before them."""
    for hidden in html.select(".heat td a > .sr:first-child"):
        hidden.decompose()
    return [[words(cell) for cell in row.select("td")] for row in html.select(".heat tr")[1:]]


def trouble(html: str | BeautifulSoup) -> str:
    return words(parse(str(html)).select_one(".trouble[role=alert]"))


def typed(html: str, selector: str) -> str:
    field = parse(html).select_one(selector)
    assert field is not None
    return str(field["value"]) if field.has_attr("value") else field.get_text().strip()


def test_typed_questions_become_a_grid_whose_cells_open_their_quotes(page: PageController) -> None:
    first = parse(page.grids.act("", NEW, LIST)).select_one(".grid")
    assert first is not None
    assert first["data-search"] == HERE
    assert " of 6 cells" in words(first)  # the columns are there before any answer
    assert finish(page.grids) == GridRun(False, 3, 3, NONE)
    html = show(page)
    assert [words(head) for head in html.select("thead th")] == [
        "Question", "Found", "Boards", "Roads"
    ]  # fmt: skip
    state = "3 questions by document: 2 of 6 cells have evidence."
    assert words(html.select_one(".verdict p")) == state
    assert cells(html) == [
        ["1", "–nothing found", "strong"],
        ["1", "strong", "–nothing found"],
        ["0", "–nothing found", "–nothing found"],
        ["2", "1", "1"],
    ]
    assert links(html, ".heat td.strong a")[0][1] == CELL
    panel = show(page, CELL).select_one(".cell-panel")
    assert panel is not None
    assert words(panel.select_one("blockquote")) == SAFER
    assert words(panel.select_one(".grid-question")) == ROAD
    [(label, source)] = links(panel, "a.open")
    assert (label, source) == ("Roads", f"{CELL}&doc=roads.txt&at=7-41")
    assert words(parse(page.open(source)).select_one("mark")) == SAFER
    empty = show(page, f"{HERE}&row=3&value=Roads").select_one(".cell-panel")
    assert "Nothing was found that answers this." in words(empty)


def test_saved_questions_and_a_table_are_asked_too(desk: Desk, page: PageController) -> None:
    save_question(open_saved(desk.folder), desk.index.snapshot(), BOARD, {})
    assert "and my 1 saved question" in words(show(page, LIST))
    table = f'no,question\n1,"{ROAD}"\n'
    begin(page, text=table, table=True, saved=True)
    assert [row.question for row in open_grid(desk.folder, "Framework").read().rows] == [ROAD]
    page.grids.act("", {"do": "ask", "text": "", "facet": "document", "saved": True}, HERE)
    finish(page.grids)
    assert [row.question for row in open_grid(desk.folder, "Framework").read().rows] == [BOARD]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text": " \n# only a remark\n"}, "The list of questions has no question."),
        ({"text": f"{ROAD}\n{'x' * 9_999}"}, "The list of questions, line 2: "),
        ({"text": "\n".join(f"Question {n}?" for n in range(502))}, "501 questions; 500"),
        ({"facet": "colour"}, "colour"),
        ({"name": "x" * 201}, "1 to 200 characters, not 201"),
        ({"name": " "}, "1 to 200 characters"),
        ({"name": "Taken"}, "There is a grid 'Taken' already."),
    ],
)
def test_what_cannot_be_asked_is_shown_again_as_it_was_typed(
    desk: Desk, page: PageController, changes: dict[str, str], said: str
) -> None:
    taken = open_grid(desk.folder, "Taken").change(lambda grid: grid.asking([NONE]))
    html = page.grids.act("", {**NEW, "saved": True, "table": True, **changes}, LIST)
    assert said in trouble(html)
    sent = {**NEW, **changes}
    assert typed(html, "#grid-text") == sent["text"].strip()
    assert typed(html, "#grid-name") == sent["name"]
    form = parse(html).select_one(".grid-form")
    assert form is not None
    assert form["data-table"] == "true"
    assert list_grids(desk.folder) == (taken,)


@pytest.mark.parametrize(
    "act",
    [
        {},
        {"do": "drop everything"},
        {"do": ["new"]},
        {"do": "ask", "text": 5, "facet": None},
        {"do": "ask", "text": ROAD, "facet": "type"},
        {"do": "mark", "row": 1, "value": "Roads", "judgement": "agreed"},
        {"do": "mark", "row": "9", "value": "Roads", "judgement": "agreed"},
        {"do": "mark", "row": "²", "value": "Roads", "judgement": "agreed"},
        {"do": "mark", "row": "1", "value": "Moon", "judgement": "agreed"},
        {"do": "mark", "row": "1", "value": "Roads", "note": "x" * 10_001},
        {"do": "remove", "name": "../Framework"},
    ],
)
def test_what_no_button_says_changes_nothing(
    desk: Desk, page: PageController, act: dict[str, Any]
) -> None:
    begin(page)
    before = open_grid(desk.folder, "Framework").read()
    assert trouble(page.grids.act("", act, HERE))
    finish(page.grids)
    assert list_grids(desk.folder) == (before,)


def test_a_cell_is_marked_and_a_note_alone_is_a_mark(desk: Desk, page: PageController) -> None:
    begin(page)
    mark = {"do": "mark", "row": "1", "value": "Roads"}
    html = page.grids.act("", {**mark, "judgement": "agreed", "note": " Seen. "}, CELL)
    assert cells(parse(html))[0][2] == "strong agreed"
    assert typed(html, "#grid-note") == "Seen."
    assert typed(html, "[name=judgement][checked]") == "agreed"
    page.grids.act("", {**mark, "judgement": "", "note": "Alone."}, CELL)
    stored = open_grid(desk.folder, "Framework").read().row(1).cell("Roads").mark
    assert stored is not None
    assert (stored.judgement, stored.note) == (Judgement.NOTED, "Alone.")
    html = page.grids.act("", {**mark, "judgement": "", "note": ""}, CELL)
    assert cells(parse(html))[0][2] == "strong"


def test_a_mark_of_another_window_is_not_overwritten_unseen(
    desk: Desk, page: PageController
) -> None:
    begin(page)
    seen = typed(page.go(CELL)[1], "[name=seen]")
    mark = {"do": "mark", "row": "1", "value": "Roads", "seen": seen, "judgement": "agreed"}
    page.grids.act("", {**mark, "note": "First."}, CELL)
    html = page.grids.act("", {**mark, "judgement": "rejected", "note": "Second <b>"}, CELL)
    assert "it says now: agreed. First." in trouble(html)
    assert typed(html, "#grid-note") == "Second <b>"
    assert typed(html, "[name=judgement][checked]") == "rejected"
    again = {**mark, "seen": typed(html, "[name=seen]"), "note": "Both."}
    page.grids.act("", again, CELL)
    found = open_grid(desk.folder, "Framework").read().row(1).cell("Roads").mark
    assert isinstance(found, Mark)
    assert found.note == "Both."


def test_a_stopped_run_goes_on_and_two_grids_take_turns(desk: Desk) -> None:
    gate = Gate()
    with open_index(desk.folder, encoder=gate, reader="none") as index:
        page = PageController(index)
        page.grids.act("", NEW, LIST)
        wait_for(lambda: bool(gate.asked))
        assert page.grids.state("", "Framework") == GridRun(True, 0, 3)
        page.grids.act("", {**NEW, "name": "Second", "text": ROAD}, LIST)
        assert page.grids.state("", "Second") == GridRun(running=True)
        page.grids.act("", {"do": "stop"}, HERE)
        assert page.grids.state("", "Framework").running  # until its question is answered
        gate.open.set()
        assert finish(page.grids) == GridRun(False, 1, 3, ROAD)
        assert finish(page.grids, "Second").done == 1
        html = show(page)
        assert words(html.select_one("[data-grid-fill]")) == "Ask the rest"
        assert "2 questions still to be asked." in words(html.select_one(".verdict"))
        assert cells(html)[1] == ["", "·not asked yet", "·not asked yet"]
        gate.asked.clear()
        page.grids.act("", {"do": "fill"}, HERE)
        assert finish(page.grids) == GridRun(False, 2, 2, NONE)
        assert ROAD not in gate.asked
        assert show(page).select_one("[data-grid-fill]") is None


def test_questions_added_while_it_is_filled_are_asked_too(desk: Desk) -> None:
    gate = Gate()
    with open_index(desk.folder, encoder=gate, reader="none") as index:
        page = PageController(index)
        page.grids.act("", {**NEW, "text": ROAD}, LIST)
        wait_for(lambda: bool(gate.asked))
        more = {"do": "ask", "facet": "document", "text": f"{ROAD}\n{BOARD}"}
        page.grids.act("", more, HERE)
        gate.open.set()
        finish(page.grids)
        assert cells(show(page))[:2] == [
            ["1", "–nothing found", "strong"],
            ["1", "strong", "–nothing found"],
        ]


def test_a_grid_removed_while_it_is_filled_does_not_come_back(desk: Desk) -> None:
    gate = Gate()
    with open_index(desk.folder, encoder=gate, reader="none") as index:
        page = PageController(index)
        page.grids.act("", NEW, LIST)
        wait_for(lambda: bool(gate.asked))
        html = parse(page.grids.act("", {"do": "remove"}, CELL))
        assert words(html.select_one("#verdict")) == "Evidence grids"
        gate.open.set()
        assert finish(page.grids).trouble == ""
        assert list_grids(desk.folder) == ()
        assert trouble(show(page)) == "There is no grid ‘Framework’."


def test_after_a_build_the_grid_is_brought_up_to_date_when_asked(tmp_path: Path) -> None:
    desk = make_desk(tmp_path)
    page = PageController(desk.index)
    begin(page)
    (desk.corpus / "roads.txt").write_text(ROADS.replace("improved", "improved much"))
    (desk.corpus / "south.txt").write_text("South\n\nRoad safety improved in the south.\n")
    desk.rebuild()
    html = show(page, CELL)
    assert "The index has changed since 3 questions were asked." in words(html.select_one("p"))
    assert words(html.select_one("[data-grid-fill]")) == "Bring up to date"
    # The words that were found are shown, but they lead nowhere: there are others now.
    panel = html.select_one(".cell-panel")
    assert panel is not None
    assert words(panel.select_one("blockquote")) == SAFER
    assert "These words are not in roads.txt any more." in words(panel)
    assert panel.select(".open, [data-pin], [data-copy]") == []
    assert html.select_one(".grid")["data-best"] == ""  # type: ignore[index] # there is one
    unchanged = show(page, f"{HERE}&row=2&value=Boards")
    assert len(unchanged.select(".cell-panel .open")) == 1
    page.grids.act("", {"do": "fill"}, HERE)
    finish(page.grids)
    html = show(page)
    assert [cell.split()[-1] for cell in cells(html)[0]] == ["2", "found", "new", "new"]
    assert cells(html)[1] == ["1", "strong", "–nothing found", "–nothing found"]
    assert "2 cells changed since the build before." in words(html.select_one(".verdict"))
    assert html.select_one("[data-grid-fill]") is None
    desk.index.close()


def test_every_user_has_grids_of_their_own(desk: Desk, page: PageController) -> None:
    begin(page, user="ann")
    assert words(show(page, user="ann").select_one("#verdict")) == "Grid: Framework"
    for user in ("bob", ""):
        html = show(page, user=user)
        assert trouble(html) == "There is no grid ‘Framework’."
        assert html.select(".heat, .grid-list") == []
        assert page.grids.state(user, "Framework") == GridRun()
        assert "There is no grid" in trouble(page.grids.act(user, {"do": "remove"}, HERE))
        mark = {"do": "mark", "row": "1", "value": "Roads", "judgement": "rejected"}
        assert "There is no row 1" in trouble(page.grids.act(user, mark, CELL))
        with pytest.raises(BriefError, match="no grid 'Framework'"):
            page.grids.export(user, "Framework", GridForm.EXCEL)
    assert len(open_grid(desk.folder, "Framework", "ann").read().rows) == 3


def test_exports_hold_the_grid_and_are_named_after_it(page: PageController) -> None:
    begin(page, name="A/B ‘x’\r\n", text=f"{ROAD}\n=1+1")
    assert finish(page.grids, "A/B ‘x’\r\n").trouble == ""
    name, content = page.grids.export("", "A/B ‘x’", GridForm.EXCEL)
    assert name == "a-b-x.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(content))
    rows = list(book["Grid"].values)
    assert rows[1] == (1, ROAD, None, "strong")
    assert rows[2][1] == "=1+1"
    assert book["Grid"]["B3"].data_type == "s"  # not a formula
    name, content = page.grids.export("", "A/B ‘x’", GridForm.WORD)
    assert (name, content[:2]) == ("a-b-x.docx", b"PK")


def test_hostile_words_are_shown_as_text(page: PageController) -> None:
    hostile = [payload for payload in PAYLOADS if payload.strip() == payload][::9]
    begin(page, text="\n".join([ROAD, *hostile]))
    note = {"do": "mark", "row": "1", "value": "Roads", "note": "\n".join(PAYLOADS)}
    page.grids.act("", note, CELL)
    named = page.grids.act("", {**NEW, "name": PAYLOADS[20], "text": ROAD}, LIST)
    finish(page.grids, PAYLOADS[20])
    sent = page.grids.act("", {**NEW, "name": PAYLOADS[1], "text": PAYLOADS[120] * 500}, LIST)
    for html in (show(page, CELL), parse(named), parse(sent), show(page, LIST)):
        assert html.select("script, img, iframe, svg, style, link, base, meta, video, body") == []
        attributes = {name for element in html.select("*") for name in element.attrs}
        assert not {name for name in attributes if name.startswith("on")}
    shown = [words(head) for head in show(page, CELL).select("tbody th")]
    assert shown == [ROAD, *(" ".join(payload.split()) for payload in hostile)]
    assert typed(str(show(page, CELL)), "#grid-note") == "\n".join(PAYLOADS).strip()


def test_a_damaged_grid_and_no_index_are_said_calmly(desk: Desk, page: PageController) -> None:
    begin(page)
    kept = kept_files(desk.folder)
    [name] = kept.names("grids/")
    kept.change(name, lambda _: b"{")
    assert "cannot be read" in words(show(page))
    assert "cannot be read" in words(show(page, LIST))
    assert "cannot be read" in page.grids.act("", {"do": "fill"}, HERE)
    assert "cannot be read" in finish(page.grids).trouble
    assert "There is no index yet." in PageController(None).grids.act("", NEW, LIST)
    assert open_grid(desk.folder, "Other").read() == Grid(name="Other")
