"""Topic labels: phrases ranked by class-based TF-IDF that together occur in most of its texts.

Each topic is a class. A phrase's weight is the share of the topic's texts that contain it, times
the logarithm of the ratio of that share to its share of all texts (Grootendorst 2022, with presence
in place of counts).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from qa_app.arrays import FloatArray
from qa_app.facets import Facets
from qa_app.text.analysis import Analyser
from qa_app.topics.phrases import Phrase, find_phrases, least_places
from qa_app.topics.topic_store import (
    unique_id,
)

# Most phrases in a label, most terms of a topic, and the number of top candidates that both are
# chosen from.
_IN_LABEL, _TERMS, _LOOKED_AT = 3, 10, 60
# Labels favour longer and more distinctive phrases over mere coverage: factors for phrases of one,
# two and three words, and the exponent of the log ratio. The exponent was chosen by reading labels
# beside those of 0.5 (too general: "member", "work") and 1 (rare names).
_LENGTH_BONUS, _TELLING = (1.0, 1.25, 1.35), 0.75
# Factors for phrases found in one, two, and three or more documents, so that one long report does
# not determine the label.
_SPREAD = (2 / 3, 5 / 6, 1.0)
# Weight of co-occurrence (mean NPMI) beside a term's relative TF-IDF weight when terms are chosen.
_TOGETHER = 2.0
# A phrase that makes up more than this share of a title is treated as a report's name, unless more
# than _MOST_TITLED times as many documents use it as have such a title.
_MOST_OF_TITLE, _MOST_TITLED = 0.4, 2
_UNNAMED = "other"
_COMMA = ", "

# Takes a phrase and the number of documents that contain it; True if it must not be a label.
Excluded = Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class Name:
    """A topic's id, label and terms."""

    id: str
    label: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupText:
    """A text with the number of its group, from 0, and a number that identifies its document."""

    text: str
    group: int
    document: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A phrase of a topic: ``weight`` is its class-based TF-IDF, ``worth`` its value in a label."""

    phrase: Phrase
    weight: float
    worth: float


def choose_names(
    texts: Sequence[GroupText],
    names: Sequence[Name | None],
    excluded: Excluded,
    analyser: Analyser,
) -> list[Name]:
    """Return a name for each group: the one it has already, or one made of its best phrases.

    The first phrases of new labels differ from those of all other labels where possible; groups
    with the highest gain from a single phrase choose first.

    Args:
        texts: a sample of each group.
        names: existing names by group, or None; a name without terms is given terms.
        excluded: tells which phrases must not be used.
        analyser: for the texts' language.
    """
    groups = _candidates(texts, len(names), excluded, analyser)
    gains = [_gains(texts, place, group) for place, group in enumerate(groups)]
    labels = [name.label if name else "" for name in names]
    firsts = [_words(label.split(_COMMA)[0]) for label in labels if label]
    most = [float(gain.mean(0).max(initial=0.0)) if gain.size else 0.0 for gain in gains]
    for place in sorted(range(len(groups)), key=lambda place: -most[place]):
        if names[place] is None:
            parts = _label_parts(groups[place], gains[place], firsts)
            firsts += [_words(part) for part in parts[:1]]
            label = _COMMA.join(parts) or _UNNAMED
            number = sum(other.startswith(label) for other in labels)
            labels[place] = f"{label} {number + 1}" if label in labels else label
    ids = [name.id for name in names if name]
    found: list[Name] = []
    for group, name, label in zip(groups, names, labels, strict=True):
        known = [name.label] if name else []
        if name is None:
            name = Name(unique_id(label, ids), label, ())
            ids.append(name.id)
        if not name.terms:
            terms = [*known, *_coherent_terms(group, len(texts))]
            name = replace(name, terms=tuple(dict.fromkeys(terms))[:_TERMS])
        found.append(name)
    return found


def greedy_cover(
    gains: FloatArray, number: int, allowed: Callable[[list[int]], Sequence[bool]] | None = None
) -> list[int]:
    """Return columns that maximise the sum over rows of each row's highest chosen value.

    The greedy algorithm for facility location; without ``allowed``, its total is at least 1 - 1/e
    of the best possible.

    Args:
        gains: float32, shape (num_texts, num_phrases).
        number: most columns to choose.
        allowed: takes the columns chosen so far; returns for each column whether it may be next.
    """
    covered = np.zeros(len(gains), dtype=np.float32)
    chosen: list[int] = []
    while len(chosen) < number:
        totals = np.maximum(gains - covered[:, None], 0).sum(0)
        if allowed is not None:
            totals = np.where(allowed(chosen), totals, 0)
        if totals.max(initial=0) <= 0:
            break
        chosen.append(int(totals.argmax()))
        covered = np.maximum(covered, gains[:, chosen[-1]])
    return chosen


def exclusion(titles: Sequence[str], facets: Facets) -> Excluded:
    """Return a function that rejects phrases that are facet values or nouns, or report titles."""
    titles = [title.casefold() for title in titles]
    own = [name for name in facets.names if facets.values(name)]
    values = {value.casefold() for name in own for value in facets.values(name)}
    nouns = {noun.casefold() for name in own for noun in facets.nouns(name)}

    def excluded(phrase: str, documents: int) -> bool:
        folded = phrase.casefold()
        return (
            folded in nouns
            or bool(facets.mentions(phrase))
            or any(f" {folded} " in f" {value} " for value in values)
            or documents <= _MOST_TITLED * sum(_is_most_of(folded, title) for title in titles)
        )

    return excluded


def _is_most_of(phrase: str, title: str) -> bool:
    return f" {phrase} " in f" {title} " and len(phrase) > _MOST_OF_TITLE * len(title)


def _candidates(
    texts: Sequence[GroupText], num_groups: int, excluded: Excluded, analyser: Analyser
) -> list[list[_Candidate]]:
    """Return for each group the phrases more frequent in it than overall, by descending weight."""
    sizes = Counter(text.group for text in texts)
    found: list[list[_Candidate]] = [[] for _ in range(num_groups)]
    for phrase in find_phrases([text.text for text in texts], analyser):
        having = [texts[place] for place in phrase.places]
        documents = Counter(group for group, _ in {(text.group, text.document) for text in having})
        for group, number in Counter(text.group for text in having).items():
            share = number / sizes[group]
            # With one group there is no contrast: the factor is constant and frequency decides.
            lift = share * len(texts) / len(having) if num_groups > 1 else math.e
            if lift > 1 and number >= least_places(len(texts)):
                spread = _SPREAD[min(documents[group], len(_SPREAD)) - 1]
                bonus = _LENGTH_BONUS[min(phrase.words, len(_LENGTH_BONUS)) - 1]
                weight = share * spread * math.log(lift)
                worth = bonus * spread * math.log(lift) ** _TELLING
                found[group].append(_Candidate(phrase, weight, worth))

    def usable(candidate: _Candidate) -> bool:
        phrase = candidate.phrase
        return not excluded(phrase.text, len({texts[place].document for place in phrase.places}))

    ranked = (sorted(group, key=lambda candidate: -candidate.weight) for group in found)
    return [list(islice(filter(usable, group), _LOOKED_AT)) for group in ranked]


def _gains(texts: Sequence[GroupText], group: int, candidates: Sequence[_Candidate]) -> FloatArray:
    """Return each candidate's worth where a text of the group contains it, else 0.

    float32, shape (num_texts, num_candidates).
    """
    places = [place for place, text in enumerate(texts) if text.group == group]
    gains = [
        [each.worth * (place in each.phrase.places) for each in candidates] for place in places
    ]
    return np.array(gains, dtype=np.float32).reshape(len(places), len(candidates))


def _label_parts(
    candidates: Sequence[_Candidate], gains: FloatArray, firsts: Sequence[set[str]]
) -> list[str]:
    """Return up to three phrases without common words that together cover most of the texts.

    The first phrase neither contains nor is contained in one of ``firsts``, if there is such a
    phrase.
    """
    phrases = [candidate.phrase for candidate in candidates]
    own = [not any(_is_part(_words(phrase.text), first) for first in firsts) for phrase in phrases]

    def allowed(chosen: list[int]) -> list[bool]:
        if not chosen:
            return own if any(own) else [True] * len(phrases)
        used = {stem for place in chosen for stem in phrases[place].key}
        return [not used & set(phrase.key) for phrase in phrases]

    return [phrases[place].text for place in greedy_cover(gains, _IN_LABEL, allowed)]


def _coherent_terms(candidates: Sequence[_Candidate], texts: int) -> list[str]:
    """Return up to ten terms that are distinctive for a group and occur together.

    Each is chosen by its relative weight and its mean NPMI (Bouma 2009) with those chosen before.
    """
    left, chosen = list(candidates), list[Phrase]()
    while left and len(chosen) < _TERMS:

        def gain(each: _Candidate) -> float:
            together = sum(_npmi(each.phrase.places, other.places, texts) for other in chosen)
            return each.weight / candidates[0].weight + _TOGETHER * together / max(len(chosen), 1)

        chosen.append(max(left, key=gain).phrase)
        words = set(chosen[-1].key)
        left = [each for each in left if not _is_part(set(each.phrase.key), words)]
    return [phrase.text for phrase in chosen]


def _npmi(first: frozenset[int], second: frozenset[int], texts: int) -> float:
    both = len(first & second)
    if both in {0, texts}:
        return -1.0 if not both else 1.0
    chance = len(first) * len(second) / texts
    return math.log(both / chance) / -math.log(both / texts)


def _words(text: str) -> set[str]:
    return set(text.casefold().split())


def _is_part(words: set[str], others: set[str]) -> bool:
    return words <= others or others <= words
