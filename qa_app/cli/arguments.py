"""Helpers that declare arguments, and the arguments that several commands share."""

from __future__ import annotations

import argparse
from typing import Any

from qa_app.errors import QueryError
from qa_app.models import Mode

# The name and the keyword arguments of ``ArgumentParser.add_argument``.
Argument = tuple[str, dict[str, Any]]


def positional(name: str, about: str | None = None, **more: Any) -> Argument:
    """Return a positional argument."""
    return name, {"help": about, **more}


def flag(name: str, about: str, default: bool | None = False) -> Argument:
    """Return a flag without a value."""
    return name, {"action": "store_true", "default": default, "help": about}


def option(name: str, metavar: Any, about: str, **more: Any) -> Argument:
    """Return a flag with a value, called ``metavar`` in the help."""
    return name, {"metavar": metavar, "help": about, **more}


def repeated(name: str, metavar: str, about: str, **more: Any) -> Argument:
    """Return a flag with a value that may be given several times; the default is []."""
    about = f"{about}; may be given again"
    return option(name, metavar, about, action="append", default=[], **more)


def choice(name: str, choices: list[str], about: str) -> Argument:
    """Return a flag with one of a few values."""
    return name, {"choices": choices, "help": about}


# Taken by every command. A flag named like a setting overrides it, unless its value is None (not
# given).
COMMON = (
    option("--index", "DIR", "folder of the index, or postgresql://… (default: index)"),
    option("--corpus", "DIR", "folder of the reports (default: corpus)"),
    flag("--json", "print JSON for programs"),
    flag("--debug", "show a traceback on an error"),
)
QUESTION = positional("question", "in plain words")
TOP_K = option("--top-k", "N", "passages to show (default: 8)", type=int)
FILTER = option(
    "--filter",
    "FACET=VALUE",
    "keep to a value of a facet, or document=PATH, type=pdf, date=2019..2024; may be given again "
    "(qa-app filters lists what there is)",
    action="append",
    default=[],
)
MODES = [str(mode) for mode in Mode]
MODE = choice("--mode", MODES, "how to rank")
RERANKER = option(
    "--reranker",
    "NAME_OR_PATH",
    "a cross-encoder that ranks the first passages anew, as many as fit into its time",
)
READER = option(
    "--reader",
    "NAME_OR_PATH",
    'an extractive reader that finds the words that answer; "none" to do without',
)
MODEL = option("--model", "NAME_OR_PATH", "sentence-transformers model")
DIMENSION = option("--dimension", "N", "use the first N dimensions of its vectors", type=int)
# Accepted but not in the help: a built index already names its model.
HIDDEN_MODEL = option("--model", "NAME_OR_PATH", argparse.SUPPRESS)
HIDDEN_DIMENSION = option("--dimension", "N", argparse.SUPPRESS, type=int)
LLM = (
    option(
        "--llm", "URL", "a language model's server, for a summary of the quotes; off if not given"
    ),
    option("--llm-model", "NAME", "the language model, as its server calls it"),
    flag("--llm-anywhere", "let the quotes leave this machine and private networks", default=None),
)
USER = option("--user", "NAME", "whose, where there are logins", default="")


def parse_filters(options: argparse.Namespace) -> dict[str, list[str]]:
    """Return the ``--filter FACET=VALUE`` flags as facet to values.

    Raises:
        QueryError: a flag is not of this form.
    """
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
