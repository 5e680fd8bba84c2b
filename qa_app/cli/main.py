"""The command line: reads words, calls the library, prints. No logic of its own.

What a user asked for goes to standard output, progress and errors to standard error. Nothing heavy
is imported before a command needs it, so that ``--help`` and ``status`` answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from types import TracebackType

from qa_app.cli.ask_commands import ask, filters, search, topics
from qa_app.cli.brief_commands import BRIEF, SAVED
from qa_app.cli.command import Run, add_commands, print_error
from qa_app.cli.evaluate_commands import evaluate
from qa_app.cli.index_commands import build, serve, status, verify
from qa_app.errors import QAAppError
from qa_app.settings import Settings, load_settings
from qa_app.version import __version__

# In the order of the help.
_COMMANDS = (
    build, ask, search, filters, topics, BRIEF, SAVED, evaluate, verify, status, serve,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for an error, 2 for wrong usage."""
    # Before numpy is there: its sums are small, and threads that share one wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    parser = argparse.ArgumentParser(
        prog="qa-app",
        description="Cited answers from a folder of reports, in the reports' own words.",
    )
    parser.add_argument("--version", action="version", version=f"qa_app {__version__}")
    add_commands(parser, _COMMANDS)
    options = parser.parse_args(arguments)
    if not options.debug:
        sys.excepthook = _no_traceback
    run: Run = options.run
    try:
        # A flag named as a setting sets it.
        names = {field.name for field in fields(Settings)}
        given = {name: value for name, value in vars(options).items() if name in names}
        return run(options, load_settings(given)) or 0
    except QAAppError as exc:
        if options.debug:
            raise
        print_error(exc)
        return 1
    except KeyboardInterrupt:
        print("qa-app: stopped; the index is as it was.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) went away; Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _no_traceback(
    kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    print(f"qa-app: an internal error: {kind.__name__}: {error}", file=sys.stderr)
    print("  Run the same command with --debug and report what it prints.", file=sys.stderr)
