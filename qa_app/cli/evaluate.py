"""``qa-app evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from qa_app import printing
from qa_app.cli.common import add_command, add_mode, print_result
from qa_app.models import Mode
from qa_app.settings import Settings


def add_evaluate(commands: Any) -> None:
    """Add ``evaluate``."""
    about = "score the program on a folder in BEIR form (corpus.jsonl, queries.jsonl, qrels.tsv)"
    parser = add_command(commands, "evaluate", _evaluate, about)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--task", choices=["retrieval", "answers"], default="retrieval")
    add_mode(parser)
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="sentence-transformers model")
    parser.add_argument(
        "--scoped", action="store_true", help="search only in the document that a query names"
    )


def _evaluate(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import evaluation

    figures = evaluation.evaluate(
        options.folder,
        task=evaluation.Task(options.task),
        mode=Mode(settings.mode),
        scoped=options.scoped,
        settings=settings,
        progress=printing.Progress(),
    )
    print_result(options, figures, printing.figures_text)
    return 0
