"""The process that parses files: reads requests, answers with documents, and may die of one.

A request is a line of JSON on standard input; an answer is eight bytes of length and as many of
JSON on standard output. The first answer is READY, before any request.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import BinaryIO

from qa_app.errors import LoadError
from qa_app.loading.corpus import SourceFile
from qa_app.loading.limits import MAX_ADDRESS_SPACE, MAX_SECONDS
from qa_app.loading.registry import load
from qa_app.loading.sandbox import READY
from qa_app.loading.wire import encode
from qa_app.models import Document

if sys.platform != "win32":  # which has no such limits; the wall clock still holds there
    import resource


def main() -> None:
    """Answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # Parsers print as they please; nothing of it may get among the answers.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _write(answers, READY)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit_cpu()
        _write(answers, encode(_read(request)))


def _write(answers: BinaryIO, answer: bytes) -> None:
    answers.write(len(answer).to_bytes(8, "big") + answer)
    answers.flush()


def _limit_cpu() -> None:
    """Allow this process so many more seconds of CPU; the kernel ends it after that."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = math.ceil(used.ru_utime + used.ru_stime + MAX_SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))


def _read(request: dict[str, object]) -> Document | LoadError:
    source = SourceFile(
        path=str(request["path"]),
        absolute=Path(str(request["absolute"])),
        size=0,
        mtime_ns=0,
        overrides=tuple((name, value) for name, value in request["overrides"]),  # type: ignore[attr-defined]  # a list of pairs, written by sandbox.py
    )
    try:
        return load(source, ocr=bool(request["ocr"]))
    except LoadError as exc:
        return exc
