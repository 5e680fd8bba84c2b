"""Gives memory that is free again back to the operating system, which glibc alone does not do."""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Callable

# Answers between two times: it takes some 60 ms, and 30 answers leave some 150 MB behind.
EVERY = 25


def trimmer() -> Callable[[object], None]:
    """Return what is to be told of each answer.

    The reader's matrices are of all sizes, and what is kept a little longer comes to lie between
    them: of 640 MB that malloc held after 170 answers 300 were free. Without glibc nothing is done.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    trim = getattr(library, "malloc_trim", None)
    count = itertools.count(1)  # counting is safe in several threads

    def told(_answer: object) -> None:
        if trim is not None and next(count) % EVERY == 0:
            trim(0)

    return told
