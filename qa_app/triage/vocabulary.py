"""What topics by facet are told in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from qa_app.models import Citation


class Kind(StrEnum):
    """Who made the groups: the program, or the analyst."""

    TOPICS = "topics"
    THEMES = "themes"


class Trend(StrEnum):
    """What became of a topic since an earlier generation."""

    APPEARED = "appeared"
    GREW = "grew"
    SHRANK = "shrank"
    CHANGED = "changed"
    SAME = "same"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Words of a report that belong to a topic.

    Attributes:
        strength: how near it is to the topic or theme, higher is nearer.
        passage_id: of the passage that it stands in.
    """

    quote: str
    citation: Citation
    strength: float
    passage_id: str


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """A topic or theme as it is listed.

    Attributes:
        terms: what tells it, best first.
        passages: number of different passages.
        members: number of quotes: one a passage, or in a small corpus one a sentence.
        quotes: a few that speak for it.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    passages: int
    members: int
    quotes: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Topics or themes by a facet's values.

    Attributes:
        rows: ids of topics; labels alike.
        columns: values of the facet, the most mentioned first, or years ascending.
        counts: members by row and column; 0 where nothing was found.
        strengths: the strongest member's, by row and column; 0.0 where nothing was found.
        row_totals: members of each topic, those of no value too.
        column_totals: sums of the columns.
        unplaced: members of no value, as those of reports without a date.
    """

    kind: Kind
    facet: str
    rows: tuple[str, ...]
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    strengths: tuple[tuple[float, ...], ...]
    row_totals: tuple[int, ...]
    column_totals: tuple[int, ...]
    unplaced: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """The quotes of a topic for a value of a facet.

    Attributes:
        total: how many there are; ``excerpts`` may be fewer, the strongest first.
    """

    topic: str
    label: str
    value: str
    total: int
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a topic since an earlier generation.

    Attributes:
        before, now: members then and now.
        new: how many of them stand in passages that were not there.
        excerpts: the strongest of those.
    """

    id: str
    label: str
    trend: Trend
    before: int
    now: int
    new: int
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What the reports are about, by a facet."""

    topics: tuple[TopicSummary, ...]
    matrix: Matrix
    generation: str
