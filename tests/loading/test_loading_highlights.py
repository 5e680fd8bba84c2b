"""Highlights in PDFs: read back with pypdf, and the words under them with PDFium."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pypdf
import pypdfium2
import pytest

from qa_app.errors import BrokenFileError
from qa_app.loading import load, scan
from qa_app.loading.worker import Worker
from qa_app.models import Document, Mark
from support.web_pdf import make_pdf

BOARD = "The harbour board met in March."
LAMP = "The lighthouse lamp was replaced in May."


class Highlight(NamedTuple):
    page: int
    words: str
    note: str
    author: str


def highlights(copy: bytes) -> list[Highlight]:
    found = []
    pages = pypdfium2.PdfDocument(copy)
    for number, page in enumerate(pypdf.PdfReader(io.BytesIO(copy)).pages):
        text = pages[number].get_textpage()
        for item in (each.get_object() for each in page.annotations or ()):
            if item["/Subtype"] != "/Highlight":
                continue
            points = [float(value) for value in item["/QuadPoints"]]
            words = []
            for at in range(0, len(points), 8):
                across, up = points[at : at + 8 : 2], points[at + 1 : at + 8 : 2]
                box = (min(across), min(up), max(across), max(up))
                words.append(text.get_text_bounded(*box).strip())
            assert item["/Popup"].get_object()["/Subtype"] == "/Popup"
            found.append(Highlight(number + 1, " ".join(words), item["/Contents"], item["/T"]))
        text.close()
    pages.close()
    return found


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def _read(folder: Path, content: bytes) -> tuple[Path, str, Document]:
    path = folder / "minutes.pdf"
    path.write_bytes(content)
    (source,) = scan(folder).files
    return path, hashlib.sha256(content).hexdigest(), load(source)


def _mark(document: Document, words: str, note: str = "") -> Mark:
    start = document.text.index(words)
    return Mark(start, start + len(words), words, note)


def _rewritten(change: Callable[[pypdf.PdfWriter], object]) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make_pdf([BOARD, LAMP])))
    change(writer)
    file = io.BytesIO()
    writer.write(file)
    return file.getvalue()


def _crop(writer: pypdf.PdfWriter) -> None:
    for page in writer.pages:
        page.mediabox = pypdf.generic.RectangleObject((-50, -30, 700, 900))
        page.cropbox = pypdf.generic.RectangleObject((40, 500, 560, 800))


PDFS = {
    "plain": make_pdf([BOARD, LAMP]),
    "turned": _rewritten(lambda writer: [page.rotate(90) for page in writer.pages]),
    "cropped": _rewritten(_crop),
    "restricted": _rewritten(lambda writer: writer.encrypt("", "owner", algorithm="RC4-128")),
    "broken table of objects": make_pdf([BOARD, LAMP]).replace(b"startxref\n", b"startxref\n9"),
}


@pytest.mark.parametrize("name", PDFS)
def test_the_words_under_a_highlight_are_the_quote(
    name: str, worker: Worker, tmp_path: Path
) -> None:
    path, sha256, document = _read(tmp_path, PDFS[name])
    marks = [_mark(document, LAMP, "who paid? <b>é</b>"), _mark(document, "harbour board", "x")]
    answer = worker.mark(path, sha256, document, marks)
    assert isinstance(answer, tuple), answer
    copy, reasons = answer
    assert reasons == ("", "")
    assert highlights(copy) == [
        Highlight(1, "harbour board", "x", "qa_app"),
        Highlight(2, LAMP, "who paid? <b>é</b>", "qa_app"),
    ]
    assert pypdf.PdfReader(io.BytesIO(copy)).is_encrypted == (name == "restricted")
    if name != "restricted":  # encryption is salted
        assert worker.mark(path, sha256, document, marks) == answer


def test_a_quote_over_two_pages_has_a_highlight_on_each(worker: Worker, tmp_path: Path) -> None:
    path, sha256, document = _read(tmp_path, PDFS["plain"])
    start, end = document.text.index("met in"), document.text.index(" was replaced")
    answer = worker.mark(path, sha256, document, [Mark(start, end, document.text[start:end])])
    assert isinstance(answer, tuple)
    found = [(item.page, item.words) for item in highlights(answer[0])]
    assert found == [(1, "met in March."), (2, "The lighthouse lamp")]


def test_no_wrong_place_is_highlighted(worker: Worker, tmp_path: Path) -> None:
    """Places that lead to other words, or to none, are said, and noted on the page."""
    path, sha256, document = _read(tmp_path, PDFS["plain"])
    runs = document.source_runs
    shifted = replace(document, source_runs=tuple(replace(r, index=r.index + 1) for r in runs))
    for wrong in (shifted, replace(document, source_runs=runs[:-1])):
        answer = worker.mark(path, sha256, wrong, [_mark(document, LAMP)])
        assert isinstance(answer, tuple)
        copy, (reason,) = answer
        assert reason
        assert highlights(copy) == []
        [note, _popup] = pypdf.PdfReader(io.BytesIO(copy)).pages[1].annotations or ()
        assert f"‘{LAMP}’" in note.get_object()["/Contents"]


def test_words_read_by_ocr_have_highlights_where_they_stand(worker: Worker, tmp_path: Path) -> None:
    path, sha256, document = _read(tmp_path, PDFS["turned"].replace(b"lamp", b"    "))
    start = document.text.index("lighthouse")
    (run,) = (run for run in document.source_runs if run.start <= start < run.start + run.length)
    word = replace(run, start=start, length=10, index=-1, box=(0.25, 0.5, 0.5, 0.75))
    scanned = replace(document, source_runs=(word,))
    answer = worker.mark(path, sha256, scanned, [Mark(start, start + 10, "lighthouse")])
    assert isinstance(answer, tuple)
    [item, _popup] = pypdf.PdfReader(io.BytesIO(answer[0])).pages[1].annotations or ()
    # The page is 595 × 842 points and shown turned by 90 degrees, clockwise.
    assert [float(value) for value in item.get_object()["/Rect"]] == pytest.approx(
        [595 * 0.5, 842 * 0.25, 595 * 0.75, 842 * 0.5], abs=0.1
    )


def test_another_file_in_its_place_is_refused(worker: Worker, tmp_path: Path) -> None:
    path, _, document = _read(tmp_path, PDFS["plain"])
    answer = worker.mark(path, "0" * 64, document, [_mark(document, LAMP)])
    assert isinstance(answer, BrokenFileError)
    assert worker.is_alive
