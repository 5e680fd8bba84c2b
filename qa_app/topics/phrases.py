"""Phrases that name a group of texts: noun-like, in the texts' own spelling and case.

A phrase is up to three words with no function word at its ends. It is noun-like if, taken over all
texts, the words around it are those that stand around nouns: what follows "to", "will" or "they",
or comes before "the", is a verb.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from qa_app.analysis import analyse
from qa_app.topics.words import (
    AFTER_VERB,
    BEFORE_VERB,
    FUNCTION,
    INNER,
    NO_NOUN_AFTER,
    VERB_FORMS,
)

_TOKEN = re.compile(r"[^\W\d_][\w]*(?:['’&\-‑][\w]+)*|[^\w\s]|\d[\w.,]*")
# A word ends a phrase, stands inside one, comes before a noun, or is a noun.
_BREAK, _JOINT, _ATTRIBUTE, _CONTENT = range(4)
_STARTS = frozenset({_ATTRIBUTE, _CONTENT})
_SHORTEST = 3
_CONTRACTED = ("'re", "'ve", "'ll", "n't", "'d", "'m")
_LONGEST, _MOST_CONTENT = 5, 3
# Longer phrases say more.
_LENGTH_BONUS = (0.0, 1.0, 1.6, 1.8)
# Up to so many texts a phrase counts that stands in one alone.
_FEW_TEXTS = 400
# Share of a word's places that are a verb's, at most, and at which a noun ends, at least.
_MOST_VERB, _LEAST_HEAD, _MOSTLY = 0.25, 0.3, 0.5

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupText:
    """A text of a group.

    Attributes:
        group: which group, from 0.
        document: which document, any number.
    """

    text: str
    group: int
    document: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase of a group: as the texts write it, and how well it tells the group.

    Attributes:
        score: for labels, where longer phrases say more.
        weight: the same without regard to length.
        places: of the texts that have it.
    """

    text: str
    key: Key
    score: float
    weight: float = 0.0
    places: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Seen:
    forms: Counter[str] = field(default_factory=Counter)
    places: set[int] = field(default_factory=set)
    content: int = 1


def find_phrases(
    texts: Sequence[GroupText], num_groups: int, most: int, language: str = "english"
) -> list[list[Phrase]]:
    """Return for each group its telling phrases, best first.

    Class-based TF-IDF over presence: (share of the group's texts with the phrase) times the log of
    (that share over the share in all texts), more for longer phrases and for those that several
    documents use.

    Args:
        texts: what the phrases are taken from, a fair sample of each group.
        num_groups: number of groups.
        most: phrases a group.
        language: of stemming.
    """
    return _Counts(texts, language).ranked(num_groups, most)


def phrases_of(
    texts: Sequence[GroupText], language: str = "english"
) -> list[tuple[Phrase, set[int], int]]:
    """Return every phrase with the places of the texts that have it and its number of words."""
    counts = _Counts(texts, language)
    return [
        (Phrase(_form(seen.forms), key, 0.0), seen.places, seen.content)
        for key, seen in sorted(counts.seen.items())
    ]


