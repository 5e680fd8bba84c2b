"""Facets: the groups that questions are about, read from ``corpus/facets.toml``.

A facet has nouns, which name it in a question ("which *hospitals* …"), and values with aliases. A
passage belongs to the values named in its section path; failing that, in its text; failing that,
in its document's file name or title. A document whose file name, folder or title *is* a value
belongs to it as a whole. Documents, sections and years are facets without any file; the tags by
document are made last (``name_documents``), since a name depends on all the others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from qa_app.errors import ConfigError
from qa_app.models import Passage
from qa_app.settings import read_tables

FACETS_FILE = "facets.toml"
DOCUMENT_FACET = "document"
SECTION_FACET = "section"
YEAR_FACET = "year"
# Part of the fingerprint: tags are made again when the rules below change.
_RULES_VERSION = "2"
_BUILT_IN_NOUNS = {
    DOCUMENT_FACET: ("report", "reports", "document", "documents", "paper", "papers"),
    # "in what year" and "which section" ask for one fact, the plural for a table.
    SECTION_FACET: ("sections", "headings", "chapters"),
    YEAR_FACET: ("years",),
}
# A year that stands alone: no part of a number, an amount or a reference ("£2000", "2016.5").
_YEAR = re.compile(r"(?<![\w.,/£$€-])(?:19|20)\d\d(?![\w%]|[.,]\d)")
# What may part the words of a name in a text; an abbreviation may end in a full stop ("St. Ann").
_SPACE = r"\.?[\s_‐‑–-]+"
# Question words that a facet may claim as its nouns, for questions that begin with them.
_SOFT = frozenset({"where", "who", "when"})
# Words that cannot stand between "which" and its noun ("which is the area").
_NO_GAP = (
    "of|in|on|at|for|to|by|with|from|is|are|was|were|be|do|does|did|has|have|had|can|could|may|"
    "might|must|shall|should|will|would|a|an|the|this|that|these|those|and|or|it|they|there"
)
_FORM = (
    'Its form is: [facet] with nouns = ["noun", "nouns"], then [facet.values] with '
    '"Value" = ["alias"] on each line.'
)


@dataclass(frozen=True, slots=True)
class Facet:
    """A group of values that questions are about.

    Attributes:
        nouns: words that name it in a question, lower case or as an acronym is written.
        values: value to its aliases.
        ignore: phrases in which a value's name means something else.
    """

    name: str
    nouns: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """A facet value's name in a text, at ``text[start:end]``."""

    facet: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FacetQuestion:
    """A question that asks for values of a facet: "which hospitals …", "how many areas …".

    Attributes:
        start, end: span in the question of the words that name the facet ("which … areas").
        soft: the words may mean something else ("where"): no table, then an ordinary answer.
    """

    facet: str
    start: int
    end: int
    soft: bool = False


