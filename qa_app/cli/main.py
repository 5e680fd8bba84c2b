"""The command line: parses arguments, calls the library and prints. It has no logic of its own.

Results go to standard output, progress and errors to standard error. Slow imports are left to the
commands that need them, so that ``--help`` and ``status`` answer at once.
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
from qa_app.cli.grid_commands import grid
from qa_app.cli.index_commands import build, copy, serve, status, verify
from qa_app.cli.user_commands import USERS
from qa_app.errors import QAAppError
from qa_app.settings import Settings, load_settings
from qa_app.version import __version__

# In the order in which the help lists them.
_COMMANDS = (
    build, ask, search, filters, topics, grid, BRIEF, SAVED, evaluate, verify, status, copy,
    serve, USERS,
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0; 1 for an error, a failed check or a closed output pipe; 130 after Ctrl+C.

    Raises:
        SystemExit: with code 2 for wrong usage, with 0 for ``--help`` and ``--version``.
    """
    # Set before numpy is imported: its matrix products here are too small for several threads,
    # which would only wait for each other.
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
        # A flag named like a setting overrides it.
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
        # The reader of the pipe (head, less) has closed it; without this, flushing standard output
        # at exit would raise again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _no_traceback(
    kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    print(f"qa-app: an internal error: {kind.__name__}: {error}", file=sys.stderr)
    print("  Run the same command with --debug and report what it prints.", file=sys.stderr)
