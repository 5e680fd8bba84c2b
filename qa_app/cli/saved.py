"""``qa-app saved``: questions that are asked again after each build."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from qa_app.cli.brief_text import saved_text
from qa_app.cli.common import add_filter, add_own_command, open_index, parse_filters, print_result
from qa_app.settings import Settings

if TYPE_CHECKING:
    from qa_app.briefs.saved import SavedQuestions
    from qa_app.briefs.stored_file import StoredFile


def add_saved(commands: Any) -> None:
    """Add ``saved`` and its commands."""
    about = "save questions, and see only what is new when reports arrive"
    parser = commands.add_parser("saved", help=about, description=f"{about.capitalize()}.")
    inner = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    command = add_own_command(
        inner, "add", _save, "save a question; what it finds today counts as seen"
    )
    command.add_argument("question", help="in plain words")
    add_filter(command)
    add_own_command(inner, "list", _list, "list the saved questions and their new evidence")
    about = "ask every saved question again, show the new evidence, and count it as seen"
    add_own_command(inner, "check", _check, about)
    command = add_own_command(inner, "remove", _remove, "forget a saved question")
    command.add_argument("number", type=int)


def _save(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.briefs.saved import save_question

    with open_index(settings) as index:
        saved = save_question(
            _file(options, settings), index.snapshot(), options.question, parse_filters(options)
        )
    print_result(options, saved, saved_text)
    return 0


def _list(options: argparse.Namespace, settings: Settings) -> int:
    print_result(options, _file(options, settings).read(), saved_text)
    return 0


def _check(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.briefs.saved import ask_again

    file = _file(options, settings)
    with open_index(settings) as index:
        saved = ask_again(file, index.snapshot())
    print_result(options, saved, saved_text)
    file.change(lambda now: now.shown({item.id: item.generation for item in saved.items}))
    return 0


def _remove(options: argparse.Namespace, settings: Settings) -> int:
    changed = _file(options, settings).change(lambda saved: saved.without(options.number))
    print_result(options, changed, saved_text)
    return 0


def _file(options: argparse.Namespace, settings: Settings) -> StoredFile[SavedQuestions]:
    from qa_app.briefs.saved import open_saved

    return open_saved(settings.index, options.user)
