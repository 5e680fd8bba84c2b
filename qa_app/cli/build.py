"""``qa-app build``."""

from __future__ import annotations

import argparse
from typing import Any

from qa_app import presentation, printing
from qa_app.cli.common import add_command, print_result
from qa_app.settings import Settings


def add_build(commands: Any) -> None:
    """Add ``build``."""
    parser = add_command(commands, "build", _build, "bring the index up to date with the corpus")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="sentence-transformers model")
    parser.add_argument("--rebuild", action="store_true", help="read and embed everything again")
    parser.add_argument("--strict", action="store_true", help="exit 1 if any file failed")
    parser.add_argument(
        "--ocr", action="store_const", const=True, help="read scanned pages with tesseract"
    )


def _build(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api

    report = api.build_from_settings(settings, printing.Progress(), rebuild=options.rebuild)
    print_result(
        options, presentation.build_json(report) if options.json else report, printing.build_text
    )
    return 1 if options.strict and report.failures else 0
