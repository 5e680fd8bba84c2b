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
from itertools import combinations

from qa_app.analysis import Analyser
from qa_app.topics.words import (
    AFTER_VERB,
    BEFORE_VERB,
    FUNCTION,
    INNER,
    NO_NOUN_AFTER,
    VERB_FORMS,
)

# Web and mail addresses.
_LINK = re.compile(r"\S*(?:://|www\.|@|\.\w+/)\S*")
_TOKEN = re.compile(r"[^\W\d_][\w]*(?:['’&\-‑][\w]+)*|[^\w\s]|\d[\w.,]*")
_DIGIT = re.compile(r"\d")
# A word ends a phrase, stands inside one, comes before a noun, or is a noun.
_BREAK, _JOINT, _ATTRIBUTE, _CONTENT = range(4)
_STARTS = frozenset({_ATTRIBUTE, _CONTENT})
_SHORTEST = 3
_CONTRACTED = ("'re", "'ve", "'ll", "n't", "'d", "'m")
_LONGEST, _MOST_CONTENT = 5, 3
# Up to so many texts a phrase counts that stands in one alone.
_FEW_TEXTS = 400
# Part of a phrase's places that are inside one and the same longer phrase, at most.
_MOST_INSIDE = 0.8
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
    """A phrase as the texts write it, and where it stands.

    Attributes:
        key: stems of its words.
        words: number of its words, without the small ones inside.
        places: of the texts that have it.
        documents: number of different documents among them.
    """

    text: str
    key: Key
    words: int
    places: frozenset[int]
    documents: int = 1


@dataclass(slots=True)
class _Seen:
    words: int
    forms: Counter[str] = field(default_factory=Counter)
    places: set[int] = field(default_factory=set)


def least_places(texts: int) -> int:
    """Return how many texts a phrase must stand in, of so many."""
    return 2 if texts > _FEW_TEXTS else 1


def find_phrases(texts: Sequence[GroupText], analyser: Analyser) -> list[Phrase]:
    """Return the phrases of the texts, in the order of their keys.

    One that hardly ever stands outside one and the same longer phrase is left out: "Aviation" of
    "Civil Aviation Authority".
    """
    least = least_places(len(texts))
    seen = {
        key: found
        for key, found in _Counts(texts, analyser).seen.items()
        if len(found.places) >= least
    }
    longer: Counter[Key] = Counter()
    for key, found in seen.items():
        for start, end in combinations(range(len(key) + 1), 2):
            if end - start < len(key):
                longer[key[start:end]] = max(longer[key[start:end]], len(found.places))
    return [
        Phrase(
            text=_form(found.forms),
            key=key,
            words=found.words,
            places=frozenset(found.places),
            documents=len({texts[place].document for place in found.places}),
        )
        for key, found in sorted(seen.items())
        if longer[key] < _MOST_INSIDE * len(found.places)
    ]


class _Counts:
    """What phrases stand where, and what stands around each word."""

    def __init__(self, texts: Sequence[GroupText], analyser: Analyser) -> None:
        self._analyser = analyser
        self._stems: dict[str, Key] = {}
        self._tokens = [_TOKEN.findall(_LINK.sub(" , ", text.text)) for text in texts]
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
        least = least_places(len(self._tokens))
        number: Counter[str] = Counter()
        for tokens in self._tokens:
            number.update({token.lower() for token in tokens})
        frequent = {word for word, seen in number.items() if seen >= least}
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
        # "section-3" is an address in a page; "COVID-19" is a name.
        if word == token and _DIGIT.search(word):
            return _BREAK
        if word in FUNCTION or word in VERB_FORMS or word not in frequent or word.endswith("ly"):
            return _BREAK
        stem, apostrophe, _ = word.replace("’", "'").partition("'")
        if self._verbs[word] > _MOST_VERB or word.replace("’", "'").endswith(_CONTRACTED):
            return _BREAK
        if apostrophe and stem in FUNCTION:
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
                seen = self.seen[key] = _Seen(content)
            seen.places.add(place)
            seen.forms[" ".join(tokens[start : end + 1])] += 1

    def _stem(self, token: str) -> Key:
        known = self._stems.get(token)
        if known is None:
            known = tuple(self._analyser.terms(token)) or (token.lower(),)
            self._stems[token] = known
        return known


def _form(forms: Counter[str]) -> str:
    """Return the commonest spelling; one in small letters before one that begins a sentence."""
    return min(forms, key=lambda form: (-forms[form], form.isupper(), form[:1].isupper(), form))
