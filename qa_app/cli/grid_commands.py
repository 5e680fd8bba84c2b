"""``qa-app grid``: a list of questions asked of every value of a facet."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from qa_app.cli import arguments as args
from qa_app.cli.arguments import flag, option, positional
from qa_app.cli.command import command, open_snapshot, print_result
from qa_app.errors import QueryError
from qa_app.output import terminal
from qa_app.output.contract import grid_json
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.briefs.stored_file import StoredFile
    from qa_app.grids.grid import Grid

_NO_MARK = "none"


@command(
    "grid",
    positional("questions", "a text file, one question a line, or a CSV", nargs="?", type=Path),
    option("--facet", "FACET", "columns: a facet of yours, document, date or type", default=""),
    option("--name", "NAME", "of the grid (default: from the file, facet and filters)", default=""),
    flag("--saved", "the questions that qa-app saved keeps"),
    args.FILTER,
    args.USER,
    args.READER,
    [
        option("--out", "FILE", "write it too; its ending says which: .xlsx or .docx", type=Path),
        option(
            "--mark",
            ("NUMBER", "VALUE", "MARK"),
            "mark a cell of the grid NAME: agreed, rejected, noted, or none to take it away",
            nargs=3,
        ),
        flag("--list", "the names of the grids"),
        flag("--remove", "delete the grid NAME and its marks"),
    ],
    option("--note", "TEXT", "to stand with a mark", default=""),
)
def grid(options: argparse.Namespace, settings: Settings) -> int:
    """Ask a list of questions of every force, report or year: an evidence grid, which is kept
    under its name, filled question by question, and goes on where it was stopped.
    """
    # Imported here, since they import numpy, which help and status should not wait for.
    from qa_app.grids.grid_store import list_grids, open_grid, remove_grid

    if options.list:
        grids = list_grids(settings.index, options.user)
        print_result(options, terminal.grids_text(grids), [grid_json(item) for item in grids])
        return 0
    if options.remove:
        remove_grid(settings.index, options.name, options.user)
        print_result(options, f"Removed {options.name}.", {"removed": options.name})
        return 0
    file = open_grid(settings.index, options.name or _usual_name(options), options.user)
    if options.mark:
        found = file.change(lambda now: _marked(now, options))
        print_result(options, terminal.grid_text(found), grid_json(found))
        return 0
    return _filled(options, settings, file)


def _filled(options: argparse.Namespace, settings: Settings, file: StoredFile[Grid]) -> int:
    """Fill a grid, print it and write it to a file."""
    from qa_app.briefs.export import form_of, write_export
    from qa_app.grids.grid_export import GridForm, export_grid, link_to_file
    from qa_app.grids.grid_runner import fill, start_grid

    form = form_of(options.out.name, GridForm) if options.out else None
    questions = _questions(options, settings)
    with open_snapshot(settings) as snapshot:
        if questions:
            filters = args.parse_filters(options)
            start_grid(file, snapshot, questions, options.facet, filters)
        elif not file.read().rows:
            raise QueryError(
                f"There is no grid {file.read().name!r}.",
                "Name a file of questions: qa-app grid QUESTIONS.txt --facet document",
            )
        progress = terminal.Progress()
        try:
            found = fill(file, snapshot, progress)
        except KeyboardInterrupt:
            progress.close()
            print("qa-app: stopped; the same command goes on from here.", file=sys.stderr)
            return 130
        progress.close()
        if form is not None:
            content = export_grid(found, form, link_to_file(snapshot.corpus))
            write_export(options.out, content)
    print_result(options, terminal.grid_text(found), grid_json(found))
    return 0


def _questions(options: argparse.Namespace, settings: Settings) -> tuple[str, ...]:
    """Return the questions asked for; () if only the name of a grid is given."""
    from qa_app.briefs.saved import open_saved
    from qa_app.grids.question_list import read_questions

    if options.questions is not None and options.saved:
        raise QueryError("A file and --saved are two lists of questions.", "Give one of them.")
    if options.questions is None and not options.saved:
        return ()
    if not options.facet:
        raise QueryError("A grid needs columns.", "Name them: --facet document (or date, type, …)")
    if options.questions is not None:
        return read_questions(options.questions)
    items = open_saved(settings.index, options.user).read().items
    if not items:
        raise QueryError("There are no saved questions.", "Save one: qa-app saved add QUESTION")
    return tuple(item.question for item in items)


def _usual_name(options: argparse.Namespace) -> str:
    if options.questions is None and not options.saved:
        raise QueryError(
            "Which grid?", "Name a file of questions, or a grid that there is: --name NAME"
        )
    stem = "saved questions" if options.saved else options.questions.stem
    return ", ".join([f"{stem} by {options.facet}", *options.filter])


def _marked(now: Grid, options: argparse.Namespace) -> Grid:
    from qa_app.grids.grid import Judgement

    number, value, word = options.mark
    if word not in {*Judgement, _NO_MARK} or not number.isdecimal():
        raise QueryError(
            f"{number} {value} {word} is no mark.",
            "As: --mark 3 Surrey agreed (or rejected, noted)",
        )
    judgement = None if word == _NO_MARK else Judgement(word)
    return now.marked(int(number), value, judgement, options.note)
