"""``qa-app evaluate``."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_app import printing
from qa_app.cli.common import (
    add_command,
    add_mode,
    add_model,
    add_reader,
    add_reranker,
    open_index,
    print_result,
)
from qa_app.errors import ConfigError
from qa_app.models import Mode
from qa_app.presentation import evaluation_json
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.evaluation import Evaluation


def add_evaluate(commands: Any) -> None:
    """Add ``evaluate``."""
    about = (
        "score the index on a CSV of your own questions (question, document, page), or the program "
        "on a folder in BEIR form (corpus.jsonl, queries.jsonl, qrels.tsv)"
    )
    parser = add_command(commands, "evaluate", _evaluate, about)
    parser.add_argument("source", metavar="CSV_OR_DIR", type=Path)
    parser.add_argument(
        "--task", choices=["retrieval", "answers"], help="of a folder (default: retrieval)"
    )
    add_mode(parser)
    add_reader(parser)
    add_reranker(parser)
    add_model(parser)
    parser.add_argument(
        "--scoped", action="store_true", help="search only in the document that a query names"
    )
    parser.add_argument(
        "--misses", action="store_true", help="print each question that went wrong, and what came"
    )
    parser.add_argument(
        "--compare-mode",
        choices=[str(mode) for mode in Mode],
        help="ask again in this mode, and compare",
    )
    parser.add_argument(
        "--compare-index", metavar="DIR", type=Path, help="ask this index too, and compare (CSV)"
    )


def _evaluate(options: argparse.Namespace, settings: Settings) -> int:
    source: Path = options.source
    is_csv = source.is_file() or source.suffix.lower() == ".csv"
    evaluation = (_on_questions if is_csv else _on_folder)(options, settings)
    shown = evaluation_json(evaluation)
    print_result(options, shown, lambda _: printing.evaluation_text(evaluation, options.misses))
    return 0


def _on_folder(options: argparse.Namespace, settings: Settings) -> Evaluation:
    from qa_app import evaluation

    if options.compare_index is not None:
        raise ConfigError(
            "A folder in BEIR form makes its own index; --compare-index is for a CSV.",
            "Compare two modes: --compare-mode fast",
        )
    modes = [settings.mode] + ([options.compare_mode] if options.compare_mode else [])
    _check_different(modes)
    return evaluation.evaluate_folder(
        options.source,
        task=evaluation.Task(options.task or evaluation.Task.RETRIEVAL),
        modes=[Mode(mode) for mode in modes],
        scoped=options.scoped,
        settings=settings,
        progress=printing.Progress(),
    )


def _on_questions(options: argparse.Namespace, settings: Settings) -> Evaluation:
    from qa_app import evaluation

    if options.task or options.scoped:
        raise ConfigError(
            "--task and --scoped are for a folder in BEIR form.",
            "Leave them out: a CSV is scored on passages and on refusals at once.",
        )
    asked = [settings]
    if options.compare_mode or options.compare_index:
        changed = replace(settings, mode=options.compare_mode or settings.mode)
        if options.compare_index:
            # Another index answers with a model of its own.
            changed = replace(
                changed,
                index=options.compare_index,
                corpus=None,
                model="",
                dimension=0,
                query_prompt="",
                document_prompt="",
            )
        asked.append(changed)
    names = [f"{item.index}, {item.mode}" for item in asked]
    _check_different(names)
    with ExitStack() as stack:
        sides = [
            evaluation.Side(name, stack.enter_context(open_index(item)).snapshot(), Mode(item.mode))
            for name, item in zip(names, asked, strict=True)
        ]
        return evaluation.evaluate_questions(options.source, sides, printing.Progress())


def _check_different(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ConfigError(
            f"There is nothing to compare: both sides are {names[0]}.",
            "Name another --compare-mode or --compare-index.",
        )