class _Counts:
    """What phrases stand where, and what stands around each word."""

    def __init__(self, texts: Sequence[GroupText], language: str) -> None:
        self._texts = texts
        self._language = language
        self._stems: dict[str, Key] = {}
        self._tokens = [_TOKEN.findall(text.text) for text in texts]
        self._least = 2 if len(texts) > _FEW_TEXTS else 1
        self._verbs, self._heads = self._shares()
        self.seen: dict[Key, _Seen] = {}
        self._count()

    def _shares(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return how often each word stands where verbs do, and where nouns end."""
        total: Counter[str] = Counter()
        verbs: Counter[str] = Counter()
        heads: Counter[str] = Counter()
        for tokens in self._tokens:
            before = ""
            lowered = [token.lower() for token in tokens]
            for word, after in zip(lowered, [*lowered[1:], ""], strict=True):
                total[word] += 1
                verbs[word] += before in BEFORE_VERB or after in AFTER_VERB
                heads[word] += (
                    (not after[:1].isalpha() or after in FUNCTION)
                    and after not in AFTER_VERB
                    and before not in NO_NOUN_AFTER
                )
                before = word
        return (
            {word: verbs[word] / number for word, number in total.items()},
            {word: heads[word] / number for word, number in total.items()},
        )

    def _count(self) -> None:
        number: Counter[str] = Counter()
        for tokens in self._tokens:
            number.update({token.lower() for token in tokens})
        frequent = {word for word, seen in number.items() if seen >= self._least}
        for place, tokens in enumerate(self._tokens):
            kinds = [self._kind(token, frequent) for token in tokens]
            for start, kind in enumerate(kinds):
                if kind in _STARTS and not self._begins_badly(tokens, start):
                    self._count_from(place, tokens, kinds, start)

    def _kind(self, token: str, frequent: set[str]) -> int:
        word = token.lower()
        if word in INNER:
            return _JOINT
        if (len(word) < _SHORTEST and not token.isupper()) or not word[0].isalpha():
            return _BREAK
        if word in FUNCTION or word in VERB_FORMS or word not in frequent or word.endswith("ly"):
            return _BREAK
        if self._verbs[word] > _MOST_VERB or word.replace("’", "'").endswith(_CONTRACTED):
            return _BREAK
        participle = word.endswith("ed") and "-" not in word
        return _CONTENT if self._heads[word] >= _LEAST_HEAD and not participle else _ATTRIBUTE

    def _begins_badly(self, tokens: Sequence[str], start: int) -> bool:
        """Tell whether the first word is a participle, and not a part of a name."""
        token = tokens[start]
        if not token.endswith(("ing", "ed")) or "-" in token:
            return False
        if token.endswith("ing") and self._heads[token.lower()] >= _MOSTLY:
            return False
        inside = start > 0 and tokens[start - 1][:1].isalpha()
        return not (inside and token[:1].isupper())

    def _count_from(
        self, place: int, tokens: Sequence[str], kinds: Sequence[int], start: int
    ) -> None:
        key: Key = ()
        content = 0
        for end in range(start, min(start + _LONGEST, len(tokens))):
            if kinds[end] == _BREAK:
                return
            key += self._stem(tokens[end])
            if kinds[end] == _JOINT:
                continue
            content += 1
            if content > _MOST_CONTENT:
                return
            if kinds[end] == _ATTRIBUTE:
                continue
            seen = self.seen.get(key)
            if seen is None:
                seen = self.seen[key] = _Seen(content=content)
            seen.places.add(place)
            seen.forms[" ".join(tokens[start : end + 1])] += 1

    def _stem(self, token: str) -> Key:
        known = self._stems.get(token)
        if known is None:
            known = tuple(analyse(token, self._language)) or (token.lower(),)
            self._stems[token] = known
        return known

    def ranked(self, num_groups: int, most: int) -> list[list[Phrase]]:
        groups = np.array([text.group for text in self._texts])
        documents = np.array([text.document for text in self._texts])
        sizes = np.bincount(groups, minlength=num_groups)
        found: list[list[Phrase]] = [[] for _ in range(num_groups)]
        for key, seen in self.seen.items():
            places = np.fromiter(seen.places, dtype=np.int64)
            if len(places) < self._least:
                continue
            share = len(places) / len(groups)
            inside = np.bincount(groups[places], minlength=num_groups)
            for group in np.flatnonzero(inside):
                portion = inside[group] / sizes[group]
                # With one group there is nothing to tell it from: what is said most is what counts.
                contrast = np.log(portion / share) if num_groups > 1 else 1.0
                if contrast <= 0 or inside[group] < self._least:
                    continue
                spread = len(set(documents[places[groups[places] == group]].tolist()))
                weight = float(portion * contrast * min(1.0, 0.5 + spread / 6))
                score = weight * _LENGTH_BONUS[seen.content]
                own = frozenset(seen.places)
                found[group].append(Phrase(_form(seen.forms), key, score, weight, own))
        for phrases in found:
            phrases.sort(key=lambda phrase: (-phrase.score, phrase.key))
        return [phrases[:most] for phrases in found]


def _form(forms: Counter[str]) -> str:
    """Return the commonest spelling; one in small letters before one that begins a sentence."""
    return min(forms, key=lambda form: (-forms[form], form.isupper(), form[:1].isupper(), form))
