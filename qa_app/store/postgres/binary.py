"""Vectors in PostgreSQL's binary form, as pgvector sends and receives them, and hashed terms."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b

import numpy as np

from qa_app.arrays import FloatArray, HalfArray, IntArray
from qa_app.errors import StoreError

# The most dimensions that pgvector's sparsevec allows. A term's dimension is a hash of it, so that
# no table of terms is needed: of 500,000 terms about 60 share one with another.
TERM_DIMENSIONS = 1_000_000_000
_HALF_HEAD = struct.Struct(">hh")  # dimensions, unused
_SPARSE_HEAD = struct.Struct(">iii")  # dimensions, number of entries, unused


@lru_cache(maxsize=1 << 17)  # as many terms as most corpora have
def dimension_of(term: str) -> int:
    """Return a term's dimension, from 0 on."""
    digest = blake2b(term.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % TERM_DIMENSIONS


def word_of(dimension: int) -> str:
    """Return a word that stands for a term in an index of pg_textsearch.

    Letters and digits only, since PostgreSQL's parser would take terms such as "2.5" apart.
    """
    return f"x{dimension:x}"


def dump_half(vector: HalfArray) -> bytes:
    """Return a halfvec."""
    return _HALF_HEAD.pack(len(vector), 0) + vector.astype(">f2").tobytes()


def load_half(content: bytes) -> HalfArray:
    """Return the vector of a halfvec, float16, shape (dim,)."""
    return np.frombuffer(content, dtype=">f2", offset=_HALF_HEAD.size).astype(np.float16)


def dump_sparse(values: Mapping[int, float]) -> bytes:
    """Return a sparsevec with these values by dimension."""
    items = sorted(values.items())
    dimensions = np.array([dimension for dimension, _ in items], dtype=">i4")
    numbers = np.array([value for _, value in items], dtype=">f4")
    head = _SPARSE_HEAD.pack(TERM_DIMENSIONS, len(items), 0)
    return head + dimensions.tobytes() + numbers.tobytes()


def load_dimensions(content: bytes) -> IntArray:
    """Return the dimensions of a sparsevec that have a value, int64."""
    _, count, _ = _SPARSE_HEAD.unpack_from(content)
    return np.frombuffer(content, ">i4", count, _SPARSE_HEAD.size).astype(np.int64)


def as_text(vector: FloatArray) -> str:
    """Return a vector as a parameter of a query."""
    return f"[{','.join(map(repr, vector.tolist()))}]"


def sparse_as_text(values: Mapping[int, float]) -> str:
    """Return a sparsevec as a parameter of a query; dimensions count from 1 there."""
    entries = (f"{dimension + 1}:{value!r}" for dimension, value in values.items())
    return f"{{{','.join(entries)}}}/{TERM_DIMENSIONS}"


def refuse_nul(texts: Iterable[str]) -> None:
    """Raise ``StoreError`` if a text has a NUL character, which PostgreSQL cannot store."""
    if any("\0" in text for text in texts):
        raise StoreError("A text holds a NUL character.", "Remove it from the source; build again.")
