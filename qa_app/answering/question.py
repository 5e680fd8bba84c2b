"""Parses a question: facet values named, values asked for, acronyms, and the terms to search for.

In "What is the population of Leeds?" the facet value "Leeds" restricts the passages, and only the
rest of the question is searched for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from qa_app.answering.acronyms import Acronyms, expand, find_acronyms, shorten
from qa_app.facets import FacetQuestion, Facets, Mention, phrase_pattern
from qa_app.store.protocol import Generation
from qa_app.text.analysis import Analyser

# Preposition and article before a value's name, removed with it: "in the".
_BEFORE = re.compile(
    r"(?:\b(?:in|at|of|for|by|from|within|across|on|to|with)\s+)?(?:\bthe\s+)?$", re.IGNORECASE
)
_POSSESSIVE = re.compile(r"['’]s?(?!\w)")  # after a value's name
# Auxiliaries and verbs of saying that follow "which …s": they tell no passage from another.
_LEADING = re.compile(
    r"^\W*(?:(?:is|are|was|were|has|have|had|do|does|did|can|could|will|would|may|must|should|be|"
    r"been|being|that|who|which|there|also|currently|already|say|says|said|saying|mention|mentions|"
    r"mentioned|describe|describes|discuss|discusses|try|trying|tried|aim|aims|aiming|seek|seeks|"
    r"seeking|want|wants|wish|hope|hopes|hoping|intend|intends|intending|work|works|working|deal|"
    r"deals|dealing|talk|talks|about|on|with|to|in|of|at)\b\W*)+",
    re.IGNORECASE,
)

# "… the report's …", "in this document": says nothing about what is asked.
_SELF = re.compile(
    r"\b(?:(?:in|of|by|from)\s+)?(?:the|this|these)\s+(?:report|document|paper)s?(?:['’]s?)?(?!\w)",
    re.IGNORECASE,
)
# Quantity words and verbs of little meaning, which an answer need not contain.
_LIGHT = (
    "many much several various most carry carried out take took taken happen happened happens "
    "occur occurred exist exists"
)

# A question asks for an overview of a value if the rest of it consists of these words alone.
_OVERVIEW = (
    "say says said saying tell told mention mentioned describe described discuss discussed "
    "report reported know known find found findings happen happened happening do doing done "
    "overview summary summarise give show"
)


@cache
def light_terms(analyser: Analyser) -> frozenset[str]:
    """Return the terms that an answer need not contain."""
    return frozenset(analyser.terms(_LIGHT))


@cache
def _overview_terms(analyser: Analyser) -> frozenset[str]:
    return frozenset(analyser.terms(_OVERVIEW))


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """A parsed question.

    Attributes:
        question: as asked.
        text: without the names of facet values and the words that ask for a facet; acronyms whose
            meaning is known are spelt out.
        terms: the terms of ``text``, each once, without light words.
        short_text: ``text`` with acronyms in place of their long forms, or "" without acronyms.
        short_terms: the terms of ``short_text``.
        acronyms: their meanings.
        table: the facet whose values it asks for, if the corpus has any.
        named: facet to the values that the question names.
        overview: it names a value and asks nothing further: "What is said about Redford?"
    """

    question: str
    text: str
    terms: tuple[str, ...]
    table: FacetQuestion | None = None
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    short_text: str = ""
    short_terms: tuple[str, ...] = ()
    acronyms: Acronyms = field(default_factory=Acronyms)
    overview: bool = False


def parse_question(question: str, facets: Facets, generation: Generation) -> ParsedQuestion:
    """Parse a question with the facets and acronyms of one generation."""
    table = facets.question(question)
    if table is not None and not generation.facet_values(table.facet):
        table = None
    mentions = [
        found
        for found in facets.mentions(question, typed=True)
        if table is None or found.end <= table.start or found.start >= table.end
    ]
    if table is not None and any(found.facet == table.facet for found in mentions):
        # "How many areas does Redford cover?" asks about Redford, not for a list of areas.
        table = None
    spans = [_span(question, found, facets) for found in mentions]
    text = _without(question, spans)
    if table is not None:
        rest = _without(question, [*spans, (table.start, table.end)])
        text = _LEADING.sub("", rest).strip()
    named: dict[str, list[str]] = {}
    for found in mentions:
        named.setdefault(found.facet, []).append(found.value)
    parsed = ParsedQuestion(
        question=question,
        text=text,
        terms=(),
        table=table,
        named={facet: tuple(dict.fromkeys(values)) for facet, values in named.items()},
        overview=table is None and bool(spans) and _asks_nothing(text, generation.lexical.analyser),
    )
    return _with_terms(parsed, generation)


def asks_for(question: str, facet: str, facets: Facets) -> bool:
    """Tell whether a question's own words ask for the values of this facet ("which forces …")."""
    table = facets.question(question)
    return table is not None and table.facet == facet


