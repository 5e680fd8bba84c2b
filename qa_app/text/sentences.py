"""Splits running text into sentences by rules.

Rules are fast, need no training data, and make predictable errors. A sentence ends at a full stop,
question or exclamation mark, with any closing quotes and note numbers, before text that can open a
sentence; the stops of most abbreviations, initials and numbers do not end one.
"""

from __future__ import annotations

import re

# Marks that may end a sentence, with closing quotes and a note number.
_END = re.compile(
    r"""
    [.!?…]+ ["'”’»)\]]*
    (?: (?<=[^\W\d_][.!?…]) \d{1,3} (?:,\s?\d{1,3})* | \[\d{1,3}\] | [¹²³⁰-⁹]+ )?  # note number
    (?= \s )
    | [。！？]+ [」』”’]*
    """,
    re.VERBOSE,
)
# A blank line, or a line break before a bullet or number.
_BREAK = re.compile(r"\n[ \t]*\n\s*|\n(?=[ \t]*(?:[-*•▪‣◦–][ \t]|\(?(?:\d{1,3}|[a-z])[.)][ \t]))")
_NEXT = re.compile(r"\s+")  # the gap before the next sentence
_OPENER = re.compile(r"[\"'“‘«(\[]*(?:[^\W\d_]|\d|[-•£$€])")  # what can open a sentence
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+$")  # the word before a full stop
# Numbering at the start of a sentence: "3.12.", "(a)", "iv.".
_NUMBERING = re.compile(r"(?:\(?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})[.)])$")
_NUMBER = re.compile(r"[(\[]?[A-Z]?\d")  # a number after an abbreviation: "5", "(2", "A4"
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+$")  # initials: "U.S."
# A word with its apostrophe: "it's".
_FIRST_WORD = re.compile(r"[^\W\d_]+(?:[’'][^\W\d_]+)?")


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Abbreviations before a name, number or explanation: never the end of a sentence.
_NEVER = _words(
    """mr mrs ms mx dr prof rev hon rt st ste messrs mme mlle lt col gen sgt insp supt capt cpt cmdr
    gov sen rep pres adm maj det e.g i.e eg ie cf vs v viz approx ca esp incl al"""
)
# Abbreviations only before a number ("No. 5"); otherwise words that may end a sentence.
_BEFORE_NUMBER = _words(
    """no nos p pp para paras fig figs vol vols ch chap art arts sec s ss cl sch reg app tab ed eds
    jan feb mar apr jun jul aug sep sept oct nov dec"""
)
# These end a sentence only if one of STARTERS, words that often open a sentence, follows.
_EITHER = _words("inc ltd co corp plc jr sr dept govt assn bros ave etc")
STARTERS = _words(
    """the this that these those it its they their there we our he his she her you i in on at as a
    an and but or if when while where what who how why for from by to with after before since
    although however because each all any some many most more no not one both here such under
    during following"""
)


def split_sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return the spans of the sentences in ``text[start:end]``, as offsets in ``text``.

    They are ascending and disjoint, and cover every character that is not white space. A sentence
    also ends at a blank line, and before a line that opens with a bullet or a number.
    """
    spans: list[tuple[int, int]] = []
    position = start
    for mark in _BREAK.finditer(text, start, end):
        _split_paragraph(text, position, mark.start(), spans)
        position = mark.end()
    _split_paragraph(text, position, end, spans)
    return spans


def _split_paragraph(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    first = start
    for mark in _END.finditer(text, start, end):
        if mark.end() < end and _is_boundary(text, first, mark, end):
            _append(text, first, mark.end(), spans)
            first = mark.end()
    _append(text, first, end, spans)


def _append(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    words = text[start:end]
    stripped = words.strip()
    if stripped:
        start += len(words) - len(words.lstrip())
        spans.append((start, start + len(stripped)))


def _is_boundary(text: str, first: int, mark: re.Match[str], end: int) -> bool:
    if mark.group()[0] in "。！？":
        return True
    gap = _NEXT.match(text, mark.end(), end)
    follows = gap.end() if gap else mark.end()
    if follows >= end or not _OPENER.match(text, follows, end) or _is_lower(text, follows, end):
        return False
    if not mark.group().startswith("."):
        return True
    return _ends_after_stop(text, first, mark.start(), follows, end)


def _is_lower(text: str, follows: int, end: int) -> bool:
    word = _FIRST_WORD.search(text, follows, min(end, follows + 40))
    if word is None or any(c.isdigit() for c in text[follows : word.start()]):
        return False
    return word.group()[0].islower()


def _ends_after_stop(text: str, first: int, stop: int, follows: int, end: int) -> bool:
    """Tell whether the full stop at ``stop`` ends a sentence and not an abbreviation."""
    before = _LAST_WORD.search(text, max(first, stop - 40), stop)
    word = before.group().lower() if before else ""
    number_next = _NUMBER.match(text, follows, end) is not None
    if _NUMBERING.match(text[first : stop + 1].strip()):
        return False
    if word in _NEVER:
        return False
    if word in _BEFORE_NUMBER:
        return not number_next
    if word in _EITHER or _DOTTED.match(word + "."):
        opener = _FIRST_WORD.search(text, follows, min(end, follows + 40))
        return opener is not None and opener.group().lower() in STARTERS
    return True
