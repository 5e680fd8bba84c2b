"""What a topic is called: phrases by class-based TF-IDF, which together stand in most of its texts.

A class is a topic: a phrase weighs by the share of the topic's texts that have it, and by the
logarithm of how much larger that is than its share of all texts (Grootendorst 2022, over presence).
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

# A label's phrases, and a topic's terms; phrases of a topic that they are chosen from.
_IN_LABEL, _TERMS, _LOOKED_AT = 3, 10, 60
# A label is made of longer phrases, and of those that tell the topic, rather than of what covers
# most: what a text counts that has a phrase of one, two or three words, and the exponent of the
# logarithm. Read side by side with 0.5 (labels say "member", "work") and 1 (rare names).
_LENGTH_BONUS, _TELLING = (1.0, 1.25, 1.35), 0.75
# What a phrase counts that one, two or more documents have: otherwise one long report names the
# topic.
_SPREAD = (2 / 3, 5 / 6, 1.0)
# What standing together (NPMI) counts in the choice of terms, beside the weight.
_TOGETHER = 2.0
# A phrase that is more than this of reports' titles names the reports, unless more than so many
# times as many use it: then it is what they are about.
_MOST_OF_TITLE, _MOST_TITLED = 0.4, 2
_UNNAMED = "other"
_COMMA = ", "

# Tells whether a phrase, which stands in so many documents, is unfit for a label.
Excluded = Callable[[str, int], bool]


@dataclass(frozen=True, slots=True)
class Name:
    """What a topic is called."""

    id: str
    label: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupText:
    """A text of a group, which has a number from 0; ``document`` is any number."""

    text: str
    group: int
    document: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A phrase of a topic, with its class-based TF-IDF and what it counts in a label."""

    phrase: Phrase
    weight: float
    worth: float


def choose_names(
    texts: Sequence[GroupText],
    names: Sequence[Name | None],
    excluded: Excluded,
    analyser: Analyser,
) -> list[Name]:
    """Return a name for each group: as it has one, or made of its best phrases.

    No label's first phrase says the same as another's; who gains most by a phrase has it.

    Args:
        texts: a sample of each group.
        names: those of groups that have one already; one without terms gets them.
        excluded: tells which phrases name no topic.
        analyser: of the texts' language.
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
    """Return the columns that together gain most, each row counting by its best one.

    Facility location by the greedy algorithm, which comes within 1 - 1/e of the best choice.

    Args:
        gains: float32, shape (num_texts, num_phrases).
        number: of columns, at most.
        allowed: tells of each column, by those chosen, whether it may be the next.
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
    """Return what tells that a phrase is a facet's value or a report's title."""
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
    """Return the phrases that stand in a group more than elsewhere, the weightiest first."""
    sizes = Counter(text.group for text in texts)
    found: list[list[_Candidate]] = [[] for _ in range(num_groups)]
    for phrase in find_phrases([text.text for text in texts], analyser):
        having = [texts[place] for place in phrase.places]
        documents = Counter(group for group, _ in {(text.group, text.document) for text in having})
        for group, number in Counter(text.group for text in having).items():
            share = number / sizes[group]
            # With one group there is nothing to tell it from: what is said most is what counts.
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
    """Return what each text of a group gains by each candidate, (num_texts, num_candidates)."""
    places = [place for place, text in enumerate(texts) if text.group == group]
    gains = [
        [each.worth * (place in each.phrase.places) for each in candidates] for place in places
    ]
    return np.array(gains, dtype=np.float32).reshape(len(places), len(candidates))


def _label_parts(
    candidates: Sequence[_Candidate], gains: FloatArray, firsts: Sequence[set[str]]
) -> list[str]:
    """Return up to three phrases, no word in two, that together cover most of the topic's texts.

    The first phrase says nothing that one of ``firsts`` says, if there is such a phrase.
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
    """Return the terms that tell a group best and stand together.

    Each is chosen by its weight and its mean NPMI with those before (Bouma 2009).
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
