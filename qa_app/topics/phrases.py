"""Extraction of noun phrases in the texts' own spelling, and a test for prose.

A phrase has up to three content words and no function word at either end. Nouns and verbs are told
apart by their neighbours over all texts: a word that often follows "to", "will" or "they", or
precedes "the", is a verb. The word lists are English, so only English phrases are found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import combinations

from qa_app.models import BlockKind, Passage
from qa_app.text.analysis import Analyser

# Words that no phrase begins or ends with: function words, then words common to all reports.
_FUNCTION_TEXT = """
a about above across after again against all almost alone along already also although always am
among an and another any anyone anything are around as at away back be became because become been
before behind being below between both but by can cannot could did do does doing done down due
during each either else enough etc even ever every everyone everything few first following for from
further furthermore given had has have having he hence her here hers him himself his how however i
if in indeed instead into is it its itself just last least less let like likely made mainly make
makes making many may me might mine more moreover most mostly much must my myself need needed needs
neither never nevertheless next no nobody none nor not nothing now of off often on once one ones
only onto or other others otherwise our ours out over own per perhaps please quite rather really
regarding said same say says second see seem seems several shall she should since so some someone
something still such than that the their theirs them themselves then there therefore these they
thing things third this those though three through throughout thus to together too toward towards
two under unless until up upon us use used using usually various very via was way we well were what
whatever when where whereas whether which while who whole whom whose why will with within without
would yes yet you your yours
able according accordance appropriate available based certain clear clearly currently different
eg e.g ie i.e est example fully general generally good great high important including include
includes included involved kind large low main major new number numbers old part particular
particularly possible provide provided provides providing range recent relevant result results
set sets significant similar small specific sure taken takes taking time times type types various
year years month months day days week weeks page pages section sections paragraph paragraphs para
chapter chapters table tables figure figures appendix annex fy mr mrs ms miss dr sir lord lady
january february march april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday
"""
# A word that follows one of the first list, or precedes one of the second, is counted as a verb.
_BEFORE_VERB_TEXT = """
to will would must can could should shall may might cannot not we they you he she i who also never
please don't doesn't didn't
"""
_AFTER_VERB_TEXT = "the a an that this these those their its his her our your them it"
# Words before predicative adjectives ("is reasonable"), which would otherwise count as nouns.
_NO_NOUN_TEXT = "is are was were be been being as so too very more most not objectively"
_FUNCTION = frozenset(_FUNCTION_TEXT.split())
_BEFORE_VERB = frozenset(_BEFORE_VERB_TEXT.split())
_AFTER_VERB = frozenset(_AFTER_VERB_TEXT.split())
_NO_NOUN_AFTER = frozenset(_NO_NOUN_TEXT.split())
# Small words allowed inside a phrase: "use of force", "violence against women".
_INNER = frozenset({"of", "for", "against"})
# Web and mail addresses, which are removed before phrases are looked for.
_LINK = re.compile(r"\S*(?:://|www\.|@|\.\w+/)\S*")
# A token: a word ("data-sharing", "R&D" and "board's" are one each), a punctuation mark (ends a
# phrase) or a number.
_TOKEN = re.compile(r"[^\W\d_][\w]*(?:['’&\-‑][\w]+)*|[^\w\s]|\d[\w.,]*")
# A digit in a lower-case word marks an identifier such as "section-3".
_DIGIT = re.compile(r"\d")
# Fewest letters of a word in a phrase, unless it is in capitals.
_SHORTEST = 3
# Endings of contractions such as "we're", which are not possessives and so end a phrase.
_CONTRACTED = ("'re", "'ve", "'ll", "n't", "'d", "'m")
# Most words of a phrase, with and without the small words inside it.
_LONGEST, _MOST_CONTENT = 5, 3
# Up to this many texts, a phrase that occurs in only one text is kept.
_FEW_TEXTS = 400
# A phrase is dropped if one longer phrase occurs in at least this share of its texts.
_MOST_INSIDE = 0.8
# Most occurrences as a verb (share) for a word in a phrase; fewest as the end of a noun phrase for
# a noun; and fewest for an "-ing" word ("training") to count as a noun and begin a phrase.
_MOST_VERB, _LEAST_HEAD, _MOSTLY = 0.25, 0.3, 0.5
# Fewest words and lowest share of function words in prose, then the same for a bullet.
_PROSE, _BULLET = (8, 0.2), (4, 0.1)
# Highest share of digits and points among the characters of prose or a bullet.
_FIGURES, _MOST_FIGURES = "0123456789.", 0.12
# Fewest and most words of a good quote, and the base score that ranks sentences without any term.
_QUOTE_WORDS, _ANY = (8, 45), 0.1

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase in its commonest spelling, with the texts that contain it.

    Attributes:
        key: stems of its words.
        words: number of its words, without the small words inside.
        places: numbers of the texts that contain it.
    """

    text: str
    key: Key
    words: int
    places: frozenset[int]


