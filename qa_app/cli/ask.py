"""``qa-app ask``, ``qa-app search`` and ``qa-app filters``."""

from __future__ import annotations

import argparse
from typing import Any

from qa_app import presentation, printing
from qa_app.citations import cited_in_harvard
from qa_app.cli.common import (
    add_command,
    add_filter,
    add_mode,
    add_own_model,
    add_reader,
    add_reranker,
    open_index,
    parse_filters,
    print_result,
)
from qa_app.models import Mode
from qa_app.settings import Settings


def add_ask(commands: Any) -> None:
    """Add ``ask``."""
    about = "answer a question with quotes and citations, or say that the reports do not say"
    parser = add_command(commands, "ask", _ask, about)
    _add_question(parser, "question")
    add_reader(parser)
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read the cited files again and compare every quote; exit 1 if one differs",
    )
    parser.add_argument("--harvard", action="store_true", help="cite the quotes in Harvard style")
    parser.add_argument(
        "--explain", action="store_true", help="say how the scores came about (--json always does)"
    )


def add_search(commands: Any) -> None:
    """Add ``search``."""
    _add_question(
        add_command(commands, "search", _search, "list the passages nearest to a query"), "query"
    )


def add_filters(commands: Any) -> None:
    """Add ``filters``."""
    about = "list what a question can be kept to: facets and their values, file types, dates"
    add_command(commands, "filters", _filters, about)


def _add_question(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(name, help="in plain words")
    parser.add_argument("--top-k", type=int, metavar="N", help="passages to show (default: 8)")
    add_filter(parser)
    add_mode(parser)
    add_reranker(parser)
    add_own_model(parser)


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    with open_index(settings) as index:
        snapshot = index.snapshot()
        answer = snapshot.ask(
            options.question, settings.top_k, parse_filters(options), Mode(settings.mode)
        )
        unknown = presentation.unknown_text(answer, snapshot.retriever)
        check = snapshot.verify(answer) if options.verify else None
        if options.harvard:
            answer = cited_in_harvard(answer, snapshot.facts())
    parts = [printing.answer_text(answer, unknown)]
    if options.explain:
        parts.append(printing.explained_text(answer))
    if check is not None:
        parts.append(printing.verified_text(check))
    value = presentation.answer_json(answer, check) if options.json else "\n\n".join(parts)
    print_result(options, value, str)
    return 1 if check is not None and check.bad else 0


def _search(options: argparse.Namespace, settings: Settings) -> int:
    with open_index(settings) as index:
        snapshot = index.snapshot()
        results = snapshot.search(
            options.query, settings.top_k, parse_filters(options), Mode(settings.mode)
        )
        generation = snapshot.generation.name
    value = (
        presentation.search_json(options.query, results, generation) if options.json else results
    )
    print_result(options, value, printing.results_text)
    return 0


def _filters(options: argparse.Namespace, settings: Settings) -> int:
    with open_index(settings) as index:
        choices = index.snapshot().filters()
    print_result(options, choices, printing.filters_text)
    return 0