class Facets:
    """The facets of a corpus: tags passages, and reads facets in questions.

    Attributes:
        source: the file that they were read from, as text, or "".
    """

    def __init__(self, facets: Iterable[Facet] = (), source: str = "") -> None:
        self.source = source
        own = tuple(facets)
        taken = {noun.lower() for facet in own for noun in facet.nouns}
        names = {facet.name for facet in own}
        built_in = tuple(
            Facet(name, tuple(noun for noun in nouns if noun not in taken))
            for name, nouns in _BUILT_IN_NOUNS.items()
            if name not in names
        )
        self._own = own
        self._all = {facet.name: facet for facet in own + built_in}
        self._matchers = {facet.name: _Matcher(facet) for facet in own if facet.values}
        self._questions = [_Nouns(f.name, f.nouns) for f in own + built_in if f.nouns]

    @classmethod
    def load(cls, folder: Path) -> Facets:
        """Read ``facets.toml`` in a folder; without one, the built-in facets stand alone.

        The folder is the corpus, or a generation, which keeps the file that its tags came from.
        ``ConfigError`` if the file is not TOML, or not of the form that its README shows.
        """
        path = folder / FACETS_FILE
        found, text = read_tables(path, _FORM)
        return cls((_parse_facet(path, name, table) for name, table in found.items()), text)

    @property
    def names(self) -> tuple[str, ...]:
        """Return every facet's name, the corpus's own first."""
        return tuple(self._all)

    @property
    def fingerprint(self) -> str:
        """Return a hash that changes when tags may."""
        parts = [[f.name, f.nouns, list(f.values.items()), f.ignore] for f in self._own]
        return hashlib.sha256(json.dumps([_RULES_VERSION, parts]).encode()).hexdigest()

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values that the file lists; empty for the built-in facets."""
        return tuple(self._all[name].values) if name in self._all else ()

    def nouns(self, name: str) -> tuple[str, ...]:
        """Return the words that name the facet in a question."""
        return self._all[name].nouns if name in self._all else ()

    def tag(self, passage: Passage) -> Mapping[str, tuple[str, ...]]:
        """Return the values that the passage belongs to, by facet; facets without any left out."""
        tags = {name: matcher.tag(passage) for name, matcher in self._matchers.items()}
        for name, made in _BUILT_IN_TAGS.items():
            if name not in tags:
                tags[name] = made(passage)
        return {name: values for name, values in tags.items() if values}

    def mentions(self, text: str, typed: bool = False) -> tuple[Mention, ...]:
        """Return where values are named in the text, ascending within each facet.

        In a text ``typed`` as a question full names count in any case.
        """
        return tuple(
            Mention(name, *found)
            for name, matcher in self._matchers.items()
            for found in matcher.find(text, typed)
        )

    def named_by(self, name: str, text: str) -> tuple[str, ...]:
        """Return the values of one facet named in the text, in order, each once."""
        if name in self._matchers:
            return _unique(value for value, _, _ in self._matchers[name].find(text))
        return _unique(_YEAR.findall(text)) if name == YEAR_FACET else ()

    def question(self, text: str) -> FacetQuestion | None:
        """Return the facet whose values the question asks for ("which …s have …"), if any."""
        found = [match for nouns in self._questions if (match := nouns.read(text))]
        # A plain reading beats a soft one; then the words that come first.
        return min(found, key=lambda match: (match.soft, match.start), default=None)


def name_documents(titles: Mapping[str, str]) -> dict[str, str]:
    """Return what each document is called among the others, no two alike: its title if it can be.

    A title that several have comes after the file's name, as "2023.pdf · Annual report", since
    long names are cut at their end.

    Args:
        titles: path of each document to its title.
    """
    names = dict(titles)
    # In a second round those whose files have one name too, in different folders.
    for place in (lambda path: PurePosixPath(path).name, str):
        number = Counter(names.values())
        names |= {
            path: f"{place(path)} · {titles[path]}"
            for path, name in names.items()
            if number[name] > 1
        }
    return names


def phrase_pattern(name: str) -> str:
    """Return a pattern for the name: any space or hyphen between words, "&" for "and"."""
    words = [word for word in re.split(r"[\s_‐‑–-]+|\.\s+", name) if word]
    return _SPACE.join("(?:and|&)" if word in {"and", "&"} else re.escape(word) for word in words)


class _Nouns:
    """Reads "which <noun> …" and its kin for the nouns of one facet."""

    def __init__(self, facet: str, facet_nouns: Sequence[str]) -> None:
        self._facet = facet
        nouns = [noun for noun in facet_nouns if noun.lower() not in _SOFT]
        noun = "|".join(phrase_pattern(noun) for noun in sorted(nouns, key=len, reverse=True))
        # "which areas of law" asks for something else, "which of the areas" does not.
        head = (
            rf"(?:{noun})\b(?!\s+of\b(?!\s+(?:these|those|them)\b))(?!['’]s?\b)" if noun else "(?!)"
        )
        gap = rf"(?:(?!(?:{_NO_GAP})\b)[\w’'-]+\s+){{0,2}}?"  # "which *rural* areas"
        among = r"(?:(?:of|among|amongst|from)\s+(?:all\s+)?(?:the|these|those|our)\s+)?"
        self._plain = re.compile(
            rf"\b(?:(?:which|what|whose|how\s+many|any|each|every|per|across(?:\s+the)?|all(?:\s+the)?)"
            rf"\s+{among}{gap}{head}"
            rf"|who\s+{among.removesuffix('?')}{gap}{head}"
            rf"|(?:list|name|show|give|find|identify|compare|tell)\s+(?:(?:me|us|all|any|out)\s+)*"
            rf"(?:the\s+)?{gap}{head}"
            rf"|^\s*{head}(?=\s+(?:that|which|who|whose|where|with|without|using|having)\b))",
            re.IGNORECASE,
        )
        soft = [word for word in facet_nouns if word.lower() in _SOFT]
        self._soft = re.compile(rf"^\W*({'|'.join(soft)})\b" if soft else "(?!)", re.IGNORECASE)

    def read(self, text: str) -> FacetQuestion | None:
        if match := self._plain.search(text):
            return FacetQuestion(self._facet, match.start(), match.end())
        if match := self._soft.search(text):
            return FacetQuestion(self._facet, match.start(1), match.end(1), soft=True)
        return None


class _Matcher:
    """Finds a facet's values in text: whole words, as written or in capitals, longest first."""

    def __init__(self, facet: Facet) -> None:
        named = [(name, value) for value, own in facet.values.items() for name in (value, *own)]
        self._value = {_normalise(name): value for name, value in named}
        names = [*(name for name, _ in named), *facet.ignore]
        self._strict = _compile(names)
        # Short aliases are often words ("met"), so only full names are read in any case.
        self._typed = _compile(names, any_case=facet.values)

    def find(self, text: str, typed: bool = False) -> Iterator[tuple[str, int, int]]:
        for match in (self._typed if typed else self._strict).finditer(text):
            value = self._value.get(_normalise(match[0]))
            if value is not None:  # else a phrase to ignore
                yield value, match.start(), match.end()

    def tag(self, passage: Passage) -> tuple[str, ...]:
        path = PurePosixPath(passage.document)
        for name in (path.stem, *reversed(path.parts[:-1]), passage.title):
            if (value := self._value.get(_normalise(name))) is not None:
                return (value,)
        document = " / ".join((path.with_suffix("").as_posix(), passage.title))
        texts = (*reversed(passage.section), passage.text, document.replace("_", " "))
        for text in texts:
            if found := _unique(value for value, _, _ in self.find(text)):
                return found
        return ()


