"""Acronyms that the reports define: "community safety partnerships (CSPs)".

Only definitions that stand in the corpus count, and only those that the question is about are
looked for, among the passages that have the acronym.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from qa_app.analysis import analyse
from qa_app.store.generation import Generation

_ACRONYM = re.compile(r"(?<!\w)([A-Z][A-Za-z&]{0,6}[A-Z])s?(?!\w)")
_WORD = re.compile(r"[^\W\d_]+")
# Left out of acronyms more often than not.
_SMALL = frozenset(
    {"a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"}
)
_SHORTEST, _LONGEST = 3, 6  # words that may spell one; two spell too much by chance
_MOST_WORDS = 60  # of a question
_MOST_PASSAGES = 20  # in which a definition is looked for


def find_acronyms(question: str, generation: Generation) -> dict[str, str]:
    """Return acronym to long form, for those that the question has in either form.

    "What do the CSPs do?" gives {"CSP": "Community Safety Partnerships"} if a passage defines it.
    """
    found: dict[str, str] = {}
    written = {match[1] for match in _ACRONYM.finditer(question)}
    spelt = {initials.upper() for initials in _initials(question)}
    for acronym in sorted(written | spelt):
        definition = _look_up(acronym, generation)
        if definition is None:
            continue
        if acronym in written or _same(definition, question, generation.lexical.language):
            found[acronym] = definition
    return found


def define(acronym: str, text: str) -> str | None:
    """Return the long form that the text gives for the acronym, or None.

    Its words' initials spell the acronym, small words aside, right before or inside brackets.
    """
    letters = re.sub(r"[^A-Za-z]", "", acronym).upper()
    for bracket in re.finditer(rf"\(\s*[“\"'‘]?{re.escape(acronym)}s?[”\"'’]?\s*\)", text):
        words = list(_WORD.finditer(text, max(0, bracket.start() - 150), bracket.start()))
        for start in range(len(words) - 1, max(-1, len(words) - len(letters) - 5), -1):
            if _spells([word[0] for word in words[start:]], letters):
                return " ".join(text[words[start].start() : bracket.start()].split())
    for bracket in re.finditer(rf"(?<!\w){re.escape(acronym)}s?\s*\(([^()]{{5,120}})\)", text):
        if _spells(_WORD.findall(bracket[1]), letters):
            return " ".join(bracket[1].split())
    return None


def expand(text: str, acronyms: Mapping[str, str]) -> str:
    """Return the text with the acronyms' long forms in their place, for measuring only."""
    for acronym, long_form in acronyms.items():
        text = re.sub(rf"(?<!\w){re.escape(acronym)}s?(?!\w)", _literal(long_form), text)
    return text


def shorten(text: str, acronyms: Mapping[str, str]) -> str:
    """Return the text with the acronyms in place of their long forms."""
    for acronym, long_form in acronyms.items():
        words = r"\W+".join(rf"{re.escape(_stem(word))}\w*" for word in _WORD.findall(long_form))
        text = re.sub(rf"(?<!\w){words}", _literal(acronym), text, flags=re.IGNORECASE)
    return text


def _initials(question: str) -> Iterator[str]:
    """Yield what runs of words of the question spell."""
    words = [word for word in _WORD.findall(question) if word.lower() not in _SMALL][:_MOST_WORDS]
    for start in range(len(words)):
        for end in range(start + _SHORTEST, min(start + _LONGEST, len(words)) + 1):
            yield "".join(word[0] for word in words[start:end])


def _look_up(acronym: str, generation: Generation) -> str | None:
    lexical = generation.lexical
    # Behind a small letter, since a text all in capitals is read as if it were not.
    terms = {*analyse(f"a {acronym}", lexical.language), *analyse(f"{acronym}s", lexical.language)}
    terms = {term for term in terms if _is_known(term, lexical.vocabulary)}
    if not terms:
        return None
    scores = lexical.scores(terms)
    rows = np.flatnonzero(scores)
    rows = rows[np.argsort(-scores[rows], kind="stable")][:_MOST_PASSAGES]
    for passage in generation.passages(rows):
        if (definition := define(acronym, passage.text)) is not None:
            return definition
    return None


def _is_known(term: str, vocabulary: Sequence[str]) -> bool:
    place = bisect_left(vocabulary, term)
    return place < len(vocabulary) and vocabulary[place] == term


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


def _spells(words: list[str], letters: str) -> bool:
    if not words or words[0].lower() in _SMALL:
        return False
    every = "".join(word[0] for word in words).upper()
    large = "".join(word[0] for word in words if word.lower() not in _SMALL).upper()
    return letters in (every, large)


def _same(definition: str, question: str, language: str) -> bool:
    return set(analyse(definition, language)) <= set(analyse(question, language))


def _stem(word: str) -> str:
    return word[:-1] if word.lower().endswith("s") and len(word) > 3 else word
