"""Grids: each cell computed once a generation, marks kept, only what changed shown as new."""

from __future__ import annotations

import pytest

from conftest import FakeEncoder
from qa_app.api import open_index
from qa_app.briefs.stored_file import StoredFile
from qa_app.errors import BriefError, QueryError
from qa_app.grids.grid import Cell, Grid, Judgement, Row
from qa_app.grids.grid_runner import ask_grid, fill, stamp_of, start_grid
from qa_app.grids.grid_store import list_grids, open_grid, remove_grid
from qa_app.output.contract import grid_json
from qa_app.settings import Location
from qa_app.store.kept import kept_files
from support.brief_samples import ROADS, Desk

ROAD, BOARD = "Which reports improved road safety?", "Which reports say what the board agreed?"
NONE = "Any violence?"
SAFER = "Road safety improved in the north."


@pytest.fixture
def file(desk: Desk) -> StoredFile[Grid]:
    file = open_grid(desk.folder, "Framework")
    start_grid(file, desk.index.snapshot(), [ROAD, BOARD, NONE], "document")
    return file


def _filled(grid: Grid) -> dict[tuple[int, str], list[str]]:
    return {(r.id, c.value): [q.text for q in c.quotes] for r, c in grid.cells if c.quotes}


def test_a_cell_is_an_exact_quote_or_nothing(desk: Desk, file: StoredFile[Grid]) -> None:
    grid = fill(file, desk.index.snapshot())
    assert grid == file.read()
    assert grid.values == ("Boards", "Roads")
    found = _filled(grid)
    assert found[1, "Roads"] == [SAFER]
    assert set(found) == {(1, "Roads"), (2, "Boards")}
    [quote] = grid.row(1).cell("Roads").quotes
    place = quote.citation
    assert desk.index.snapshot().document(place.document).text[place.start : place.end] == SAFER
    told = grid_json(grid)
    assert told["questions"] == [ROAD, BOARD, NONE]
    assert (told["facet"], told["values"], told["generation"]) == (
        "document", ["Boards", "Roads"], "000001"
    )  # fmt: skip
    [cell, _] = told["cells"]
    assert (cell["question"], cell["value"], cell["quote"]) == (ROAD, "Roads", SAFER)
    assert cell["citation"]["label"] == "Roads"


def test_without_a_file_the_cells_are_the_same(desk: Desk, file: StoredFile[Grid]) -> None:
    snapshot = desk.index.snapshot()
    asked = ask_grid(snapshot, [ROAD, BOARD, NONE], "document")
    assert _filled(asked) == _filled(fill(file, snapshot))
    within = ask_grid(snapshot, [ROAD, BOARD], "document", {"document": ["Boards"]})
    assert within.values == ("Boards",)
    assert set(_filled(within)) == {(2, "Boards")}
    assert ask_grid(snapshot, [ROAD], "type").values == ("text",)


def test_a_stopped_run_goes_on_where_it_stopped(desk: Desk, file: StoredFile[Grid]) -> None:
    snapshot = desk.index.snapshot()
    asked: list[str] = []

    class Watched:
        def stage(self, name: str, total: int) -> None:
            asked.append(f"{name} {total}")

        def advance(self, _steps: int, label: str = "") -> None:
            asked.append(label)
            if label == BOARD:
                raise KeyboardInterrupt

    first = fill(file, snapshot, stop=lambda: bool(file.read().row(1).stamp))
    assert [bool(row.stamp) for row in first.rows] == [True, False, False]
    with pytest.raises(KeyboardInterrupt):
        fill(file, snapshot, Watched())
    assert fill(file, snapshot, Watched()) == file.read()
    # The third question alone was left; when all are done none is asked again.
    assert asked == ["Asking 2", BOARD, "Asking 1", NONE]
    version = file.read().version
    assert fill(file, snapshot).version == version


def test_another_reader_asks_again(desk: Desk, file: StoredFile[Grid]) -> None:
    fill(file, desk.index.snapshot())
    with open_index(desk.folder, encoder=FakeEncoder()) as with_reader:
        assert len(file.read().pending(stamp_of(with_reader.snapshot()))) == 3


def test_after_a_build_only_cells_whose_quotes_changed_are_new(
    desk: Desk, file: StoredFile[Grid]
) -> None:
    assert not any(cell.is_new for _, cell in fill(file, desk.index.snapshot()).cells)
    # The quote moves within its report, and another report has something to say.
    (desk.corpus / "roads.txt").write_text(ROADS.replace("\n\n", "\n\nA first sentence. ", 1))
    (desk.corpus / "south.txt").write_text("South\n\nRoad safety improved in the south.\n")
    desk.rebuild()
    grid = fill(file, desk.index.snapshot())
    assert {row.generation for row in grid.rows} == {"000002"}
    assert [cell.value for _, cell in grid.cells if cell.is_new] == ["South"]
    moved = grid.row(1).cell("Roads").quotes[0].citation
    assert desk.index.snapshot().document("roads.txt").text[moved.start : moved.end] == SAFER
    # What is said no more is new too, once.
    (desk.corpus / "south.txt").unlink()
    desk.rebuild()
    grid = fill(file, desk.index.snapshot())
    assert [(c.value, c.quotes) for _, c in grid.cells if c.is_new] == [("South", ())]
    assert grid.columns == ("Boards", "Roads", "South")


