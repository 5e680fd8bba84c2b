"""``qa-app topics``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qa_app import presentation
from qa_app.cli.common import add_command, open_index, print_result
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.api import Index
    from qa_app.triage import Triage

Text = Callable[[Any], str]


def add_topics(commands: Any) -> None:
    """Add ``topics``."""
    about = "say what the reports are about: topics, or themes of your own, by a facet"
    parser = add_command(commands, "topics", _topics, about)
    parser.add_argument(
        "--facet", default="", help="columns: a facet of yours, document, date or type"
    )
    parser.add_argument("--themes", action="store_true", help="the themes of corpus/themes.toml")
    parser.add_argument("--topic", default="", help="keep to one topic or theme, by id or label")
    parser.add_argument("--most", type=int, default=20, metavar="N", help="quotes (default: 20)")
    view = parser.add_mutually_exclusive_group()
    view.add_argument(
        "--cell", nargs=2, metavar=("TOPIC", "VALUE"), help="the quotes of one cell, with citations"
    )
    view.add_argument(
        "--compare", nargs=2, metavar=("VALUE", "VALUE"), help="two values side by side"
    )
    view.add_argument(
        "--since",
        nargs="?",
        const="",
        metavar="GENERATION",
        help="what grew, shrank or appeared since the generation before, the only one that is kept",
    )
    parser.add_argument("--model", metavar="NAME_OR_PATH", help=argparse.SUPPRESS)


def _topics(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.cli import topics_text

    with open_index(settings) as index:
        if options.since is not None:
            _print_changes(options, index, topics_text.changes_text)
        elif options.compare is not None:
            _print_comparison(options, index.triage(), topics_text.comparison_text)
        elif options.cell is not None or options.topic:
            topic, value = options.cell or (options.topic, "")
            cell = index.triage().cell(topic, options.facet, value, options.themes, options.most)
            print_result(options, cell, topics_text.cell_text)
        else:
            report = index.topics(options.facet, themes=options.themes)
            value = presentation.topics_json(report) if options.json else report
            print_result(options, value, topics_text.topics_text)
    return 0


def _print_changes(options: argparse.Namespace, index: Index, text: Text) -> None:
    changes = index.topic_changes(options.since)
    print_result(options, presentation.changes_json(changes) if options.json else changes, text)


def _print_comparison(options: argparse.Namespace, triage: Triage, text: Text) -> None:
    rows = triage.compare(
        options.compare, options.facet, options.topic, options.themes, options.most
    )
    value = presentation.comparison_json(options.compare, rows) if options.json else rows
    print_result(options, value, text)
