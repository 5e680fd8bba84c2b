"""Finds acronyms that the reports define: "community safety partnerships (CSPs)".

Definitions come from the corpus alone. They are looked up when a question is asked, for its
acronyms only, in the passages that contain them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from qa_app.models import Passage
from qa_app.store.protocol import Generation
from qa_app.text.analysis import Analyser

# A capital first and a capital or digit last: "CSP", "PCCs", "DfE", "R&D".
_ACRONYM = re.compile(r"(?<!\w)([A-Z][A-Za-z\d&]{0,8}[A-Z\d])s?(?!\w)")
# "What does CSP stand for?", "Is CSP short for …?", "the meaning of CSP".
_ASKED = re.compile(
    r"\b(?:do|does|did|is|are)\s+(?:the\s+)?(?:(?:acronym|abbreviation|initials|letters)\s+)?"
    r"[“\"'‘]?([\w&-]+)[”\"'’]?\s+(?:stand(?:s|ing)?\s+for|short\s+for|mean(?!\s+(?:by|for|to)\b))\b"
    r"|^\W*(?:what\s+is\s+)?(?:the\s+)?(?:meaning|expansion|full\s+form)\s+of\s+(?:the\s+)?"
    r"(?:(?:acronym|abbreviation|initials|letters)\s+)?[“\"'‘]?([\w&-]+)\W*$",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")  # a run of letters
# Words whose initials are usually left out of acronyms.
_SMALL = frozenset(
    {"a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to", "with"}
)
_SHORTEST, _LONGEST = 3, 6  # words of a long form in a question; two match by chance too often
_MOST_WORDS = 60  # of a question, to bound the number of runs tried
_MOST_USERS = 4  # documents using an acronym per document defining it, for one meaning to hold
_MOST_EARLY, _MOST_DENSE = 120, 20  # passages searched per form: first uses, highest BM25
# Passages with the acronym that first uses are looked for among; few corpora have so many.
_MOST_USES = 10_000
_LONGEST_FORM = 150  # characters of a long form; bounds the search around an acronym


@dataclass(frozen=True, slots=True)
class Definition:
    """A place where the reports say what an acronym stands for.

    Attributes:
        row: of the passage.
        place: character offset of the acronym in its document.
        long_form: "" where its start is not known.
    """

    row: int
    document: str
    place: int
    long_form: str


@dataclass(frozen=True, slots=True)
class Acronyms:
    """What a question's acronyms stand for.

    Attributes:
        long_forms: by acronym; an acronym with several meanings is included only if the question
            spells one of them out.
        defined: for each acronym with several meanings, the path of every document that defines
            it, with True where that document gives the chosen meaning.
    """

    long_forms: Mapping[str, str] = field(default_factory=dict)
    defined: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)

    def within(self, document: str) -> Mapping[str, str]:
        """Return the long forms that hold in a document.

        For an acronym with several meanings, the document's own definition decides or, without
        one, that of the defining document whose path shares the longest prefix with its path.
        """
        return {
            acronym: long_form
            for acronym, long_form in self.long_forms.items()
            if (found := self.defined.get(acronym)) is None
            or found[max(sorted(found), key=lambda path: _shared(path, document))]
        }


def find_acronyms(question: str, generation: Generation) -> Acronyms:
    """Return the meanings of the acronyms that a question contains or spells out.

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
            # If few of the documents that use it define it, the others may mean something else.
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
    """Return the acronym (or other word) whose meaning the question asks for, or None."""
    asked = _ASKED.search(question)
    return None if asked is None else asked[1] or asked[2]


def passages_with(acronym: str, generation: Generation) -> dict[int, Passage]:
    """Return the passages that contain the acronym, by row.

    Of many, only those most likely to define it: for singular and plural each, the earliest in
    their documents and those with the highest BM25.
    """
    lexical = generation.lexical
    # With a lower-case word in front, since the analyser lower-cases text that is all capitals.
    forms = [lexical.analyser.terms(f"a {form}") for form in (acronym, f"{acronym}s")]
    likely = [np.empty(0, dtype=np.int64)]
    for terms in {tuple(form) for form in forms}:
        if not terms or not all(term in lexical for term in terms):
            continue
        scores = lexical.scores(terms)
        rows = np.sort(scores.best(_MOST_USES))
        starts = [record.rows.start for record in generation.documents]
        _, first, document = np.unique(
            np.searchsorted(starts, rows, "right"), return_index=True, return_inverse=True
        )
        # Definitions are found at a document's first uses of the acronym, or where it is frequent.
        early = np.argsort(np.arange(len(rows)) - first[document], kind="stable")
        dense = np.argsort(-scores.at(rows), kind="stable")
        likely += [rows[early[:_MOST_EARLY]], rows[dense[:_MOST_DENSE]]]
    found = np.unique(np.concatenate(likely)).tolist()
    return dict(zip(found, generation.passages(found), strict=True))


def find_meanings(
    acronym: str, passages: Mapping[int, Passage], analyser: Analyser
) -> list[list[Definition]]:
    """Return the definitions grouped by meaning, the meaning with most definitions first.

    Within a meaning, definitions with the most frequent wording come first. Long forms are one
    meaning if the terms of one include those of the other. Matching by initials is tried first;
    matching by letters only if that finds nothing.
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
    """Return every place where the acronym stands alone in brackets, after any words."""
    return [
        Definition(row, passage.document, passage.start + bracket.start(), "")
        for row, passage in passages.items()
        for bracket in _brackets(acronym, passage.text)
    ]


def expand(text: str, acronyms: Mapping[str, str]) -> str:
    """Return the text with acronyms replaced by their long forms; for scoring, never for quotes."""
    for acronym, long_form in acronyms.items():
        text = re.sub(rf"(?<!\w){re.escape(acronym)}s?(?!\w)", _literal(long_form), text)
    return text


def shorten(text: str, acronyms: Mapping[str, str]) -> str:
    """Return the text with long forms, in singular or plural, replaced by their acronyms."""
    for acronym, long_form in acronyms.items():
        words = r"\W+".join(rf"{re.escape(_stem(word))}\w*" for word in _WORD.findall(long_form))
        text = re.sub(rf"(?<!\w){words}", _literal(acronym), text, flags=re.IGNORECASE)
    return text


def _by_initials(acronym: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset of the acronym, long form) where the initials of the long form spell it.

    Small words such as "of" may be skipped, all or none of them. The long form stands directly
    before the acronym in brackets, or after it: "CSP (…)", "CSP: …", "CSP means …".
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
    """Yield (offset, long form) where the long form has the acronym's letters in order.

    The acronym's first letter begins the long form's first word. Schwartz and Hearst, "A simple
    algorithm for identifying abbreviation definitions" (2003).
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
    """Yield the initials of every run of 3 to 6 words of the question, small words left out."""
    words = [word for word in _WORD.findall(question) if word.lower() not in _SMALL][:_MOST_WORDS]
    for start in range(len(words)):
        for end in range(start + _SHORTEST, min(start + _LONGEST, len(words)) + 1):
            yield "".join(word[0] for word in words[start:end])


def _shared(path: str, other: str) -> int:
    """Return the length of the common prefix of two paths."""
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