def _section_tags(passage: Passage) -> tuple[str, ...]:
    # The first heading is often the title once more, which tells no sections apart.
    title = _normalise(passage.title)
    return tuple(heading for heading in passage.section if _normalise(heading) != title)[:1]


def _year_tags(passage: Passage) -> tuple[str, ...]:
    document = f"{passage.title} {PurePosixPath(passage.document).stem.replace('_', ' ')}"
    for text in (*reversed(passage.section), passage.text, document):
        if found := _unique(_YEAR.findall(text)):
            return found
    return ()


_BUILT_IN_TAGS = {SECTION_FACET: _section_tags, YEAR_FACET: _year_tags}


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _normalise(name: str) -> str:
    words = re.sub(r"[\s_.‐‑–-]+", " ", name.replace("&", " and ")).split()
    return " ".join(words).casefold()


def _compile(names: Iterable[str], any_case: Iterable[str] = ()) -> re.Pattern[str]:
    forms: dict[str, str] = {}  # each form of a name to its pattern
    for name in names:
        for form in (name, name.upper(), name[:1].upper() + name[1:]):
            forms.setdefault(form, phrase_pattern(form))
    for name in any_case:  # the space keeps its form apart from the name as written
        forms[f"{name} "] = f"(?i:{phrase_pattern(name)})"
    ordered = sorted(forms, key=lambda form: (-len(form.strip()), form))
    pattern = "|".join(forms[form] for form in ordered)
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)")


def _parse_facet(path: Path, name: str, table: Any) -> Facet:
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {name!r} is not a table [{name}].", _FORM)
    if unknown := sorted(set(table) - {"nouns", "values", "ignore"}):
        raise ConfigError(f"{path}: [{name}] has an unknown key {unknown[0]!r}.", _FORM)
    values = table.get("values", {})
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: [{name}.values] is not a table.", _FORM)
    parsed = {
        value: _parse_names(path, f"{name}.values: {value!r}", aliases)
        for value, aliases in values.items()
    }
    _check_unique(path, name, parsed)
    return Facet(
        name=name,
        nouns=_parse_names(path, f"{name}: nouns", table.get("nouns", [name])),
        values=parsed,
        ignore=_parse_names(path, f"{name}: ignore", table.get("ignore", [])),
    )


def _parse_names(path: Path, place: str, found: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(x, str) and x.strip() for x in found):
        raise ConfigError(f'{path}: {place} must be a list of words, as ["one", "two"].', _FORM)
    return tuple(" ".join(item.split()) for item in found)


def _check_unique(path: Path, facet: str, values: Mapping[str, tuple[str, ...]]) -> None:
    owner: dict[str, str] = {}
    for value, aliases in values.items():
        if not value.strip():
            raise ConfigError(f"{path}: [{facet}.values] has an empty value.", _FORM)
        for name in (value, *aliases):
            first = owner.setdefault(_normalise(name), value)
            if first != value:
                raise ConfigError(
                    f"{path}: [{facet}.values] gives {name!r} to both {first!r} and {value!r}.",
                    "Leave it with one of them.",
                )
