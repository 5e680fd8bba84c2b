"""Queries on stored topics: matrices by facet, cells, comparisons and changes between builds.

A topic's members are passages, or sentences in a small corpus. Topics are computed when an index is
built, so queries are fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np

from qa_app.arrays import IntArray
from qa_app.citations import cite
from qa_app.errors import QueryError
from qa_app.facets import DOCUMENT_FACET, YEAR_FACET, Facets
from qa_app.models import Citation
from qa_app.retrieval.filters import DATE, TYPE, exact_value, facet_rows
from qa_app.store.protocol import Generation
from qa_app.topics.phrases import quoted_sentence
from qa_app.topics.topic_store import (
    TOPICS_FILE,
    WHOLE,
    Group,
    Members,
    Topics,
    read_topics,
)

# Most values listed in an error's hint, to keep it readable.
_MOST_NAMED = 12


class Kind(StrEnum):
    """Whether groups were found by the program (topics) or defined by the analyst (themes)."""

    TOPICS = "topics"
    THEMES = "themes"


class Trend(StrEnum):
    """How a topic changed since an earlier generation; CHANGED is new members, same number."""

    APPEARED = "appeared"
    GREW = "grew"
    SHRANK = "shrank"
    CHANGED = "changed"
    SAME = "same"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A quote that belongs to a topic; a higher ``strength`` means closer to the topic."""

    quote: str
    citation: Citation
    strength: float
    passage_id: str


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """A topic or theme as listed, with its terms and a few quotes, best first.

    ``passages`` is the number of different passages; ``members`` that of members, which are
    passages, or sentences in a small corpus.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    passages: int
    members: int
    quotes: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Counts of topic or theme members by facet value.

    A member with several values counts in several columns.

    Attributes:
        rows: ids of the topics, in the order of ``labels``.
        columns: values of the facet, by descending total, or years ascending.
        counts: members by row and column.
        strengths: highest strength by row and column; 0.0 where there are no members.
        row_totals: all members of each topic, with or without a value.
        column_totals: sums of the columns.
        unplaced: members without a value, such as those of undated reports.
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
    """The quotes of a topic for one facet value: ``total`` members, the first few as excerpts."""

    topic: str
    label: str
    value: str
    total: int
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """How a topic changed.

    ``before`` and ``now`` are numbers of members; ``new`` counts those in new passages, the first
    few of which are the excerpts.
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
    """The topics of a generation and their matrix by a facet."""

    topics: tuple[TopicSummary, ...]
    matrix: Matrix
    generation: str


