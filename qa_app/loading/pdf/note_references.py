"""Note references: small raised numbers and signs in a text, as in "for the UK.69".

They are not part of the sentence, so they are left out of the text that is quoted and searched.
"""

from __future__ import annotations

import re

from qa_app.loading.pdf.glyphs import HYPHEN, NOTHING, Glyphs

# Where a reference may start, after a word or full stop: "UK.69", "data 70, 71", "217,000†".
_CANDIDATE = re.compile(r"(?<=\S) {0,2}(?=[\d*∗†‡§])")
# One or several references: "69", "70, 71", "3–5", "4*", "††".
_REFERENCES = re.compile(r"[1-9]\d{0,2}(?:[ ,;–-]{1,2}\d{1,3})*[)*∗†‡§]?|[*∗†‡§]{1,3}")
_SIGNS = "†‡§"  # without the star, which may also mark a significant figure
# A word or fraction that continues, as "1/4", whose halves PDFium may put on two lines.
_GOES_ON = re.compile(r"\w|\s*[/⁄]")
_LONGEST_REFERENCES = 24  # characters examined at most
_SMALL = 0.85  # times the neighbour's type size, at most; references have 0.55 to 0.75
_LEAST_RISE, _MOST_RISE = 0.15, 0.7  # over the baseline, of the neighbour's size; usual: 0.3 to 0.5
_FARTHEST = 0.5  # gap to the neighbour, of its size; a wider one parts cells or columns
# Text before an exponent, as "m" of "m2", "R" of "R2", "10" of "102", or before part of a fraction.
_HAS_POWER = re.compile(
    r"(?:(?<![^\W\d_])(?:[kcdmnµμ]?m|ft|yd)|(?<![^\W_])[^\W\d_]|(?<![\d.,])(?:10|\d)|[-−–+=×·/⁄(<>£$€])$"
)
# Numbers that take no exponent: years, sums of money, thousands, "COVID-19", "G7".
_NO_POWER = re.compile(
    r"(?:(?<!\d)(?:1[5-9]|20)\d\d(?:[/–-]\d{2,4})?|[£$€]\d[\d.,]*|\d,\d{3}|[^\W\d_xX]-?\d{1,3})$"
)
# Where no word follows a reference, the space before it is removed too; so is a space between it
# and punctuation.
_NO_WORD = re.compile(rf"[\s{HYPHEN}.,;:!?)\]”’]|$")
_BLANK_BEHIND = re.compile(r" (?=[.,;:!?)\]”’])")


def leave_out_references(glyphs: Glyphs, text: str) -> str:
    """Return a page's text with NOTHING in place of each character of a reference.

    The number at the start of a note is kept, as nothing precedes it on its line.
    """
    letters = list(text)
    for match in _CANDIDATE.finditer(text):
        neighbour, start = match.start() - 1, match.end()
        end = _end_of_raised(glyphs, text, start, neighbour)
        if end > start and _is_reference(glyphs, text, (start, end), neighbour):
            first = match.start() if _NO_WORD.match(text, end) else start
            if blank := _BLANK_BEHIND.match(text, end):
                end = blank.end()
            letters[first:end] = NOTHING * (end - first)
    return "".join(letters)


def _end_of_raised(glyphs: Glyphs, text: str, start: int, neighbour: int) -> int:
    """Return the end of the characters from ``start`` that are small and raised; else ``start``."""
    size = glyphs.size(neighbour)
    end = start
    for index in range(start, min(start + _LONGEST_REFERENCES, len(text))):
        if text[index] == " ":
            continue
        if text[index] in "\r\n" or glyphs.size(index) > _SMALL * size:
            break
        if not _LEAST_RISE * size < glyphs.rise(index, neighbour) < _MOST_RISE * size:
            break
        end = index + 1
    return end


def _is_reference(glyphs: Glyphs, text: str, span: tuple[int, int], neighbour: int) -> bool:
    """Tell whether raised text is a reference, not an exponent, fraction or table cell."""
    start, end = span
    mark, before = text[start:end], text[max(0, neighbour - _LONGEST_REFERENCES) : neighbour + 1]
    goes_on = _GOES_ON.match(text, end) and not mark.endswith(")")
    if not _REFERENCES.fullmatch(mark) or goes_on:
        return False
    angle = glyphs.angle(neighbour)
    distance = glyphs.box(start, angle)[0] - glyphs.box(neighbour, angle)[2]
    if abs(distance) > _FARTHEST * glyphs.size(neighbour):
        return False
    follows_figure = before[-1].isdigit()
    if not mark[0].isdigit():
        return mark[0] in _SIGNS or not follows_figure
    if _NO_POWER.search(before):
        return True
    # An exponent of several digits follows 10 or a single digit; one of one digit, any number.
    return not _HAS_POWER.search(before) and not (follows_figure and len(mark) == 1)
