"""What a build has embedded, kept in a file until it publishes, so that the next one can go on.

The file is the hash of its key, then one record per text: the SHA-256 of the rest of the record,
the hash of the text, the number of tokens and the bytes of each one's code, the text's vector, and
its tokens' codes. Reading ends at the first record that is not as it was written, such as the last
one of a build that was killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
from pathlib import Path

import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray
from qa_app.errors import StoreError
from qa_app.models import ModelIdentity
from qa_app.store.manifest import hash_kept

UNPUBLISHED_FILE = "UNPUBLISHED"
# Part of the key: increase it when the records' form changes.
_VERSION = 1
# Most bytes of the file: 250,000 passages of 8 KB, which take an hour to embed on two cores.
_MOST_BYTES = 2 << 30
_DIGEST = 32
_HEAD = struct.Struct("<32sIH")  # hash of the text, tokens, bytes per token


class UnpublishedFile:
    """Context manager over the file, for the holder of the build lock.

    When the disk is full, the file is emptied and nothing more is kept.

    Args:
        index: folder of the index.
        model: the model that makes the vectors.
        rebuild: whether everything is embedded again: then only what a rebuild has made is used.

    Raises:
        StoreError: the file cannot be opened.
    """

    def __init__(self, index: Path, model: ModelIdentity, rebuild: bool = False) -> None:
        self._path = index / UNPUBLISHED_FILE
        self._width = 2 * model.dimension
        self._places: dict[bytes, tuple[int, int, int]] = {}
        self._key = hash_kept(_VERSION, model, rebuild)

    def __enter__(self) -> UnpublishedFile:
        try:
            self._path.touch()
            self._file = self._path.open("r+b", buffering=0)
            self._end = 0
            if self._file.read(_DIGEST) == self._key:
                self._end = _DIGEST
                while self._read_record():
                    pass
            self._file.truncate(self._end)
        except OSError as exc:
            raise StoreError(
                f"{self._path} cannot be written: {exc.strerror}.", "Remove it; then build again."
            ) from exc
        if not self._end:
            self._append(self._key)
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def __contains__(self, digest: bytes) -> bool:
        """Return whether the vector of the text with this ``hash_text`` is kept."""
        return digest in self._places

    def get(self, digest: bytes) -> tuple[HalfArray, CodeArray]:
        """Return a text's vector, float16, shape (dim,), and its token codes."""
        start, tokens, width = self._places[digest]
        self._file.seek(start)
        content = self._file.read(self._width + tokens * width)
        vector = np.frombuffer(content[: self._width], dtype=np.float16)
        codes = np.frombuffer(content[self._width :], dtype=np.uint8)
        return vector, codes.reshape(tokens, width)

    def add(self, digest: bytes, vector: FloatArray, codes: CodeArray) -> None:
        """Keep a text's vector and token codes, unless they cannot be used or the file is full."""
        if self._end < _MOST_BYTES and np.isfinite(vector).all():
            head = _HEAD.pack(digest, *codes.shape)
            record = head + vector.astype(np.float16).tobytes() + codes.tobytes()
            self._append(hashlib.sha256(record).digest() + record)

    def _append(self, content: bytes) -> None:
        try:
            self._file.seek(self._end)
            if self._file.write(content) == len(content):
                self._end += len(content)
                return
        except OSError:
            pass
        # Room on the disk is needed for the generation itself.
        self._places.clear()
        self._end = _MOST_BYTES
        with contextlib.suppress(OSError):
            self._file.truncate(0)

    def _read_record(self) -> bool:
        digest, head = self._file.read(_DIGEST), self._file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return False
        text, tokens, width = _HEAD.unpack(head)
        body = self._file.read(self._width + tokens * width)
        if hashlib.sha256(head + body).digest() != digest:
            return False
        start = self._end + _DIGEST + _HEAD.size
        self._places[text] = start, tokens, width
        self._end = start + len(body)
        return True


def forget_unpublished(index: Path) -> None:
    """Remove the file: what it holds is published, or not wanted any more."""
    with contextlib.suppress(OSError):
        (index / UNPUBLISHED_FILE).unlink(missing_ok=True)
