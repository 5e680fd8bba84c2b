"""``qa-app brief``: collect quotes, put them in order, take them away, check them again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_app.cli.brief_text import brief_text, checks_text, export_text
from qa_app.cli.common import add_filter, add_own_command, open_index, parse_filters, print_result
from qa_app.models import Mode, to_json
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.api import Snapshot
    from qa_app.briefs.brief import Brief, Pin

# Changes a brief as the arguments say.
Edit = Callable[["Brief", argparse.Namespace], "Brief"]

_SHIFTS = {"up": -1, "down": 1}


def add_brief(commands: Any) -> None:
    """Add ``brief`` and its commands."""
    about = "collect quotes into a brief and export it, with footnotes"
    parser = commands.add_parser("brief", help=about, description=f"{about.capitalize()}.")
    inner = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    about = "pin what a question finds, each quote with its citation"
    command = add_own_command(inner, "add", _pin, about)
    command.add_argument("question", help="in plain words; with --passage a query as for search")
    about = "keep to this row; may be given again"
    command.add_argument("--row", action="append", default=[], metavar="VALUE", help=about)
    about = "pin this passage of the search instead; may be given again"
    command.add_argument(
        "--passage", action="append", default=[], type=int, metavar="RANK", help=about
    )
    command.add_argument("--note", default="", metavar="TEXT", help="to stand below each quote")
    add_filter(command)

    about = "show the brief, with the numbers that the other commands take"
    add_own_command(inner, "list", _list, about)

    def add(name: str, about: str, edit: Edit, *arguments: str) -> None:
        command = add_own_command(inner, name, _change, about)
        command.set_defaults(edit=edit)
        for argument in arguments:
            command.add_argument(argument, **_ARGUMENTS[argument])

    add("title", "give the brief a title", lambda brief, o: brief.titled(o.text), "text")
    add("heading", "put a heading at the end", lambda brief, o: brief.with_heading(o.text), "text")
    about = 'put a note below a quote ("" takes it away), or change a heading'
    add("note", about, lambda brief, o: brief.with_text(o.number, o.text), "number", "text")
    add("move", "move an item", _move, "number", "place")
    add("remove", "take an item out", lambda brief, o: brief.without(o.number), "number")
    about = "put a removed item back where it was"
    add("restore", about, lambda brief, o: brief.restored(o.number), "number")

    command = add_own_command(inner, "export", _export, "write the brief as Word, Markdown or CSV")
    command.add_argument("file", type=Path, help="its ending says which: .docx, .md or .csv")
    command.add_argument("--date", type=date.fromisoformat, help="to bear (default: today)")
    about = "check every quote of the brief, or of an exported file, against the reports"
    command = add_own_command(inner, "verify", _verify, about)
    command.add_argument("file", type=Path, nargs="?", metavar="FILE.md")


def _place(text: str) -> str:
    if text not in _SHIFTS and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not up, down, or a place from 1")
    return text


_ARGUMENTS: dict[str, Any] = {
    "text": {"help": "in plain words"},
    "number": {"type": int, "help": "of an item, as qa-app brief list has it"},
    "place": {"type": _place, "help": "up, down, or a place counted from 1"},
}


def _pin(options: argparse.Namespace, settings: Settings) -> int:
    with open_index(settings) as index:
        pins = _found(index.snapshot(), options, settings)
    options.edit = lambda brief, _: brief.with_pins(pins, options.note)
    return _change(options, settings)


def _found(snapshot: Snapshot, options: argparse.Namespace, settings: Settings) -> tuple[Pin, ...]:
    from qa_app.briefs.brief import pin_findings, pin_passages
    from qa_app.errors import QueryError

    filters, mode = parse_filters(options), Mode(settings.mode)
    if not options.passage:
        answer = snapshot.ask(options.question, filters=filters, mode=mode)
        return pin_findings(snapshot, answer, options.row)
    results = snapshot.search(options.question, max(options.passage), filters, mode)
    chosen = [result for result in results if result.rank in options.passage]
    if len(chosen) < len(set(options.passage)):
        raise QueryError(f"The search has {len(results)} passages.", "Ranks count from 1.")
    return pin_passages(snapshot, options.question, chosen)


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.briefs.stored_file import open_brief

    print_result(options, open_brief(settings.index, options.user).read(), brief_text)
    return 0


def _change(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.briefs.stored_file import open_brief

    changed = open_brief(settings.index, options.user).change(
        lambda brief: options.edit(brief, options)
    )
    print_result(options, changed, brief_text)
    return 0


def _move(brief: Brief, options: argparse.Namespace) -> Brief:
    if options.place in _SHIFTS:
        return brief.shifted(options.number, _SHIFTS[options.place])
    return brief.moved(options.number, int(options.place) - 1)


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api
    from qa_app.briefs.export import export_brief, form_of, write_export
    from qa_app.briefs.stored_file import open_brief
    from qa_app.store.generation import open_generation

    form = form_of(options.file.name)
    brief = open_brief(settings.index, options.user).read()
    with open_generation(settings.index, allow_previous=True, searchable=False) as generation:
        content = export_brief(brief, generation, form, api.corpus_of(settings), options.date)
    write_export(options.file, content)
    written = {"file": str(options.file), "bytes": len(content), "quotes": len(brief.pins)}
    print_result(options, written, export_text)
    return 0


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.briefs.check import claims_of, failed, verify_claims
    from qa_app.briefs.export.as_markdown import read_export
    from qa_app.briefs.stored_file import open_brief

    if options.file is None:
        claims = claims_of(open_brief(settings.index, options.user).read())
    else:
        claims = read_export(options.file)
    checks = verify_claims(settings.index, claims, settings.corpus)
    bad = failed(checks)
    found = {"quotes": len(checks), "bad": len(bad), "checks": to_json(checks)}
    print_result(options, found if options.json else checks, checks_text)
    return 1 if bad else 0
