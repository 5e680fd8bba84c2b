"""Acronyms that the reports define: "community safety partnerships (CSPs)".

Only definitions that stand in the corpus count, and only those that the question is about are
looked for, among the passages that have the acronym.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from qa_app.models import Passage
from qa_app.store.generation import Generation
from qa_app.text.analysis import Analyser

_ACRONYM = re.compile(r"(?<!\w)([A-Z][A-Za-z\d&]{0,8}[A-Z\d])s?(?!\w)")
_ASKED = re.compile(
    r"\b(?:do|does|did|is|are)\s+(?:the\s+)?(?:(?:acronym|abbreviation|initials|letters)\s+)?"
    r"[“\"'‘]?([\w&-]+)[”\"'’]?\s+(?:stand(?:s|ing)?\s+for|short\s+for|mean(?!\s+(?:by|for|to)\b))\b"
    r"|^\W*(?:what\s+is\s+)?(?:the\s+)?(?:meaning|expansion|full\s+form)\s+of\s+(?:the\s+)?"
    r"(?:(?:acronym|abbreviation|initials|letters)\s+)?[“\"'‘]?([\w&-]+)\W*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
# Left out of acronyms more often than not.
_SMALL = frozenset(
    {"a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"}
)
_SHORTEST, _LONGEST = 3, 6  # words that may spell one; two spell too much by chance
_MOST_WORDS = 60  # of a question
_MOST_USERS = 4  # documents that use an acronym for one that defines it
_MOST_EARLY, _MOST_DENSE = 120, 20  # passages in which a definition is looked for
_LONGEST_FORM = 150  # characters


@dataclass(frozen=True, slots=True)
class Definition:
    """A place where the reports say what an acronym stands for.

    Attributes:
        row: of the passage.
        document: path of its document.
        place: offset in the document of the acronym.
        long_form: "" where it cannot be told where it begins.
    """

    row: int
    document: str
    place: int
    long_form: str


@dataclass(frozen=True, slots=True)
class Acronyms:
    """What a question's acronyms stand for.

    Attributes:
        long_forms: by acronym; one with several meanings only if the question spells one out.
        defined: for each of those with several, documents that define it, and whether so.
    """

    long_forms: Mapping[str, str] = field(default_factory=dict)
    defined: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    def within(self, document: str) -> Mapping[str, str]:
        """Return those that mean the same in a document: what it says, or the nearest that does."""
        return {
            acronym: long_form
            for acronym, long_form in self.long_forms.items()
            if (found := self.defined.get(acronym)) is None
            or found[max(sorted(found), key=lambda path: _shared(path, document))]
        }


def find_acronyms(question: str, generation: Generation) -> Acronyms:
    """Return what the question's acronyms stand for, whether it has them in short or spelt out.

    "What do the CSPs do?" gives {"CSP": "Community Safety Partnerships"} if a passage defines it.
    """
    analyser = generation.lexical.analyser
    long_forms, defined = {}, {}
    written = {match[1] for match in _ACRONYM.finditer(question)}
    spelt = {initials.upper() for initials in _initials(question)}
    for acronym in sorted(written | spelt):
        passages = passages_with(acronym, generation)
        meanings = find_meanings(acronym, passages, analyser)
        chosen = [found for found in meanings if _same(found[0].long_form, question, analyser)]
        if len(meanings) == 1:
            # What one of many documents says of it is not what the others mean.
            users = {passage.document for passage in passages.values()}
            definers = {item.document for item in meanings[0]}
            usual = _MOST_USERS * len(definers) >= len(users)
            chosen = meanings if usual and (chosen or acronym in written) else []
        if not chosen:
            continue
        long_forms[acronym] = chosen[0][0].long_form
        if len(meanings) > 1:
            others = {item.document: False for found in meanings for item in found}
            defined[acronym] = others | {item.document: True for item in chosen[0]}
    return Acronyms(long_forms, defined)


def asked_acronym(question: str) -> str | None:
    """Return the word of which the question asks what it stands for, if it asks that."""
    asked = _ASKED.search(question)
    return None if asked is None else asked[1] or asked[2]


def passages_with(acronym: str, generation: Generation) -> dict[int, Passage]:
    """Return by row the passages that have the acronym, or of many those likeliest to define it."""
    lexical = generation.lexical
    # Behind a small letter, since a text all in capitals is read as if it were not.
    forms = [lexical.analyser.terms(f"a {form}") for form in (acronym, f"{acronym}s")]
    starts = np.cumsum([0, *(record.passages for record in generation.documents)])
    likely = [np.empty(0, dtype=np.int64)]
    for terms in {tuple(form) for form in forms}:
        if not terms or not all(term in lexical for term in terms):
            continue
        scores = lexical.scores(terms)
        rows = np.flatnonzero(scores)
        _, first, document = np.unique(
            np.searchsorted(starts, rows, "right"), return_index=True, return_inverse=True
        )
        # A definition is where a document first has the acronym, or has it often.
        early = np.argsort(np.arange(len(rows)) - first[document], kind="stable")
        dense = np.argsort(-scores[rows], kind="stable")
        likely += [rows[early[:_MOST_EARLY]], rows[dense[:_MOST_DENSE]]]
    found = np.unique(np.concatenate(likely)).tolist()
    return dict(zip(found, generation.passages(found), strict=True))


def find_meanings(
    acronym: str, passages: Mapping[int, Passage], analyser: Analyser
) -> list[list[Definition]]:
    """Return the definitions of each meaning, the one that is given most often first.

    The first definition of each has the wording that is most usual. Singular and plural are one
    meaning, and so are forms of which one has all the words of the other.
    """
    for way in (_by_initials, _by_letters):
        found = [
            Definition(row, passage.document, passage.start + place, long_form)
            for row, passage in passages.items()
            for place, long_form in way(acronym, passage.text)
        ]
        if found:
            return _group(found, analyser)
    return []


def find_brackets(acronym: str, passages: Mapping[int, Passage]) -> list[Definition]:
    """Return where the acronym stands in brackets of its own, behind whatever words."""
    return [
        Definition(row, passage.document, passage.start + bracket.start(), "")
        for row, passage in passages.items()
        for bracket in _brackets(acronym, passage.text)
    ]


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


def _by_initials(acronym: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset of the acronym, long form), whose initials spell it, small words aside.

    It is right before the acronym in brackets, or behind it: "CSP (…)", "CSP: …", "CSP means …".
    """
    letters = re.sub(r"[^A-Za-z]", "", acronym).upper()
    for bracket in _brackets(acronym, text):
        words = _words_before(text, bracket.start(), len(letters) + 5)
        for start in range(len(words) - 1, -1, -1):
            if _spells([word[0] for word in words[start:]], letters):
                yield bracket.start(), _flat(text[words[start].start() : bracket.start()])
                break
    behind = re.compile(
        rf"(?<!\w)(?i:{re.escape(acronym)})s?[”\"'’]?(?:\s*[(:;=\t]|\s+[-–—]|\s+(?:stands\s+for|means))\s*"
        rf"(?:\w+:\s|the\s)?([^():;.\n\t]{{5,{_LONGEST_FORM}}})"
    )
    for match in behind.finditer(text):
        words = list(_WORD.finditer(text, *match.span(1)))[: len(letters) + 5]
        for end in range(len(words), 0, -1):
            if _spells([word[0] for word in words[:end]], letters):
                yield match.start(), _flat(text[match.start(1) : words[end - 1].end()])
                break


