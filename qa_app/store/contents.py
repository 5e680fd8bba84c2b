"""Everything that a generation is made from, written at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray
from qa_app.embedding import Encoder, Progress
from qa_app.models import Failure, ModelIdentity
from qa_app.settings import Location
from qa_app.store.codes import pack
from qa_app.store.documents import IndexedDocument, searchable_text
from qa_app.store.manifest import Recipe
from qa_app.store.opening import open_store


@dataclass(frozen=True, slots=True)
class GenerationContents:
    """Everything that a generation is made from.

    Attributes:
        documents: their passages get rows in this order.
        embeddings: vectors of each passage's ``searchable_text`` in row order, float32 or float16,
            shape (num_passages, dim), unit rows.
        model: the model that made the embeddings.
        recipe: its ``language`` is used for the lexical index.
        corpus: folder of the reports, or None if there is none.
        tokens: each passage's token codes, from ``pack``; empty for an index without tokens.
    """

    documents: Sequence[IndexedDocument]
    embeddings: FloatArray | HalfArray
    model: ModelIdentity
    recipe: Recipe = field(default_factory=Recipe)
    corpus: Path | None = None
    failures: tuple[Failure, ...] = ()
    warnings: tuple[Failure, ...] = ()
    tokens: Sequence[CodeArray] = ()


def embed_contents(
    documents: Sequence[IndexedDocument],
    encoder: Encoder,
    progress: Progress | None = None,
    recipe: Recipe | None = None,
) -> GenerationContents:
    """Embed the documents' passages and tokens, and return the contents of a generation."""
    texts = [searchable_text(passage) for item in documents for passage in item.passages]
    tokens = [np.empty((0, 0), dtype=np.uint8)] * len(texts)

    def keep(place: int, _: FloatArray, vectors: FloatArray) -> None:
        tokens[place] = pack(vectors)

    embeddings = encoder.encode_documents(texts, progress, keep)
    return GenerationContents(
        documents, embeddings, encoder.identity, recipe or Recipe(), tokens=tokens
    )


def write_generation(location: Location, contents: GenerationContents) -> str:
    """Write a generation, make it the live one, and return its name.

    Raises:
        IndexLockedError: another build of this index is running.
        StoreError: it cannot be written; the old generation stays live.
        ValueError: there are no passages, or the embeddings have another shape.
    """
    store = open_store(location)
    with store.lock(), store.writer() as writer:
        for item in contents.documents:
            writer.add(item)
        for row, codes in enumerate(contents.tokens):
            writer.add_tokens([row], codes)
        return writer.finish(
            contents.embeddings,
            contents.model,
            contents.recipe,
            contents.corpus,
            contents.failures,
            contents.warnings,
        )
