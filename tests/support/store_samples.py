"""Small documents for the tests of the store: one passage a paragraph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from qa_app.models import Block, BlockKind, Document, Passage, Sentence
from qa_app.store.contents import GenerationContents, embed_contents, write_generation
from qa_app.store.documents import IndexedDocument, SourceStamp
from support.fake_encoder import FakeEncoder

Tags = Mapping[str, tuple[str, ...]]


def make_document(
    path: str, paragraphs: Sequence[str], tags: Tags | None = None
) -> IndexedDocument:
    text = "\n".join(paragraphs)
    spans, start = [], 0
    for paragraph in paragraphs:
        spans.append((start, start + len(paragraph)))
        start += len(paragraph) + 1
    passages = tuple(
        Passage(
            id=f"{path}:{start}-{end}",
            document=path,
            title=path,
            section=("Findings",),
            start=start,
            end=end,
            text=text[start:end],
            sentences=(Sentence(start, end),),
            tags=tags or {},
        )
        for start, end in spans
    )
    blocks = tuple(Block(start, end, BlockKind.PARAGRAPH) for start, end in spans)
    document = Document(path=path, format="text", title=path, text=text, blocks=blocks)
    return IndexedDocument(document, SourceStamp(len(text), 1, "0" * 64), passages)


def make_contents(*documents: IndexedDocument) -> GenerationContents:
    return embed_contents(documents, FakeEncoder())


def write_sample(index: Path, *paragraphs: str) -> str:
    return write_generation(index, make_contents(make_document("a.txt", paragraphs)))
