"""``qa-app brief`` and ``qa-app saved``: collected quotes, and saved questions."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from qa_app.briefs.stored_file import open_brief
from qa_app.cli import arguments as args
from qa_app.cli.arguments import Argument, option, positional, repeated
from qa_app.cli.command import Command, Group, command, open_snapshot, print_result
from qa_app.errors import QueryError
from qa_app.models import Mode, to_json
from qa_app.output import terminal
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.briefs.brief import Brief
    from qa_app.briefs.saved import SavedQuestions
    from qa_app.briefs.stored_file import StoredFile

_SHIFTS = {"up": -1, "down": 1}


def _place(text: str) -> str:
    if text not in _SHIFTS and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not up, down, or a place from 1")
    return text


_TEXT = positional("text", "in plain words")
_NUMBER = positional("number", "of an item, as qa-app brief list has it", type=int)
_PLACE = positional("place", "up, down, or a place counted from 1", type=_place)


@command(
    "add",
    args.USER,
    positional("question", "in plain words; with --passage a query as for search"),
    repeated("--row", "VALUE", "keep to this row"),
    repeated("--passage", "RANK", "pin this passage of the search instead", type=int),
    option("--note", "TEXT", "to stand below each quote", default=""),
    args.FILTER,
)
def add_quotes(options: argparse.Namespace, settings: Settings) -> None:
    """Pin what a question finds, each quote with its citation."""
    from qa_app.briefs.brief import pin_findings, pin_passages

    filters, mode, ranks = args.parse_filters(options), Mode(settings.mode), set(options.passage)
    with open_snapshot(settings) as snapshot:
        if ranks:
            results = snapshot.search(options.question, max(ranks), filters, mode)
            chosen = [result for result in results if result.rank in ranks]
            if len(chosen) < len(ranks):
                raise QueryError(f"The search has {len(results)} passages.", "Ranks count from 1.")
            pins = pin_passages(snapshot, options.question, chosen)
        else:
            answer = snapshot.ask(options.question, filters=filters, mode=mode)
            pins = pin_findings(snapshot, answer, options.row)
    _change_brief(options, settings, lambda brief: brief.with_pins(pins, options.note))


@command("list", args.USER)
def list_brief(options: argparse.Namespace, settings: Settings) -> None:
    """Show the brief, with the numbers that the other commands take."""
    brief = open_brief(settings.index, options.user).read()
    print_result(options, terminal.brief_text(brief), brief)


def _change_brief(
    options: argparse.Namespace, settings: Settings, edit: Callable[[Brief], Brief]
) -> None:
    brief = open_brief(settings.index, options.user).change(edit)
    print_result(options, terminal.brief_text(brief), brief)


def _edit(
    name: str, about: str, edit: Callable[[Brief, argparse.Namespace], Brief], *arguments: Argument
) -> Command:
    """Return a command that applies ``edit`` to the brief and prints the result."""

    def run(options: argparse.Namespace, settings: Settings) -> None:
        _change_brief(options, settings, lambda brief: edit(brief, options))

    return Command(name, about, (args.USER, *arguments), run)


def _move(brief: Brief, options: argparse.Namespace) -> Brief:
    if options.place in _SHIFTS:
        return brief.shifted(options.number, _SHIFTS[options.place])
    return brief.moved(options.number, int(options.place) - 1)


_HEADING = "Put a heading at the end."
_NOTE = 'Put a note below a quote ("" takes it away), or change a heading.'
_RESTORE = "Put a removed item back where it was."
_EDITS = (
    _edit("title", "Give the brief a title.", lambda brief, o: brief.titled(o.text), _TEXT),
    _edit("heading", _HEADING, lambda brief, o: brief.with_heading(o.text), _TEXT),
    _edit("note", _NOTE, lambda brief, o: brief.with_text(o.number, o.text), _NUMBER, _TEXT),
    _edit("move", "Move an item.", _move, _NUMBER, _PLACE),
    _edit("remove", "Take an item out.", lambda brief, o: brief.without(o.number), _NUMBER),
    _edit("restore", _RESTORE, lambda brief, o: brief.restored(o.number), _NUMBER),
)


@command(
    "export",
    args.USER,
    positional("file", "its ending says which: .docx, .md, .csv or .zip", type=Path),
    option("--date", "DATE", "to bear (default: today)", type=date.fromisoformat),
)
def export(options: argparse.Namespace, settings: Settings) -> None:
    """Write the brief as Word, Markdown or CSV, or all of them with the sources highlighted."""
    from qa_app import api
    from qa_app.briefs.export import Form, export_brief, form_of, write_export
    from qa_app.store.opening import open_store

    form = form_of(options.file.name, Form)
    brief = open_brief(settings.index, options.user).read()
    opened = open_store(settings.index).open(allow_previous=True, searchable=False)
    with opened as generation:
        content = export_brief(brief, generation, form, api.corpus_of(settings), options.date)
    write_export(options.file, content)
    written = {"file": str(options.file), "bytes": len(content), "quotes": len(brief.pins)}
    print_result(options, terminal.export_text(written), written)


@command("verify", args.USER, positional("file", type=Path, nargs="?", metavar="FILE.md"))
def verify_brief(options: argparse.Namespace, settings: Settings) -> int:
    """Check every quote of the brief, or of an exported file, against the reports."""
    from qa_app.briefs.check import claims_of, failed, verify_claims
    from qa_app.briefs.export.as_markdown import read_export

    claims = (
        read_export(options.file)
        if options.file is not None
        else claims_of(open_brief(settings.index, options.user).read())
    )
    checks = verify_claims(settings.index, claims, settings.corpus)
    bad = failed(checks)
    found = {"quotes": len(checks), "bad": len(bad), "checks": to_json(checks)}
    print_result(options, terminal.checks_text(checks), found)
    return 1 if bad else 0


BRIEF = Group(
    "brief",
    "Collect quotes into a brief and export it, with footnotes.",
    (add_quotes, list_brief, *_EDITS, export, verify_brief),
)


def _saved_file(options: argparse.Namespace, settings: Settings) -> StoredFile[SavedQuestions]:
    from qa_app.briefs.saved import open_saved

    return open_saved(settings.index, options.user)


@command("add", args.USER, args.QUESTION, args.FILTER)
def add_saved(options: argparse.Namespace, settings: Settings) -> None:
    """Save a question; what it finds today counts as seen."""
    from qa_app.briefs.saved import save_question

    file, filters = _saved_file(options, settings), args.parse_filters(options)
    with open_snapshot(settings) as snapshot:
        saved = save_question(file, snapshot, options.question, filters)
    print_result(options, terminal.saved_text(saved), saved)


@command("list", args.USER)
def list_saved(options: argparse.Namespace, settings: Settings) -> None:
    """List the saved questions and their new evidence."""
    saved = _saved_file(options, settings).read()
    print_result(options, terminal.saved_text(saved), saved)


@command("check", args.USER)
def check_saved(options: argparse.Namespace, settings: Settings) -> None:
    """Ask every saved question again, show the new evidence, and count it as seen."""
    from qa_app.briefs.saved import ask_again

    file = _saved_file(options, settings)
    with open_snapshot(settings) as snapshot:
        saved = ask_again(file, snapshot)
    print_result(options, terminal.saved_text(saved), saved)
    # Done last, so that evidence that could not be printed is not marked as seen.
    file.change(lambda now: now.shown({item.id: item.generation for item in saved.items}))


@command("remove", args.USER, positional("number", type=int))
def remove_saved(options: argparse.Namespace, settings: Settings) -> None:
    """Forget a saved question."""
    saved = _saved_file(options, settings).change(lambda saved: saved.without(options.number))
    print_result(options, terminal.saved_text(saved), saved)


SAVED = Group(
    "saved",
    "Save questions, and see only what is new when reports arrive.",
    (add_saved, list_saved, check_saved, remove_saved),
)
