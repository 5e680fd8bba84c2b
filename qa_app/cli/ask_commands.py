"""``qa-app ask``, ``search``, ``filters`` and ``topics``: the commands that query an index."""

from __future__ import annotations

import argparse

from qa_app.citations import cited_in_harvard, parse_place
from qa_app.cli import arguments as args
from qa_app.cli.arguments import flag, option, positional, repeated
from qa_app.cli.command import command, open_snapshot, print_result
from qa_app.errors import QueryError
from qa_app.models import Mode
from qa_app.output import terminal
from qa_app.output.contract import answer_json, search_json
from qa_app.output.messages import unknown_text
from qa_app.settings import Settings

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
    flag("--harvard", "cite the quotes in Harvard style"),
    flag("--explain", "say how the scores came about (--json always does)"),
)
def ask(options: argparse.Namespace, settings: Settings) -> int:
    """Answer a question with quotes and citations, or say that the reports do not say."""
    kept = args.parse_filters(options)
    with open_snapshot(settings) as snapshot:
        rejecting = [parse_place(place) for place in options.rejecting]
        answer = snapshot.ask(
            options.question, settings.top_k, kept, Mode(settings.mode), rejecting, options.after
        )
        unknown = unknown_text(answer, snapshot.retriever)
        check = snapshot.verify(answer) if options.verify else None
        if options.harvard:
            answer = cited_in_harvard(answer, snapshot.facts())
    parts = [terminal.answer_text(answer, unknown)]
    if options.explain:
        parts.append(terminal.explanation_text(answer))
    if check is not None:
        parts.append(terminal.answer_check_text(check))
    print_result(options, "\n\n".join(parts), answer_json(answer, check))
    return 1 if check is not None and check.bad else 0


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
