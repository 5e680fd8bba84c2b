"""``qa-app topics``."""

from __future__ import annotations

import argparse
from typing import Any

from qa_app.cli.common import add_command, open_index, print_result
from qa_app.settings import Settings


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
    from qa_app.cli import topics_text as texts

    with open_index(settings) as index:
        snapshot = index.snapshot()
        if options.since is not None:
            changes = snapshot.topic_changes(options.since)
            shown = {"changes": changes} if options.json else changes
            print_result(options, shown, texts.changes_text)
        elif options.compare is not None:
            rows = snapshot.triage.compare(
                options.compare, options.facet, options.topic, options.themes, options.most
            )
            columns = {"columns": options.compare, "rows": rows}
            print_result(options, columns if options.json else rows, texts.comparison_text)
        elif options.cell is not None or options.topic:
            topic, at = options.cell or (options.topic, "")
            cell = snapshot.triage.cell(topic, options.facet, at, options.themes, options.most)
            print_result(options, cell, texts.cell_text)
        else:
            report = snapshot.topics(options.facet, themes=options.themes)
            print_result(options, report, texts.topics_text)
    return 0
