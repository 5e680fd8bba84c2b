"""What is grouped into topics: passages, or in a small corpus their sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from qa_app.embedding import Encoder, unit_rows
from qa_app.models import Passage
from qa_app.topics.prose import is_prose, sentence_texts
from qa_app.topics.stored import WHOLE, FloatArray, HalfArray, IntArray, as_stored

# Up to so many passages are grouped by their sentences: each of the few passages of a single
# report is about many things.
_SMALL = 150
# How much of a document's mean is taken away, and at how many passages half of that is. Otherwise
# each report would be a topic of its own.
_CENTRING, _FEW = 0.7, 20


class Source(Protocol):
    """Passages by row, as they are written into a generation."""

    def outline(self) -> list[tuple[int, str]]:
        """Return the number of each row's document and the passage's text."""
        ...

    def titles(self) -> list[str]:
        """Return the documents' titles."""
        ...

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is grouped.

    Attributes:
        rows, sentences: int64, where each stands; sentence -1 is the whole passage.
        documents: int64, number of each one's document.
        texts: the words of each.
        vectors: float32, shape (num_units, dim), unit rows, in which groups are found.
        raw: float32, alike, as the model gave them.
        hashes: of the sentences, where sentences are grouped.
    """

    rows: IntArray
    sentences: IntArray
    documents: IntArray
    texts: Sequence[str]
    vectors: FloatArray
    raw: FloatArray
    hashes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def make_units(
    source: Source,
    embeddings: HalfArray | FloatArray,
    encoder: Encoder,
    known: Mapping[str, FloatArray],
) -> Units:
    """Return what is to be grouped: prose; tables of contents, references and the like are not.

    ``embeddings`` are the passages', shape (num_passages, dim), unit rows; ``known`` are vectors of
    sentences by their hash, which need not be made again.
    """
    outline = source.outline()
    prose = [row for row, (_, text) in enumerate(outline) if is_prose(text)]
    rows = np.array(prose or range(len(outline)), dtype=np.int64)
    if len(rows) <= _SMALL and (units := _sentences(source, rows, outline, encoder, known)):
        return units
    documents = np.array([outline[row][0] for row in rows], dtype=np.int64)
    raw = np.asarray(embeddings[rows], dtype=np.float32)
    return Units(
        rows,
        np.full(len(rows), WHOLE, dtype=np.int64),
        documents,
        [outline[row][1] for row in rows],
        _centred(raw, documents),
        raw,
    )


def _sentences(
    source: Source,
    rows: IntArray,
    outline: Sequence[tuple[int, str]],
    encoder: Encoder,
    known: Mapping[str, FloatArray],
) -> Units | None:
    found = [
        (row, place, outline[row][0], text)
        for row, passage in zip(rows.tolist(), source.passages(rows.tolist()), strict=True)
        for place, text in sentence_texts(passage)
        if is_prose(text, bullet=True)
    ]
    if not found:
        return None
    texts = [text for *_, text in found]
    places = np.array([where for *where, _ in found], dtype=np.int64)
    hashes = tuple(hashlib.sha256(text.encode(errors="replace")).hexdigest() for text in texts)
    new = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
    vectors = dict(known)
    if new:
        # As questions: models that tell the two apart want short texts compared so.
        made = as_stored(encoder.encode_queries(list(new.values())))
        vectors.update(zip(new, made, strict=True))
    stacked = np.stack([vectors[key] for key in hashes])
    return Units(places[:, 0], places[:, 1], places[:, 2], texts, stacked, stacked, hashes)


def _centred(vectors: FloatArray, documents: IntArray) -> FloatArray:
    """Return the vectors moved towards the middle by most of their document's mean."""
    numbers, which = np.unique(documents, return_inverse=True)
    if len(numbers) == 1:
        return vectors
    sizes = np.bincount(which).astype(np.float32)
    means = np.zeros((len(numbers), vectors.shape[1]), dtype=np.float32)
    np.add.at(means, which, vectors)
    means /= sizes[:, None]
    shifts = (means - vectors.mean(0)) * (_CENTRING * sizes / (sizes + _FEW))[:, None]
    return unit_rows(vectors - shifts[which])
