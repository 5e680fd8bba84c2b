"""The command line: reads words, calls the library, prints. No logic of its own.

What a user asked for goes to standard output, progress and errors to standard error. Nothing heavy
is imported before a command needs it, so that ``--help`` and ``status`` answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from types import TracebackType

from qa_app.cli.ask import add_ask, add_filters, add_search
from qa_app.cli.brief import add_brief
from qa_app.cli.build import add_build
from qa_app.cli.common import Command, print_error
from qa_app.cli.evaluate import add_evaluate
from qa_app.cli.saved import add_saved
from qa_app.cli.serve import add_serve
from qa_app.cli.topics import add_topics
from qa_app.cli.upkeep import add_status, add_verify
from qa_app.errors import QAAppError
from qa_app.settings import load_settings
from qa_app.version import __version__

# In the order of the help.
_COMMANDS = (
    add_build, add_ask, add_search, add_filters, add_topics, add_brief, add_saved, add_evaluate,
    add_verify, add_status, add_serve,
)  # fmt: skip
_SETTING_FLAGS = (
    "corpus", "index", "model", "dimension", "language", "reader", "reranker", "ocr", "top_k",
    "mode", "host", "port",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for an error, 2 for wrong usage."""
    # Before numpy is there: its sums are small, and threads that share one wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    options = _parser().parse_args(arguments)
    if not options.debug:
        sys.excepthook = _no_traceback
    command: Command = options.command
    try:
        flags = {name: getattr(options, name, None) for name in _SETTING_FLAGS}
        return command(options, load_settings(flags))
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qa-app",
        description="Cited answers from a folder of reports, in the reports' own words.",
    )
    parser.add_argument("--version", action="version", version=f"qa_app {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in _COMMANDS:
        add(commands)
    return parser
