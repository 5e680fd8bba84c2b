"""OCR of PDF pages without text, with the tesseract program."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from statistics import median
from typing import Any

from qa_app.errors import NoTextError
from qa_app.loading.pdf.lines import Line, PageText

_DOTS_PER_INCH = 300  # the resolution that tesseract recommends
_MOST_PIXELS = 40_000_000  # of a page's image: 40 MB in greyscale
_PAGE_SECONDS = 120  # per page; the page is then left without text
_LEAST_CONFIDENCE = 30.0  # per cent; words below it are mostly stains
# A user who sees this hint on the web page may not be the one who builds the index.
BY_OCR = "Only OCR can read it; whoever builds the index can have that done: qa-app build --ocr"
NO_TESSERACT = (
    "Only OCR can read it; whoever builds the index can have that done: install the tesseract "
    "program (Debian: apt install tesseract-ocr), then qa-app build --ocr"
)


def find_tesseract() -> str | None:
    """Return the path of the tesseract program, or None if it is not installed."""
    return shutil.which("tesseract")


def read_image(pdf: Any, index: int) -> PageText:
    """Return the text that tesseract reads on the page ``index`` (from 0).

    Its lines have boxes on the page but no characters in the file, so their ``start`` and ``end``
    are -1. There are no lines if tesseract fails or takes too long.

    Raises:
        NoTextError: tesseract is not installed.
    """
    program = find_tesseract()
    if program is None:
        raise NoTextError("Its pages are images without a text layer.", NO_TESSERACT)
    page = pdf[index]
    width, height = page.get_size()
    scale = min(_DOTS_PER_INCH / 72, (_MOST_PIXELS / max(1.0, width * height)) ** 0.5)
    image = io.BytesIO()
    rendered = page.render(scale=scale, grayscale=True).to_pil()
    rendered.save(image, "PNG")
    try:
        done = subprocess.run(
            [program, "stdin", "stdout", "--psm", "1", "tsv"],
            input=image.getvalue(),
            capture_output=True,
            timeout=_PAGE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return PageText([], 0.0, height)
    rows = csv.DictReader(
        io.StringIO(done.stdout.decode("utf-8", "replace")), delimiter="\t", quoting=csv.QUOTE_NONE
    )
    return PageText(_make_lines(list(rows), index + 1, scale, rendered.size), 0.0, height)


def _make_lines(
    rows: list[dict[str, str]], page: int, scale: float, pixels: tuple[int, int]
) -> list[Line]:
    """Return lines from tesseract's rows of words, whose boxes are in pixels from the top left.

    ``scale`` is in pixels per point; ``pixels`` is the width and height of the image.
    """
    lines: dict[tuple[str, ...], Line] = {}
    for row in rows:
        words = (row.get("text") or "").strip()
        if not words or float(row["conf"]) < _LEAST_CONFIDENCE:
            continue
        left, top = int(row["left"]), int(row["top"])
        right, foot = left + int(row["width"]), top + int(row["height"])
        x0, y0, x1, y1 = (p / scale for p in (left, pixels[1] - foot, right, pixels[1] - top))
        key = row["block_num"], row["par_num"], row["line_num"]
        line = lines.setdefault(key, Line(page, -1, -1, "", x0, y0, x1, y1, 0.0, False))
        line.text += " " if line.text else ""
        line.boxes[len(line.text)] = (
            round(left / pixels[0], 5),
            round(top / pixels[1], 5),
            round(right / pixels[0], 5),
            round(foot / pixels[1], 5),
        )
        line.text += words
        line.x1, line.y0, line.y1 = max(line.x1, x1), min(line.y0, y0), max(line.y1, y1)
    usual = median([line.y1 - line.y0 for line in lines.values()] or [10.0])
    for line in lines.values():
        # A line's height depends on its letters: near the median, the median is used.
        height = line.y1 - line.y0
        line.size = max(1.0, 0.8 * (usual if 0.6 < height / usual < 1.5 else height))
    return list(lines.values())
