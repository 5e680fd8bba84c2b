"""Answers "how many …" questions: a number that a report states, else a count of the rows found.

A count is of values with evidence, never of more: nothing is computed from figures in the reports.
"How many reports mention X?" is answered by words: a row has a sentence in which all the words of
X stand, one behind the other (strong) or apart (partial).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from qa_app.answering.acronyms import expand, find_acronyms, shorten
from qa_app.answering.facts import Outcome, answer_fact, finding
from qa_app.answering.features import Evidence
from qa_app.answering.model import UNREAD
from qa_app.answering.question import ParsedQuestion, as_fact, light_terms
from qa_app.answering.tables import answer_table, coverage_of, is_about, rows_by_value
from qa_app.arrays import RowArray
from qa_app.facets import DOCUMENT_FACET, HOW_MANY, Facets, phrase_pattern
from qa_app.models import Count, Finding, Mode, Passage, Support
from qa_app.reader import Reader
from qa_app.retrieval import Retriever

# Verbs of mentioning, behind the noun ("reports that mention …"), with what may stand before them.
_NOT = r"(?:do|does|did)\s+not|don['’]t|doesn['’]t|didn['’]t|never"
_MENTION = re.compile(
    rf"\s+(?:(?:{_NOT}|that|which|who|do|does|did|have|has|ever|also|explicitly|specifically|even)"
    r"\s+)*(?:mention(?:s|ed|ing)?|refer(?:s|red|ring)?\s+to|"
    r"(?:use|contain|include)(?:s|d|ing)?\s+the\s+(?:word|phrase|term|expression)s?)\s+(?P<words>.+)",
    re.IGNORECASE | re.DOTALL,
)
# "… in how many reports is X mentioned?"
_MENTIONED = re.compile(
    r"\s+(?:is|are|was|were|has|have|do|does|did)\s+(?:the\s+(?:word|phrase|term)s?\s+)?"
    r"(?P<words>.+?)\s+(?:not\s+)?(?:(?:been\s+)?(?:mentioned|referred\s+to)|appear|occur)"
    r"(?:\s+(?:at\s+all|by\s+name))?\W*",
    re.IGNORECASE | re.DOTALL,
)
_FILLER = re.compile(r"\s+(?:at\s+all|by\s+name|anywhere)(?=\W*$)", re.IGNORECASE)
_OR = re.compile(r",?\s+(?:and/)?or\s+", re.IGNORECASE)
# In the words of a mention, these ask for more than that the words stand there.
_TOO_MUCH = re.compile(
    r"\b(?:neither|nor|not|without|except|than|but|only|times|once|twice|and\s+how)\b",
    re.IGNORECASE,
)
# Words behind the noun that narrow it down in a way that is not checked ("reports from 2023").
_NARROWED = re.compile(
    r"\s+(?:from|published|dated|issued|written|by|since|before|after|during|in|within|across|on)\b",
    re.IGNORECASE,
)
# A count of values with evidence is no count of those that lack something.
_NEGATION = re.compile(
    rf"\b(?:{_NOT}|not|no|none|without|lack(?:s|ed|ing)?|fail(?:s|ed|ing)?\s+to|cannot|neither|"
    r"only|(?:more|fewer|less)\s+than|at\s+(?:least|most))\b|n['’]t\b",
    re.IGNORECASE,
)
# "How many reports were made …?" asks about reports of another kind than those of the corpus.
_OBJECT = re.compile(r"\s+(?:were|was|did|does|do|had|(?:has|have)\s+been)\b", re.IGNORECASE)
# A number, or a word for all or none, as it stands before the noun that it counts.
_NUMBER = (
    r"(?:\d[\d,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|"
    r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:-\w+)?|hundreds?|both|all|none)"
)
_HOW_MANY = re.compile(rf"{HOW_MANY}\s+", re.IGNORECASE)
_BATCH = 4  # passages read at once of each value: with its rarest words first, few need more
_Form = tuple[str, ...]  # the terms of one way to put what is mentioned, in order
_APART = 0.5  # score of a sentence in which the words stand apart: they may mean something else


def answer_count(
    retriever: Retriever,
    parsed: ParsedQuestion,
    top_k: int,
    rows: RowArray | None,
    mode: Mode,
    reader: Reader | None,
) -> Outcome:
    """Return the quotes that state the number, else one row per facet value, and their count.

    Rows are not counted if the question narrows them down by what is not checked.

    Raises:
        ValueError: the question asks for no facet.
    """
    if parsed.table is None:
        raise ValueError("the question asks for no facet")
    rest = parsed.question[parsed.table.end :]
    if not parsed.table.qualified and (words := _mentioned(rest)):
        outcome = _count_mentions(retriever, parsed, words, top_k, rows, mode)
        if outcome is not None:
            return outcome
    fact = answer_fact(retriever, as_fact(parsed, retriever.generation), top_k, rows, mode, reader)
    facet = parsed.table.facet
    is_other = facet == DOCUMENT_FACET and (parsed.table.start == 0 and _OBJECT.match(rest))
    analyser = retriever.generation.lexical.analyser
    about = set(analyser.terms(f"{parsed.question[: parsed.table.start]} {rest}"))
    if is_other or about <= light_terms(analyser) or _states_number(fact, retriever.facets, facet):
        return fact
    outcome = answer_table(retriever, _as_which(parsed), top_k, rows, mode, reader)
    if not outcome.findings and fact.findings:
        return fact
    narrowed = parsed.table.qualified or parsed.named or _NARROWED.match(rest)
    if narrowed or _NEGATION.search(parsed.question):
        return outcome
    return _counted(outcome)


def _as_which(parsed: ParsedQuestion) -> ParsedQuestion:
    """Return the question asking "which": for "how many" the reader would look for numbers."""
    if parsed.table is None:
        return parsed
    before, rest = parsed.question[: parsed.table.start], parsed.question[parsed.table.end :]
    noun = _HOW_MANY.sub("which ", parsed.question[parsed.table.start : parsed.table.end])
    asked = f"{before}{noun}{rest}"
    return replace(parsed, question=asked[:1].upper() + asked[1:])


def _counted(outcome: Outcome, words: str = "") -> Outcome:
    coverage = outcome.coverage
    if coverage is None:
        return outcome
    count = Count(
        facet=coverage.facet,
        strong=sum(row.support is Support.STRONG for row in outcome.findings),
        found=len(coverage.with_evidence),
        total=len(coverage.with_evidence) + len(coverage.without_evidence),
        words=words,
    )
    return replace(outcome, count=count)


def _states_number(fact: Outcome, facets: Facets, facet: str) -> bool:
    """Tell whether the first quote surely answers, with a number of the facet's noun."""
    if not fact.findings or fact.findings[0].support is not Support.STRONG:
        return False
    first = fact.findings[0]
    if first.answer is None:
        return False
    noun = "|".join(map(phrase_pattern, facets.nouns(facet)))
    # Up to 3 words between: "43 territorial police forces", "two of the four areas".
    number = re.compile(rf"\b{_NUMBER}\s+(?:[\w’'-]+\s+){{0,3}}?(?:{noun})\b", re.IGNORECASE)
    start, end = first.answer
    return any(
        found.start() < end and start < found.end() for found in number.finditer(first.quote)
    )


