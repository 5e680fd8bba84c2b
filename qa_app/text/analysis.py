"""Turns text into terms: lower-cased, without stop words, stemmed; for reports and questions alike.

    "Data-sharing isn't in the U.S. Act, para 3.12"  ->  data share us act para 3.12

* Hyphenated words are split: ``data-sharing`` gives ``data share`` as ``data sharing`` does. After
  a prefix of one or two letters the joined form is added, so that ``re-offending`` matches
  ``reoffending`` too.
* Numbers keep decimal points (``3.12``) and lose thousands' commas; initials lose their points.
* An acronym that spells a stop word in capitals (``IT``, ``WHO``) is kept, in capitals, unless the
  whole text is in capitals.
* Accents are folded after stemming, so ``Siân`` and ``Sian`` are one term.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable
from functools import cache

import Stemmer

from qa_app.errors import ConfigError

ANALYSIS_VERSION = "1"  # part of an index's recipe: raise it when terms change
# For text in a language that has no stemmer.
NO_LANGUAGE = "none"

# Words without a subject of their own. Short on purpose: without "us", which may be the US, and
# without "not" and "no", since a report that denies something answers too.
_ENGLISH = """
a about an and any are as at be been being but by can could did do does doing for from had
has have having he her hers him his how i if in into is it its me my of on or our ours
shall she should so some such than that the their theirs them then there these they this
those to was we were what when where which who whom whose why will with would you your
yours i'm i've i'd isn't aren't wasn't weren't don't doesn't didn't hasn't haven't it's
that's there's what's who's where's how's let's we're we've they're they've you're you've
eg ie etc
"""
_STOP_WORDS = {"english": frozenset(_ENGLISH.split())}

# Combining accents and marks of Indic scripts belong to words, but are not in \w.
_LETTER = r"[\w\u0300-\u036f\u0900-\u0963\u0966-\u0dff]"
_WORD = re.compile(rf"{_LETTER}+(?:[.,'-]{_LETTER}+)*")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")  # "U.S"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")  # the comma of "1,000"
_BREAK = re.compile(r"(?<!\d)\.|\.(?!\d)|,|-")  # splits a word; not the point of "3.12"
_PREFIXED = re.compile(r"[^\W\d_]{1,2}-[^\W\d_]{3,}")  # "re-offending"
_ACCENT = re.compile(r"[\u0300-\u036f]")  # combining accents
# Single characters: curly apostrophes and non-breaking hyphens become plain, soft hyphens are
# removed, superscript footnote numbers are separated from the word before them.
_PLAIN = str.maketrans(
    dict.fromkeys("‘’ʼ＇", "'")
    | dict.fromkeys("‐‑", "-")
    | dict.fromkeys("⁰¹²³⁴⁵⁶⁷⁸⁹", " ")
    | {"\u00ad": None, "_": " "}
)
# Words whose terms are cached; the bound limits the memory of a long-running server.
_MOST_CACHED = 1_000_000


def languages() -> list[str]:
    """Return the language names that ``analyser_for`` accepts."""
    return [*sorted(Stemmer.algorithms()), NO_LANGUAGE]


@cache
def analyser_for(language: str) -> Analyser:
    """Return the language's analyser, one per process, since it caches words.

    Args:
        language: a Snowball language name; stop words are dropped for English only. "none"
            neither stems nor drops.

    Raises:
        ConfigError: there is no stemmer for the language.
    """
    return Analyser(language)


class Analyser:
    """Turns text of one language into terms. Safe to use from several threads."""

    def __init__(self, language: str) -> None:
        self.language = language
        try:
            stemmer = None if language == NO_LANGUAGE else Stemmer.Stemmer(language)
        except KeyError as exc:
            raise ConfigError(
                f"There is no stemmer for the language {language!r}.",
                f"Languages are: {', '.join(languages())}.",
            ) from exc
        self._stem: Callable[[str], str] = stemmer.stemWord if stemmer else str
        self._stop_words = _STOP_WORDS.get(language, frozenset())
        self._cache: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()  # a stemmer is not thread-safe

    def terms(self, text: str) -> list[str]:
        """Return the text's terms in order, repeats kept."""
        text = text.translate(_PLAIN)
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text)
        if text.isupper():
            text = text.lower()
        known = self._cache
        found: list[str] = []
        for word in _WORD.findall(text):
            terms = known.get(word)
            found += self._learn(word) if terms is None else terms
        return found

    def _learn(self, word: str) -> tuple[str, ...]:
        with self._lock:
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            terms = tuple(self._term(piece) for piece in _pieces(word) if self._counts(piece))
            self._cache[word] = terms
            return terms

    def _counts(self, piece: str) -> bool:
        acronym = len(piece) > 1 and piece.isupper()
        return acronym or piece.lower() not in self._stop_words

    def _term(self, piece: str) -> str:
        lowered = piece.lower()
        if lowered in self._stop_words:
            return piece  # an acronym such as "IT", distinct from the stop word
        stem = self._stem(lowered).replace("'", "")
        if stem.isascii():
            return stem
        folded = _ACCENT.sub("", unicodedata.normalize("NFKD", stem))
        return unicodedata.normalize("NFC", folded)


def _pieces(word: str) -> list[str]:
    if _INITIALS.fullmatch(word):
        return [word.replace(".", "")]
    pieces = [piece for piece in _BREAK.split(_THOUSANDS.sub("", word)) if piece]
    if _PREFIXED.fullmatch(word):
        pieces.append(word.replace("-", ""))
    return pieces
