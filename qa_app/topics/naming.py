"""What a topic is called: a few of its phrases, which together stand in most of its texts."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from qa_app.topics.phrases import GroupText, Phrase, least_places
from qa_app.topics.stored import unique_id

# A label's phrases, and a topic's terms; phrases of a topic that they are chosen from.
_IN_LABEL, _TERMS, _LOOKED_AT = 3, 10, 60
# What a text counts in a label's choice that has a phrase of one, two or three words.
_LENGTH_BONUS = (1.0, 1.25, 1.35)
# How much it counts there that a phrase tells the topic from others.
_TELLING = 0.75
# What standing together counts in the choice of terms.
_TOGETHER = 2.0
_UNNAMED = "other"
_COMMA = ", "


@dataclass(frozen=True, slots=True)
class Name:
    """What a topic is called."""

    id: str
    label: str
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A phrase of a topic.

    Attributes:
        inside: the topic's texts that have it.
        portion: their share of the topic's texts.
        worth: of each of them, for the label.
        weight: class-based TF-IDF over presence: the portion times the log of (the portion over
            the share of all texts that have it).
    """

    phrase: Phrase
    inside: frozenset[int]
    portion: float
    worth: float
    weight: float


def choose_names(
    phrases: Sequence[Phrase],
    texts: Sequence[GroupText],
    names: Sequence[Name | None],
    excluded: Callable[[Phrase], bool],
) -> list[Name]:
    """Return a name for each group: as it has one, or made of its best phrases.

    ``texts`` are a sample of each group, and ``names`` those of groups that have one already; one
    without terms gets them.
    """
    groups = [
        list(islice((each for each in group if not excluded(each.phrase)), _LOOKED_AT))
        for group in _candidates(phrases, texts, len(names))
    ]
    labels = _labels(groups, names)
    ids = [name.id for name in names if name]
    found: list[Name] = []
    for group, name, label in zip(groups, names, labels, strict=True):
        known = [name.label] if name else []
        if name is None:
            name = Name(unique_id(label, ids), label, ())
            ids.append(name.id)
        if not name.terms:
            known += _coherent(group, len(texts))
            name = replace(name, terms=tuple(dict.fromkeys(known))[:_TERMS])
        found.append(name)
    return found


def _candidates(
    phrases: Sequence[Phrase], texts: Sequence[GroupText], num_groups: int
) -> list[list[_Candidate]]:
    """Return the phrases that stand in a group more than elsewhere, the weightiest first."""
    sizes = Counter(text.group for text in texts)
    least = least_places(len(texts))
    found: list[list[_Candidate]] = [[] for _ in range(num_groups)]
    for phrase in phrases:
        inside: defaultdict[int, set[int]] = defaultdict(set)
        for place in phrase.places:
            inside[texts[place].group].add(place)
        for group, places in inside.items():
            portion = len(places) / sizes[group]
            # With one group there is nothing to tell it from: what is said most is what counts.
            more = portion / (len(phrase.places) / len(texts)) if num_groups > 1 else math.e
            if more <= 1 or len(places) < least:
                continue
            spread = min(1.0, 0.5 + len({texts[place].document for place in places}) / 6)
            bonus = _LENGTH_BONUS[min(phrase.words, len(_LENGTH_BONUS)) - 1]
            worth = bonus * spread * math.log(more) ** _TELLING
            weight = portion * spread * math.log(more)
            found[group].append(_Candidate(phrase, frozenset(places), portion, worth, weight))
    return [sorted(group, key=lambda each: (-each.weight, each.phrase.key)) for group in found]


def _labels(groups: Sequence[Sequence[_Candidate]], names: Sequence[Name | None]) -> list[str]:
    """Return a label for each group: as it has one, or made of its phrases.

    No label's first phrase says the same as another's; who gains most by a phrase has it.
    """
    labels = [name.label if name else "" for name in names]
    most = [max((each.portion * each.worth for each in group), default=0.0) for group in groups]
    firsts = [_words(label.split(_COMMA)[0]) for label in labels if label]
    for place in sorted(range(len(groups)), key=lambda place: -most[place]):
        if names[place] is None:
            parts = _cover(groups[place], firsts)
            label = _COMMA.join(parts) or _UNNAMED
            number = sum(other.startswith(label) for other in labels)
            labels[place] = f"{label} {number + 1}" if label in labels else label
            firsts += [_words(part) for part in parts[:1]]
    return labels


def _cover(candidates: Sequence[_Candidate], firsts: Sequence[set[str]]) -> list[str]:
    """Return up to three phrases, no word in two, that together cover most of the topic's texts.

    Each text counts as the worthiest of its phrases does (facility location, by the greedy
    algorithm), and the first phrase says nothing that one of ``firsts`` says.
    """
    own = [
        each
        for each in candidates
        if not any(_is_part(_words(each.phrase.text), first) for first in firsts)
    ]
    covered: defaultdict[int, float] = defaultdict(float)

    def gain(each: _Candidate) -> float:
        return sum(max(0.0, each.worth - covered[place]) for place in each.inside)

    parts: list[str] = []
    left, used = own or candidates, set[str]()
    while len(parts) < _IN_LABEL:
        best = max(left, key=gain, default=None)
        if best is None or not gain(best):
            break
        parts.append(best.phrase.text)
        used |= set(best.phrase.key)
        for place in best.inside:
            covered[place] = max(best.worth, covered[place])
        left = [each for each in candidates if not used & set(each.phrase.key)]
    return parts


def _coherent(candidates: Sequence[_Candidate], texts: int) -> list[str]:
    """Return the terms that tell a group best and stand together.

    Each is chosen by its weight and its mean NPMI with those before.
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