def least_places(texts: int) -> int:
    """Return the fewest texts that a phrase must occur in, given the number of texts."""
    return 2 if texts > _FEW_TEXTS else 1


def find_phrases(texts: Sequence[str], analyser: Analyser) -> list[Phrase]:
    """Return the phrases of the texts, ordered by key.

    A phrase that occurs mostly within one longer phrase is left out: "Aviation" where the texts say
    "Civil Aviation Authority".
    """
    least = least_places(len(texts))
    tokens = [_TOKEN.findall(_LINK.sub(" , ", text)) for text in texts]
    nouns = _Nouns(tokens, least)
    stems: dict[str, Key] = {}
    seen: dict[Key, _Seen] = {}
    for place, words in enumerate(tokens):
        for start, end, content in nouns.spans(words):
            key: Key = ()
            for word in words[start:end]:
                if word not in stems:
                    stems[word] = tuple(analyser.terms(word)) or (word.lower(),)
                key += stems[word]
            found = seen.setdefault(key, _Seen(content))
            found.places.add(place)
            found.spellings[" ".join(words[start:end])] += 1
    seen = {key: found for key, found in seen.items() if len(found.places) >= least}
    longer: Counter[Key] = Counter()
    for key, found in seen.items():
        for start, end in combinations(range(len(key) + 1), 2):
            if end - start < len(key):
                longer[key[start:end]] = max(longer[key[start:end]], len(found.places))
    return [
        Phrase(_commonest(found.spellings), key, found.words, frozenset(found.places))
        for key, found in sorted(seen.items())
        if longer[key] < _MOST_INSIDE * len(found.places)
    ]


@dataclass(slots=True)
class _Seen:
    words: int
    places: set[int] = field(default_factory=set)
    spellings: Counter[str] = field(default_factory=Counter)


def _commonest(spellings: Counter[str]) -> str:
    """Return the commonest spelling; of equally common ones, preferably one in lower case."""
    return min(spellings, key=lambda s: (-spellings[s], s.isupper(), s[:1].isupper(), s))


class _Role(Enum):
    """The part that a word can have in a phrase."""

    BREAK = "ends it"
    INNER = "stands inside"
    ATTRIBUTE = "comes before a noun"
    NOUN = "may end it"


