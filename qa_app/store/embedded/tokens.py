"""The token codes of every passage in two files, for late interaction."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from io import BufferedWriter
from pathlib import Path

import numpy as np

from qa_app.arrays import CodeArray, RowArray
from qa_app.errors import IndexCorruptError
from qa_app.store.manifest import MEND_HINT

TOKENS_FILE = "tokens.bin"
TOKEN_PLACES_FILE = "token_places.npy"


class TokensWriter:
    """Appends passages' token codes to a new file, in any order; ``close`` writes their places."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BufferedWriter | None = None
        self._places: dict[int, tuple[int, int]] = {}
        self._total = 0

    def add(self, rows: Iterable[int], codes: CodeArray) -> None:
        """Append the token codes of one text, shared by all of these rows."""
        self._opened().write(codes.tobytes())
        self._places |= dict.fromkeys(rows, (self._total, len(codes)))
        self._total += len(codes)

    def close(self, num_passages: int) -> None:
        """Write (start, count) of each row's tokens; rows that were not added have count 0."""
        self._opened().close()
        places = np.zeros((num_passages, 2), dtype=np.int64)
        if self._places:
            places[list(self._places)] = list(self._places.values())
        with (self._folder / TOKEN_PLACES_FILE).open("wb") as file:
            np.save(file, places, allow_pickle=False)

    def abandon(self) -> None:
        """Close the file, finished or not, ignoring errors."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _opened(self) -> BufferedWriter:
        if self._file is None:
            self._file = (self._folder / TOKENS_FILE).open("wb")
        return self._file


class EmbeddedTokens:
    """The token codes of a generation, read only, from a memory map.

    Attributes:
        dimension: pass it to ``unpack``; it may differ from the passage vectors'.
        width: bytes of a token's code; 0 if no passage has tokens.

    Raises:
        IndexCorruptError: a file is missing, or its size is wrong.
    """

    def __init__(self, folder: Path, num_passages: int, dimension: int) -> None:
        path = folder / TOKEN_PLACES_FILE
        try:
            self._places: RowArray = np.load(path, mmap_mode="r", allow_pickle=False)
            path = folder / TOKENS_FILE
            total = int(self._places.sum(axis=1).max(initial=0))
            size = path.stat().st_size
            width = size // max(total, 1)
            if self._places.shape != (num_passages, 2) or size != total * width:
                raise ValueError(f"it has {size:,} bytes for {total:,} tokens")
            self._codes: CodeArray = np.zeros((0, 0), dtype=np.uint8)
            if size:
                self._codes = np.memmap(path, np.uint8, "r", shape=(total, width))
        except (OSError, ValueError) as exc:
            raise IndexCorruptError(f"{path} cannot be read: {exc}.", MEND_HINT) from exc
        self.width = width
        # A model's token vectors may have another dimension than its passage vectors.
        self.dimension = dimension if width in {0, -(-dimension // 8)} else 8 * width

    def codes(self, rows: Sequence[int] | RowArray) -> list[CodeArray]:
        """Return each row's codes, uint8, shape (tokens, bytes per token); tokens may be 0."""
        return [self._codes[start : start + count] for start, count in self._places[rows].tolist()]
