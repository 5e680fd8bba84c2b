"""The view models: what the templates show, worked out beforehand.

Every text in them is plain text; the templates escape it.
"""

from __future__ import annotations

from dataclasses import dataclass

from qa_app.models import BlockKind, Failure, Support, Verdict
from qa_app.web.marking import Segment
from qa_app.web.page_images import PageBox


@dataclass(frozen=True, slots=True)
class Link:
    """Words, and the query string that they lead to."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class HeaderView:
    """The line at the top.

    Attributes:
        generation: whose counts it gives.
        scope: how many reports there are.
        failed: how many files could not be read; empty for none.
    """

    generation: str = ""
    scope: str = ""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """A part of a score, by a name for people."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Copies:
    """A quote with its citation, ready to paste: as plain text, and in Harvard style."""

    plain: str
    harvard: str


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One row of the evidence table.

    Attributes:
        beside: it belongs to the row above, which it is set beside.
        relation: how it stands to that row, in words, or to the answer's first.
        date: of its document, where rows are told apart by their dates.
        also_in: where else the same words stand.
        why: what its score was made of.
    """

    value: str
    beside: bool
    relation: str
    date: str
    lead_in: str
    quote: tuple[Segment, ...]
    support: Support
    strength: str
    source: Link
    also_in: tuple[Link, ...]
    copies: Copies
    pin: str
    why: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a passage; ``bullet`` where it began with one."""

    segments: tuple[Segment, ...]
    bullet: bool


@dataclass(frozen=True, slots=True)
class PassageView:
    """A ranked passage; a near miss shows no ``score``, which would look like a good one."""

    rank: int
    score: str
    lines: tuple[Line, ...]
    source: Link
    also_in: tuple[Link, ...]
    copies: Copies
    pin: str
    why: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class FilterValue:
    """A value to keep to, or, where ``active``, to stop keeping to."""

    text: str
    count: str
    href: str
    active: bool


@dataclass(frozen=True, slots=True)
class FilterGroup:
    """A facet and its most frequent values."""

    name: str
    values: tuple[FilterValue, ...]


@dataclass(frozen=True, slots=True)
class DateFilterView:
    """A range of dates to keep to; ``base`` is the address without one."""

    base: str
    since: str
    until: str
    hint: str


@dataclass(frozen=True, slots=True)
class FilterPanelView:
    """Filters that are on, each with the way to the page without it, and those there are."""

    chips: tuple[Link, ...]
    groups: tuple[FilterGroup, ...]
    dates: DateFilterView | None


@dataclass(frozen=True, slots=True)
class AnswerView:
    """An answer, in the order in which it is read.

    Attributes:
        value_heading: heading of the table's first column; empty for a table without one.
        silent: what was asked about that has no evidence, by name.
        search: the address that shows this answer.
        best: the address that opens the best quote, to show beside the answer; or empty.
        stamp: differs between two answers, so that the page can tell that a new one came.
    """

    question: str
    verdict: Verdict
    headline: str
    detail: str
    value_heading: str
    rows: tuple[EvidenceRow, ...]
    silent: tuple[str, ...]
    passages_heading: str
    passages: tuple[PassageView, ...]
    filters: FilterPanelView
    search: str
    best: str
    footnote: str
    stamp: str


@dataclass(frozen=True, slots=True)
class BlockView:
    """A block of the open source; ``page`` is given where a new page starts."""

    kind: BlockKind
    depth: int
    label: str
    segments: tuple[Segment, ...]
    page: str = ""


@dataclass(frozen=True, slots=True)
class PageView:
    """The image of a page; ``source`` is a data address, ``width`` and ``height`` are in pixels."""

    source: str
    alt: str
    width: int
    height: int
    boxes: tuple[PageBox, ...]


@dataclass(frozen=True, slots=True)
class HitView:
    """A place where the open source has the words looked for."""

    place: str
    words: tuple[Segment, ...]
    href: str


@dataclass(frozen=True, slots=True)
class FindView:
    """What a search inside the open source found.

    Attributes:
        back: to the list, from one of its places.
        before, after: the places next to the one that is shown.
        position: which of the places is shown, in words; empty where none is.
    """

    headline: str
    hits: tuple[HitView, ...]
    back: Link
    before: Link | None
    after: Link | None
    position: str


@dataclass(frozen=True, slots=True)
class SourceView:
    """The source pane; with no more than the first fields, it is one still to come or not there.

    Attributes:
        place: where the quote stands, in words.
        preview: shown along with an answer, unasked; left out where there is no room beside it.
        image: the page, where the source has pages and one is shown; then ``blocks`` is empty.
        parts: which page or part, in words; empty where the document is shown whole.
        before, after: links to the neighbouring pages or parts.
        other_form: link to the text from a page, and to the page from the text.
        copies: the quote with its citation; None where nothing is marked.
        original: address of the file itself.
        finding, whole: the words looked for in it; the address that a search in it starts from.
        find: what was found; without a ``place`` it is listed instead of the text.
    """

    title: str
    place: str
    search: str
    close: str
    stamp: str
    preview: bool = False
    path: str = ""
    facts: tuple[str, ...] = ()
    blocks: tuple[BlockView, ...] = ()
    image: PageView | None = None
    parts: str = ""
    before: Link | None = None
    after: Link | None = None
    other_form: Link | None = None
    copies: Copies | None = None
    original: str = ""
    finding: str = ""
    whole: str = ""
    find: FindView | None = None


@dataclass(frozen=True, slots=True)
class SourceListRow:
    """A document in the list of sources.

    Attributes:
        facts: its path, then what there is to say about how it was read.
        alone: leads to asking it and no other.
    """

    title: str
    facts: tuple[str, ...]
    date: str
    pages: str
    passages: str
    href: str
    alone: str


@dataclass(frozen=True, slots=True)
class SourceListView:
    """Every document, every file that could not be read, and whether more may be added."""

    headline: str
    rows: tuple[SourceListRow, ...]
    failures_line: str
    failures: tuple[Failure, ...]
    uploads: bool
    search: str
