"""``qa-app brief``: collect quotes, put them in order, take them away, check them again."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_app.cli.brief_text import brief_text, checks_text, export_text
from qa_app.cli.common import add_filter, add_own_command, open_index, parse_filters, print_result
from qa_app.models import Mode, to_json
from qa_app.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from qa_app.briefs.brief import Brief, Pin

_SHIFTS = {"up": -1, "down": 1}


def add_brief(commands: Any) -> None:
    """Add ``brief`` and its commands."""
    about = "collect quotes into a brief and export it, with footnotes"
    parser = commands.add_parser("brief", help=about, description=f"{about.capitalize()}.")
    inner = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = add_own_command(
        inner, "add", _pin, "pin what a question finds, each quote with its citation"
    )
    command.add_argument("question", help="in plain words; with --passage a query as for search")
    command.add_argument(
        "--row",
        action="append",
        default=[],
        metavar="VALUE",
        help="keep to this row; may be given again",
    )
    command.add_argument(
        "--passage", action="append", default=[], type=int, metavar="RANK",
        help="pin this passage of the search instead; may be given again",
    )  # fmt: skip
    command.add_argument("--note", default="", metavar="TEXT", help="to stand below each quote")
    add_filter(command)

    add_own_command(
        inner, "list", _list, "show the brief, with the numbers that the other commands take"
    )
    command = add_own_command(inner, "title", _title, "give the brief a title")
    command.add_argument("text")
    command = add_own_command(inner, "heading", _heading, "put a heading at the end")
    command.add_argument("text")
    command = add_own_command(inner, "note", _note, "put a note below a quote, or change a heading")
    command.add_argument("number", type=int)
    command.add_argument("text", help='in plain words; "" takes the note away')
    command = add_own_command(inner, "move", _move, "move an item")
    command.add_argument("number", type=int)
    command.add_argument("place", type=_place, help="up, down, or a place counted from 1")
    command = add_own_command(inner, "remove", _remove, "take an item out")
    command.add_argument("number", type=int)
    command = add_own_command(inner, "restore", _restore, "put a removed item back where it was")
    command.add_argument("number", type=int)

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


def _pin(options: argparse.Namespace, settings: Settings) -> int:
    with open_index(settings) as index:
        pins = _found(index, options, settings)
    return _change(options, settings, lambda brief: brief.with_pins(pins, options.note))


def _found(index: Any, options: argparse.Namespace, settings: Settings) -> tuple[Pin, ...]:
    from qa_app.briefs.pinning import pin_findings, pin_passages
    from qa_app.errors import QueryError

    filters, mode = parse_filters(options), Mode(settings.mode)
    if not options.passage:
        answer = index.ask(options.question, filters=filters, mode=mode)
        return pin_findings(index, answer, options.row)
    results = index.search(options.question, max(options.passage), filters, mode)
    chosen = [result for result in results if result.rank in options.passage]
    if len(chosen) < len(set(options.passage)):
        raise QueryError(f"The search has {len(results)} passages.", "Ranks count from 1.")
    return pin_passages(index, options.question, chosen)


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.briefs.files import open_brief

    print_result(options, open_brief(settings.index, options.user).read(), brief_text)
    return 0


def _title(options: argparse.Namespace, settings: Settings) -> int:
    return _change(options, settings, lambda brief: brief.titled(options.text))


def _heading(options: argparse.Namespace, settings: Settings) -> int:
    return _change(options, settings, lambda brief: brief.with_heading(options.text))


def _note(options: argparse.Namespace, settings: Settings) -> int:
    return _change(options, settings, lambda brief: brief.with_text(options.number, options.text))


def _move(options: argparse.Namespace, settings: Settings) -> int:
    number, place = options.number, options.place
    if place in _SHIFTS:
        return _change(options, settings, lambda brief: brief.shifted(number, _SHIFTS[place]))
    return _change(options, settings, lambda brief: brief.moved(number, int(place) - 1))


def _remove(options: argparse.Namespace, settings: Settings) -> int:
    return _change(options, settings, lambda brief: brief.without(options.number))


def _restore(options: argparse.Namespace, settings: Settings) -> int:
    return _change(options, settings, lambda brief: brief.restored(options.number))


def _change(options: argparse.Namespace, settings: Settings, edit: Callable[[Brief], Brief]) -> int:
    from qa_app.briefs.files import open_brief

    changed = open_brief(settings.index, options.user).change(edit)
    print_result(options, changed, brief_text)
    return 0


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api
    from qa_app.briefs.exporting import export_brief, form_of, write_export
    from qa_app.briefs.files import open_brief
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
    from qa_app.briefs.checking import claims_of, failed
    from qa_app.briefs.exporting import read_export, verify_claims
    from qa_app.briefs.files import open_brief

    if options.file is None:
        claims = claims_of(open_brief(settings.index, options.user).read())
    else:
        claims = read_export(options.file)
    checks = verify_claims(settings.index, claims, settings.corpus)
    bad = failed(checks)
    found = {"quotes": len(checks), "bad": len(bad), "checks": to_json(checks)}
    print_result(options, found if options.json else checks, checks_text)
    return 1 if bad else 0
