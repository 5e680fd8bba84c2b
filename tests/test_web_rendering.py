import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from qa_app.briefs.brief import Brief, Item, Pin, Removed
from qa_app.models import BlockKind, Citation, Failure, Quote, Support, Verdict
from qa_app.web import rendering
from qa_app.web.brief_view import BriefView, SavedView
from qa_app.web.marking import Segment
from qa_app.web.navigation import VIEWS
from qa_app.web.page_images import PageBox
from qa_app.web.rendering import Template, render, render_notice
from qa_app.web.views import (
    AnswerView,
    BlockView,
    Copies,
    DateFilterView,
    EvidenceRow,
    FilterGroup,
    FilterPanelView,
    FilterValue,
    FindView,
    HeaderView,
    HitView,
    Line,
    Link,
    PageView,
    PassageView,
    Score,
    SourceListRow,
    SourceListView,
    SourceView,
)

LINK = Link("Annual, p. 3", "?q=x&doc=a.txt")
SEGMENTS = (Segment("Plain "), Segment("marked", marked=True))
COPIES = Copies("copy", "harvard")
WHY = (Score("Words", "0.5"),)
ROW = EvidenceRow(
    value="North",
    beside=False,
    relation="Earlier",
    date="2019",
    lead_in="Lead:",
    quote=SEGMENTS,
    support=Support.PARTIAL,
    strength="Partial",
    source=LINK,
    also_in=(LINK,),
    copies=COPIES,
    pin='{"doc": "a.txt", "at": "1-5", "value": "North"}',
    why=WHY,
)
PASSAGE = PassageView(
    1, "0.98", (Line(SEGMENTS, bullet=True),), LINK, (LINK,), COPIES, '{"doc": "a.txt"}', WHY
)
CITATION = Citation("a.txt", "Annual", 3, ("Findings",), 0, 5, "Annual, p. 3")
PIN = Pin(
    Quote("Words", CITATION), "ab12", "000001", "asked", "North", lead_in=Quote("Lead:", CITATION)
)
SAVED_QUESTION = SavedView(1, LINK, "region: North", "2 new findings", (LINK,) * 4, "000002")
REMOVED = (Removed(0, Item(3, "Gone")), Removed(0, Item(4, "", PIN)))
BRIEF = BriefView(
    brief=Brief("Brief", (Item(1, "Heading"), Item(2, "My note", PIN)), REMOVED, 3),
    saved=(SAVED_QUESTION,),
    warnings={2: "Changed"},
    undo=4,
    stamp="1",
)
VALUES = tuple(FilterValue(f"North {n}", "5", "?", active=True) for n in range(13))
FILTERS = FilterPanelView(
    (LINK,), (FilterGroup("Region", VALUES),), DateFilterView("?q=x", "2019", "2024", "Hint")
)
ANSWER = AnswerView(
    question="asked",
    verdict=Verdict.ANSWERED,
    headline="Evidence",
    detail="Detail",
    value_heading="Region",
    rows=(ROW,),
    silent=("East",),
    passages_heading="Passages",
    passages=(PASSAGE,),
    filters=FILTERS,
    search="?q=x",
    best="?q=x&doc=a.txt",
    footnote="Foot",
    stamp="1",
)
BLOCK = BlockView(BlockKind.PARAGRAPH, 0, "3.1", SEGMENTS, "Page 1")
SOURCE = SourceView(
    title="Title",
    path="a.txt",
    place="Findings",
    facts=("2024",),
    blocks=(
        BLOCK,
        replace(BLOCK, kind=BlockKind.LIST_ITEM),
        replace(BLOCK, kind=BlockKind.LIST_ITEM),
        replace(BLOCK, kind=BlockKind.HEADING, depth=3),
    ),
    image=PageView("data:image/png;base64,AAAA", "Page 1", 10, 20, (PageBox(0.1, 0.2, 0.4, 0.6),)),
    parts="Part 2 of 3",
    before=LINK,
    after=LINK,
    other_form=LINK,
    copies=COPIES,
    original="original?doc=a.txt",
    finding="words",
    whole="?doc=a.txt",
    find=FindView(
        "2 passages", (HitView("p. 3", (Segment("w"),), "?"),), LINK, LINK, LINK, "1 of 2"
    ),
    search="?q=x",
    close="?",
    stamp="2",
)
HEADER = HeaderView("000001", "2 reports", "1 could not be read")
SOURCES = SourceListView(
    "2 reports",
    (SourceListRow("A", ("a.txt", "scan"), "2024", "3", "5", "?", "?"),),
    "1 file could not be read",
    (Failure("bad.pdf", "Broken.", "Mend it."),),
    True,
    "?",
)
BARE = SourceView("Title", "Findings", "?q=x&doc=a.txt", "?q=x", "3", preview=True)
RENDERED = {
    "answer": lambda swap: render(Template.ANSWER, view=swap(ANSWER)),
    "source": lambda swap: render(Template.SOURCE, view=swap(SOURCE)),
    "bare source": lambda swap: render(Template.SOURCE, view=swap(BARE)),
    "header": lambda swap: render(Template.HEADER, view=swap(HEADER), views=VIEWS),
    "home": lambda swap: render(
        Template.HOME, examples=swap((LINK,)), filters=swap(FILTERS), search=swap("?"), stamp="1"
    ),
    "sources": lambda swap: render(Template.SOURCES, view=swap(SOURCES), stamp="1"),
    "notice": lambda swap: render_notice(
        swap("Message"), swap("Hint"), "1", swap("?q=x"), swap(FILTERS)
    ),
    "brief": lambda swap: render(
        Template.BRIEF, view=swap(BRIEF), forms=swap({"md": "Markdown"}), route="/brief"
    ),
    "notices": lambda swap: render(
        Template.NOTICES,
        said=swap("Done."),
        trouble=swap("Wrong."),
        note=0,
        brief=swap(BRIEF.brief),
        pinned=swap('["a"]'),
        saved=swap('["?q=x"]'),
        news=swap((SAVED_QUESTION,)),
        stamp="1",
    ),
}
PAYLOAD = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>"


