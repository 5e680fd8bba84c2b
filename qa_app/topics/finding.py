"""Passages to topics and themes: who belongs together, and what it is called.

What was found for the last generation is kept: its centres, ids and labels, with new topics for
what fits none of them. Only when a quarter of the corpus has changed are topics found anew, and
then one that has hardly moved keeps its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from qa_app.analysis import Analyser
from qa_app.embedding import Encoder
from qa_app.facets import Facets
from qa_app.topics.clustering import MOST_TOPICS, count_topics, find_centres, nearest
from qa_app.topics.exemplars import about, choose_exemplars, likeness
from qa_app.topics.members import find_quotes, find_themes, members_of, nearest_first
from qa_app.topics.naming import Name, choose_names
from qa_app.topics.phrases import GroupText, Phrase, find_phrases
from qa_app.topics.stored import (
    FloatArray,
    Group,
    Grouping,
    HalfArray,
    IntArray,
    Topics,
    as_stored,
    unique_id,
)
from qa_app.topics.themes import Themes
from qa_app.topics.units import Source, Units, make_units

# Texts nearest to a topic's centre from which its name is taken.
_READ = 100
# A phrase that is more than this of reports' titles names the reports, unless more than so many
# times as many use it: then it is what they are about.
_MOST_OF_TITLE, _MOST_TITLED = 0.4, 2
# Share of the corpus that may change before topics are found anew; phrases go stale more slowly.
_MOST_CHANGED, _MOST_CHANGED_PHRASES = 0.25, 0.5
# Cosine of a new centre to an old one from which it is the same topic.
_SAME = 0.9
# So many misfits may be a topic of their own.
_LEAST_NEW = 3
# Quantile of the cosines to the nearest centre under which something fits no topic.
_MISFIT = 0.02
# A topic has at least this part of an even share of the corpus.
_LEAST_SHARE = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """The last generation's topics, and what changed since.

    Attributes:
        topics: what was found.
        new: bool, shape (num_passages,): passages that it did not have.
        removed: number of passages that only it has.
    """

    topics: Topics
    new: BoolArray
    removed: int


@dataclass(frozen=True, slots=True, eq=False)
class _Centres:
    """Centres of topics with the names that some of them have from before."""

    vectors: FloatArray
    names: list[Name | None]
    changed: int
    floor: float


BoolArray = npt.NDArray[np.bool_]
# Places of units, nearest first, and how near every unit is.
_Placed = tuple[IntArray, FloatArray]


def find_topics(
    source: Source,
    embeddings: HalfArray | FloatArray,
    encoder: Encoder,
    facets: Facets,
    themes: Themes,
    analyser: Analyser,
    earlier: Earlier | None = None,
) -> Topics:
    """Return the topics and themes of a corpus, the same for the same to the last bit.

    Args:
        source: the passages.
        embeddings: theirs, float16 or float32, shape (num_passages, dim), unit rows.
        encoder: for the sentences of a small corpus, and of the themes.
        facets: whose values name no topic.
        themes: the analyst's own.
        analyser: of the corpus's language.
        earlier: the last generation's, made with the same model, if there is one.
    """
    known: dict[str, FloatArray] = {}
    if earlier is not None:
        old = earlier.topics.grouping
        known = dict(zip(old.hashes, old.vectors.astype(np.float32), strict=True))
    units = make_units(source, embeddings, encoder, known)
    excluded = _exclusion(source, facets)
    if units.hashes:
        centres, places = _by_phrase(units, earlier, encoder, excluded, analyser)
    else:
        centres, places = _by_centre(units, earlier)
    names = _name(units, [some for some, _ in places], centres.names, excluded, analyser)
    members = [members_of(units, some, strengths) for some, strengths in places]
    topics = [
        Group(
            name.id, name.label, name.terms, found, find_quotes(source, found, name.terms, analyser)
        )
        for name, found in zip(names, members, strict=True)
    ]
    order = sorted(range(len(topics)), key=lambda place: (-len(members[place]), topics[place].id))
    vectors = units.raw if units.hashes else units.raw[:0]
    grouping = Grouping(
        centres=centres.vectors[order].astype(np.float16),
        changed=centres.changed,
        floor=centres.floor,
        hashes=units.hashes,
        vectors=vectors.astype(np.float16),
    )
    own = find_themes(source, units, encoder, themes.themes, analyser)
    return Topics(tuple(topics[place] for place in order), own, grouping)


def _by_phrase(
    units: Units,
    earlier: Earlier | None,
    encoder: Encoder,
    excluded: Callable[[Phrase], bool],
    analyser: Analyser,
) -> tuple[_Centres, list[_Placed]]:
    """Return phrases as topics, and what is about each; a sentence may be about several."""

    def choose(places: IntArray, number: int) -> tuple[list[str], FloatArray]:
        texts = [units.texts[place] for place in places]
        return choose_exemplars(texts, units.raw[places], number, encoder, excluded, analyser)

    def score(found: _Centres) -> FloatArray:
        labels = [name.label for name in found.names if name]
        return likeness(units.texts, units.raw, labels, found.vectors, analyser)

    everything = np.arange(len(units))
    number = count_topics(len(units))
    centres = _from_before(earlier, units, _MOST_CHANGED_PHRASES)
    if centres is None:
        centres = _named(_Centres(units.raw[:0], [], 0, 0.0), *choose(everything, number))
    elif earlier is not None:
        alone = ~about(score(centres)).any(1) & earlier.new[units.rows]
        if alone.sum() >= _LEAST_NEW:
            room = max(1, number - len(centres.names))
            centres = _named(centres, *choose(np.flatnonzero(alone), room))
    if not centres.names:
        return _by_centre(units, earlier)
    scores = score(centres)
    chosen = about(scores)
    kept = [place for place in range(len(centres.names)) if chosen[:, place].any()]
    placed = [nearest_first(np.flatnonzero(chosen[:, place]), scores[:, place]) for place in kept]
    return _some(centres, kept), [
        (some, scores[:, place]) for some, place in zip(placed, kept, strict=True)
    ]


def _by_centre(units: Units, earlier: Earlier | None) -> tuple[_Centres, list[_Placed]]:
    """Return centres of clusters as topics, and what is nearest to each."""
    centres = _from_before(earlier, units, _MOST_CHANGED)
    if centres is not None and earlier is not None:
        centres = _with_new(units, earlier, centres)
    else:
        centres = _fresh(units)
        if earlier is not None and not earlier.topics.grouping.hashes:
            centres = _renamed(centres, earlier)
    groups, cosines = nearest(units.vectors, centres.vectors)
    kept = np.unique(groups).tolist()
    placed = [nearest_first(np.flatnonzero(groups == group), cosines) for group in kept]
    return _some(centres, kept), [(places, cosines) for places in placed]


def _from_before(earlier: Earlier | None, units: Units, most: float) -> _Centres | None:
    """Return the last generation's centres, unless too much has changed since they were found."""
    if earlier is None or bool(earlier.topics.grouping.hashes) != bool(units.hashes):
        return None
    old = earlier.topics.grouping
    changed = old.changed + int(earlier.new.sum()) + earlier.removed
    if changed > most * len(earlier.new):
        return None
    return _Centres(old.centres.astype(np.float32), _old_names(earlier), changed, old.floor)


