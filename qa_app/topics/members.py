"""What belongs to a topic or theme, and the sentences that speak for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qa_app.analysis import Analyser
from qa_app.embedding import Encoder
from qa_app.topics.prose import quoted_sentence
from qa_app.topics.stored import WHOLE, FloatArray, Group, IntArray, Members, unique_id
from qa_app.topics.themes import MEANING, MEANING_WITH_WORD, Theme
from qa_app.topics.units import Source, Units

# Sentences that speak for a topic, and members that they are looked for in.
_QUOTES, _LOOKED_AT = 3, 12


def nearest_first(places: IntArray, strengths: FloatArray) -> IntArray:
    """Return the places with the strongest first."""
    return places[np.lexsort((places, -strengths[places]))]


def members_of(units: Units, places: IntArray, strengths: FloatArray) -> Members:
    """Return the units of these places as members, each with its strength."""
    return Members(units.rows[places], units.sentences[places], strengths[places])


def find_quotes(
    source: Source, members: Members, terms: Sequence[str], analyser: Analyser
) -> tuple[tuple[int, int], ...]:
    """Return a few sentences near the centre, from different reports where there are."""
    rows = members.rows[:_LOOKED_AT].tolist()
    found: list[tuple[int, int]] = []
    used: set[str] = set()
    spare: list[tuple[int, int]] = []
    for passage, row, sentence in zip(
        source.passages(rows), rows, members.sentences[:_LOOKED_AT].tolist(), strict=True
    ):
        chosen = sentence if sentence != WHOLE else quoted_sentence(passage, terms, analyser)
        (spare if passage.document in used else found).append((row, chosen))
        used.add(passage.document)
    return tuple([*found, *spare][:_QUOTES])


def find_themes(
    source: Source, units: Units, encoder: Encoder, themes: Sequence[Theme], analyser: Analyser
) -> tuple[Group, ...]:
    """Return each theme with what belongs to it, by meaning, or by a word and meaning."""
    if not themes:
        return ()
    vectors = encoder.encode_queries([theme.text for theme in themes])
    groups: list[Group] = []
    for theme, vector in zip(themes, vectors, strict=True):
        cosines = units.raw @ vector
        pattern = theme.pattern()
        places = np.array(
            [
                place
                for place in np.flatnonzero(cosines >= MEANING_WITH_WORD).tolist()
                if cosines[place] >= MEANING or (pattern and pattern.search(units.texts[place]))
            ],
            dtype=np.int64,
        )
        members = members_of(units, nearest_first(places, cosines), cosines)
        terms = theme.words or (theme.name,)
        name = unique_id(theme.name, [group.id for group in groups])
        quotes = find_quotes(source, members, (*terms, theme.sentence), analyser)
        groups.append(Group(name, theme.name, theme.words, members, quotes))
    return tuple(groups)
