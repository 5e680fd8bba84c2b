"""``qa-app build``."""

from __future__ import annotations

import argparse
from typing import Any

from qa_app import presentation, printing
from qa_app.cli.brief_text import news_text
from qa_app.cli.common import add_command, add_model, ask_saved, print_result
from qa_app.settings import Settings


def add_build(commands: Any) -> None:
    """Add ``build``."""
    parser = add_command(commands, "build", _build, "bring the index up to date with the corpus")
    add_model(parser)
    parser.add_argument("--language", help="of stemming and stop words (default: english)")
    parser.add_argument("--rebuild", action="store_true", help="read and embed everything again")
    parser.add_argument("--strict", action="store_true", help="exit 1 if any file failed")
    parser.add_argument(
        "--ocr", action="store_const", const=True, help="read scanned pages with tesseract"
    )


def _build(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api

    report = api.build_from_settings(settings, printing.Progress(), rebuild=options.rebuild)
    news = ask_saved(settings, report.generation)
    if options.json:
        counts = [{"question": item.question, "new": len(item.new)} for item in news]
        print_result(options, {**presentation.build_json(report), "saved": counts}, str)
    else:
        print("\n".join(filter(None, (printing.build_text(report), news_text(news)))))
    return 1 if options.strict and report.failures else 0
