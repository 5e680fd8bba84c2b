"""Assigns passages to topics, and to the themes of ``corpus/themes.toml``.

The last generation's centres, ids and labels are reused, with further topics for new text that fits
none of them. Topics are computed anew only when more than a quarter of the passages has changed
(half, where sentences are grouped by phrases); a cluster whose centre has hardly moved then keeps
its name.

A passage belongs to a theme if their cosine is high, or if it is moderate and the passage contains
one of the theme's words.
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
# Lowest cosine of a passage to the theme's text for membership, without and with one of the theme's
# words in the passage. benchmarks/RESULTS.md says how they were chosen.
MEANING, MEANING_WITH_WORD = 0.50, 0.35
_FORM = (
    'Its form is: ["name of the theme"] with sentence = "What it is about." and, if you like, '
    'words = ["word", "two words"].'
)
# Texts nearest to a topic's centre that its name is made from.
_READ = 100
# Share of the corpus that may change before topics are computed anew, for centres and for phrases;
# phrases become outdated more slowly.
_MOST_CHANGED, _MOST_CHANGED_PHRASES = 0.25, 0.5
# Lowest cosine of a new centre to an old one for the topic to keep its name.
_SAME = 0.9
# Fewest new units without a topic that can form a new one.
_LEAST_NEW = 3
# A unit fits no topic if its cosine to the nearest centre is below this quantile of all cosines.
_MISFIT = 0.02
# Smallest topic, as a fraction of the mean size; smaller clusters are dissolved.
_LEAST_SHARE = 0.15
# Quotes stored with a topic, and the nearest members that they are chosen from.
_QUOTES, _LOOKED_AT = 3, 12

# Numbers of a topic's units, nearest first, and the similarity of every unit to the topic.
_Placed = tuple[IntArray, FloatArray]


@dataclass(frozen=True, slots=True)
class Theme:
    """A subject defined by the analyst: a describing sentence, and words that support a match."""

    name: str
    sentence: str
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is embedded."""
        return f"{self.name}: {self.sentence}"

    def pattern(self) -> re.Pattern[str] | None:
        """Return a pattern for any of the words, in any case and with plural -s or -es.

        None if the theme has no words.
        """
        if not self.words:
            return None
        forms = "|".join(phrase_pattern(word) for word in self.words)
        return re.compile(rf"(?<!\w)(?:{forms})(?:s|es)?(?!\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes of a corpus; ``source`` is the text of their file, "" without one."""

    themes: tuple[Theme, ...] = ()
    source: str = ""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the themes and thresholds; it changes whenever memberships may change."""
        parts = [[theme.name, theme.sentence, theme.words] for theme in self.themes]
        return hashlib.sha256(json.dumps([MEANING, MEANING_WITH_WORD, parts]).encode()).hexdigest()

    @classmethod
    def load(cls, folder: Path) -> Themes:
        """Read ``themes.toml`` in a folder; without the file there are no themes.

        Raises:
            ConfigError: the file cannot be read, is not TOML, or has another form than its README
                shows.
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
    """The last generation's topics, and what has changed since.

    Attributes:
        new: bool, shape (num_passages,), True for passages that the last generation lacked.
        removed: number of its passages that are gone.
        prose: bool, shape (num_passages,), whether a passage that is not new was grouped; None if
            that is not known.
    """

    topics: Topics
    new: BoolArray
    removed: int
    prose: BoolArray | None = None

    def names(self) -> list[Name | None]:
        """Return the topics' names, in order."""
        return [Name(topic.id, topic.label, topic.terms) for topic in self.topics.topics]


@dataclass(frozen=True, slots=True, eq=False)
class _Centres:
    """Topic centres.

    Attributes:
        vectors: float32, shape (num_topics, dim).
        names: the name of each topic, None where it has none yet.
        changed: passages added and removed since the centres were computed.
        floor: cosine below which a unit fits no topic.
    """

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
    """Return the topics and themes of a corpus, bit for bit the same for the same input.

    Args:
        source: the passages.
        embeddings: of the passages, shape (num_passages, dim), unit rows.
        encoder: for the themes, and for the sentences and phrases of a small corpus.
        facets: their values and nouns are excluded from topic names.
        themes: as defined by the analyst.
        analyser: for the corpus's language.
        earlier: the last generation's topics, if they were made with the same model.
    """
    known: dict[str, FloatArray] = {}
    if earlier is not None:
        old = earlier.topics.grouping
        known = dict(zip(old.hashes, old.vectors.astype(np.float32), strict=True))
    told: list[bool | None] = []
    if earlier is not None and earlier.prose is not None:
        pairs = zip(earlier.prose.tolist(), earlier.new.tolist(), strict=True)
        told = [None if is_new else is_prose for is_prose, is_new in pairs]
    units = make_units(source, embeddings, encoder, known, told)
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
    """Return phrases as topics with their sentences; a sentence may belong to several.

    Falls back to clusters where no phrase qualifies.
    """

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
    """Return cluster centres as topics, each with the units that it is the nearest centre of."""
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
    """Return the centres that have members, and each one's members, nearest first.

    ``belongs`` and ``scores`` have shape (num_units, num_centres).
    """
    kept = np.flatnonzero(belongs.any(0))
    placed = [(_nearest_first(belongs[:, n], scores[:, n]), scores[:, n]) for n in kept]
    names = [centres.names[place] for place in kept]
    return replace(centres, vectors=centres.vectors[kept], names=names), placed


def _from_before(earlier: Earlier | None, units: Units, most: float) -> _Centres | None:
    """Return the last generation's centres, or None.

    None if there are none, if they are for the other kind of unit, or if the passages changed since
    they were computed exceed the share ``most`` of the corpus.
    """
    if earlier is None or bool(earlier.topics.grouping.hashes) != bool(units.hashes):
        return None
    old = earlier.topics.grouping
    changed = old.changed + int(earlier.new.sum()) + earlier.removed
    if changed > most * len(earlier.new):
        return None
    return _Centres(old.centres.astype(np.float32), earlier.names(), changed, old.floor)


def _with_new(units: Units, earlier: Earlier, centres: _Centres) -> _Centres:
    """Return the centres, with further ones for new units that fit none of them.

    None are added for very few such units, or where there are as many topics as allowed.
    """
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
    """Return newly computed centres; one close to an old centre keeps the old name."""
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
    """Return each theme with its members: by cosine, or by a word and a lower cosine."""
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
    """Return the numbers of the members, strongest first; ties in their order."""
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
    """Return the units ``places`` as a topic or theme, with up to three sentences to quote.

    Quotes are taken from the nearest members, from different reports where possible. From a whole
    passage, the sentence that best matches the terms ``told_by`` is quoted.
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
