"""The token codes of every passage, for late interaction, and where each passage's are.

They are two thirds of an index. Each passage's are checked against a checksum whenever they are
read; so a file of them that is large need not be hashed to open the index, and is shared by the
next generation, which puts new passages' into a further file.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import zlib
from collections.abc import Sequence
from io import BufferedWriter
from pathlib import Path

import numpy as np

from qa_app.arrays import CodeArray, RowArray
from qa_app.errors import IndexCorruptError
from qa_app.store.manifest import LARGE_FILE, MEND_HINT, TOKEN_CHECKS_FILE, part_name

TOKENS_FILE = part_name(0)
TOKEN_PLACES_FILE = "token_places.npy"
TOKEN_PARTS_FILE = "token_parts.npy"
# Files from which on all are copied into one again: each keeps what later builds have dropped.
_MOST_PARTS = 16


class TokensWriter:
    """Appends passages' token codes to a new file, in any order; ``close`` writes their places."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BufferedWriter | None = None
        self._rows: list[int] = []
        self._places: list[tuple[int, int, int]] = []  # start, count, checksum
        self._parts: list[int] = []  # tokens of the files shared with an earlier generation
        self._shared: tuple[RowArray, RowArray] | None = None
        self._total = 0

    def add(self, rows: Sequence[int], codes: CodeArray) -> None:
        """Append the token codes of one text, shared by all of these rows."""
        content = codes.tobytes()
        self._opened().write(content)
        self._rows += rows
        self._places += [(self._total, len(codes), zlib.crc32(content))] * len(rows)
        self._total += len(codes)

    def share(self, earlier: EmbeddedTokens, places: RowArray, rows: RowArray) -> bool:
        """Give ``rows`` of an earlier generation to these places, its files shared by hard links.

        Only where its files are too large to be copied at each build, most of their tokens are
        still wanted, and they are few; returns whether it was done. Call it first.
        """
        found = earlier.entries(rows)
        wanted = int(found[:, 1].sum())
        fit = earlier.size > LARGE_FILE and len(earlier.parts) < _MOST_PARTS
        if not fit or 2 * wanted < sum(earlier.parts):
            return False
        self._parts, self._total = list(earlier.parts), sum(earlier.parts)
        for number in range(len(self._parts)):
            _share_file(earlier.folder / part_name(number), self._folder / part_name(number))
        self._shared = places, found
        return True

    @property
    def shared_files(self) -> list[str]:
        """Names of the files that an earlier generation has too."""
        return [part_name(number) for number in range(len(self._parts))]

    def close(self, num_passages: int) -> None:
        """Write (start, count) of each row's tokens; rows that were not added have count 0."""
        self._opened().close()
        places = np.zeros((num_passages, 3), dtype=np.int64)
        if self._shared is not None:
            places[self._shared[0]] = self._shared[1]
        if self._places:
            places[self._rows] = self._places
        parts = [*self._parts, self._total - sum(self._parts)]
        for name, array in (
            (TOKEN_PLACES_FILE, np.ascontiguousarray(places[:, :2])),
            (TOKEN_CHECKS_FILE, places[:, 2].astype(np.uint32)),
            (TOKEN_PARTS_FILE, np.array(parts, dtype=np.int64)),
        ):
            with (self._folder / name).open("wb") as file:
                np.save(file, array, allow_pickle=False)

    def abandon(self) -> None:
        """Close the file, finished or not, ignoring errors."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()

    def _opened(self) -> BufferedWriter:
        if self._file is None:
            self._file = (self._folder / part_name(len(self._parts))).open("wb")
        return self._file


def _share_file(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except OSError:  # a file system without hard links
        shutil.copyfile(path, other)


class EmbeddedTokens:
    """The token codes of a generation, read only, from memory maps.

    Attributes:
        dimension: pass it to ``unpack``; it may differ from the passage vectors'.
        parts: number of tokens in each file.
        size: bytes of all of them.
        width: bytes of a token's code; 0 if no passage has tokens.

    Raises:
        IndexCorruptError: a file is missing, or its size is wrong.
    """

    def __init__(self, folder: Path, num_passages: int, dimension: int) -> None:
        self.folder = folder
        path = folder / TOKEN_PLACES_FILE
        try:
            self._places: RowArray = np.load(path, mmap_mode="r", allow_pickle=False)
            total = int(self._places.sum(axis=1).max(initial=0))
            self.parts, self._checks = [total], None
            if (folder / TOKEN_CHECKS_FILE).exists():  # indexes of before lack it
                path = folder / TOKEN_CHECKS_FILE
                self._checks = np.load(path, mmap_mode="r", allow_pickle=False)
                path = folder / TOKEN_PARTS_FILE
                self.parts = np.load(path, allow_pickle=False).tolist()
            paths = [folder / part_name(number) for number in range(len(self.parts))]
            path = paths[0]
            sizes = [path.stat().st_size for path in paths]
            self.size = sum(sizes)
            width = self.size // max(sum(self.parts), 1)
            fits = sizes == [count * width for count in self.parts] and total <= sum(self.parts)
            if self._places.shape != (num_passages, 2) or not fits:
                raise ValueError(f"it has {self.size:,} bytes for {sum(self.parts):,} tokens")
            self._codes: list[CodeArray] = [
                np.memmap(path, np.uint8, "r", shape=(count, width))
                if count * width
                else np.zeros((count, width), dtype=np.uint8)
                for path, count in zip(paths, self.parts, strict=True)
            ]
        except (OSError, ValueError) as exc:
            raise IndexCorruptError(f"{path} cannot be read: {exc}.", MEND_HINT) from exc
        self.width = width
        # A model's token vectors may have another dimension than its passage vectors.
        self.dimension = dimension if width in {0, -(-dimension // 8)} else 8 * width
        self._starts = np.cumsum([0, *self.parts[:-1]])

    def expect_questions(self) -> None:
        """Let the system read a few passages' codes without what stands around them."""
        for codes in self._codes:
            if isinstance(codes.base, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
                codes.base.madvise(mmap.MADV_RANDOM)

    def entries(self, rows: RowArray) -> RowArray:
        """Return (start, count, checksum) of each row's tokens, int64, shape (len(rows), 3)."""
        checks = np.zeros(len(self._places)) if self._checks is None else self._checks
        return np.column_stack([self._places[rows], checks[rows].astype(np.int64)])

    def codes(self, rows: Sequence[int] | RowArray) -> list[CodeArray]:
        """Return each row's codes, uint8, shape (tokens, bytes per token); tokens may be 0.

        Raises:
            IndexCorruptError: they are not as they were written.
        """
        found = []
        for row, (start, count) in zip(rows, self._places[rows].tolist(), strict=True):
            part = int(np.searchsorted(self._starts, start, side="right")) - 1
            begin = start - int(self._starts[part])
            codes = self._codes[part][begin : begin + count]
            if self._checks is not None and count and zlib.crc32(codes.data) != self._checks[row]:
                path = self.folder / part_name(part)
                raise IndexCorruptError(f"{path} is damaged at passage {row}.", MEND_HINT)
            found.append(codes)
        return found
