"""Storage of a generation's topics and themes: one JSON file, equal bytes for equal content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import msgspec
import numpy as np

from qa_app.arrays import FloatArray, HalfArray, IntArray
from qa_app.errors import IndexCorruptError, IndexNotFoundError
from qa_app.store.manifest import MEND_HINT

TOPICS_FILE = "topics.json"
# Part of the recipe: increased when topics of the same corpus change, so that builds remake them.
TOPICS_VERSION = "4"


# Types of the stored arrays: float16 is as precise as the stored vectors they are made from.
_INTEGER, _REAL = "<i4", "<f2"
# Stored as the sentence number where a member is a whole passage.
WHOLE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The members of a topic or theme, nearest first.

    Attributes:
        rows: int64, passage rows; a row may occur several times, with different sentences.
        sentences: int64, number of the sentence in its passage; -1 for the whole passage.
        strengths: float32, descending; the cosine to the centre or theme, or for a topic that is a
            phrase the score of ``clusters.likeness``, which may exceed 1. Stored as float16.
    """

    rows: IntArray
    sentences: IntArray
    strengths: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def passages(self) -> int:
        """The number of different passages."""
        return len(np.unique(self.rows))


@dataclass(frozen=True, slots=True)
class Group:
    """A topic, or a theme defined by the analyst.

    Attributes:
        id: used in URLs and commands, such as "data-sharing"; kept from build to build.
        label: a few phrases in the reports' spelling, or the theme's name.
        terms: its most distinctive phrases, best first; for a theme, its words.
        quotes: a few representative members, each a sentence.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    members: Members
    quotes: Members


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """State that the next build continues from, so that topics keep their ids.

    Attributes:
        centres: float16, shape (num_topics, dim), unit rows.
        changed: passages added and removed since the centres were computed.
        floor: cosine below which a new unit fits none of the topics.
        hashes: SHA-256 of the sentences, where sentences were grouped, else empty.
        vectors: float16, shape (num_hashes, dim), the sentences' embeddings.
    """

    centres: HalfArray
    changed: int
    floor: float
    hashes: tuple[str, ...]
    vectors: HalfArray


@dataclass(frozen=True, slots=True)
class Topics:
    """A generation's topics and themes."""

    topics: tuple[Group, ...]
    themes: tuple[Group, ...]
    grouping: Grouping
    version: str = TOPICS_VERSION

    def grouped_rows(self) -> IntArray | None:
        """Return the passages that were grouped, each in one topic; None if sentences were."""
        if self.grouping.hashes or not self.topics:
            return None
        return np.concatenate([topic.members.rows for topic in self.topics])

    def to_text(self) -> str:
        """Return the topics as JSON, the content of the file."""
        found = msgspec.json.encode(self, enc_hook=_packed)
        return msgspec.json.format(found, indent=1).decode() + "\n"


class _Version(msgspec.Struct):
    """The part of the file that is decoded first, to check its version."""

    version: str


def read_topics(found: str, generation: str) -> Topics:
    """Return the topics that ``Topics.to_text`` wrote.

    Args:
        found: the generation's ``TOPICS_FILE``; may be empty.
        generation: name, for the error's message.

    Raises:
        IndexNotFoundError: there are none, or they have another format version.
        IndexCorruptError: they cannot be read, or are damaged.
    """
    try:
        if found and msgspec.json.decode(found, type=_Version).version == TOPICS_VERSION:
            return msgspec.json.decode(found, type=Topics, dec_hook=_unpacked)
    except ValueError as exc:  # msgspec's errors are ValueErrors
        raise IndexCorruptError(
            f"The topics of generation {generation} cannot be read: {exc}.", MEND_HINT
        ) from exc
    raise IndexNotFoundError(
        f"Generation {generation} has no topics that this program reads.",
        "Bring the index up to date: qa-app build",
    )


def _packed(array: Any) -> Any:
    """Return an array's shape and its raw bytes, which msgspec encodes as base64."""
    return array.shape, array.astype(_INTEGER if array.dtype.kind == "i" else _REAL).tobytes()


def _unpacked(kind: Any, found: Any) -> Any:
    """Return the decoded array; ``kind`` is its declared type, an ``npt.NDArray[…]``."""
    shape, numbers = msgspec.convert(found, type=tuple[list[int], bytes])
    (scalar,) = get_args(get_args(kind)[1])
    stored = _INTEGER if issubclass(scalar, np.integer) else _REAL
    return np.frombuffer(numbers, dtype=stored).reshape(shape).astype(scalar)


def as_stored(vectors: FloatArray) -> FloatArray:
    """Return the vectors rounded to float16, so that this and the next build use equal values."""
    return vectors.astype(np.float16).astype(np.float32)


def unique_id(label: str, taken: Sequence[str]) -> str:
    """Return the label's first phrase as an id for URLs, numbered if it is already taken."""
    words = "".join(letter if letter.isalnum() else " " for letter in label.split(",")[0]).split()
    base = "-".join(words).lower() or "topic"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name
