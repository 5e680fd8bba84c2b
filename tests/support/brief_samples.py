"""A brief over two short reports, for the tests of briefs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from qa_app import build_index, open_index
from qa_app.api import Index
from qa_app.briefs.brief import Brief, Pin, pin_span
from support.fake_encoder import FakeEncoder

ROADS = "Roads\n\nRoad safety improved in the north. Data sharing did not.\n"
BOARDS = "Boards\n\nThe board [sic] agreed *its* funding, <b>at last</b>: =1+1.\n"


@dataclass(frozen=True)
class Desk:
    """An index of the two reports, open."""

    folder: Path
    corpus: Path
    index: Index

    def pin(self, words: str, document: str = "roads.txt", value: str = "") -> Pin:
        start = self.index.snapshot().document(document).text.index(words)
        span = (start, start + len(words))
        return pin_span(self.index.snapshot(), document, span, "What improved?", value)

    def brief(self) -> Brief:
        """Return a heading, a quote with a note, and a quote full of markup."""
        brief = Brief().titled("Roads & boards").with_heading("What improved")
        brief = brief.with_pins([self.pin("Road safety improved in the north.", value="North")])
        brief = brief.with_text(2, "First paragraph.\n\n- Second, <i>mine</i>.")
        board = self.pin(
            "The board [sic] agreed *its* funding, <b>at last</b>: =1+1.", "boards.txt"
        )
        return brief.with_pins([board])

    def rebuild(self) -> None:
        build_index(self.corpus, self.folder, encoder=FakeEncoder())


def make_desk(root: Path) -> Desk:
    corpus = root / "corpus"
    corpus.mkdir()
    (corpus / "roads.txt").write_text(ROADS)
    (corpus / "boards.txt").write_text(BOARDS)
    folder = root / "index"
    build_index(corpus, folder, encoder=FakeEncoder())
    return Desk(folder, corpus, open_index(folder, encoder=FakeEncoder(), reader="none"))
