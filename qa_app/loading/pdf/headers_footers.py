"""Removes running headers, footers and page numbers from PDF pages."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from operator import itemgetter

from qa_app.loading.numerals import roman
from qa_app.loading.pdf.lines import Line, PageText

_ZONE = 0.12  # share of the page's height at its top and at its foot that is searched
_DEEPEST = 4  # rows from each edge at most
_NEAR = 8  # pages within which a running header recurs
_SAME_HEIGHT = 8.0  # points; headers may shift a little between pages
# Masked to compare rows: digits as "#", Roman numerals as "~".
_NUMBER = re.compile(r"\d+")
_ROMAN = re.compile(r"\b[ivxlc]+\b")
# A masked row that has only a page number: "page # of #", "~".
_ONLY_NUMBER = re.compile(r"\W*(?:page|p\.)?\s*(?:#|~)(?:\s*(?:of|/)\s*#)?\W*$")
# A masked row of three or more numbers: a chart's axis or a table row, not a header.
_AXIS = re.compile(r"(?:[\W_]*#){3,}[\W_]*$")
# Numbers that may be a page's label; the Roman ones, up to 199, by numeral.
_LABELS = re.compile(r"(?<![\w.])(\d{1,4}|[ivxlc]{1,7})(?![\w.])")
_ROMANS = {roman(number): number for number in range(1, 200)}

_Key = tuple[bool, str]
_Band = list[Line]
_Sighting = tuple[int, float, tuple[int, ...]]  # page, height, the numbers in the row


def strip_headers_footers(pages: Sequence[PageText]) -> tuple[list[list[Line]], list[str]]:
    """Return each page's lines without headers and footers, and the number printed on each page.

    Rows are examined from the edges of the page inwards, up to the first that is kept. A row is
    removed if it recurs at the same height on at least two pages nearby, its numbers unchanged
    or counting pages; or if it has only a number, and that counts pages. The printed number is ""
    where there is none, or none that fits the pages around it.
    """
    edges = [_edges(page) for page in pages]
    seen: dict[_Key, list[_Sighting]] = defaultdict(list)
    for number, bands in enumerate(edges):
        for is_top, rows in bands:
            for row in rows:
                seen[is_top, _normalise(row)].append(_sight(number, row))
    totals = {
        key: Counter(n - page for page, numbers in {(p, n) for p, _, n in rows} for n in numbers)
        for key, rows in seen.items()
        if _ONLY_NUMBER.match(key[1])
    }
    support, best = _count_offsets(edges)
    kept = []
    printed: list[set[int]] = []
    for number, page in enumerate(pages):
        dropped: list[_Band] = []
        for is_top, rows in edges[number]:
            for row in rows:
                key = is_top, _normalise(row)
                sight = _sight(number, row)
                own = {n for n in sight[2] if 10 * support[n - number] > 9 * best[number]}
                near = _nearby(seen[key], number)
                counts = key in totals and _counts(near, number, totals[key])
                if _AXIS.match(key[1]) or not (counts or _comes_again(near, sight, own)):
                    break
                dropped.append(row)
        gone = {id(line) for row in dropped for line in row}
        lines = [line for line in page.lines if id(line) not in gone]
        kept.append(lines)
        printed.append({value for row in dropped for value in _values(row)})
    return kept, _number_pages(printed)


def _edges(page: PageText) -> list[tuple[bool, list[_Band]]]:
    """Return (is_top, rows) for the top and the foot of a page, rows from the edge inwards."""
    lines = [line for line in page.lines if line.is_legible and not line.is_turned]
    zone = _ZONE * (page.top - page.bottom)
    top = sorted((line for line in lines if line.y0 > page.top - zone), key=lambda line: -line.y1)
    foot = sorted(
        (line for line in lines if line.y1 < page.bottom + zone), key=lambda line: line.y0
    )
    return [(True, _bands(top)), (False, _bands(foot))]


def _bands(lines: Sequence[Line]) -> list[_Band]:
    bands: list[_Band] = []
    for line in lines:
        last = bands[-1][0] if bands else None
        if last and min(last.y1, line.y1) - max(last.y0, line.y0) > 0.4 * (line.y1 - line.y0):
            bands[-1].append(line)
        elif len(bands) == _DEEPEST:
            break
        else:
            bands.append([line])
    return [sorted(band, key=lambda line: line.x0) for band in bands]


def _normalise(row: _Band) -> str:
    text = " ".join(line.text for line in row).lower()
    return _ROMAN.sub("~", _NUMBER.sub("#", " ".join(text.split())))


def _sight(page: int, row: _Band) -> _Sighting:
    numbers = _NUMBER.findall(" ".join(line.text for line in row))
    return page, row[0].y0, tuple(int(number[:9]) for number in numbers)


def _count_offsets(
    edges: Sequence[list[tuple[bool, list[_Band]]]],
) -> tuple[Counter[int], list[int]]:
    """Count offsets, the differences between a number at a page's edge and the page's index.

    Returns the number of pages by offset, and for each page the highest count among its offsets.
    """
    offsets = [
        {value - page for _, rows in bands for row in rows for value in _sight(page, row)[2]}
        for page, bands in enumerate(edges)
    ]
    support = Counter(offset for own in offsets for offset in own)
    return support, [max((support[offset] for offset in own), default=0) for own in offsets]


def _comes_again(seen: Sequence[_Sighting], this: _Sighting, pages: set[int]) -> bool:
    """Tell whether a row recurs on two other pages nearby.

    Its numbers must be the same there, or one in ``pages``, the numbers that may be page numbers,
    must change with the page. So "Recommendation 3" and "Recommendation 4" on successive pages are
    not the same row.
    """
    page, height, numbers = this
    near = set()
    for other, other_height, other_numbers in seen:
        turned = other - page
        steps = {b - a for a, b in zip(numbers, other_numbers, strict=False) if a in pages}
        same = numbers == other_numbers or turned in steps
        if turned and abs(other_height - height) < _SAME_HEIGHT and same:
            near.add(other)
    return len(near) > 1


def _nearby(seen: Sequence[_Sighting], page: int) -> Sequence[_Sighting]:
    """Return the sightings within ``_NEAR`` pages of ``page``; ``seen`` is ordered by page."""
    first = bisect_left(seen, page - _NEAR, key=itemgetter(0))
    return seen[first : bisect_right(seen, page + _NEAR, key=itemgetter(0))]


def _counts(seen: Sequence[_Sighting], page: int, offsets: Counter[int]) -> bool:
    """Tell whether a number alone in its row counts pages here and on another page.

    Roman numerals always pass.
    """
    own = {number - page for other, _, numbers in seen if other == page for number in numbers}
    return not own or max(offsets[offset] for offset in own) > 1  # none: Roman numerals


def _values(row: _Band) -> list[int]:
    """Return the possible page numbers in a removed row; Roman ones are negative."""
    text = " ".join(line.text for line in row).lower()
    return [_value(match[1]) for match in _LABELS.finditer(text)]


def _value(label: str) -> int:
    """Return the number of a label; Roman ones are negative to tell them from Arabic ones."""
    return int(label) if label.isdecimal() else -_ROMANS.get(label, 0)


def _number_pages(printed: Sequence[set[int]]) -> list[str]:
    """Return the label of each page, "" unless more than two pages share its offset."""
    offsets: Counter[tuple[bool, int]] = Counter()
    for page, values in enumerate(printed):
        offsets.update((value < 0, abs(value) - page) for value in values)
    labels = []
    for page, values in enumerate(printed):
        fitting = [
            value for value in values if offsets[value < 0, abs(value) - page] > 2 and value != 0
        ]
        best = max(fitting, key=lambda v: offsets[v < 0, abs(v) - page], default=0)
        labels.append(roman(-best) if best < 0 else str(best) if best else "")
    return labels
