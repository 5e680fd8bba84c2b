"""``qa-app user``: who may sign in to a served page."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from qa_app.cli.arguments import flag, option, positional
from qa_app.cli.command import Group, command, print_result
from qa_app.errors import QueryError
from qa_app.settings import Settings
from qa_app.web import accounts

_NAME = positional("name", "of the user")
_AUTH = option(
    "--auth", "FILE", "the accounts file (default: accounts)", type=Path, default=Path("accounts")
)


@command(
    "add",
    _NAME,
    _AUTH,
    flag("--password-stdin", "read the password from standard input, to its end of line"),
)
def add_user(options: argparse.Namespace, _settings: Settings) -> None:
    """Add a user, or give one another password; it is asked for twice."""
    password = _piped() if options.password_stdin else _asked()
    is_new = accounts.add_user(options.auth, options.name, password)
    done = "can sign in" if is_new else "has a new password; other sessions have ended"
    text = f"{options.name} {done}. Serve with: qa-app serve --auth {options.auth}"
    print_result(options, text, {"user": options.name, "file": options.auth, "new": is_new})


@command("remove", _NAME, _AUTH)
def remove_user(options: argparse.Namespace, _settings: Settings) -> None:
    """Remove a user, and end every session of theirs; the brief is kept."""
    accounts.remove_user(options.auth, options.name)
    text = f"{options.name} cannot sign in any more."
    print_result(options, text, {"user": options.name, "file": options.auth})


@command("list", _AUTH)
def list_users(options: argparse.Namespace, _settings: Settings) -> None:
    """List who may sign in."""
    names = accounts.user_names(options.auth)
    print_result(options, "\n".join(names) or "Nobody.", {"users": names})


def _piped() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _asked() -> str:
    if not sys.stdin.isatty():
        raise QueryError(
            "There is no terminal to ask for the password on.",
            "Give it on standard input, with --password-stdin.",
        )
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise QueryError("The two passwords differ.", "Nothing was changed; try again.")
    return password


USERS = Group("user", "Say who may sign in to a served page.", (add_user, remove_user, list_users))
