"""Every template over models full of markup: whatever reports say stays text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from qa_app.api import Snapshot
from qa_app.briefs.brief import Brief, Item, Pin, Removed
from qa_app.briefs.saved import SavedQuestion, SavedQuestions, open_saved
from qa_app.briefs.stored_file import open_brief
from qa_app.grids.grid import Cell as GridCell
from qa_app.grids.grid import CellQuote, Grid, Judgement, Mark, Row
from qa_app.grids.grid_store import open_grid, remove_grid
from qa_app.highlighting.segments import Segment
from qa_app.models import (
    Answer,
    Block,
    BlockKind,
    Citation,
    Coverage,
    Document,
    Explanation,
    Finding,
    MetadataField,
    Passage,
    Place,
    Quote,
    Relation,
    SearchResult,
    Support,
    Verdict,
)
from qa_app.retrieval.filters import FilterChoices
from qa_app.store.documents import DocumentRecord, SourceStamp
from qa_app.synthesis import CheckedSentence, LanguageModel, NumberedQuote, Synthesis
from qa_app.topics.topic_queries import Cell, Change, Excerpt, Kind, Matrix, Trend
from qa_app.web import rendering
from qa_app.web.address import Address, Key, View
from qa_app.web.answer_view import (
    filter_panel,
    passage_lines,
    passage_scores,
    render_answer,
    render_home,
)
from qa_app.web.brief_view import BriefController, render_brief
from qa_app.web.catalogue import Catalogue, Visit
from qa_app.web.grid_view import render_grid
from qa_app.web.lead_view import Rejected
from qa_app.web.page import VIEWS
from qa_app.web.page_images import PageBox, PageImage
from qa_app.web.rendering import Marker, render
from qa_app.web.source_view import FoundInSource, Hit, render_source
from qa_app.web.sources_view import render_sources
from qa_app.web.topics_view import TopicsPage
from support.web_pages import make_catalogue

PAYLOAD = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x0a\x00\x00\x00\x14"
CITATION = Citation("a.txt", "Annual", 3, ("Findings",), 0, 5, "Annual, p. 3")
FINDING = Finding(
    "North",
    "Words",
    Support.PARTIAL,
    0.5,
    CITATION,
    lead_in=Quote("Lead:", CITATION),
    scores={"late": 0.9},
    date="2024",
    relation=Relation.EARLIER,
    also_in=(CITATION,) * 5,
)
PASSAGE = Passage("1", "a.txt", "Annual", ("Findings",), 0, 9, "- Words\nw", (), page=3)
ANSWER = Answer(
    question="asked",
    verdict=Verdict.ANSWERED,
    confidence=0.9,
    findings=(FINDING, replace(FINDING, support=Support.STRONG, others=(FINDING,))),
    passages=(SearchResult(1, 0.9, PASSAGE, CITATION, {"unknown": 0.5}, (CITATION,)),),
    coverage=Coverage("region", ("North",), ("East",), 2, ("Far",)),
    timings_ms={"total": 1.0},
    generation="000001",
    explanation=Explanation(0.4, 0.1, {"late": 2.0}),
    read_as="asked of it",
)
HERE = Address("asked", filters={"region": ("North",), "document": ("a.txt",)})
FACTS = {"a.txt": {"author": "Ann", "date": "2024"}}
STAMP = SourceStamp(1, 1, "0" * 64)
METADATA = (MetadataField("date", "2024", "info"), MetadataField("author", "Ann", "info"))
RECORDS = {
    path: DocumentRecord(path, "Annual", "text", 2, range(5), STAMP, METADATA, ("scan",))
    for path in ("a.txt", "b.txt")
}
CHOICES = FilterChoices(
    {"region": {f"North {n}": 5 for n in range(13)}, "type": {"pdf": 2, "text": 3}},
    "2019",
    "2024",
    1,
)
PIN = Pin(
    Quote("Words", CITATION), "ab12", "000001", "asked", "North", lead_in=Quote("Lead:", CITATION)
)
SAVED = SavedQuestions((SavedQuestion(1, "asked", {"region": ("North",)}, new=(PIN,) * 4),), 2)
REMOVED = (Removed(0, Item(3, "Gone")), Removed(0, Item(4, "", PIN)))
BRIEF = Brief("Brief", (Item(1, "Heading"), Item(2, "My note", PIN)), REMOVED, 3)
REJECTED = (Rejected(Place("a.txt", 0, 5), Quote("Words", CITATION)),)
MARKED = Mark(Judgement.AGREED, "My note")
GRID_CELL = GridCell(
    "North", (CellQuote("Words", CITATION, Support.STRONG, PIN.lead_in, "2024"),), True, MARKED
)
GRID = Grid("Grid", "document", rows=(Row(1, "asked", {"North": GRID_CELL}),), values=("North",))
SYNTHESIS = Synthesis(
    "model",
    "url",
    (CheckedSentence("Kept.", (1,), True), CheckedSentence("Struck.", (1, 2), False, "No quote")),
    (NumberedQuote(1, "Words", "North", CITATION, "Unsafe"),),
)
EXCERPT = Excerpt("Words", CITATION, 0.5, "1")
CELL = Cell("t", "Topic", "North", 3, (EXCERPT,))
CHANGE = Change("t", "Topic", Trend.GREW, 1, 3, 2, (EXCERPT,))
COUNTS = ((1, 0), (2, 3))
MATRIX = Matrix(
    Kind.TOPICS, "region", ("t", "u"), ("Topic", "Other"), ("North", "South"), COUNTS, (), (1, 5),
    (3, 3), 1,
)  # fmt: skip
OPENED = TopicsPage(
    Address(place={"by": "region", "value": "North", "with": "East"}),
    MATRIX,
    ("region", "type"),
    values=("North", "East"),
    rows=((CELL, CELL),),
    news=(CHANGE,),
)

Swap = Callable[[Any], Any]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return make_catalogue(tmp_path_factory.mktemp("rendering"), f"{PAYLOAD[:28]}.pdf")


def _visit(catalogue: Catalogue, swap: Swap) -> Visit:
    swapped = replace(
        catalogue,
        documents=swap(RECORDS),
        facts=swap(FACTS | {"b.txt": {}}),
        choices=swap(CHOICES),
        examples=swap(("Which?",)),
    )
    llm = LanguageModel("http://127.0.0.1:1", swap("model"))
    return Visit(swapped, swap(HERE), stamp="1", uploads=True, llm=llm)


def _source(swap: Swap) -> str:
    text = swap("Some words")
    kinds = (BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST_ITEM, BlockKind.LIST_ITEM)
    blocks = tuple(Block(0, len(text), kind, 1, swap("3.1")) for kind in kinds)
    document = Document(
        swap("a.pdf"), "pdf", swap("Annual"), text, blocks, (0, 1), swap(("i", "ii")),
        metadata=swap(METADATA), warnings=swap(("scan",)),
    )  # fmt: skip
    here = Address(swap("asked"), document.path, (0, len(text)), find=swap("words"))
    hit = Hit(swap("p. 3"), (Segment(swap("w"), marked=True),), (0, len(text)))
    found = FoundInSource(swap("2 passages"), (hit, replace(hit, span=(0, 1))))
    image = PageImage(1, PNG, (PageBox(0.1, 0.2, 0.4, 0.6),))
    listing = replace(here, span=None)
    return "".join(
        render_source(document, address, "1", swap(CITATION), drawn, found)
        for address, drawn in ((here, None), (here, image), (listing, None))
    )


def _write_brief(snapshot: Snapshot, swap: Swap) -> None:
    open_brief(snapshot.index).change(lambda _: swap(BRIEF))
    open_saved(snapshot.index).change(lambda _: swap(SAVED))


def _brief(catalogue: Catalogue, swap: Swap) -> str:
    _write_brief(catalogue.snapshot, swap)
    return render_brief(Visit(catalogue, Address(), stamp="1"), undo=4)


def _grid(catalogue: Catalogue, swap: Swap) -> str:
    grid = swap(GRID)
    open_grid(catalogue.snapshot.index, grid.name).change(lambda _: grid)
    place = {Key.GRID: grid.name, Key.ROW: "1", Key.VALUE: grid.values[0]}
    addresses = (Address(view=View.GRID), Address(view=View.GRID, place=place))
    html = "".join(render_grid(Visit(catalogue, here, stamp="1")) for here in addresses)
    remove_grid(catalogue.snapshot.index, grid.name)
    return html


def _like(catalogue: Catalogue, swap: Swap) -> str:
    return render(
        "like",
        here=swap(HERE),
        stamp="1",
        seed=swap(PIN.quote),
        results=swap(ANSWER.passages),
        facts=swap(FACTS),
        filters=filter_panel(_visit(catalogue, swap).catalogue, swap(HERE)),
        marker=Marker("", catalogue.snapshot.generation.lexical.analyser),
        passage_lines=passage_lines,
        passage_scores=passage_scores,
    )


def _summary(swap: Swap) -> str:
    synthesis = swap(SYNTHESIS)
    return render(
        "summary",
        trouble=None,
        synthesis=synthesis,
        quotes={quote.number: quote for quote in synthesis.quotes},
        here=swap(HERE),
        copied=swap("Copied"),
    )


def _notices(catalogue: Catalogue, swap: Swap) -> str:
    _write_brief(catalogue.snapshot, swap)
    return BriefController(lambda: catalogue).notices("", swap("Done."), swap("Wrong."))


# By the template's name.
RENDERED: dict[str, Callable[[Catalogue, Swap], str]] = {
    "answer": lambda it, swap: render_answer(_visit(it, swap), swap(ANSWER), swap(REJECTED)),
    "brief": _brief,
    "grid": _grid,
    "header": lambda it, swap: render(
        "header", catalogue=_visit(it, swap).catalogue, views=VIEWS, has_logins=True
    ),
    "home": lambda it, swap: render_home(_visit(it, swap)),
    "like": _like,
    "notice": lambda it, swap: render(
        "notice",
        message=swap("Message"),
        hint=swap("Hint"),
        stamp="1",
        search=swap("?q=x"),
        filters=filter_panel(_visit(it, swap).catalogue, swap(HERE)),
    ),
    "notices": _notices,
    "setup": lambda _, swap: render("setup", uploads=True, stamp=swap("1")),
    "source": lambda _, swap: _source(swap),
    "source_notice": lambda _, swap: render(
        "source_notice",
        title=swap("Title"),
        place=swap("Findings"),
        here=swap(HERE),
        search=swap("?q=x"),
        stamp="3",
        preview=True,
    ),
    "sources": lambda it, swap: render_sources(_visit(it, swap)),
    "summary": lambda _, swap: _summary(swap),
    "topics": lambda _, swap: render(
        "topics",
        view=replace(swap(OPENED), years={"2019": 1, "2021": 2}),
        search=swap("?"),
        stamp="1",
        facts=swap(FACTS),
    ),
}


def with_payload(value: Any) -> Any:
    """Return a model with the payload at the end of every plain text that it has.

    Keys of texts are names of our own, as "author"; all others come from reports.
    """
    if type(value) is str:
        return value + PAYLOAD if value else ""
    if isinstance(value, dict):
        return {
            key if isinstance(item, str) else with_payload(key): with_payload(item)
            for key, item in value.items()
        }
    if isinstance(value, tuple):
        return tuple(with_payload(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{f.name: with_payload(getattr(value, f.name)) for f in fields(value)}
        )
    return value


@pytest.mark.parametrize("name", RENDERED)
def test_markup_in_any_text_of_any_view_stays_text(name: str, catalogue: Catalogue) -> None:
    plain = RENDERED[name](catalogue, lambda value: value)
    hostile = RENDERED[name](catalogue, with_payload)
    assert "&lt;script&gt;" in hostile or name in {"header", "setup"}
    assert hostile.count("<img") == plain.count("<img")
    assert "<script" not in hostile
    # The same tags as without the payload: it closed none and opened none. Only of its words some
    # are marked, where they are the question's.
    tag = re.compile(r"</?(?!mark)[a-z][a-z0-9]*")
    assert tag.findall(hostile) == tag.findall(plain)


def test_no_template_turns_escaping_off_and_each_is_tested() -> None:
    folder = Path(rendering.__file__).parent
    templates = {path.stem: path for path in folder.glob("templates/*.html")}
    parts = {"leads", "macros", "summarise"}  # of the answer, which is rendered with them
    assert templates.keys() == {*RENDERED, *parts}
    for path in (*templates.values(), *folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"\|\s*safe|autoescape (false|off)|autoescape=False|markupsafe|Markup\(", text
        ), path
