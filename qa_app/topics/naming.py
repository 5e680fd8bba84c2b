"""What a topic is called: a few of its phrases, no two topics by the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qa_app.topics.phrases import Phrase
from qa_app.topics.stored import unique_id

# A label's phrases, and a topic's terms.
_IN_LABEL, _TERMS = 3, 10
_UNNAMED = "other"
_COMMA = ", "


@dataclass(frozen=True, slots=True)
class Name:
    """What a topic is called."""

    id: str
    label: str
    terms: tuple[str, ...]


def choose_names(
    phrases: Sequence[Sequence[Phrase]],
    names: Sequence[Name | None],
    excluded: Callable[[str], bool],
    texts: int,
) -> list[Name]:
    """Return a name for each group: as it has one, or made of its best phrases.

    No phrase is in two labels, nor one that says the same as the first of another; within a label
    no word comes twice.

    Args:
        phrases: of each group, best first.
        names: of groups that have one already; one without terms gets them.
        excluded: tells which phrases may not be used.
        texts: number of texts that the phrases were found in.
    """
    labels = [name.label for name in names if name]
    ids = [name.id for name in names if name]
    found: list[Name] = []
    for group, name in zip(phrases, names, strict=True):
        usable = [phrase for phrase in group if not excluded(phrase.text)]
        if name is None:
            label = _label(usable, labels)
            name = Name(unique_id(label, ids), label, ())
            labels.append(name.label)
            ids.append(name.id)
            known = _coherent(usable, texts)
        else:
            known = [name.label, *_coherent(usable, texts)]
        if not name.terms:
            name = replace(name, terms=tuple(dict.fromkeys(known))[:_TERMS])
        found.append(name)
    return found


def _label(phrases: Sequence[Phrase], labels: Sequence[str]) -> str:
    """Return up to three phrases that no other label has, the first unlike any other's first."""
    taken = {part.casefold() for label in labels for part in label.split(_COMMA)}
    firsts = [set(label.split(_COMMA)[0].casefold().split()) for label in labels]
    fresh = [phrase for phrase in phrases if phrase.text.casefold() not in taken]
    own = [
        phrase
        for phrase in fresh
        if not any(_is_part(set(phrase.text.casefold().split()), first) for first in firsts)
    ]
    label = _COMMA.join(_apart(own or fresh, _IN_LABEL)) or _UNNAMED
    number = sum(other.startswith(label) for other in labels)
    return f"{label} {number + 1}" if label in labels else label


def _apart(phrases: Sequence[Phrase], most: int, whole: bool = False) -> list[str]:
    """Return the best phrases that say different things.

    Args:
        phrases: best first.
        most: how many.
        whole: only a phrase with all its words in another is left out, not one that shares some.
    """
    chosen: list[Phrase] = []
    for phrase in phrases:
        words = set(phrase.key)
        others = [set(other.key) for other in chosen]
        if whole:
            alike = any(_is_part(words, other) for other in others)
        else:
            alike = any(words & other for other in others)
        if alike:
            continue
        chosen.append(phrase)
        if len(chosen) == most:
            break
    return [phrase.text for phrase in chosen]


def _coherent(phrases: Sequence[Phrase], texts: int) -> list[str]:
    """Return the terms that tell a group best and stand together.

    Each is chosen by its weight and its mean NPMI with those before.
    """
    left = sorted(phrases, key=lambda phrase: (-phrase.weight, phrase.key))
    chosen: list[Phrase] = []
    while left and len(chosen) < _TERMS:
        most = left[0].weight if not chosen else chosen[0].weight

        def gain(phrase: Phrase, most: float = most) -> float:
            together = [_npmi(phrase.places, other.places, texts) for other in chosen]
            return phrase.weight / most + (sum(together) / len(together) if together else 0.0)

        best = max(left, key=gain)
        chosen.append(best)
        words = set(best.key)
        left = [phrase for phrase in left if not _is_part(set(phrase.key), words)]
    return [phrase.text for phrase in chosen]


def _npmi(first: frozenset[int], second: frozenset[int], texts: int) -> float:
    both = len(first & second)
    if both in {0, texts}:
        return -1.0 if not both else 1.0
    chance = len(first) * len(second) / texts
    return math.log(both / chance) / -math.log(both / texts)


def _is_part(words: set[str], others: set[str]) -> bool:
    return words <= others or others <= words
