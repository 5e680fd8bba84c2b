"""``qa-app evaluate``: scores answers or rankings, and compares two modes or indexes."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from qa_app.cli import arguments as args
from qa_app.cli.arguments import choice, flag, option, positional
from qa_app.cli.command import command, open_snapshot, print_result
from qa_app.errors import ConfigError
from qa_app.models import Mode
from qa_app.output import terminal
from qa_app.output.contract import evaluation_json
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.evaluation import Evaluation


@command(
    "evaluate",
    positional("source", metavar="CSV_OR_DIR", type=Path),
    choice("--task", ["retrieval", "answers"], "of a folder (default: retrieval)"),
    args.MODE,
    args.READER,
    args.RERANKER,
    args.MODEL,
    args.DIMENSION,
    flag("--scoped", "search only in the document that a query names"),
    flag("--misses", "print each question that went wrong, and what came"),
    choice("--compare-mode", args.MODES, "ask again in this mode, and compare"),
    option("--compare-index", "DIR", "ask this index too, and compare (CSV)", type=Path),
)
def evaluate(options: argparse.Namespace, settings: Settings) -> None:
    """Score the index on a CSV of your own questions (question, document, page), or the program
    on a folder in BEIR form (corpus.jsonl, queries.jsonl, qrels.tsv).
    """
    is_csv = options.source.is_file() or options.source.suffix.lower() == ".csv"
    evaluation = (_on_questions if is_csv else _on_folder)(options, settings)
    text = terminal.evaluation_text(evaluation, options.misses)
    print_result(options, text, evaluation_json(evaluation))


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
        progress=terminal.Progress(),
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
            # The other index has its own model and corpus, so these settings are cleared.
            changed = replace(changed, index=options.compare_index, corpus=None)
            changed = replace(changed, model="", dimension=0, query_prompt="", document_prompt="")
        asked.append(changed)
    names = [f"{item.index}, {item.mode}" for item in asked]
    _check_different(names)
    with ExitStack() as stack:
        sides = [
            evaluation.Side(name, stack.enter_context(open_snapshot(item)), Mode(item.mode))
            for name, item in zip(names, asked, strict=True)
        ]
        return evaluation.evaluate_questions(options.source, sides, terminal.Progress())


def _check_different(names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise ConfigError(
            f"There is nothing to compare: both sides are {names[0]}.",
            "Name another --compare-mode or --compare-index.",
        )
