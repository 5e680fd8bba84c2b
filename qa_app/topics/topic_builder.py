"""Passages to topics, and to the themes of ``corpus/themes.toml``.

What was found for the last generation is kept: its centres, ids and labels, with new topics for
what fits none of them. Only when a quarter of the corpus has changed are topics found anew, and
then one that has hardly moved keeps its name.

A passage joins a theme by what it means, or by one of the theme's words together with a meaning
that comes near.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.arrays import BoolArray, FloatArray, HalfArray, IntArray
from qa_app.embedding import Encoder
from qa_app.errors import ConfigError
from qa_app.facets import Facets, phrase_pattern
from qa_app.settings import read_tables
from qa_app.text.analysis import Analyser
from qa_app.topics.clusters import (
    MOST_TOPICS,
    Source,
    Units,
    about,
    choose_phrases,
    count_topics,
    find_centres,
    likeness,
    make_units,
    nearest,
)
from qa_app.topics.labels import Excluded, GroupText, Name, choose_names, exclusion
from qa_app.topics.phrases import quoted_sentence
from qa_app.topics.topic_store import (
    WHOLE,
    Group,
    Grouping,
    Members,
    Topics,
    as_stored,
    unique_id,
)

THEMES_FILE = "themes.toml"
# Cosine of a passage to the theme's sentence from which it belongs, and from which it does if it
# has one of the theme's words. See benchmarks/RESULTS.md for how they were found.
MEANING, MEANING_WITH_WORD = 0.50, 0.35
_FORM = (
    'Its form is: ["name of the theme"] with sentence = "What it is about." and, if you like, '
    'words = ["word", "two words"].'
)
# Texts nearest to a topic's centre from which its name is taken.
_READ = 100
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
# Sentences that speak for a topic, and members that they are looked for in.
_QUOTES, _LOOKED_AT = 3, 12

# Places of units, nearest first, and how near every unit is.
_Placed = tuple[IntArray, FloatArray]


@dataclass(frozen=True, slots=True)
class Theme:
    """A row that the analyst controls: what it is about, and words that make that likelier."""

    name: str
    sentence: str
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is embedded."""
        return f"{self.name}: {self.sentence}"

    def pattern(self) -> re.Pattern[str] | None:
        """Return what finds one of the words in a text, in any case; None without words."""
        if not self.words:
            return None
        forms = "|".join(phrase_pattern(word) for word in self.words)
        return re.compile(rf"(?<!\w)(?:{forms})(?:s|es)?(?!\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes of a corpus, and the text of the file that they were read from, or ""."""

    themes: tuple[Theme, ...] = ()
    source: str = ""

    @property
    def fingerprint(self) -> str:
        """Return a hash that changes when memberships may."""
        parts = [[theme.name, theme.sentence, theme.words] for theme in self.themes]
        return hashlib.sha256(json.dumps([MEANING, MEANING_WITH_WORD, parts]).encode()).hexdigest()

    @classmethod
    def load(cls, folder: Path) -> Themes:
        """Read ``themes.toml`` in a folder; without one, there are no themes.

        Raises:
            ConfigError: the file is not TOML, or not of the form that its README shows.
        """
        path = folder / THEMES_FILE
        found, text = read_tables(path, _FORM)
        return cls(tuple(_parse(path, name, table) for name, table in found.items()), text)


def _parse(path: Path, name: str, table: Any) -> Theme:
    if not isinstance(table, dict) or not name.strip():
        raise ConfigError(f"{path}: {name!r} is not a table [{json.dumps(name)}].", _FORM)
    if unknown := sorted(set(table) - {"sentence", "words"}):
        raise ConfigError(f"{path}: [{name}] has an unknown key {unknown[0]!r}.", _FORM)
    sentence, words = table.get("sentence"), table.get("words", [])
    if not isinstance(sentence, str) or not sentence.strip():
        raise ConfigError(f"{path}: [{name}] has no sentence.", _FORM)
    if not isinstance(words, list) or not all(isinstance(x, str) and x.strip() for x in words):
        raise ConfigError(f"{path}: [{name}]: words must be a list of words.", _FORM)
    return Theme(
        name.strip(), " ".join(sentence.split()), tuple(" ".join(x.split()) for x in words)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """The last generation's topics, and what changed since.

    ``new`` tells of each passage whether it was not there; ``removed`` counts those that are gone.
    """

    topics: Topics
    new: BoolArray
    removed: int

    def names(self) -> list[Name | None]:
        """Return what its topics are called."""
        return [Name(topic.id, topic.label, topic.terms) for topic in self.topics.topics]


@dataclass(frozen=True, slots=True, eq=False)
class _Centres:
    """Centres of topics with the names that some of them have from before."""

    vectors: FloatArray
    names: list[Name | None]
    changed: int
    floor: float


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
        embeddings: theirs, shape (num_passages, dim), unit rows.
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
    excluded = exclusion(source.titles(), facets)
    if units.hashes:
        centres, placed = _by_phrase(units, earlier, encoder, excluded, analyser)
    else:
        centres, placed = _by_centre(units, earlier)
    sample = [
        GroupText(units.texts[place], group, int(units.documents[place]))
        for group, (places, _) in enumerate(placed)
        for place in places[:_READ].tolist()
    ]
    names = choose_names(sample, centres.names, excluded, analyser)
    topics = [
        _group(source, units, name, *where, name.terms, analyser)
        for name, where in zip(names, placed, strict=True)
    ]
    order = sorted(range(len(topics)), key=lambda n: (-len(topics[n].members), topics[n].id))
    vectors = units.raw if units.hashes else units.raw[:0]
    grouping = Grouping(
        centres=centres.vectors[order].astype(np.float16),
        changed=centres.changed,
        floor=centres.floor,
        hashes=units.hashes,
        vectors=vectors.astype(np.float16),
    )
    own = _find_themes(source, units, encoder, themes.themes, analyser)
    return Topics(tuple(topics[place] for place in order), own, grouping)


def _by_phrase(
    units: Units,
    earlier: Earlier | None,
    encoder: Encoder,
    excluded: Excluded,
    analyser: Analyser,
) -> tuple[_Centres, list[_Placed]]:
    """Return phrases as topics, and what is about each; a sentence may be about several."""

    def with_phrases(found: _Centres, places: IntArray, number: int) -> _Centres:
        texts = [units.texts[place] for place in places]
        phrases, vectors = choose_phrases(
            texts, units.raw[places], number, encoder, excluded, analyser
        )
        names = list(found.names)
        for phrase in phrases:
            taken = [name.id for name in names if name]
            names.append(Name(unique_id(phrase, taken), phrase, ()))
        return replace(found, vectors=np.vstack([found.vectors, vectors]), names=names)

    def score(found: _Centres) -> FloatArray:
        labels = [name.label for name in found.names if name]
        return likeness(units.texts, units.raw, labels, found.vectors, analyser)

    number = count_topics(len(units))
    centres = _from_before(earlier, units, _MOST_CHANGED_PHRASES)
    if centres is None or earlier is None:
        none = _Centres(units.raw[:0], [], 0, 0.0)
        centres = with_phrases(none, np.arange(len(units)), number)
    else:
        alone = ~about(score(centres)).any(1) & earlier.new[units.rows]
        if alone.sum() >= _LEAST_NEW:
            room = max(1, number - len(centres.names))
            centres = with_phrases(centres, np.flatnonzero(alone), room)
    if not centres.names:
        return _by_centre(units, earlier)
    scores = score(centres)
    return _placed(centres, about(scores), scores)


def _by_centre(units: Units, earlier: Earlier | None) -> tuple[_Centres, list[_Placed]]:
    """Return centres of clusters as topics, and what is nearest to each."""
    centres = _from_before(earlier, units, _MOST_CHANGED)
    if centres is not None and earlier is not None:
        centres = _with_new(units, earlier, centres)
    else:
        centres = _found_anew(units, earlier)
    groups, cosines = nearest(units.vectors, centres.vectors)
    belongs = groups[:, None] == np.arange(len(centres.names))
    return _placed(centres, belongs, np.broadcast_to(cosines[:, None], belongs.shape))


def _placed(
    centres: _Centres, belongs: BoolArray, scores: FloatArray
) -> tuple[_Centres, list[_Placed]]:
    """Return the centres to which something belongs, and what, the nearest first.

    ``belongs`` and ``scores`` are of shape (num_units, num_centres).
    """
    kept = np.flatnonzero(belongs.any(0))
    placed = [(_nearest_first(belongs[:, n], scores[:, n]), scores[:, n]) for n in kept]
    names = [centres.names[place] for place in kept]
    return replace(centres, vectors=centres.vectors[kept], names=names), placed


def _from_before(earlier: Earlier | None, units: Units, most: float) -> _Centres | None:
    """Return the last generation's centres, unless too much has changed since they were found."""
    if earlier is None or bool(earlier.topics.grouping.hashes) != bool(units.hashes):
        return None
    old = earlier.topics.grouping
    changed = old.changed + int(earlier.new.sum()) + earlier.removed
    if changed > most * len(earlier.new):
        return None
    return _Centres(old.centres.astype(np.float32), earlier.names(), changed, old.floor)


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
    names = [*centres.names, *[None] * len(found)]
    return replace(centres, vectors=np.vstack([centres.vectors, found]), names=names)


def _found_anew(units: Units, earlier: Earlier | None) -> _Centres:
    """Return new centres, those that were there before under their old names."""
    number = count_topics(len(units))
    vectors = as_stored(find_centres(units.vectors, number))
    groups, _ = nearest(units.vectors, vectors)
    sizes = np.bincount(groups, minlength=len(vectors))
    vectors = vectors[sizes >= min(sizes.max(), max(2.0, _LEAST_SHARE * len(units) / number))]
    _, cosines = nearest(units.vectors, vectors)
    names: list[Name | None] = [None] * len(vectors)
    if earlier is not None and not earlier.topics.grouping.hashes:
        same = vectors @ earlier.topics.grouping.centres.astype(np.float32).T
        for place, row in enumerate(same):
            best = int(row.argmax())
            if row[best] >= _SAME and same[:, best].argmax() == place:
                names[place] = earlier.names()[best]
    return _Centres(vectors, names, 0, float(np.quantile(cosines, _MISFIT)))


def _find_themes(
    source: Source, units: Units, encoder: Encoder, themes: Sequence[Theme], analyser: Analyser
) -> tuple[Group, ...]:
    """Return each theme with what belongs to it, by meaning, or by a word and meaning."""
    if not themes:
        return ()
    vectors = encoder.encode_queries([theme.text for theme in themes])
    groups: list[Group] = []
    for theme, vector in zip(themes, vectors, strict=True):
        cosines = units.raw @ vector
        belongs = cosines >= MEANING
        if pattern := theme.pattern():
            for place in np.flatnonzero(~belongs & (cosines >= MEANING_WITH_WORD)).tolist():
                belongs[place] = pattern.search(units.texts[place]) is not None
        taken = [group.id for group in groups]
        name = Name(unique_id(theme.name, taken), theme.name, theme.words)
        told_by = (*(theme.words or (theme.name,)), theme.sentence)
        places = _nearest_first(belongs, cosines)
        groups.append(_group(source, units, name, places, cosines, told_by, analyser))
    return tuple(groups)


def _nearest_first(belongs: BoolArray, strengths: FloatArray) -> IntArray:
    """Return the places of what belongs with the strongest first."""
    places = np.flatnonzero(belongs)
    return places[np.lexsort((places, -strengths[places]))]


def _group(
    source: Source,
    units: Units,
    name: Name,
    places: IntArray,
    strengths: FloatArray,
    told_by: Sequence[str],
    analyser: Analyser,
) -> Group:
    """Return the units of these places as a topic or theme, with a few sentences to quote.

    Those are near the centre, from different reports where there are; of a passage, the sentence
    that says most of what the terms ``told_by`` say.
    """
    members = Members(units.rows[places], units.sentences[places], strengths[places])
    passages = source.passages(members.rows[:_LOOKED_AT].tolist())
    found: list[int] = []
    spare: list[int] = []
    used: set[str] = set()
    for place, passage in enumerate(passages):
        (spare if passage.document in used else found).append(place)
        used.add(passage.document)
    quoted = [*found, *spare][:_QUOTES]
    sentences = [
        quoted_sentence(passages[place], told_by, analyser)
        if members.sentences[place] == WHOLE
        else members.sentences[place]
        for place in quoted
    ]
    quotes = Members(
        members.rows[quoted], np.array(sentences, dtype=np.int64), members.strengths[quoted]
    )
    return Group(name.id, name.label, name.terms, members, quotes)
