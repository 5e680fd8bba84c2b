"""``qa-app ask``, ``search``, ``filters`` and ``topics``: the commands that query an index."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_app.citations import cited_in_harvard, parse_place
from qa_app.cli import arguments as args
from qa_app.cli.arguments import flag, option, positional, repeated
from qa_app.cli.command import command, language_model, open_snapshot, print_error, print_result
from qa_app.errors import ConfigError, LanguageModelError, QueryError
from qa_app.models import Answer, Mode, Verdict
from qa_app.output import terminal
from qa_app.output.contract import answer_json, search_json
from qa_app.output.messages import unknown_text
from qa_app.output.synthesis_text import synthesis_text
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.api import Snapshot
    from qa_app.models import Answer
    from qa_app.synthesis import LanguageModel

_HOW = (
    args.TOP_K, args.FILTER, args.MODE, args.RERANKER, args.HIDDEN_MODEL, args.HIDDEN_DIMENSION,
)  # fmt: skip


@command(
    "ask",
    args.QUESTION,
    *_HOW,
    args.READER,
    repeated(
        "--not",
        "DOC@START-END",
        "answer without the passage at this citation, and others near it",
        dest="rejecting",
    ),
    option(
        "--after",
        "QUESTION",
        'the question before a follow-up such as "and in Surrey?"',
        default="",
    ),
    flag("--verify", "read the cited files again and compare every quote; exit 1 if one differs"),
    option(
        "--marked", "FILE.zip", "write the cited sources there, the quotes highlighted", type=Path
    ),
    flag("--harvard", "cite the quotes in Harvard style"),
    flag("--explain", "say how the scores came about (--json always does)"),
    *args.LLM,
)
def ask(options: argparse.Namespace, settings: Settings) -> int:
    """Answer a question with quotes and citations, or say that the reports do not say."""
    kept = args.parse_filters(options)
    llm = language_model(settings)
    with open_snapshot(settings) as snapshot:
        rejecting = [parse_place(place) for place in options.rejecting]
        answer = snapshot.ask(
            options.question, settings.top_k, kept, Mode(settings.mode), rejecting, options.after
        )
        unknown = unknown_text(answer, snapshot.retriever)
        check = snapshot.verify(answer) if options.verify else None
        summary = _summarise(snapshot, answer, llm) if llm else ("", None)
        if options.harvard:
            answer = cited_in_harvard(answer, snapshot.facts())
        parts = [terminal.answer_text(answer, unknown)]
        if options.explain:
            parts.append(terminal.explanation_text(answer))
        if check is not None:
            parts.append(terminal.answer_check_text(check))
        parts += filter(None, summary[:1])
        found = answer_json(answer, check)
        if llm is not None:
            found["synthesis"] = summary[1]
        print_result(options, "\n\n".join(parts), found)
        if options.marked:  # last, so that the answer is not lost if this fails
            _write_marked(options.marked, snapshot, answer)
    return 1 if check is not None and check.bad else 0


def _summarise(snapshot: Snapshot, answer: Answer, llm: LanguageModel) -> tuple[str, Any]:
    """Return a summary as text and JSON, or ("", None) for a refusal; print what went wrong."""
    if answer.verdict is not Verdict.ANSWERED:
        return "", None
    try:
        summary = snapshot.summarise(answer, llm)
    except (ConfigError, LanguageModelError) as exc:
        print_error(exc)  # the answer stands as it is
        return "", {"model": llm.model, "url": llm.url, "sentences": [], "trouble": exc.message}
    return synthesis_text(summary), summary


def _write_marked(path: Path, snapshot: Snapshot, answer: Answer) -> None:
    from qa_app.briefs.export import write_export
    from qa_app.highlighting.archive import archive_answer
    from qa_app.highlighting.copies import Highlighter

    with Highlighter(snapshot.generation, snapshot.corpus) as highlighter:
        write_export(path, archive_answer(highlighter, answer))


@command(
    "search",
    positional("query", "in plain words", nargs="?", default=""),
    *_HOW,
    option(
        "--like", "DOC@START-END", "passages like the one at this citation, in place of a query"
    ),
)
def search(options: argparse.Namespace, settings: Settings) -> None:
    """List the passages nearest to a query, or to a quote."""
    kept = args.parse_filters(options)
    if bool(options.query) == bool(options.like):
        raise QueryError("Give a query or --like, one of the two.", "See: qa-app search --help")
    with open_snapshot(settings) as snapshot:
        if options.like:
            results = snapshot.search_like(parse_place(options.like), settings.top_k, kept)
        else:
            results = snapshot.search(options.query, settings.top_k, kept, Mode(settings.mode))
    found = search_json(options.query, results, snapshot.generation.name, options.like)
    print_result(options, terminal.results_text(results), found)


@command("filters")
def filters(options: argparse.Namespace, settings: Settings) -> None:
    """List what a question can be kept to: facets and their values, file types, dates."""
    with open_snapshot(settings) as snapshot:
        choices = snapshot.filters()
    print_result(options, terminal.filters_text(choices), choices)


@command(
    "topics",
    option("--facet", "FACET", "columns: a facet of yours, document, date or type", default=""),
    flag("--themes", "the themes of corpus/themes.toml"),
    option("--topic", "TOPIC", "keep to one topic or theme, by id or label", default=""),
    option("--most", "N", "quotes (default: 20)", type=int, default=20),
    [
        option("--cell", ("TOPIC", "VALUE"), "the quotes of one cell, with citations", nargs=2),
        option("--compare", ("VALUE", "VALUE"), "two values side by side", nargs=2),
        option(
            "--since",
            "GENERATION",
            "what grew, shrank or appeared since the generation before, the only one that is kept",
            nargs="?",
            const="",
        ),
    ],
    args.HIDDEN_MODEL,
)
def topics(options: argparse.Namespace, settings: Settings) -> None:
    """Say what the reports are about: topics, or themes of your own, by a facet."""
    facet, themes, most = options.facet, options.themes, options.most
    with open_snapshot(settings) as snapshot:
        if options.since is not None:
            changes = snapshot.topic_changes(options.since)
            print_result(options, terminal.changes_text(changes), {"changes": changes})
        elif options.compare is not None:
            rows = snapshot.triage.compare(options.compare, facet, options.topic, themes, most)
            compared = {"columns": options.compare, "rows": rows}
            print_result(options, terminal.comparison_text(rows), compared)
        elif options.cell is not None or options.topic:
            topic, value = options.cell or (options.topic, "")
            cell = snapshot.triage.cell(topic, facet, value, themes, most)
            print_result(options, terminal.cell_text(cell), cell)
        else:
            report = snapshot.topics(facet, themes=themes)
            print_result(options, terminal.topics_text(report), report)