def parse_for_facet(
    question: str, facet: str, facets: Facets, generation: Generation
) -> ParsedQuestion:
    """Parse a question that is asked of each value of a facet, whatever its own words ask for.

    Words that ask for this facet ("which forces …") are left out; those for another are kept.
    """
    parsed = parse_question(question, facets, generation)
    if parsed.table is not None and parsed.table.facet == facet:
        return parsed
    if parsed.table is not None:
        parsed = as_fact(parsed, generation)
    return replace(parsed, table=FacetQuestion(facet, 0, 0))


def as_fact(parsed: ParsedQuestion, generation: Generation) -> ParsedQuestion:
    """Return the question parsed as one for a fact, with all its words kept."""
    plain = replace(parsed, text=parsed.question, table=None)
    return _with_terms(plain, generation)


def _with_terms(parsed: ParsedQuestion, generation: Generation) -> ParsedQuestion:
    analyser = generation.lexical.analyser
    text = parsed.text if analyser.terms(parsed.text) else parsed.question
    rest = _SELF.sub(" ", text)
    if len(set(analyser.terms(rest)) - light_terms(analyser)) > 1:
        text = " ".join(rest.split())
    acronyms = find_acronyms(text, generation)
    long_form = expand(text, acronyms.long_forms)
    short_form = shorten(text, acronyms.long_forms) if acronyms.long_forms else ""
    return replace(
        parsed,
        text=long_form,
        terms=_terms(long_form, analyser),
        short_text=short_form,
        short_terms=_terms(short_form, analyser),
        acronyms=acronyms,
    )


def _terms(text: str, analyser: Analyser) -> tuple[str, ...]:
    """Return the terms of a text, each once, without light ones unless there are no others."""
    found = tuple(dict.fromkeys(analyser.terms(text)))
    light = light_terms(analyser)
    return tuple(term for term in found if term not in light) or found


def _asks_nothing(text: str, analyser: Analyser) -> bool:
    return _overview_terms(analyser).issuperset(analyser.terms(text))


def _span(question: str, found: Mention, facets: Facets) -> tuple[int, int]:
    """Return the span to remove for a value's name, with its preposition and facet noun."""
    before = _BEFORE.search(question, 0, found.start)
    start = before.start() if before else found.start
    end = found.end
    if possessive := _POSSESSIVE.match(question, end):
        end = possessive.end()
    nouns = "|".join(phrase_pattern(noun) for noun in facets.nouns(found.facet))
    if nouns and (noun := re.compile(rf"\s+(?:{nouns})(?!\w)", re.IGNORECASE).match(question, end)):
        return start, noun.end()
    return start, end


def _without(question: str, spans: Sequence[tuple[int, int]]) -> str:
    kept, position = [], 0
    for start, end in sorted(spans):
        kept.append(question[position : max(start, position)])
        position = max(end, position)
    rest = "".join([*kept, question[position:]])
    return " ".join(re.sub(r"\s+(?=[?.,;!])", "", rest).split())
