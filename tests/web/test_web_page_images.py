from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_app.loading import load, scan
from qa_app.models import Document
from qa_app.web.page_images import PageImage, PageImages
from support.web_pdf import make_pdf

LAMP = "The lighthouse lamp was replaced in May."


@pytest.fixture
def pages() -> Iterator[PageImages]:
    pages = PageImages()
    yield pages
    pages.close()


@pytest.fixture
def minutes(tmp_path: Path) -> tuple[Path, str, Document]:
    path = tmp_path / "minutes.pdf"
    path.write_bytes(make_pdf(["The harbour board met in March.", LAMP]))
    (source,) = scan(tmp_path).files
    return path, hashlib.sha256(path.read_bytes()).hexdigest(), load(source)


def draw(
    pages: PageImages, minutes: tuple[Path, str, Document], page: int, words: str = LAMP
) -> PageImage | None:
    path, sha256, document = minutes
    start = document.text.index(words)
    return pages.draw(path, sha256, document, page, (start, start + len(words)))


def test_a_page_is_drawn_with_a_box_around_the_words(
    pages: PageImages, minutes: tuple[Path, str, Document]
) -> None:
    image = draw(pages, minutes, 2)
    assert image is not None
    assert image.png.startswith(b"\x89PNG")
    (box,) = image.boxes
    # The text begins 72 points from the left of 595, its baseline 142 points from the top of 842.
    assert box.left == pytest.approx(72 / 595, abs=0.005)
    assert box.top < 142 / 842 < box.bottom + 0.003
    assert box.right < 0.6


def test_boxes_are_on_their_own_page_only(
    pages: PageImages, minutes: tuple[Path, str, Document]
) -> None:
    image = draw(pages, minutes, 1)
    assert image is not None
    assert image.boxes == ()


def test_the_same_page_is_drawn_once(
    pages: PageImages, minutes: tuple[Path, str, Document]
) -> None:
    assert draw(pages, minutes, 2) is draw(pages, minutes, 2)


def test_a_file_that_changed_or_went_is_not_drawn(
    pages: PageImages, minutes: tuple[Path, str, Document]
) -> None:
    path, sha256, document = minutes
    path.write_bytes(make_pdf(["Something else."]))
    assert pages.draw(path, sha256, document, 1, None) is None
    path.unlink()
    assert pages.draw(path, sha256, document, 1, None) is None


def test_what_is_no_pdf_and_what_is_no_page_are_not_drawn(
    pages: PageImages, minutes: tuple[Path, str, Document], tmp_path: Path
) -> None:
    path = tmp_path / "broken.pdf"
    path.write_bytes(b"%PDF-1.4 broken")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert pages.draw(path, sha256, minutes[2], 1, None) is None
    assert pages.draw(minutes[0], minutes[1], minutes[2], 9, None) is None


def test_a_worker_that_was_killed_is_replaced(
    pages: PageImages, minutes: tuple[Path, str, Document]
) -> None:
    assert draw(pages, minutes, 1) is not None
    worker = pages.worker_pid
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    # The request that meets the dead worker is shown as text; the next one is drawn.
    assert draw(pages, minutes, 2) is None
    assert draw(pages, minutes, 2) is not None
    assert pages.worker_pid != worker
