"""What a generation keeps of its topics and themes: one text file, the same to the last byte."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa_app.errors import IndexCorruptError, IndexNotFoundError
from qa_app.store.manifest import MEND_HINT

TOPICS_FILE = "topics.json"
# Part of the recipe: a build makes topics anew when what follows from the same corpus changes.
TOPICS_VERSION = "3"

FloatArray = npt.NDArray[np.float32]
HalfArray = npt.NDArray[np.float16]
IntArray = npt.NDArray[np.int64]

# Of numbers in the file.
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
        label: for people; a few phrases as the reports write them, or the theme's name.
        terms: what tells it, best first; of a theme, its words.
        members: what belongs to it.
        quotes: (row, sentence) of a few that speak for it.
    """

    id: str
    label: str
    terms: tuple[str, ...]
    members: Members
    quotes: tuple[tuple[int, int], ...] = ()


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

    def to_text(self) -> str:
        """Return the file's text."""
        found = {"version": TOPICS_VERSION} | _attributes(self)
        return json.dumps(found, default=_plain, ensure_ascii=False, indent=1) + "\n"


def read_topics(folder: Path) -> Topics:
    """Return the topics of a generation, from its folder.

    Raises:
        IndexNotFoundError: it was built before there were topics.
        IndexCorruptError: the file is damaged.
    """
    path = folder / TOPICS_FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["version"] != TOPICS_VERSION:
            raise FileNotFoundError(path)
        return Topics(
            tuple(_group(item) for item in found["topics"]),
            tuple(_group(item) for item in found["themes"]),
            _grouping(found["grouping"]),
        )
    except FileNotFoundError as exc:
        raise IndexNotFoundError(
            f"Generation {folder.name} has no topics that this program reads.",
            "Bring the index up to date: qa-app build",
        ) from exc
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise IndexCorruptError(f"{path} cannot be read: {exc}.", MEND_HINT) from exc


def _attributes(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


def _plain(value: object) -> Any:
    """Return what JSON has no form for in one that it has; the numbers of an array as base64."""
    if not isinstance(value, np.ndarray):
        return _attributes(value)
    packed = value.astype(_INTEGER if value.dtype.kind == "i" else _REAL)
    return [value.shape, base64.b64encode(packed.tobytes()).decode("ascii")]


def _array(found: Sequence[Any], kind: str) -> npt.NDArray[Any]:
    shape, text = found
    return np.frombuffer(base64.b64decode(text), dtype=kind).reshape(shape)


def _group(found: Mapping[str, Any]) -> Group:
    members = found["members"]
    return Group(
        id=found["id"],
        label=found["label"],
        terms=tuple(found["terms"]),
        members=Members(
            rows=_array(members["rows"], _INTEGER).astype(np.int64),
            sentences=_array(members["sentences"], _INTEGER).astype(np.int64),
            strengths=_array(members["strengths"], _REAL).astype(np.float32),
        ),
        quotes=tuple((row, sentence) for row, sentence in found["quotes"]),
    )


def _grouping(found: Mapping[str, Any]) -> Grouping:
    return Grouping(
        centres=_array(found["centres"], _REAL),
        changed=found["changed"],
        floor=found["floor"],
        hashes=tuple(found["hashes"]),
        vectors=_array(found["vectors"], _REAL),
    )


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
