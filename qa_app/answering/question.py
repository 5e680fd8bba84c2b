"""What a question asks, with the words that are no evidence taken out.

"What is the population of Leeds?" is answered by a population, not by Leeds: a value's name says
where to look, and what is left of the question says what to look for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from qa_app.answering.acronyms import Acronyms, expand, find_acronyms, shorten
from qa_app.facets import FacetQuestion, Facets, Mention, phrase_pattern
from qa_app.store.generation import Generation
from qa_app.text.analysis import Analyser

_BEFORE = re.compile(
    r"(?:\b(?:in|at|of|for|by|from|within|across|on|to|with)\s+)?(?:\bthe\s+)?$", re.IGNORECASE
)
_POSSESSIVE = re.compile(r"['’]s?(?!\w)")
# Words that lead from "which …s" to what is asked, and that any passage may have or lack.
_LEADING = re.compile(
    r"^\W*(?:(?:is|are|was|were|has|have|had|do|does|did|can|could|will|would|may|must|should|be|"
    r"been|being|that|who|which|there|also|currently|already|say|says|said|saying|mention|mentions|"
    r"mentioned|describe|describes|discuss|discusses|try|trying|tried|aim|aims|aiming|seek|seeks|"
    r"seeking|want|wants|wish|hope|hopes|hoping|intend|intends|intending|work|works|working|deal|"
    r"deals|dealing|talk|talks|about|on|with|to|in|of|at)\b\W*)+",
    re.IGNORECASE,
)

# "… the report's …": where to look, not what for.
_SELF = re.compile(
    r"\b(?:(?:in|of|by|from)\s+)?(?:the|this|these)\s+(?:report|document|paper)s?(?:['’]s?)?(?!\w)",
    re.IGNORECASE,
)
# How much is asked for, and verbs that say next to nothing: what answers need not have these.
_LIGHT = (
    "many much several various most carry carried out take took taken happen happened happens "
    "occur occurred exist exists"
)

# All that is left of a question which asks for whatever there is about a value.
_OVERVIEW = (
    "say says said saying tell told mention mentioned describe described discuss discussed "
    "report reported know known find found findings happen happened happening do doing done "
    "overview summary summarise give show"
)


@cache
def light_terms(analyser: Analyser) -> frozenset[str]:
    """Return the terms that an answer need not have."""
    return frozenset(analyser.terms(_LIGHT))


@cache
def _overview_terms(analyser: Analyser) -> frozenset[str]:
    return frozenset(analyser.terms(_OVERVIEW))


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """A question as read.

    Attributes:
        question: as asked.
        text: without the names of facet values, and without the words that ask for a facet;
            acronyms that have one meaning in the corpus are spelt out.
        terms: the text's terms, each once, without light words.
        short_text: the text with the acronyms in place of what they stand for, or "".
        short_terms: its terms.
        acronyms: what its acronyms stand for.
        table: the facet whose values it asks for, where the corpus has any.
        named: facet to the values that it names.
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
    """Return what the question asks of this corpus."""
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


def as_fact(parsed: ParsedQuestion, generation: Generation) -> ParsedQuestion:
    """Return the question read as one for a fact, its facet's words kept."""
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
    """Return what tells one text from another, each once."""
    found = tuple(dict.fromkeys(analyser.terms(text)))
    light = light_terms(analyser)
    return tuple(term for term in found if term not in light) or found


def _asks_nothing(text: str, analyser: Analyser) -> bool:
    return _overview_terms(analyser).issuperset(analyser.terms(text))


def _span(question: str, found: Mention, facets: Facets) -> tuple[int, int]:
    """Return the words to take out for a value's name: it says where to look, not what for."""
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