def _by_letters(acronym: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset, long form), which has the acronym's letters in order, the first first.

    Schwartz and Hearst, "A simple algorithm for identifying abbreviation definitions" (2003).
    """
    letters = [letter for letter in acronym.lower() if letter.isalnum()]
    for bracket in _brackets(acronym, text):
        words = _words_before(text, bracket.start(), min(len(letters) + 5, 2 * len(letters)))
        first = words[0].start() if words else bracket.start()
        place = bracket.start()
        lower = text.lower()
        for n in range(len(letters) - 1, -1, -1):
            place = lower.rfind(letters[n], first, place)
            while n == 0 and place > first and lower[place - 1].isalnum():
                place = lower.rfind(letters[n], first, place)
            if place < 0:
                break
        else:
            long_form = _flat(text[place : bracket.start()])
            if " " in long_form:
                yield bracket.start(), long_form


def _brackets(acronym: str, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(rf"\(\s*[“\"'‘]?(?i:{re.escape(acronym)})s?[”\"'’]?\s*\)", text)


def _words_before(text: str, end: int, most: int) -> list[re.Match[str]]:
    start = max(0, end - _LONGEST_FORM)
    return list(_WORD.finditer(text, start, end))[-most:]


def _flat(words: str) -> str:
    return " ".join(words.split()).strip(" ,;:“”\"'‘’")


def _group(found: Iterable[Definition], analyser: Analyser) -> list[list[Definition]]:
    groups: dict[frozenset[str], list[Definition]] = {}
    for item in found:
        terms = frozenset(analyser.terms(item.long_form))
        key = next((key for key in groups if key <= terms or terms <= key), terms)
        groups.setdefault(key, []).append(item)
    meanings = []
    for group in groups.values():
        usual = Counter(item.long_form for item in group)
        meanings.append(
            sorted(group, key=lambda item: (-usual[item.long_form], -len(item.long_form)))
        )
    return sorted(meanings, key=len, reverse=True)


def _initials(question: str) -> Iterator[str]:
    """Yield what runs of words of the question spell."""
    words = [word for word in _WORD.findall(question) if word.lower() not in _SMALL][:_MOST_WORDS]
    for start in range(len(words)):
        for end in range(start + _SHORTEST, min(start + _LONGEST, len(words)) + 1):
            yield "".join(word[0] for word in words[start:end])


def _shared(path: str, other: str) -> int:
    """Return how many characters two paths have in common from their start."""
    ends = (n for n, (one, two) in enumerate(zip(path, other, strict=False)) if one != two)
    return next(ends, min(len(path), len(other)))


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


def _spells(words: list[str], letters: str) -> bool:
    if not words or words[0].lower() in _SMALL:
        return False
    every = "".join(word[0] for word in words).upper()
    large = "".join(word[0] for word in words if word.lower() not in _SMALL).upper()
    return letters in (every, large)


def _same(definition: str, question: str, analyser: Analyser) -> bool:
    return set(analyser.terms(definition)) <= set(analyser.terms(question))


def _stem(word: str) -> str:
    return word[:-1] if word.lower().endswith("s") and len(word) > 3 else word
