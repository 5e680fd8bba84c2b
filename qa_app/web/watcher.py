"""Tells when a corpus has changed and come to rest: ``qa-app serve --watch`` then builds.

What the folder holds is compared with what it held the last time; notifications of the
operating system, through watchfiles, only say when to look. So nothing is missed where there are
none (network shares), and the index's own files, which are left out, cannot set off a build.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from qa_app.errors import CorpusError
from qa_app.loading.scan import NOT_REPORTS, walk

# All files must have kept their size and time for so long: nobody pauses so long in writing one.
QUIET_SECONDS = 3.0
_TICK_SECONDS = 0.25  # between two looks while files are being written
_LOOK_SECONDS = 30.0  # between two looks without a notification
_UNWATCHED_SECONDS = 5.0  # the same where notifications cannot be had at all

_Files = dict[Path, tuple[int, int]]  # size in bytes and time of change in ns


class Watcher:
    """Watches a corpus from a thread, until the context that it manages ends.

    A folder that is missing or unreadable, as an unmounted share, counts as unchanged; one that is
    empty at the start, as built.

    Args:
        corpus: the folder.
        changed: called after each change, and at the start if there are files.
        own: folders of the program that may lie inside the corpus, such as the index.
        quiet: seconds for which all files must be unchanged before ``changed`` is called.
    """

    def __init__(
        self,
        corpus: Path,
        changed: Callable[[], None],
        own: Sequence[Path] = (),
        quiet: float = QUIET_SECONDS,
    ) -> None:
        self._corpus = corpus.resolve()
        self._changed = changed
        self._own = [folder.resolve() for folder in own]
        self._quiet = quiet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        told: _Files = {}
        last: _Files = {}
        since = looked = float("-inf")
        for noticed in self._ticks():
            now = time.monotonic()
            if not noticed and last == told and now - looked < _LOOK_SECONDS:
                continue
            looked = now
            found = self._look()
            if found is None:
                continue
            if found != last:
                last, since = found, now
            elif found != told and now - since >= self._quiet:
                told = found
                self._changed()

    def _ticks(self) -> Iterator[bool]:
        """Yield whether something was noticed: at each notification, and every so often."""
        from watchfiles import watch

        while not self._stop.is_set():
            # Such as a missing folder, or more folders than the operating system watches. The
            # library's own error is a RuntimeError.
            with contextlib.suppress(OSError, RuntimeError):
                for changes in watch(
                    self._corpus,
                    watch_filter=None,
                    debounce=int(_TICK_SECONDS * 1000),
                    rust_timeout=int(_TICK_SECONDS * 1000),
                    yield_on_timeout=True,
                    stop_event=self._stop,
                    raise_interrupt=False,
                    ignore_permission_denied=True,
                ):
                    yield bool(changes)
            self._stop.wait(_UNWATCHED_SECONDS)
            yield True

    def _look(self) -> _Files | None:
        """Return the files that a build would read; None if the folder cannot be read."""
        found = {}
        try:
            if not self._corpus.is_dir():
                return None
            for path in (*walk(self._corpus), *(self._corpus / name for name in NOT_REPORTS)):
                if not any(path.is_relative_to(own) for own in self._own):
                    with contextlib.suppress(OSError):  # it is gone again, or never was
                        seen = path.stat()
                        found[path] = (seen.st_size, seen.st_mtime_ns)
        except CorpusError:
            return None
        return found
