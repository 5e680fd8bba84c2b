"""Facets: the groups that questions ask about, read from ``corpus/facets.toml``.

A facet has nouns, which name it in a question ("which *hospitals* …"), and values with aliases.
If a document's file name, folder or title *is* a value, all its passages get that value. Otherwise
a passage gets the values named in its innermost heading that names any; failing that, in its text;
failing that, in its document's path or title. Document, section and year are built-in facets,
which need no file; the document facet is tagged last (``name_documents``), because each name
depends on all documents.
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
from qa_app.settings import parse_tables, read_tables

FACETS_FILE = "facets.toml"
DOCUMENT_FACET = "document"
SECTION_FACET = "section"
YEAR_FACET = "year"
# Part of the fingerprint: increase it when the tagging rules change, so that tags are remade.
_RULES_VERSION = "2"
_BUILT_IN_NOUNS = {
    DOCUMENT_FACET: ("report", "reports", "document", "documents", "paper", "papers"),
    # Plurals only: "in what year" and "which section" ask for one fact, not for a table.
    SECTION_FACET: ("sections", "headings", "chapters"),
    YEAR_FACET: ("years",),
}
# A year from 1900 to 2099, not part of a number, amount or reference ("£2000", "2016.5").
_YEAR = re.compile(r"(?<![\w.,/£$€-])(?:19|20)\d\d(?![\w%]|[.,]\d)")
# Separator of a name's words in a text; an abbreviation may end in a full stop ("St. Ann").
_SPACE = r"\.?[\s_‐‑–-]+"
# Question words that a facet may list as nouns; they count only at the start of a question.
_SOFT = frozenset({"where", "who", "when"})
# Words that ask for a number, before the noun.
HOW_MANY = (
    r"how\s+many|(?:what(?:\s+(?:is|was)|['’]s)?\s+|(?:give|tell|show)\s+(?:(?:me|us)\s+)?)"
    r"(?:the\s+)?(?:total\s+)?number\s+of|count(?:\s+up)?(?:\s+(?:all|the))*"
)
# Words between "how many" and its noun that change nothing ("how many different forces").
_UNQUALIFIED = r"(?:(?:different|distinct|separate|individual|various|other|such|all|the)\s+)*"
# Words that cannot come between "which" and its noun ("which is the area").
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
    """A group of values that questions ask about.

    Attributes:
        nouns: words that name it in a question, in lower case unless acronyms.
        values: the aliases of each value.
        ignore: phrases in which the name of a value means something else.
    """

    name: str
    nouns: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """An occurrence of a facet value's name or alias, at ``text[start:end]``."""

    facet: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FacetQuestion:
    """A question that asks for values of a facet: "which hospitals …", "how many areas …".

    Attributes:
        start, end: span in the question of the words that name the facet ("which … areas").
        soft: the words may mean something else ("where"): if the table has no findings, the
            question gets an ordinary answer.
        counts: it asks for their number ("how many", "count the").
        qualified: a word stands before the noun ("which *rural* areas").
    """

    facet: str
    start: int
    end: int
    soft: bool = False
    counts: bool = False
    qualified: bool = False


