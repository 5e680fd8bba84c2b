"""A server gives memory that is free again back to the operating system."""

from __future__ import annotations

import ctypes
import platform
from pathlib import Path

import pytest

from qa_app.web.trimming import EVERY, trimmer

_PIECE = 100_000  # bytes: under the size from which malloc would give a piece back by itself
_PIECES = 600


def _own_memory() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps it")
def test_free_memory_is_given_back() -> None:
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.free.argtypes = [ctypes.c_void_p]
    pieces = [library.malloc(_PIECE) for _ in range(_PIECES)]
    for piece in pieces:
        ctypes.memset(piece, 1, _PIECE)
    last = pieces.pop()  # kept in use, it holds all that lies below it
    for piece in pieces:
        library.free(piece)
    held, told = _own_memory(), trimmer()
    for _ in range(EVERY - 1):
        told(None)
    assert held - _own_memory() < _PIECE * _PIECES / 10
    told(None)
    assert held - _own_memory() > _PIECE * _PIECES / 2
    library.free(last)
