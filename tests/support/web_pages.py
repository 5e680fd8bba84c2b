"""What the tests of the page's views share: a small catalogue, and HTML as words and links."""

from __future__ import annotations

from pathlib import Path

from bs4 import BeautifulSoup, Tag

from qa_app.api import build_index, open_index
from qa_app.web.catalogue import Catalogue, read_catalogue
from support.fake_encoder import FakeEncoder


def make_catalogue(root: Path, broken: str = "broken.pdf") -> Catalogue:
    """Return what an index of one short report holds, beside a file that cannot be read."""
    corpus = root / "corpus"
    corpus.mkdir()
    (corpus / "a.txt").write_text("Annual\nShared data helps the regions.\n")
    (corpus / broken).write_bytes(b"not a PDF")
    build_index(corpus, root / "index", encoder=FakeEncoder())
    index = open_index(root / "index", corpus, encoder=FakeEncoder(), reader="none")
    return read_catalogue(index.snapshot())


def parse(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def words(part: Tag | None) -> str:
    """Return the words of a part of the page, each run of white space as one space."""
    assert part is not None
    return " ".join(part.get_text().split())


def links(part: Tag, selector: str) -> list[tuple[str, str]]:
    """Return the words and the address of each link."""
    return [(words(link), str(link["href"])) for link in part.select(selector)]