def _mentioned(rest: str) -> str:
    """Return the words that reports are to mention; "" if the question asks something else."""
    match = _MENTION.match(rest) or _MENTIONED.fullmatch(rest)
    words = _FILLER.sub("", match["words"]).strip(" \t\n?.!\"“”'‘’") if match else ""
    return "" if _TOO_MUCH.search(words) else words


def _forms(words: str, retriever: Retriever) -> list[_Form]:
    """Return the ways to put the words: alternatives, acronyms spelt out and in short."""
    generation = retriever.generation
    long_forms = find_acronyms(words, generation).long_forms
    texts = [
        text
        for part in _OR.split(words)
        for text in (part, expand(part, long_forms), shorten(part, long_forms))
    ]
    terms = (tuple(generation.lexical.analyser.terms(text)) for text in texts)
    return [form for form in dict.fromkeys(terms) if form]


def _count_mentions(
    retriever: Retriever,
    parsed: ParsedQuestion,
    words: str,
    top_k: int,
    rows: RowArray | None,
    mode: Mode,
) -> Outcome | None:
    """Return one row per value with all the words; None if they are words without meaning."""
    forms = _forms(words, retriever)
    if parsed.table is None or not forms:
        return None
    facet = parsed.table.facet
    values = rows_by_value(retriever, parsed, rows)
    found = _find(retriever, facet, _candidates(retriever, values, forms), forms)
    findings = tuple(sorted(found.values(), key=lambda row: (-row.score, row.facet_value or "")))
    outcome = Outcome(
        confidence=max((row.score for row in findings), default=0.0),
        findings=findings,
        passages=retriever.results(retriever.rank_distinct(words, top_k, rows, mode)),
        coverage=coverage_of(retriever, facet, values, findings),
    )
    return _counted(outcome, words)