class Facets:
    """The facets of a corpus: tags passages, and recognises facets in questions.

    Attributes:
        source: text of the file that they were read from, or "".
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
        """Read ``facets.toml`` in a corpus; without one, there are only the built-in facets.

        Raises:
            ConfigError: the file is not TOML, or not of the form that ``corpus/README.md`` shows.
        """
        path = folder / FACETS_FILE
        return cls.parse(read_tables(path, _FORM)[1], path)

    @classmethod
    def parse(cls, text: str, path: Path = Path(FACETS_FILE)) -> Facets:
        """Return the facets of a file's text; a generation keeps that of the file of its build.

        Args:
            text: may be empty.
            path: named in the error.

        Raises:
            ConfigError: as for ``load``.
        """
        found = parse_tables(text, path, _FORM)
        return cls((_parse_facet(path, name, table) for name, table in found.items()), text)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all facets, the corpus's own first."""
        return tuple(self._all)

    @property
    def fingerprint(self) -> str:
        """Hash that changes whenever the corpus's facets or the tagging rules do."""
        parts = [[f.name, f.nouns, list(f.values.items()), f.ignore] for f in self._own]
        return hashlib.sha256(json.dumps([_RULES_VERSION, parts]).encode()).hexdigest()

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values that the file lists; empty for built-in or unknown facets."""
        return tuple(self._all[name].values) if name in self._all else ()

    def nouns(self, name: str) -> tuple[str, ...]:
        """Return the words that name the facet in a question; empty if it is unknown."""
        return self._all[name].nouns if name in self._all else ()

    def tag(self, passage: Passage) -> Mapping[str, tuple[str, ...]]:
        """Return the passage's values by facet, without facets that have none.

        The built-in document facet is not included.
        """
        tags = {name: matcher.tag(passage) for name, matcher in self._matchers.items()}
        for name, made in _BUILT_IN_TAGS.items():
            if name not in tags:
                tags[name] = made(passage)
        return {name: values for name, values in tags.items() if values}

    def mentions(self, text: str, typed: bool = False) -> tuple[Mention, ...]:
        """Return the occurrences of values in the text, ascending within each facet.

        If ``typed`` (a question typed by the user), values' full names match in any case, aliases
        as otherwise.
        """
        return tuple(
            Mention(name, *found)
            for name, matcher in self._matchers.items()
            for found in matcher.find(text, typed)
        )

    def named_by(self, name: str, text: str) -> tuple[str, ...]:
        """Return the values of one facet named in the text, in order of first occurrence."""
        if name in self._matchers:
            return _unique(value for value, _, _ in self._matchers[name].find(text))
        return _unique(_YEAR.findall(text)) if name == YEAR_FACET else ()

    def question(self, text: str) -> FacetQuestion | None:
        """Return the facet whose values the question asks for ("which areas have …"), or None."""
        found = [match for nouns in self._questions if (match := nouns.read(text))]
        # Prefer matches that are not soft, then the earliest, then the nearest noun.
        return min(found, key=lambda match: (match.soft, match.start, match.end), default=None)


def name_documents(titles: Mapping[str, str]) -> dict[str, str]:
    """Return a distinct name for each document: its title, if no other document has it.

    Titles that several documents share are prefixed by the file's name ("2023.pdf · Annual
    report"), or by its path if the file's name does not make them distinct. It is a prefix because
    long names are cut off at the end where they are shown.

    Args:
        titles: title by path.

    Returns:
        Name by path.
    """
    names = dict(titles)
    # The second round is for files of the same name in different folders.
    for place in (lambda path: PurePosixPath(path).name, str):
        number = Counter(names.values())
        names |= {
            path: f"{place(path)} · {titles[path]}"
            for path, name in names.items()
            if number[name] > 1
        }
    return names


def phrase_pattern(name: str) -> str:
    """Return a regular expression for a name: any spaces or hyphens between words, "&" as "and"."""
    words = [word for word in re.split(r"[\s_‐‑–-]+|\.\s+", name) if word]
    return _SPACE.join("(?:and|&)" if word in {"and", "&"} else re.escape(word) for word in words)


class _Nouns:
    """Matches questions such as "which <noun> …" for the nouns of one facet."""

    def __init__(self, facet: str, facet_nouns: Sequence[str]) -> None:
        self._facet = facet
        nouns = [noun for noun in facet_nouns if noun.lower() not in _SOFT]
        noun = "|".join(phrase_pattern(noun) for noun in sorted(nouns, key=len, reverse=True))
        # Not "which areas of law" or "areas for improvement", which ask for something else, nor the
        # possessive "area's".
        head = (
            rf"(?:{noun})\b(?!\s+of\b(?!\s+(?:these|those|them)\b))(?!['’]s?\b)"
            r"(?!\s+for\s+(?:improvement|development|concern|action)\b)"
            if noun
            else "(?!)"
        )
        gap = rf"(?:(?!(?:{_NO_GAP})\b)[\w’'-]+\s+){{0,2}}?"  # up to 2: "which *rural* areas"
        among = r"(?:(?:of|among|amongst|from)\s+(?:all\s+)?(?:the|these|those|our)\s+)?"
        # "How many years" asks for a length of time.
        number = HOW_MANY if facet != YEAR_FACET else "(?!)"
        self._plain = re.compile(
            rf"\b(?:(?P<number>{number})\s+{among}{_UNQUALIFIED}(?P<gap>{gap}){head}"
            rf"|(?:which|what|whose|any|each|every|per|across(?:\s+the)?|all(?:\s+the)?)"
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
            return FacetQuestion(
                self._facet,
                match.start(),
                match.end(),
                counts=match["number"] is not None,
                qualified=bool(match["gap"]),
            )
        if match := self._soft.search(text):
            return FacetQuestion(self._facet, match.start(1), match.end(1), soft=True)
        return None


class _Matcher:
    """Finds a facet's values and aliases in text as whole words; longer names take precedence.

    Names match as written, with a capital first letter, or in capitals.
    """

    def __init__(self, facet: Facet) -> None:
        named = [(name, value) for value, own in facet.values.items() for name in (value, *own)]
        self._value = {_normalise(name): value for name, value in named}
        names = [*(name for name, _ in named), *facet.ignore]
        self._strict = _compile(names)
        # Only full names match in any case: short aliases are often ordinary words ("met").
        self._typed = _compile(names, any_case=facet.values)

    def find(self, text: str, typed: bool = False) -> Iterator[tuple[str, int, int]]:
        for match in (self._typed if typed else self._strict).finditer(text):
            value = self._value.get(_normalise(match[0]))
            if value is not None:  # None: a phrase of ``ignore``
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
    # The first heading often repeats the title, which does not distinguish sections.
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
    forms: dict[str, str] = {}  # pattern of each form of a name
    for name in names:
        for form in (name, name.upper(), name[:1].upper() + name[1:]):
            forms.setdefault(form, phrase_pattern(form))
    for name in any_case:  # the space makes its key differ from the name's own
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
