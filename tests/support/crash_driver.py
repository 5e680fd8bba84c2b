"""Runs builds that die or fail on the way, one forked process each, as a test tells it.

Reads a JSON line a build on standard input and answers with one of how it ended:

    {"index": …, "corpus": …}               build from a corpus (all of qa_app.indexing)
    {"index": …, "texts": […]}              write a generation of one document
    "kill_at": k, "fail_at": k              at the k-th step that changes what is on disk
    "most_bytes": n                         no file may grow beyond this: a full disk, to libraries
    "delay": seconds                        killed from outside, after so long
    "kill_after": n                         killed when so many texts are embedded
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# A build imports these late. Forked processes share what is imported here, so that a build is
# killed at its own steps and not while it imports; it takes a tenth of the time besides.
import bm25s  # noqa: F401
import faiss  # noqa: F401
import scipy.cluster.hierarchy  # noqa: F401
import sklearn.cluster  # noqa: F401

from qa_app.arrays import FloatArray
from qa_app.embedding import Keep, Progress
from qa_app.errors import QAAppError
from qa_app.indexing import build
from qa_app.settings import Settings
from support.fake_encoder import FakeEncoder
from support.store_samples import write_sample


class _Fuse:
    """Counts the steps that change what is on disk, and blows at one of them."""

    def __init__(self, kill_at: int, fail_at: int) -> None:
        self.steps = 0
        self._kill_at = kill_at
        self._fail_at = fail_at

    def step(self) -> None:
        self.steps += 1
        if self.steps == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.steps == self._fail_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            self.step()
            return function(*args, **options)

        return guarded

    def guard_open(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
            if "w" in mode:
                self.step()
            return function(file, mode, *args, **options)

        return guarded

    def fit(self) -> None:
        for name in ("fsync", "rename", "replace", "mkdir"):
            setattr(os, name, self.guard(getattr(os, name)))
        io.open = builtins.open = self.guard_open(builtins.open)


class _Mortal(FakeEncoder):
    """Kills its process when so many texts are embedded; 0 for never."""

    def __init__(self, texts: int) -> None:
        super().__init__()
        self._left = texts

    def encode_documents(
        self, texts: Sequence[str], progress: Progress | None = None, keep: Keep | None = None
    ) -> FloatArray:
        def counted(place: int, vector: FloatArray, tokens: FloatArray) -> None:
            assert keep is not None
            keep(place, vector, tokens)
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

        return super().encode_documents(texts, progress, counted)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    fuse = _Fuse(job.get("kill_at", 0), job.get("fail_at", 0))
    fuse.fit()
    if most := job.get("most_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    index = Path(job["index"])
    try:
        if "corpus" in job:
            settings = Settings(corpus=Path(job["corpus"]), index=index)
            report = build(settings, _Mortal(job.get("kill_after", 0)))
            name, embedded = report.generation, report.embedded
        else:
            name, embedded = write_sample(index, *job["texts"]), 0
    except QAAppError as exc:
        return {"error": type(exc).__name__, "message": exc.message, "hint": exc.hint}
    return {"generation": name, "steps": fuse.steps, "embedded": embedded}


def main() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            answer = json.dumps(_run(job)).encode()
            os.write(writing, answer)
            os._exit(0)
        os.close(writing)
        if delay := job.get("delay"):
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        with os.fdopen(reading, "rb") as pipe:
            answer = pipe.read()
        _, status = os.waitpid(child, 0)
        outcome = json.loads(answer) if answer else {}
        if os.WIFSIGNALED(status):
            outcome = {"killed": os.WTERMSIG(status)}
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