def _candidates(
    retriever: Retriever, values: Mapping[str, RowArray], forms: Sequence[_Form]
) -> dict[str, list[int]]:
    """Return each value's rows that have all terms of a form, headings included, best first."""
    lexical = retriever.generation.lexical
    of_forms = [(lexical.rows_with(form), lexical.scores(form)) for form in forms]
    every = np.unique(np.concatenate([rows for rows, _ in of_forms]))
    score = np.zeros(len(every), dtype=np.float32)
    for rows, scores in of_forms:
        places = np.searchsorted(every, rows)
        score[places] = np.maximum(score[places], scores.at(rows))
    found = {}
    for value, rows in values.items():
        places = np.flatnonzero(np.isin(every, rows))
        found[value] = every[places[np.argsort(-score[places], kind="stable")]].tolist()
    return found


def _find(
    retriever: Retriever, facet: str, candidates: Mapping[str, list[int]], forms: Sequence[_Form]
) -> dict[str, Finding]:
    """Return each value's row: its first sentence with the words together, else one with all."""
    found: dict[str, Finding] = {}
    start = 0
    while due := {
        value: rows[start : start + _BATCH]
        for value, rows in candidates.items()
        if len(rows) > start and (value not in found or found[value].support is Support.PARTIAL)
    }:
        every = sorted({row for rows in due.values() for row in rows})
        passages = dict(zip(every, retriever.generation.passages(every), strict=True))
        for value, rows in due.items():
            for row in rows:
                item = _best(retriever, facet, value, passages[row], forms)
                if item is not None and (value not in found or item.score > found[value].score):
                    found[value] = item
        start += _BATCH
    return found


def _best(
    retriever: Retriever, facet: str, value: str, passage: Passage, forms: Sequence[_Form]
) -> Finding | None:
    """Return the passage's first sentence with the words together, else the first with them all."""
    analyser, dates = retriever.generation.lexical.analyser, retriever.generation.dates
    apart = None
    for sentence in passage.sentences:
        item = Evidence(passage, sentence)
        lead_in = passage.slice(*sentence.lead_in) if sentence.lead_in else ""
        terms = analyser.terms(f"{lead_in} {item.text}")
        having = [form for form in forms if set(form) <= set(terms)]
        if not having or not is_about(retriever, facet, value, item):
            continue
        if any(_follow(form, terms) for form in having):
            return finding([item], UNREAD, dates, value, 1.0)
        apart = apart or finding([item], UNREAD, dates, value, _APART)
    return apart


def _follow(form: _Form, terms: Sequence[str]) -> bool:
    """Tell whether the form's terms stand one behind the other."""
    starts = range(len(terms) - len(form) + 1)
    return any(tuple(terms[start : start + len(form)]) == form for start in starts)