def _old_names(earlier: Earlier) -> list[Name | None]:
    return [Name(topic.id, topic.label, topic.terms) for topic in earlier.topics.topics]


def _named(centres: _Centres, phrases: Sequence[str], vectors: FloatArray) -> _Centres:
    names = list(centres.names)
    for phrase in phrases:
        taken = [name.id for name in names if name]
        names.append(Name(unique_id(phrase, taken), phrase, ()))
    return replace(centres, vectors=np.vstack([centres.vectors, vectors]), names=names)


def _some(centres: _Centres, kept: Sequence[int]) -> _Centres:
    return replace(
        centres, vectors=centres.vectors[kept], names=[centres.names[place] for place in kept]
    )


def _fresh(units: Units) -> _Centres:
    number = count_topics(len(units))
    centres = as_stored(find_centres(units.vectors, number))
    groups, _ = nearest(units.vectors, centres)
    sizes = np.bincount(groups, minlength=len(centres))
    large = sizes >= min(sizes.max(), max(2.0, _LEAST_SHARE * len(units) / number))
    centres = centres[large]
    _, cosines = nearest(units.vectors, centres)
    return _Centres(centres, [None] * len(centres), 0, float(np.quantile(cosines, _MISFIT)))


def _with_new(units: Units, earlier: Earlier, centres: _Centres) -> _Centres:
    """Return the centres, and further ones for what is new and fits none of them."""
    _, cosines = nearest(units.vectors, centres.vectors)
    misfits = np.flatnonzero(earlier.new[units.rows] & (cosines < centres.floor))
    even = len(units) / len(centres.names)
    room = MOST_TOPICS - len(centres.names)
    if room <= 0 or len(misfits) < max(_LEAST_NEW, even / 4):
        return centres
    number = min(room, max(1, round(len(misfits) / even)))
    found = as_stored(find_centres(units.vectors[misfits], number))
    return replace(
        centres,
        vectors=np.vstack([centres.vectors, found]),
        names=[*centres.names, *[None] * len(found)],
    )


def _renamed(fresh: _Centres, earlier: Earlier) -> _Centres:
    """Return the fresh centres, those that were there before under their old names."""
    likeness = fresh.vectors @ earlier.topics.grouping.centres.astype(np.float32).T
    names, old_names = list(fresh.names), _old_names(earlier)
    for place, row in enumerate(likeness):
        best = int(row.argmax())
        if row[best] >= _SAME and likeness[:, best].argmax() == place:
            names[place] = old_names[best]
    return replace(fresh, names=names)


def _name(
    units: Units,
    groups: Sequence[IntArray],
    names: Sequence[Name | None],
    excluded: Callable[[Phrase], bool],
    analyser: Analyser,
) -> list[Name]:
    known = [name for name in names if name is not None and name.terms]
    if len(known) == len(names):
        return known
    texts = [
        GroupText(units.texts[place], group, int(units.documents[place]))
        for group, places in enumerate(groups)
        for place in places[:_READ].tolist()
    ]
    return choose_names(find_phrases(texts, analyser), texts, names, excluded)


def _exclusion(source: Source, facets: Facets) -> Callable[[Phrase], bool]:
    """Return what tells that a phrase is a facet's value or a report's title."""
    titles = [title.casefold() for title in source.titles()]
    values = {value.casefold() for name in facets.names for value in facets.values(name)}
    nouns = {
        noun.casefold()
        for name in facets.names
        if facets.values(name)
        for noun in facets.nouns(name)
    }

    def excluded(phrase: Phrase) -> bool:
        folded = phrase.text.casefold()
        return (
            folded in nouns
            or bool(facets.mentions(phrase.text))
            or any(f" {folded} " in f" {value} " for value in values)
            or phrase.documents <= _MOST_TITLED * sum(_is_most_of(folded, t) for t in titles)
        )

    return excluded


def _is_most_of(phrase: str, title: str) -> bool:
    return f" {phrase} " in f" {title} " and len(phrase) > _MOST_OF_TITLE * len(title)
