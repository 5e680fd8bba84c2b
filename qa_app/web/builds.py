"""A build in the background: in a separate process, so that the page goes on answering.

A build publishes its generation at the end or not at all, so a killed process leaves the old one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from qa_app.errors import IndexLockedError, QAAppError
from qa_app.models import BuildReport
from qa_app.settings import Settings
from qa_app.text.wording import count

_LEAST_SECONDS = 0.1  # between two progress messages within a stage: the page needs no more
_LOCKED_SECONDS = 1.0  # between two tries while another process builds
_NICENESS = 10  # added to the build's nice value, so that questions get the processor first


@dataclass(frozen=True, slots=True)
class BuildState:
    """The progress or the result of a build.

    Attributes:
        number: 0 before the first build, then counting up.
        stage: name of the current stage; empty when no build is running.
        done, total: steps of the stage; ``total`` is 0 where they cannot be counted.
        label: the item being processed, such as a file.
        message, hint: the result, and the remedy if the build failed.
    """

    number: int = 0
    running: bool = False
    stage: str = ""
    done: int = 0
    total: int = 0
    label: str = ""
    failed: bool = False
    message: str = ""
    hint: str = ""


class Builds:
    """Runs builds of one index, one at a time; a start during a build queues one more."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._state = BuildState()
        self._again = False

    @property
    def corpus(self) -> Path:
        """Folder that uploaded reports are saved in."""
        return self._settings.corpus or Path("corpus")

    @property
    def state(self) -> BuildState:
        """The progress of the running build, or the result of the last one."""
        return self._state

    def start(self) -> None:
        """Start a build; if one is running, start another when it ends."""
        with self._lock:
            if self._state.running:
                self._again = True
                return
            self._begin()

    def _begin(self) -> None:
        self._again = False
        self._state = BuildState(self._state.number + 1, running=True, stage="Starting")
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_build, args=[theirs, self._settings], daemon=True)
        process.start()
        theirs.close()
        end = BuildState(
            failed=True,
            message="The build was stopped; the reports are saved, and the index is as before.",
            hint="Build again. If it stops again, the computer may be short of memory.",
        )
        try:
            while True:
                told: BuildState = ours.recv()
                if told.running:
                    self._state = replace(told, number=self._state.number)
                else:
                    end = told
        except (EOFError, OSError):
            process.join()
        with self._lock:
            self._state = replace(end, number=self._state.number)
            if self._again:
                self._begin()


class _Reporter:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._state = BuildState(running=True)
        self._sent = 0.0

    def stage(self, name: str, total: int) -> None:
        self._state = BuildState(running=True, stage=name, total=total)
        self._send()

    def advance(self, steps: int, label: str = "") -> None:
        self._state = replace(self._state, done=self._state.done + steps, label=label)
        if time.monotonic() - self._sent > _LEAST_SECONDS:
            self._send()

    def close(self) -> None:
        pass

    def _send(self) -> None:
        self._connection.send(self._state)
        self._sent = time.monotonic()


def _build(connection: Connection, settings: Settings) -> None:
    # Ctrl+C ends the server, which ends this daemon process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    from qa_app.api import build_from_settings
    from qa_app.briefs.saved import ask_after_build

    while True:
        try:
            report = build_from_settings(settings, _Reporter(connection))
            with contextlib.suppress(QAAppError):  # the brief's view shows it
                ask_after_build(settings, report.generation)
            connection.send(BuildState(message=build_summary(report)))
        except IndexLockedError:
            # A build from the command line, or a backup, has its turn first.
            connection.send(BuildState(running=True, stage="Waiting for another build"))
            time.sleep(_LOCKED_SECONDS)
            continue
        except QAAppError as exc:
            connection.send(BuildState(failed=True, message=exc.message, hint=exc.hint))
        return


def build_summary(report: BuildReport) -> str:
    """Return a build's summary for the page."""
    changes = {"added": report.added, "changed": report.changed, "removed": report.removed}
    said = [f"{count(number, 'report')} {word}" for word, number in changes.items() if number]
    text = f"{', '.join(said) or 'Nothing new'}."
    if report.failures:
        failed = count(len(report.failures), "file")
        text += f" {failed} could not be read: Sources says why."
    return text
