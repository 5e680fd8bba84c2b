"""What a generation keeps of its topics and themes: one text file, the same to the last byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np

from qa_app.arrays import FloatArray, HalfArray, IntArray
from qa_app.errors import IndexCorruptError, IndexNotFoundError
from qa_app.store.manifest import MEND_HINT

TOPICS_FILE = "topics.json"
# Part of the recipe: a build makes topics anew when what follows from the same corpus changes.
TOPICS_VERSION = "4"


# Of numbers in the file: halves are as exact as the vectors that they are made from.
_INTEGER, _REAL = "<i4", "<f2"
# In place of a sentence's number.
WHOLE = -1


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """What belongs to a topic or theme, nearest first.

    Attributes:
        rows: int64, of passages; one may come several times, with different sentences.
        sentences: int64, which of the passage's sentences it is; -1 for the whole passage.
        strengths: float32, cosine to the centre or the theme, in [-1, 1], descending.
    """

    rows: IntArray
    sentences: IntArray
    strengths: FloatArray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def passages(self) -> int:
        """Number of different passages."""
        return len(np.unique(self.rows))


@dataclass(frozen=True, slots=True)
class Group:
    """A topic, or a theme of the analyst's own.

    Attributes:
        id: for addresses and commands, as "data-sharing"; kept from build to build.
        label: a few phrases as the reports write them, or the theme's name.
        terms: phrases that tell it, best first; of a theme, its words.
        quotes: a few members that speak for it, each a sentence.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    members: Members
    quotes: Members


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """What the next build goes on from, so that topics keep their ids.

    Attributes:
        centres: float16, shape (num_topics, dim), unit rows.
        changed: passages added and removed since the centres were found.
        floor: cosine under which something belongs to no topic that is known yet.
        hashes: of the sentences that were embedded, where sentences were grouped.
        vectors: float16, theirs.
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

    def to_text(self) -> str:
        """Return the file's text."""
        found = msgspec.json.encode(self, enc_hook=_packed)
        return msgspec.json.format(found, indent=1).decode() + "\n"


class _Version(msgspec.Struct):
    """What is read of a file first."""

    version: str


def read_topics(folder: Path) -> Topics:
    """Return the topics of a generation, from its folder.

    Raises:
        IndexNotFoundError: it was built before there were topics.
        IndexCorruptError: the file is damaged.
    """
    path = folder / TOPICS_FILE
    try:
        found = path.read_bytes()
        if msgspec.json.decode(found, type=_Version).version != TOPICS_VERSION:
            raise FileNotFoundError(path)
        return msgspec.json.decode(found, type=Topics, dec_hook=_unpacked)
    except FileNotFoundError as exc:
        raise IndexNotFoundError(
            f"Generation {folder.name} has no topics that this program reads.",
            "Bring the index up to date: qa-app build",
        ) from exc
    except (OSError, ValueError) as exc:  # msgspec's errors are ValueErrors
        raise IndexCorruptError(f"{path} cannot be read: {exc}.", MEND_HINT) from exc


def _packed(array: Any) -> Any:
    """Return an array's shape and its numbers, which become base64."""
    return array.shape, array.astype(_INTEGER if array.dtype.kind == "i" else _REAL).tobytes()


def _unpacked(kind: Any, found: Any) -> Any:
    """Return the array of the type ``kind``, an ``npt.NDArray[…]``."""
    shape, numbers = msgspec.convert(found, type=tuple[list[int], bytes])
    (scalar,) = get_args(get_args(kind)[1])
    stored = _INTEGER if issubclass(scalar, np.integer) else _REAL
    return np.frombuffer(numbers, dtype=stored).reshape(shape).astype(scalar)


def as_stored(vectors: FloatArray) -> FloatArray:
    """Return the vectors as they will be read back, so that the next build groups by the same."""
    return vectors.astype(np.float16).astype(np.float32)


def unique_id(label: str, taken: Sequence[str]) -> str:
    """Return a label as a short name for addresses, different from those taken."""
    words = "".join(letter if letter.isalnum() else " " for letter in label.split(",")[0]).split()
    base = "-".join(words).lower() or "topic"
    number, name = 1, base
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name
