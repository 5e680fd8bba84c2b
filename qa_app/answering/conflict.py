"""How quotes stand to each other: what an older report said, and what says the contrary.

A quote that is wrongly called a contradiction does more harm than one that is missed, so only
plain cases count: the same words but for opposite directions ("rose", "fell"), a negation, or a
plan against what is in place. Numbers that differ prove nothing: they may be of other years,
places or paragraphs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from qa_app.analysis import analyse
from qa_app.dates import MONTHS
from qa_app.models import Finding, Relation, Support

# A clause with a word of one side says the contrary of the same clause with one of the other.
_AXES = tuple(
    tuple(re.compile(rf"\b(?:{side})\b", re.IGNORECASE) for side in axis)
    for axis in (
        (
            r"increas\w+|rose|ris(?:e|es|en|ing)|grew|grow\w*|higher|doubl(?:ed|ing)|expand\w*",
            r"decreas\w+|fell|fall(?:s|en|ing)?|declin\w+|reduc(?:e|es|ed|ing)|lower(?:ed)?|"
            r"reductions? (?:in|of)|dropp?(?:ed|ing)|halv(?:ed|ing)|shrank|shrunk",
        ),
        (r"improv\w+|better|strengthen\w*", r"worse(?:n\w*)?|deteriorat\w+|weaken\w*"),
    )
)
# What these words mean stands elsewhere, so that the same words may be about something else.
_POINTERS = re.compile(
    r"\b(?:this|these|those|it|they|them|such|above|following|former|latter|recommendations?|"
    r"proposals?|suggestions?|options?|paragraphs?)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(?:not|never|cannot|neither|nor|without|fail(?:s|ed)? to|yet to|no longer|lacks?)\b"
    r"|n['’]t\b",
    re.IGNORECASE,
)
PLANS = re.compile(
    r"\b(?:plan|plans|planned|planning|propos\w+|intends?|considering|exploring|under\s?way)\b",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:has|have|had|set up|established|launched|created|introduced|implemented|completed|"
    r"in place)\b",
    re.IGNORECASE,
)
_CLAUSES = re.compile(r"[,;:]\s|\s[-–—]\s|\b(?:and|but|while|whereas|although|though|however)\b")
_TIMES = re.compile(rf"\b(?:1[89]|20)\d\d(?:[/–-]\d\d)?\b|\b(?:{MONTHS}|Q[1-4]|quarter)\b")
# Amounts; a number behind any other word is a name: "Phase 2".
_AMOUNT = re.compile(
    r"(?:^|\b(?:by|to|from|of|in|at|than|about|around|over|under|and|some|nearly)\s+)"
    r"(?:[£$€]\s?)?\d[\d,.]*%?",
    re.IGNORECASE,
)
# Content words that two clauses must share, and how much of all their words that must be.
_LEAST_SHARED, _LEAST_ALIKE = 2, 0.75
# A clause needs a direction and what moves; anything longer says more than that.
_MOST_TERMS = 12
_FILLER = frozenset(
    analyse("has had very more most also still now since currently per cent percent year last "
            "slightly significantly sharply set up place establish launch create introduce "
            "implement complete yet no not never longer fail", "english")
)  # fmt: skip


_MOST_OTHERS = 3
_MOST_RIVALS = 12  # quotes of one row that are compared


def side_by_side(rivals: Sequence[Finding], language: str) -> Finding:
    """Return one row with its quotes of other dates, newest first, and those that contradict it.

    Args:
        rivals: what bears out the row, best first, at least one.
    """
    best, *rest = rivals[:_MOST_RIVALS]
    shown = [best]
    for item in rest:
        firm = item.support is best.support or item.support is Support.STRONG
        if firm and all(_differ(item.date, known.date) for known in shown):
            shown.append(item)
    first = max(shown, key=lambda item: item.date or "") if len(shown) > 1 else best
    against = [
        item
        for item in rivals
        if item is not first and contradicts(first.quote, item.quote, language)
    ]
    older = [item for item in shown if item is not first and item not in against]
    others = [
        *(replace(item, relation=Relation.CONTRADICTS) for item in against),
        *(replace(item, relation=Relation.EARLIER) for item in older),
    ][:_MOST_OTHERS]
    return replace(
        first, others=tuple(sorted(others, key=lambda item: item.date or "", reverse=True))
    )


def mark_contradictions(quotes: Sequence[Finding], most: int, language: str) -> tuple[Finding, ...]:
    """Return the first quotes, and in place of the last one that contradicts the first, if any."""
    if not quotes:
        return ()
    first, *rest = quotes
    marked = [
        replace(item, relation=Relation.CONTRADICTS)
        if contradicts(first.quote, item.quote, language)
        else item
        for item in rest
    ]
    kept, cut = marked[: most - 1], marked[most - 1 :]
    hidden = [item for item in cut if item.relation]
    if hidden and not any(item.relation for item in kept):
        kept[-1:] = hidden[:1]
    return (first, *kept)


def _differ(one: str | None, other: str | None) -> bool:
    """Tell whether two dates ("2024", "2024-05") are surely not the same."""
    if one is None or other is None:
        return False
    length = min(len(one), len(other))
    return one[:length] != other[:length]


@dataclass(frozen=True, slots=True)
class _Clause:
    """What a clause is about, and which way it says that it is."""

    terms: frozenset[str]
    axis: int | None
    up: bool
    negated: bool
    plans: bool
    done: bool
    times: frozenset[str]


def contradicts(one: str, other: str, language: str = "english") -> bool:
    """Tell whether a clause of one quote says plainly the contrary of a clause of the other."""
    others = _read(other, language)
    return any(_opposed(a, b) for a in _read(one, language) for b in others)


def _read(text: str, language: str) -> list[_Clause]:
    times = frozenset(_TIMES.findall(text))
    found = []
    for words in _CLAUSES.split(text):
        sides = [
            (n, up)
            for n, axis in enumerate(_AXES)
            for side, up in zip(axis, (True, False), strict=True)
            if side.search(words)
        ]
        if len(sides) > 1 or _POINTERS.search(words):
            continue  # "fell after it had risen"; "we accept this recommendation"
        plain = _AMOUNT.sub(" ", _TIMES.sub(" ", PLANS.sub(" ", words)))
        for axis in _AXES:
            for side in axis:
                plain = side.sub(" ", plain)
        terms = frozenset(analyse(plain, language)) - _FILLER
        if not terms or len(terms) > _MOST_TERMS:
            continue
        direction, up = sides[0] if sides else (None, False)
        negated, plans = bool(_NEGATED.search(words)), bool(PLANS.search(words))
        done = not plans and bool(_DONE.search(words))
        found.append(_Clause(terms, direction, up, negated, plans, done, times))
    return found


def _opposed(a: _Clause, b: _Clause) -> bool:
    shared, every = len(a.terms & b.terms), len(a.terms | b.terms)
    moved = a.axis is not None and a.axis == b.axis
    if shared < (1 if moved and shared == every else _LEAST_SHARED):
        return False
    if shared < _LEAST_ALIKE * every or (a.times and b.times and a.times != b.times):
        return False
    if moved:
        return (a.up != b.up) != (a.negated != b.negated)
    if a.axis is not None or b.axis is not None:
        return False
    if a.plans != b.plans:
        return (a.done or b.done) and not (a.negated or b.negated)
    return a.negated != b.negated