def test_a_mark_stays_and_says_when_its_quotes_have_changed(
    desk: Desk, file: StoredFile[Grid]
) -> None:
    fill(file, desk.index.snapshot())
    file.change(lambda now: now.marked(1, "Roads", Judgement.AGREED, " As the\r\nmap says. "))
    grid = file.change(lambda now: now.marked(3, "Boards", Judgement.NOTED, "Ask them."))
    mark = grid.row(1).cell("Roads").mark
    assert mark is not None
    assert (mark.judgement, mark.note) == ("agreed", "As the\nmap says.")
    with pytest.raises(BriefError, match="it says now: agreed"):
        grid.marked(1, "Roads", Judgement.REJECTED, seen=grid.version - 2)

    (desk.corpus / "north.txt").write_text("North\n\nNothing new.\n")
    desk.rebuild()
    kept = fill(file, desk.index.snapshot()).row(1).cell("Roads")
    assert (kept.mark, kept.changed_since_marked) == (mark, False)

    (desk.corpus / "roads.txt").write_text("Roads\n\nRoad safety improved everywhere.\n")
    desk.rebuild()
    cell = fill(file, desk.index.snapshot()).row(1).cell("Roads")
    assert (cell.mark, cell.changed_since_marked, cell.is_new) == (mark, True, True)
    again = file.change(lambda now: now.marked(1, "Roads", Judgement.AGREED, mark.note))
    assert not again.row(1).cell("Roads").changed_since_marked
    gone = file.change(lambda now: now.marked(3, "Boards", None))
    assert "Boards" not in gone.row(3).cells


def test_other_questions_keep_what_was_computed_and_what_was_marked(
    desk: Desk, file: StoredFile[Grid]
) -> None:
    snapshot = desk.index.snapshot()
    fill(file, snapshot)
    file.change(lambda now: now.marked(2, "Boards", Judgement.REJECTED))
    grid = start_grid(file, snapshot, [NONE, "Where is data shared?"], "document")
    # Row 1 had no mark and is gone; row 2 has one.
    assert [(row.id, bool(row.stamp)) for row in grid.rows] == [(3, True), (4, False), (2, True)]
    assert [row.id for row in grid.without(2).rows] == [3, 4]
    with pytest.raises(BriefError, match="is by document, not by type"):
        start_grid(file, snapshot, [NONE], "type")
    with pytest.raises(BriefError, match="no row 1 "):
        grid.row(1)
    with pytest.raises(BriefError, match="no column 'Mars'"):
        grid.marked(2, "Mars", Judgement.AGREED)


def test_marks_made_while_a_row_is_computed_are_kept() -> None:
    marked = Grid().asking([ROAD]).filled(Row(1, ROAD, {}, "000001", "a"), ["Kent"])
    marked = marked.marked(1, "Kent", Judgement.NOTED, "Look.")
    now = marked.filled(Row(1, ROAD, {"Surrey": Cell("Surrey")}, "000002", "b"), ["Surrey"])
    assert now.row(1).cell("Kent").mark == marked.row(1).cell("Kent").mark
    assert now.columns == ("Surrey", "Kent")
    assert marked.without(1).filled(Row(1, ROAD), ["Kent"]).rows == ()


def test_grids_are_kept_by_name_and_user(unchanged_desk: Desk, kept_index: Location) -> None:
    snapshot = unchanged_desk.index.snapshot()
    for name, user in (("Framework", ""), ("áudit / 2", ""), ("Own", "ann")):
        start_grid(open_grid(kept_index, name, user), snapshot, [ROAD], "type")
    assert [grid.name for grid in list_grids(kept_index)] == ["Framework", "áudit / 2"]
    assert [grid.name for grid in list_grids(kept_index, "ann")] == ["Own"]
    assert list_grids(kept_index, "bob") == ()
    assert len(kept_files(kept_index).names("grids/")) == 2
    remove_grid(kept_index, "Framework")
    assert [grid.name for grid in list_grids(kept_index)] == ["áudit / 2"]
    with pytest.raises(BriefError, match="no grid 'Framework'"):
        remove_grid(kept_index, "Framework")
    with pytest.raises(BriefError, match="name has 1 to 200"):
        open_grid(kept_index, " ")


@pytest.mark.parametrize(
    ("questions", "facet", "filters", "message"),
    [
        ([], "document", None, "has no question"),
        (["x" * 4_001], "document", None, "line 1: The question has 4,001"),
        ([f"{n}?" for n in range(501)], "document", None, "500 are the most"),
        ([ROAD], "force", None, "no facet 'force'"),
        ([ROAD], "date", None, "No passage has a date"),
        ([ROAD], "document", {"document": ["Mars"]}, "'Mars'"),
        ([ROAD], "document", {"document": 3}, "not texts"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    unchanged_desk: Desk,
    questions: list[str],
    facet: str,
    filters: dict[str, list[str]],
    message: str,
) -> None:
    with pytest.raises(QueryError, match=message):
        ask_grid(unchanged_desk.index.snapshot(), questions, facet, filters)


def test_a_request_is_bounded_by_its_cells(unchanged_desk: Desk) -> None:
    with pytest.raises(QueryError, match="2 questions by 2 values are over 3 cells"):
        ask_grid(unchanged_desk.index.snapshot(), [ROAD, BOARD], "document", most_cells=3)