class Triage:
    """The topics and themes of one generation. Safe to use from several threads."""

    def __init__(self, generation: Generation, facets: Facets) -> None:
        self._generation = generation
        self._facets = facets

    @cached_property
    def _stored(self) -> Topics:
        return read_topics(self._generation.file(TOPICS_FILE), self._generation.name)

    def groups(self, kind: Kind = Kind.TOPICS) -> tuple[Group, ...]:
        """Return the topics, largest first, or the themes in the order of their file.

        Raises:
            IndexNotFoundError: the index has no topics, or those of another format version.
            IndexCorruptError: the stored topics are damaged.
        """
        return self._stored.topics if kind is Kind.TOPICS else self._stored.themes

    def summaries(self, kind: Kind = Kind.TOPICS) -> tuple[TopicSummary, ...]:
        """Return the topics or themes as listed, in the order of ``groups``."""
        return tuple(
            TopicSummary(
                id=group.id,
                label=group.label,
                terms=group.terms,
                passages=group.members.passages,
                members=len(group.members),
                quotes=self._excerpts(group, group.quotes),
            )
            for group in self.groups(kind)
        )

    def facet_names(self) -> tuple[str, ...]:
        """Return the facets that topics can be tabulated by, the corpus's own first."""
        own = [name for name in self._facets.names if self._facets.values(name)]
        known = self._generation.facets()
        dated = any(record.dated for record in self._generation.documents)
        names = [*own, DOCUMENT_FACET, *([DATE] if dated else []), *known, TYPE]
        return tuple(dict.fromkeys(name for name in names if name in (*known, DATE, TYPE)))

    def matrix(self, facet: str = "", kind: Kind = Kind.TOPICS) -> Matrix:
        """Return topics or themes by a facet; by default the first of ``facet_names``.

        Raises:
            QueryError: there is no such facet.
        """
        facet = facet or self.facet_names()[0]
        groups = self.groups(kind)
        numbers = np.zeros((len(groups), self._generation.num_passages), dtype=np.int64)
        strengths = np.zeros(numbers.shape, dtype=np.float32)
        for place, group in enumerate(groups):
            np.add.at(numbers[place], group.members.rows, 1)
            np.maximum.at(strengths[place], group.members.rows, group.members.strengths)
        found = facet_rows(self._generation, facet)
        counts = {value: numbers[:, rows].sum(1) for value, rows in found.items()}
        columns = [value for value in found if counts[value].any()]
        if facet not in {DATE, YEAR_FACET}:
            columns.sort(key=lambda value: (-int(counts[value].sum()), value))
        strongest = [strengths[:, found[value]].max(1) for value in columns]
        unplaced = numbers.sum(0)
        unplaced[np.concatenate([*found.values(), np.empty(0, dtype=np.int64)])] = 0
        return Matrix(
            kind=kind,
            facet=facet,
            rows=tuple(group.id for group in groups),
            labels=tuple(group.label for group in groups),
            columns=tuple(columns),
            counts=tuple(
                tuple(int(counts[value][row]) for value in columns) for row in range(len(groups))
            ),
            strengths=tuple(
                tuple(round(float(each[row]), 3) for each in strongest)
                for row in range(len(groups))
            ),
            row_totals=tuple(len(group.members) for group in groups),
            column_totals=tuple(int(counts[value].sum()) for value in columns),
            unplaced=int(unplaced.sum()),
        )

    def cell(
        self,
        topic: str,
        facet: str = "",
        value: str = "",
        themes: bool = False,
        most: int = 20,
    ) -> Cell:
        """Return the quotes of a topic or theme for one facet value, strongest first.

        Args:
            topic: its id or label.
            facet: as for ``matrix``; ignored without a value.
            value: one of the facet's values, in any case, or an alias; "" for all members.
            themes: prefer a theme where a topic has the same name.
            most: most excerpts to return.

        Raises:
            QueryError: there is no such topic, facet or value.
        """
        group = self.group(topic, themes)
        places = np.arange(len(group.members))
        facet = facet or self.facet_names()[0]
        if value:
            value, rows = self._value(facet, value)
            places = np.flatnonzero(np.isin(group.members.rows, rows))
        excerpts = self._excerpts(group, group.members, places[:most])
        return Cell(group.id, group.label, value, len(places), excerpts)

    def compare(
        self,
        values: Sequence[str],
        facet: str = "",
        topic: str = "",
        themes: bool = False,
        most: int = 5,
    ) -> tuple[tuple[Cell, ...], ...]:
        """Return a row of cells, one per value, for each topic or theme, or for ``topic`` alone.

        Without ``topic``, rows in which all cells are empty are left out.

        Raises:
            QueryError: there is no such topic, facet or value.
        """
        groups = self.groups(Kind.THEMES if themes else Kind.TOPICS)
        if topic:
            groups = (self.group(topic, themes),)
        rows = (
            tuple(self.cell(group.id, facet, value, themes, most) for value in values)
            for group in groups
        )
        return tuple(cells for cells in rows if topic or any(cell.total for cell in cells))

    def timeline(self, topic: str, themes: bool = False) -> Mapping[str, int]:
        """Return the number of a topic's members by report year; empty if no report is dated.

        Raises:
            QueryError: there is no such topic or theme.
        """
        members = self.group(topic, themes).members.rows
        years = facet_rows(self._generation, DATE)
        return {year: int(np.isin(members, rows).sum()) for year, rows in years.items()}

    def changes(self, earlier: Triage, most: int = 3) -> tuple[Change, ...]:
        """Return how each topic changed since an earlier generation.

        Topics are matched by id, and ordered by members in new passages, most first. ``most``
        limits the excerpts of each.
        """
        old = frozenset(earlier._generation.content_hashes())
        is_new = np.array([digest not in old for digest in self._generation.content_hashes()])
        before = {group.id: len(group.members) for group in earlier.groups()}
        found = []
        for group in self.groups():
            new = np.flatnonzero(is_new[group.members.rows])
            then = before.pop(group.id, None)
            trend = _trend(then, len(group.members), len(new))
            excerpts = self._excerpts(group, group.members, new[:most])
            now = len(group.members)
            found.append(Change(group.id, group.label, trend, then or 0, now, len(new), excerpts))
        for group in earlier.groups():
            if group.id in before:
                gone = Change(group.id, group.label, Trend.VANISHED, len(group.members), 0, 0, ())
                found.append(gone)
        return tuple(sorted(found, key=lambda change: (-change.new, change.label)))

    def group(self, name: str, themes: bool = False) -> Group:
        """Return the topic or theme with this id or label, in any case.

        If both have it, the topic is returned, or with ``themes`` the theme.

        Raises:
            QueryError: there is none.
        """
        kinds = (Kind.THEMES, Kind.TOPICS) if themes else (Kind.TOPICS, Kind.THEMES)
        groups = [group for kind in kinds for group in self.groups(kind)]
        folded = name.strip().casefold()
        for group in groups:
            if folded in (group.id, group.label.casefold()):
                return group
        known = ", ".join(group.id for group in groups)
        raise QueryError(f"There is no topic {name!r}.", f"There are: {known}.")

    def _value(self, facet: str, asked: str) -> tuple[str, IntArray]:
        """Return the stored spelling of a value, given in any case or as an alias, and its rows."""
        values = facet_rows(self._generation, facet)
        value = exact_value(list(values), asked, self._facets.named_by(facet, asked))
        if value is not None:
            return value, values[value]
        known = ", ".join(list(values)[:_MOST_NAMED])
        raise QueryError(f"No passage has the {facet} {asked!r}.", f"There are: {known}.")

    def _excerpts(
        self, group: Group, members: Members, places: IntArray | slice = slice(None)
    ) -> tuple[Excerpt, ...]:
        """Return excerpts of some members; a whole passage gives its best-matching sentence."""
        rows, sentences = members.rows[places], members.sentences[places].tolist()
        strengths = members.strengths[places].tolist()
        passages = self._generation.passages(rows)
        found = []
        for passage, sentence, strength in zip(passages, sentences, strengths, strict=True):
            if sentence == WHOLE:
                sentence = quoted_sentence(passage, group.terms, self._generation.lexical.analyser)
            span = passage.sentences[sentence] if passage.sentences else passage
            quote = passage.slice(span.start, span.end)
            citation = cite(passage, span.start, span.end)
            found.append(Excerpt(quote, citation, round(strength, 3), passage.id))
        return tuple(found)


def _trend(before: int | None, now: int, new: int) -> Trend:
    if before is None:
        return Trend.APPEARED
    if now != before:
        return Trend.GREW if now > before else Trend.SHRANK
    return Trend.CHANGED if new else Trend.SAME
