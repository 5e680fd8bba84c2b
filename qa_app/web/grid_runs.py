"""Grids that are being filled in the background, one at a time, so that questions go first."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qa_app.errors import QAAppError
from qa_app.grids.grid_runner import fill
from qa_app.grids.grid_store import open_grid

if TYPE_CHECKING:
    from qa_app.api import Snapshot

_BROKEN = "Something went wrong in the program, whose log says what. What was found is kept."


@dataclass(frozen=True, slots=True)
class GridRun:
    """The progress or the end of a run that fills a grid.

    Attributes:
        done, total: questions asked, and questions to ask in this run; ``total`` is 0 until the
            run's turn comes.
        question: the question asked last.
        trouble: why it ended early, or "".
    """

    running: bool = False
    done: int = 0
    total: int = 0
    question: str = ""
    trouble: str = ""


class GridRuns:
    """Fills stored grids in threads of this process. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._runs: dict[tuple[str, str], GridRun] = {}
        self._stopped: set[tuple[str, str]] = set()
        self._next: dict[tuple[str, str], Snapshot] = {}

    def state(self, user: str, name: str) -> GridRun:
        """Return the progress of a user's grid."""
        return self._runs.get((user, name), GridRun())

    def start(self, snapshot: Snapshot, user: str, name: str) -> None:
        """Fill a user's grid with what the snapshot says; once more if it is being filled now."""
        key = (user, name)
        with self._lock:
            self._stopped.discard(key)
            if self.state(*key).running:
                self._next[key] = snapshot  # for questions that were added meanwhile
            else:
                self._begin(snapshot, key)

    def stop(self, user: str, name: str) -> None:
        """Stop filling a grid after the question that is being asked; what is done is kept."""
        with self._lock:
            self._stopped.add((user, name))
            self._next.pop((user, name), None)

    def _begin(self, snapshot: Snapshot, key: tuple[str, str]) -> None:
        self._runs[key] = GridRun(running=True)
        threading.Thread(target=self._run, args=[snapshot, key], daemon=True).start()

    def _run(self, snapshot: Snapshot, key: tuple[str, str]) -> None:
        trouble = _BROKEN
        try:
            with self._turn:
                file = open_grid(snapshot.index, key[1], key[0])
                fill(file, snapshot, _Progress(self._runs, key), lambda: key in self._stopped)
            trouble = ""
        except QAAppError as exc:
            trouble = exc.full_message
        finally:
            with self._lock:
                if following := self._next.pop(key, None):
                    self._begin(following, key)
                else:
                    self._runs[key] = replace(self._runs[key], running=False, trouble=trouble)


class _Progress:
    def __init__(self, runs: dict[tuple[str, str], GridRun], key: tuple[str, str]) -> None:
        self._runs = runs
        self._key = key

    def stage(self, _name: str, total: int) -> None:
        self._runs[self._key] = GridRun(running=True, total=total)

    def advance(self, steps: int, label: str = "") -> None:
        before = self._runs[self._key]
        self._runs[self._key] = replace(before, done=before.done + steps, question=label)

    def close(self) -> None:
        pass
