"""Topics by facet, cells, comparisons and what is new, read from what a build stored.

A topic's members are passages, in a small corpus sentences. Nothing is computed here that takes
long: groups are found when an index is built.
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
from qa_app.retrieval.filters import DATE, TYPE, exact_value
from qa_app.store.generation import Generation
from qa_app.topics.phrases import quoted_sentence
from qa_app.topics.topic_store import (
    WHOLE,
    Group,
    Members,
    Topics,
    read_topics,
)

# Names in an error's hint.
_MOST_NAMED = 12


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
    """Words of a report that belong to a topic; ``strength`` is higher, the nearer they are."""

    quote: str
    citation: Citation
    strength: float
    passage_id: str


@dataclass(frozen=True, slots=True)
class TopicSummary:
    """A topic or theme as it is listed, with its terms and a few quotes, the best first.

    ``members`` is the number of its quotes: one a passage, or in a small corpus one a sentence.
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
    """The quotes of a topic for a value of a facet: ``total``, of which a few are given."""

    topic: str
    label: str
    value: str
    total: int
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a topic: its members before and now, and those in passages that are new."""

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


class Triage:
    """The topics and themes of one generation. Safe to use from several threads."""

    def __init__(self, generation: Generation, facets: Facets) -> None:
        self._generation = generation
        self._facets = facets

    @cached_property
    def _stored(self) -> Topics:
        return read_topics(self._generation.folder)

    def groups(self, kind: Kind = Kind.TOPICS) -> tuple[Group, ...]:
        """Return the topics, the largest first, or the themes in the order of their file.

        Raises:
            IndexNotFoundError: the index was built before there were topics.
        """
        return self._stored.topics if kind is Kind.TOPICS else self._stored.themes

    def summaries(self, kind: Kind = Kind.TOPICS) -> tuple[TopicSummary, ...]:
        """Return the groups as they are listed."""
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
        """Return what topics can be set against, the corpus's own facets first."""
        own = [name for name in self._facets.names if self._facets.values(name)]
        known = self._generation.facets()
        dated = any(record.dated for record in self._generation.documents)
        names = [*own, DOCUMENT_FACET, *([DATE] if dated else []), *known, TYPE]
        return tuple(dict.fromkeys(name for name in names if name in (*known, DATE, TYPE)))

    def matrix(self, facet: str = "", kind: Kind = Kind.TOPICS) -> Matrix:
        """Return topics or themes by a facet, by default the corpus's own first.

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
        found = self._values(facet)
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
        """Return the quotes of a topic or theme for one value of a facet, the strongest first.

        Args:
            topic: its id or label.
            facet: as ``matrix`` takes it.
            value: one of its values; "" for all there is.
            themes: a theme is meant, should a topic have its name too.
            most: quotes at most.

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
        """Return for each topic or theme, or the one asked for, a cell for each of these values.

        Topics of which none of the values says anything are left out.
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
        """Return a topic's members by the year of their report; empty where none has a date."""
        members = self.group(topic, themes).members.rows
        years = self._values(DATE)
        return {year: int(np.isin(members, rows).sum()) for year, rows in years.items()}

    def changes(self, earlier: Triage, most: int = 3) -> tuple[Change, ...]:
        """Return what became of each topic since an earlier generation, what grew most first."""
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
        """Return the topic or theme with this id or label, of two the topic unless ``themes``.

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

    def _values(self, facet: str) -> dict[str, IntArray]:
        """Return the facet's values in order, with the rows that belong to each."""
        generation = self._generation
        if facet in generation.facets():
            values = generation.facet_values(facet)
            return {value: generation.rows_tagged(facet, value) for value in values}
        if facet not in {DATE, TYPE}:
            names = ", ".join(self.facet_names())
            raise QueryError(f"There is no facet {facet!r}.", f"There are: {names}.")
        rows: dict[str, list[int]] = {}
        for record in generation.documents:
            if facet == TYPE:
                rows.setdefault(record.format, []).extend(record.rows)
            elif record.dated is not None:
                rows.setdefault(str(record.dated.first.year), []).extend(record.rows)
        return {value: np.array(rows[value], dtype=np.int64) for value in sorted(rows)}

    def _value(self, facet: str, asked: str) -> tuple[str, IntArray]:
        """Return a value as it is written, by any case or an alias, and its rows."""
        values = self._values(facet)
        value = exact_value(list(values), asked, self._facets.named_by(facet, asked))
        if value is not None:
            return value, values[value]
        known = ", ".join(list(values)[:_MOST_NAMED])
        raise QueryError(f"No passage has the {facet} {asked!r}.", f"There are: {known}.")

    def _excerpts(
        self, group: Group, members: Members, places: IntArray | slice = slice(None)
    ) -> tuple[Excerpt, ...]:
        """Return the words of some members of a group; of a whole passage, its best sentence."""
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
