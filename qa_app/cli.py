"""The command line: reads words, calls the library, prints. No logic of its own.

What a user asked for goes to standard output, progress and errors to standard error. Nothing heavy
is imported before a command needs it, so that ``--help`` and ``status`` answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from qa_app import presentation, printing
from qa_app.errors import CorpusError, IndexNotFoundError, QAAppError, QueryError
from qa_app.models import Mode, to_json
from qa_app.settings import Settings, load_settings
from qa_app.version import __version__

if TYPE_CHECKING:
    from qa_app.api import Index

_SETTING_FLAGS = ("corpus", "index", "model", "ocr", "top_k", "mode", "host", "port")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 for an error, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    if not options.debug:
        sys.excepthook = _no_traceback
    command: Callable[[argparse.Namespace, Settings], int] = options.command
    try:
        flags = {name: getattr(options, name, None) for name in _SETTING_FLAGS}
        return command(options, load_settings(flags))
    except QAAppError as exc:
        if options.debug:
            raise
        _print_error(exc)
        return 1
    except KeyboardInterrupt:
        print("qa-app: stopped; the index is as it was.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) went away; Python would complain again while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _print_error(error: QAAppError) -> None:
    print(f"qa-app: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)


def _no_traceback(
    kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    print(f"qa-app: an internal error: {kind.__name__}: {error}", file=sys.stderr)
    print("  Run the same command with --debug and report what it prints.", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qa-app",
        description="Cited answers from a folder of reports, in the reports' own words.",
    )
    parser.add_argument("--version", action="version", version=f"qa_app {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_build(commands)
    _add_ask(commands)
    _add_search(commands)
    _add_evaluate(commands)
    _add(commands, "verify", _verify, "re-check every file, passage and quote against the sources")
    _add(commands, "status", _status, "say what is indexed, with which model, and what failed")
    _add_serve(commands)
    return parser


def _add(commands: Any, name: str, command: Any, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=f"{about[0].upper()}{about[1:]}."
    )
    parser.set_defaults(command=command)
    parser.add_argument("--index", metavar="DIR", help="folder of the index (default: index)")
    parser.add_argument("--corpus", metavar="DIR", help="folder of the reports (default: corpus)")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    parser.add_argument("--debug", action="store_true", help="show a traceback on an error")
    return parser


def _add_build(commands: Any) -> None:
    parser = _add(commands, "build", _build, "bring the index up to date with the corpus")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="sentence-transformers model")
    parser.add_argument("--rebuild", action="store_true", help="read and embed everything again")
    parser.add_argument("--strict", action="store_true", help="exit 1 if any file failed")
    parser.add_argument(
        "--ocr", action="store_const", const=True, help="read scanned pages with tesseract"
    )


def _add_question(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(name, help="in plain words")
    parser.add_argument("--top-k", type=int, metavar="N", help="passages to show (default: 8)")
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="FACET=VALUE",
        help="keep to one value of a facet, or document=PATH; may be given again",
    )
    parser.add_argument("--mode", choices=[str(mode) for mode in Mode], help="how to rank")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help=argparse.SUPPRESS)


def _add_ask(commands: Any) -> None:
    about = "answer a question with quotes and citations, or say that the reports do not say"
    _add_question(_add(commands, "ask", _ask, about), "question")


def _add_search(commands: Any) -> None:
    _add_question(
        _add(commands, "search", _search, "list the passages nearest to a query"), "query"
    )


def _add_evaluate(commands: Any) -> None:
    about = "score the program on a folder in BEIR form (corpus.jsonl, queries.jsonl, qrels.tsv)"
    parser = _add(commands, "evaluate", _evaluate, about)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--task", choices=["retrieval", "answers"], default="retrieval")
    parser.add_argument("--mode", choices=[str(mode) for mode in Mode], help="how to rank")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help="sentence-transformers model")
    parser.add_argument(
        "--scoped", action="store_true", help="search only in the document that a query names"
    )


def _add_serve(commands: Any) -> None:
    parser = _add(commands, "serve", _serve, "serve the page, the HTTP API and, if asked, MCP")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 7860)")
    parser.add_argument("--auth", type=Path, metavar="FILE", help="name:password lines")
    parser.add_argument("--mcp", action="store_true", help="offer the tools over MCP too")
    parser.add_argument("--build", action="store_true", help="bring the index up to date first")
    parser.add_argument("--model", metavar="NAME_OR_PATH", help=argparse.SUPPRESS)


def _print(options: argparse.Namespace, value: Any, text: Callable[[Any], str]) -> None:
    if options.json:
        print(json.dumps(to_json(value), ensure_ascii=False, indent=2))
    else:
        print(text(value))


def _build(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api

    report = api.build_from_settings(settings, printing.Progress(), rebuild=options.rebuild)
    _print(
        options, presentation.build_json(report) if options.json else report, printing.build_text
    )
    return 1 if options.strict and report.failures else 0


def _ask(options: argparse.Namespace, settings: Settings) -> int:
    with _open(settings) as index:
        answer = index.ask(options.question, settings.top_k, _filters(options), Mode(settings.mode))
    _print(
        options, presentation.answer_json(answer) if options.json else answer, printing.answer_text
    )
    return 0


def _search(options: argparse.Namespace, settings: Settings) -> int:
    with _open(settings) as index:
        results = index.search(
            options.query, settings.top_k, _filters(options), Mode(settings.mode)
        )
        generation = index.generation
    value = (
        presentation.search_json(options.query, results, generation) if options.json else results
    )
    _print(options, value, printing.results_text)
    return 0


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
    _print(options, figures, printing.figures_text)
    return 0


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.verification import verify

    report = verify(settings.index, settings.corpus)
    _print(options, report, printing.verify_text)
    return 1 if report.bad else 0


def _status(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api

    _print(options, api.read_status(settings.index), printing.status_text)
    return 0


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api

    if options.build:
        try:
            report = api.build_from_settings(settings, printing.Progress())
            print(printing.build_text(report), file=sys.stderr)
        except CorpusError as exc:
            # The page opens all the same and says what to do.
            _print_error(exc)
    from qa_app.web.app import serve

    try:
        index = _open(settings)
    except IndexNotFoundError:
        index = None
    serve(
        index,
        settings.host,
        settings.port,
        auth=options.auth,
        mcp=options.mcp,
        open_index=lambda: _open(settings),
        private_folders=(settings.index, api.corpus_of(settings)),
    )
    return 0


def _open(settings: Settings) -> Index:
    from qa_app import api

    index = api.open_from_settings(settings)
    if index.fallback:
        print(f"qa-app: {index.fallback}", file=sys.stderr)
        print(
            f"  Generation {index.generation} answers instead. Build again: qa-app build",
            file=sys.stderr,
        )
    return index


def _filters(options: argparse.Namespace) -> dict[str, list[str]]:
    chosen: dict[str, list[str]] = {}
    for item in options.filter:
        facet, equals, value = item.partition("=")
        if not (facet and equals and value):
            raise QueryError(
                f"--filter {item!r} is not FACET=VALUE.", "As: --filter document=a.pdf"
            )
        chosen.setdefault(facet.strip(), []).append(value.strip())
    return chosen
