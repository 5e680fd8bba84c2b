"""Declares commands, and has their shared steps: open the index, print a result or an error."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qa_app.cli.arguments import COMMON, Argument
from qa_app.errors import QAAppError
from qa_app.models import to_json
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.api import Index, Snapshot
    from qa_app.synthesis import LanguageModel

# Runs a command; returns its exit code, or None for 0.
Run = Callable[[argparse.Namespace, Settings], int | None]


@dataclass(frozen=True, slots=True)
class Command:
    """A command. ``about`` is its help.

    The arguments in a nested list exclude each other: at most one of them may be given.
    """

    name: str
    about: str
    arguments: tuple[Argument | list[Argument], ...]
    run: Run


@dataclass(frozen=True, slots=True)
class Group:
    """Commands under one name, such as ``brief add`` and ``brief list``."""

    name: str
    about: str
    commands: tuple[Command, ...]


def command(name: str, *arguments: Argument | list[Argument]) -> Callable[[Run], Command]:
    """Return a decorator that makes a function a command; its docstring is the help."""
    return lambda run: Command(name, " ".join((run.__doc__ or "").split()), arguments, run)


def add_commands(parser: argparse.ArgumentParser, commands: Iterable[Command | Group]) -> None:
    """Add commands to a parser, in the order in which the help lists them."""
    inner = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for each in commands:
        line = f"{each.about[0].lower()}{each.about[1:].rstrip('.')}"
        child = inner.add_parser(each.name, help=line, description=each.about)
        if isinstance(each, Group):
            add_commands(child, each.commands)
            continue
        for argument in (*COMMON, *each.arguments):
            several = isinstance(argument, list)
            holder = child.add_mutually_exclusive_group() if several else child
            for name, details in argument if isinstance(argument, list) else [argument]:
                holder.add_argument(name, **details)
        child.set_defaults(run=each.run)


def open_index(settings: Settings) -> Index:
    """Open the index; warn on standard error if an older generation is used instead."""
    from qa_app import api

    index = api.open_from_settings(settings)
    generation = index.snapshot().generation
    if generation.fallback:
        hint = f"Generation {generation.name} answers instead. Build again: qa-app build"
        print_error(QAAppError(generation.fallback, hint))
    return index


def language_model(settings: Settings) -> LanguageModel | None:
    """Return the language model asked for, or None; ``ConfigError`` if it may not be used."""
    if not settings.llm:
        return None
    from qa_app.synthesis import LanguageModel

    return LanguageModel(settings.llm, settings.llm_model, settings.llm_anywhere)


@contextmanager
def open_snapshot(settings: Settings) -> Iterator[Snapshot]:
    """Open the index for one command, and yield its snapshot."""
    with open_index(settings) as index:
        yield index.snapshot()


def print_result(options: argparse.Namespace, text: str, value: Any) -> None:
    """Print a result: ``text``, or with ``--json`` the value as JSON."""
    print(json.dumps(to_json(value), ensure_ascii=False, indent=2) if options.json else text)


def print_error(error: QAAppError) -> None:
    """Print an error to standard error, and its remedy on the next line."""
    print(f"qa-app: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
