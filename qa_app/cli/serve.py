"""``qa-app serve``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_app import printing
from qa_app.cli.brief_text import news_text
from qa_app.cli.common import (
    add_command,
    add_own_model,
    add_reader,
    add_reranker,
    ask_saved,
    open_index,
    print_error,
)
from qa_app.errors import CorpusError, IndexNotFoundError
from qa_app.settings import Settings


def add_serve(commands: Any) -> None:
    """Add ``serve``."""
    parser = add_command(
        commands, "serve", _serve, "serve the page, the HTTP API and, if asked, MCP"
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 7860)")
    parser.add_argument("--auth", type=Path, metavar="FILE", help="name:password lines")
    parser.add_argument("--mcp", action="store_true", help="offer the tools over MCP too")
    parser.add_argument(
        "--allow-upload", action="store_true", help="let users add reports from the page"
    )
    parser.add_argument("--build", action="store_true", help="bring the index up to date first")
    add_own_model(parser)
    add_reader(parser)
    add_reranker(parser)


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api

    if options.build:
        try:
            report = api.build_from_settings(settings, printing.Progress())
            print(printing.build_text(report), file=sys.stderr)
            if news := ask_saved(settings, report.generation):
                print(news_text(news), file=sys.stderr)
        except CorpusError as exc:
            # The page opens all the same and says what to do.
            print_error(exc)
    from qa_app.briefs.stored_file import briefs_folder
    from qa_app.web.app import serve

    try:
        index = open_index(settings)
    except IndexNotFoundError:
        index = None
    corpus = api.corpus_of(settings)
    serve(
        index,
        settings.host,
        settings.port,
        auth=options.auth,
        mcp=options.mcp,
        open_index=lambda: open_index(settings),
        uploads=replace(settings, corpus=corpus) if options.allow_upload else None,
        private_folders=(settings.index, corpus, briefs_folder(settings.index)),
    )
    return 0