class _Nouns:
    """Tells nouns from other words by their neighbours over all texts.

    Args:
        texts: the tokens of each text.
        least: fewest texts that a word must occur in.
    """

    def __init__(self, texts: Sequence[Sequence[str]], least: int) -> None:
        seen, total, verbs, heads = (Counter[str]() for _ in range(4))
        for tokens in texts:
            words = [token.lower() for token in tokens]
            seen.update(set(words))
            total.update(words)
            for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
                verbs[word] += before in _BEFORE_VERB or after in _AFTER_VERB
                heads[word] += (
                    (not after[:1].isalpha() or after in _FUNCTION)
                    and after not in _AFTER_VERB
                    and before not in _NO_NOUN_AFTER
                )
        self._frequent = {word for word, number in seen.items() if number >= least}
        self._verbs = {word: verbs[word] / number for word, number in total.items()}
        self._heads = {word: heads[word] / number for word, number in total.items()}

    def spans(self, tokens: Sequence[str]) -> Iterator[tuple[int, int, int]]:
        """Yield start, end and number of content words of each phrase in the tokens."""
        roles = [self._role(token) for token in tokens]
        for start, role in enumerate(roles):
            if role in {_Role.BREAK, _Role.INNER} or self._is_participle(tokens, start):
                continue
            content = 0
            for end in range(start, min(start + _LONGEST, len(tokens))):
                content += roles[end] is not _Role.INNER
                if roles[end] is _Role.BREAK or content > _MOST_CONTENT:
                    break
                if roles[end] is _Role.NOUN:
                    yield start, end + 1, content

    def _role(self, token: str) -> _Role:
        word = token.lower().replace("’", "'")
        if word in _INNER:
            return _Role.INNER
        stem, apostrophe, _ = word.partition("'")
        if (
            not word[0].isalpha()
            or (len(word) < _SHORTEST and not token.isupper())
            # "section-3" is a link target within a page; "COVID-19" is a name.
            or (token == token.lower() and _DIGIT.search(word))
            or word in _FUNCTION
            or (apostrophe and (stem in _FUNCTION or word.endswith(_CONTRACTED)))
            or word.endswith("ly")
            or token.lower() not in self._frequent
            or self._verbs[token.lower()] > _MOST_VERB
        ):
            return _Role.BREAK
        participle = word.endswith("ed") and "-" not in word
        is_head = self._heads[token.lower()] >= _LEAST_HEAD and not participle
        return _Role.NOUN if is_head else _Role.ATTRIBUTE

    def _is_participle(self, tokens: Sequence[str], start: int) -> bool:
        """Tell whether a word ends in "-ing" or "-ed" and is neither a noun nor inside a name."""
        token = tokens[start]
        if not token.endswith(("ing", "ed")) or "-" in token:
            return False
        if token.endswith("ing") and self._heads[token.lower()] >= _MOSTLY:
            return False
        inside = start > 0 and tokens[start - 1][:1].isalpha()
        return not (inside and token[:1].isupper())


def is_prose(text: str, bullet: bool = False) -> bool:
    """Tell whether a text is prose, not a list of figures, page numbers or addresses.

    Judged by its number of words and its shares of function words and of digits; with ``bullet``
    the first two limits are lower.
    """
    words = text.lower().split()
    figures = sum(map(text.count, _FIGURES))
    function = sum(word in _FUNCTION or word in _INNER for word in words)
    least_words, least_function = _BULLET if bullet else _PROSE
    return (
        len(words) >= least_words
        and figures <= _MOST_FIGURES * len(text)
        and function >= least_function * len(words)
    )


def sentence_texts(passage: Passage) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each sentence that is not a table row."""
    for place, sentence in enumerate(passage.sentences):
        if sentence.kind is not BlockKind.TABLE_ROW:
            yield place, passage.slice(sentence.start, sentence.end)


def quoted_sentence(passage: Passage, terms: Sequence[str], analyser: Analyser) -> int:
    """Return the number of the sentence that best matches the terms; 0 if all are table rows.

    A stem of the term at rank r, from 1, scores 1/r. The score is halved for very short or long
    sentences, and quartered for those that are not prose, such as references.
    """
    weights: dict[str, float] = {}
    for rank, term in enumerate(terms, start=1):
        for stem in analyser.terms(term):
            weights.setdefault(stem, 1 / rank)
    best, most = 0, -1.0
    least, longest = _QUOTE_WORDS
    for place, text in sentence_texts(passage):
        score = _ANY + sum(weights.get(stem, 0.0) for stem in set(analyser.terms(text)))
        if not least <= len(text.split()) <= longest:
            score /= 2
        if not is_prose(text, bullet=True):
            score /= 4
        if score > most:
            best, most = place, score
    return best
