"""What the commands share: their common flags, opening an index, printing a result."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qa_app.errors import QAAppError, QueryError
from qa_app.models import Mode, to_json
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.api import Index
    from qa_app.briefs.saved import SavedQuestion

Command = Callable[[argparse.Namespace, Settings], int]


def add_command(commands: Any, name: str, command: Any, about: str) -> argparse.ArgumentParser:
    """Add a command with the flags that all of them take."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}."
    )
    parser.set_defaults(command=command)
    parser.add_argument("--index", metavar="DIR", help="folder of the index (default: index)")
    parser.add_argument("--corpus", metavar="DIR", help="folder of the reports (default: corpus)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--debug", action="store_true", help="show a traceback on an error")
    return parser


def add_own_command(commands: Any, name: str, command: Any, about: str) -> argparse.ArgumentParser:
    """Add a command about what each user has of their own."""
    parser = add_command(commands, name, command, about)
    parser.add_argument("--user", default="", metavar="NAME", help="whose, where there are logins")
    return parser


def add_mode(parser: argparse.ArgumentParser) -> None:
    """Add ``--mode``."""
    parser.add_argument("--mode", choices=[str(mode) for mode in Mode], help="how to rank")


def add_reranker(parser: argparse.ArgumentParser) -> None:
    """Add ``--reranker``."""
    about = "a cross-encoder that ranks the first passages anew, as many as fit into its time"
    parser.add_argument("--reranker", metavar="NAME_OR_PATH", help=about)


def add_reader(parser: argparse.ArgumentParser) -> None:
    """Add ``--reader``."""
    about = 'an extractive reader that finds the words that answer; "none" to do without'
    parser.add_argument("--reader", metavar="NAME_OR_PATH", help=about)


def add_filter(parser: argparse.ArgumentParser) -> None:
    """Add ``--filter``."""
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="FACET=VALUE",
        help="keep to a value of a facet, or document=PATH, type=pdf, date=2019..2024; may be "
        "given again (qa-app filters lists what there is)",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--dimension``, for commands that make an index."""
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="sentence-transformers model")
    parser.add_argument(
        "--dimension", type=int, metavar="N", help="use the first N dimensions of its vectors"
    )


def add_own_model(parser: argparse.ArgumentParser) -> None:
    """Add the same unseen, for commands that ask an index, which knows its model."""
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--dimension", type=int, help=argparse.SUPPRESS)


def print_result(options: argparse.Namespace, value: Any, text: Callable[[Any], str]) -> None:
    """Print a result: as JSON where that was asked for, else as ``text`` puts it."""
    if options.json:
        print(json.dumps(to_json(value), ensure_ascii=False, indent=2))
    else:
        print(text(value))


def print_error(error: QAAppError) -> None:
    """Say what is wrong, and on the next line what mends it."""
    print(f"qa-app: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)


def open_index(settings: Settings) -> Index:
    """Open the index; say so where an older generation answers."""
    from qa_app import api

    index = api.open_from_settings(settings)
    generation = index.snapshot().generation
    if generation.fallback:
        print(f"qa-app: {generation.fallback}", file=sys.stderr)
        print(
            f"  Generation {generation.name} answers instead. Build again: qa-app build",
            file=sys.stderr,
        )
    return index


def ask_saved(settings: Settings, generation: str) -> tuple[SavedQuestion, ...]:
    """Ask the saved questions after a build, and return those with news; a fault is only said."""
    from qa_app.briefs.saved import ask_after_build

    try:
        return ask_after_build(settings, generation)
    except QAAppError as exc:
        print_error(exc)
        return ()


def parse_filters(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the ``--filter FACET=VALUE`` flags as facet to values."""
    chosen: dict[str, list[str]] = {}
    for item in options.filter:
        facet, equals, value = item.partition("=")
        if not (facet and equals and value):
            raise QueryError(
                f"--filter {item!r} is not FACET=VALUE.",
                "As: --filter type=pdf --filter date=2019..2024",
            )
        chosen.setdefault(facet.strip(), []).append(value.strip())
    return chosen