def with_payload(value: Any) -> Any:
    """Return a view with the payload at the end of every plain text that it has."""
    if type(value) is str:
        return value + PAYLOAD if value else ""
    if isinstance(value, dict):
        return {key: with_payload(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(with_payload(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value, **{f.name: with_payload(getattr(value, f.name)) for f in fields(value)}
        )
    return value


@pytest.mark.parametrize("name", RENDERED)
def test_markup_in_any_text_of_any_view_stays_text(name: str) -> None:
    plain = RENDERED[name](lambda view: view)
    hostile = RENDERED[name](with_payload)
    assert hostile.count("<img") == plain.count("<img")
    assert "<script" not in hostile
    # The same tags as without the payload: it closed none and opened none.
    tag = re.compile(r"</?[a-z][a-z0-9]*")
    assert tag.findall(hostile) == tag.findall(plain)


def test_no_template_turns_escaping_off() -> None:
    folder = Path(rendering.__file__).parent / "templates"
    templates = sorted(folder.glob("*.html"))
    assert len(templates) == len(Template) + 1  # macros
    for path in templates:
        assert not re.search(r"\|\s*safe|autoescape", path.read_text(encoding="utf-8")), path


def test_the_evidence_is_a_real_table_with_headers() -> None:
    html = render(Template.ANSWER, view=ANSWER)
    headers = re.findall(r'<th scope="col"[^>]*>([^<]*)', html)
    assert headers == ["Region", "In the report’s words", "Evidence", "Source"]
    assert '<th scope="row" role="rowheader" class="value">North</th>' in html
    assert "<blockquote>Plain <mark>marked</mark></blockquote>" in html
    without = render(Template.ANSWER, view=replace(ANSWER, value_heading=""))
    assert re.findall(r'<th scope="col"[^>]*>([^<]*)', without) == headers[1:]


def test_strength_differs_in_words_and_in_shape() -> None:
    partial = replace(ROW, relation="", date="")
    strong = replace(partial, support=Support.STRONG, strength="Strong")
    html = render(Template.ANSWER, view=replace(ANSWER, rows=(strong, partial)))
    cells = re.findall(r'<td role="cell" class="strength.*?</td>', html, re.DOTALL)
    assert [cell.count("<circle") for cell in cells] == [2, 1]
    assert [re.sub(r"<[^>]+>", "", cell).strip() for cell in cells] == ["Strong", "Partial"]


def test_the_order_is_verdict_table_passages() -> None:
    html = render(Template.ANSWER, view=ANSWER)
    places = [html.index(part) for part in ('id="verdict"', "<table", 'id="passages-title"')]
    assert places == sorted(places)


def test_only_the_first_marked_words_carry_the_id() -> None:
    html = render(Template.SOURCE, view=SOURCE)
    assert re.findall(r"<mark[^>]*>", html) == ['<mark id="quote">', "<mark>", "<mark>", "<mark>"]
    assert (html.count("<ul>"), html.count("</ul>")) == (1, 1)  # neighbours make one list


def test_a_page_is_an_image_with_boxes_placed_by_shares_of_it() -> None:
    html = render(Template.SOURCE, view=SOURCE)
    assert '<img src="data:image/png;base64,AAAA" alt="Page 1" width="10" height="20">' in html
    assert 'class="page-box" style="left:10.000%;top:20.000%;width:30.000%;height:40.000%"' in html


def test_a_preview_can_be_told_from_a_source_that_was_opened() -> None:
    assert "is-preview" not in render(Template.SOURCE, view=SOURCE)
    assert "is-preview" in render(Template.SOURCE, view=replace(SOURCE, preview=True))


def test_many_names_without_evidence_are_a_list_to_unfold() -> None:
    few = render(Template.ANSWER, view=replace(ANSWER, silent=("East", "West")))
    assert "No evidence found for</span> East, West</p>" in few
    names = tuple(f"Annual report, {year}, of all the boards" for year in range(2000, 2015))
    many = render(Template.ANSWER, view=replace(ANSWER, silent=names))
    assert "<summary>No evidence found for the other 15</summary>" in many
    assert "<li>Annual report, 2014, of all the boards</li>" in many
