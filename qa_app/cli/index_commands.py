"""``qa-app build``, ``verify``, ``status``, ``copy``, ``serve``: commands for a whole index."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from qa_app.cli import arguments as args
from qa_app.cli.arguments import choice, flag, option, positional, repeated
from qa_app.cli.command import command, language_model, open_index, print_error, print_result
from qa_app.errors import CorpusError, IndexNotFoundError, QAAppError
from qa_app.output import terminal
from qa_app.output.contract import build_json
from qa_app.settings import Settings, index_location


@command(
    "build",
    args.MODEL,
    args.DIMENSION,
    option("--language", "LANGUAGE", "of stemming and stop words (default: english)"),
    flag("--rebuild", "read and embed everything again"),
    flag("--strict", "exit 1 if any file failed"),
    # None if not given, so that the setting from the file or the environment applies.
    flag("--ocr", "read scanned pages with tesseract", default=None),
    option(
        "--dask",
        "ADDRESS",
        "read and embed on the workers of the Dask scheduler there, such as tcp://host:8786",
        default="",
    ),
)
def build(options: argparse.Namespace, settings: Settings) -> int:
    """Bring the index up to date with the corpus."""
    text, found = _build(settings, options.rebuild, options.dask)
    print_result(options, text, found)
    return 1 if options.strict and found["failures"] else 0


def _build(settings: Settings, rebuild: bool = False, dask: str = "") -> tuple[str, dict[str, Any]]:
    """Build, ask the saved questions again, and return both results as (text, JSON)."""
    from qa_app import api
    from qa_app.briefs.saved import ask_after_build

    report = api.build_from_settings(settings, terminal.Progress(), rebuild, dask=dask)
    try:
        news = ask_after_build(settings, report.generation)
    except QAAppError as exc:
        # The build has succeeded; an error in the saved questions must not fail the command.
        print_error(exc)
        news = ()
    lines = filter(None, (terminal.build_text(report), terminal.news_text(news)))
    saved = [{"question": item.question, "new": len(item.new)} for item in news]
    return "\n".join(lines), {**build_json(report), "saved": saved}


@command("verify")
def verify(options: argparse.Namespace, settings: Settings) -> int:
    """Re-check every file, passage and quote against the sources."""
    from qa_app.verification import verify

    report = verify(settings.index, settings.corpus)
    print_result(options, terminal.verify_text(report), report)
    return 1 if report.bad else 0


@command("status")
def status(options: argparse.Namespace, settings: Settings) -> None:
    """Say what is indexed, with which model, and what failed."""
    from qa_app import api

    found = api.read_status(settings.index)
    print_result(options, terminal.status_text(found), found)


@command(
    "copy",
    positional("source", "folder of an index, or postgresql:// address", metavar="SRC"),
    positional("target", "where the copy goes: likewise a folder or an address", metavar="DST"),
)
def copy(options: argparse.Namespace, _settings: Settings) -> None:
    """Copy an index to another folder or database, and compare the two."""
    from qa_app.copying import copy_index

    places = index_location(options.source), index_location(options.target)
    report = copy_index(*places, terminal.Progress())
    print_result(options, terminal.copy_text(report), report)


@command(
    "serve",
    option("--host", "HOST", "address to listen on (default: 127.0.0.1)"),
    option("--port", "PORT", "port to listen on (default: 7860)", type=int),
    option("--auth", "FILE", "who may sign in: the file that qa-app user writes", type=Path),
    option(
        "--idle",
        "MINUTES",
        "end a session after so long without a request (default: 60)",
        type=float,
        default=60.0,
    ),
    repeated("--allow-host", "NAME", "a name by which a proxy serves the page"),
    choice("--log", ["text", "json"], "the form of the log's lines (default: text)"),
    flag("--log-questions", "write the words of questions to the log too"),
    flag("--metrics", "serve /metrics for Prometheus, without a password"),
    flag("--mcp", "offer the tools over MCP too"),
    flag("--allow-upload", "let users add reports from the page"),
    flag("--watch", "bring the index up to date whenever the corpus changes"),
    flag("--build", "bring the index up to date first"),
    args.HIDDEN_MODEL,
    args.HIDDEN_DIMENSION,
    args.READER,
    args.RERANKER,
    *args.LLM,
)
def serve(options: argparse.Namespace, settings: Settings) -> None:
    """Serve the page, the HTTP API and, if asked, MCP."""
    from qa_app import api
    from qa_app.store.kept import own_folders

    if options.build:
        try:
            print(_build(settings)[0], file=sys.stderr)
        except CorpusError as exc:
            # The page is served anyway and shows what to do.
            print_error(exc)
    from qa_app.web.app import Operations, serve

    try:
        index = open_index(settings)
    except IndexNotFoundError:
        index = None
    corpus = api.corpus_of(settings)
    building = replace(settings, corpus=corpus)
    serve(
        index,
        settings.host,
        settings.port,
        mcp=options.mcp,
        operations=Operations(
            auth=options.auth,
            idle_minutes=options.idle,
            allow_hosts=options.allow_host,
            log_json=options.log == "json",
            log_questions=options.log_questions,
            metrics=options.metrics,
        ),
        open_index=lambda: open_index(settings),
        uploads=building if options.allow_upload else None,
        watch=building if options.watch else None,
        llm=language_model(settings),
        private_folders=(*own_folders(settings.index), corpus),
    )
