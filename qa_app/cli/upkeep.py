"""``qa-app verify`` and ``qa-app status``."""

from __future__ import annotations

import argparse
from typing import Any

from qa_app import printing
from qa_app.cli.common import add_command, print_result
from qa_app.settings import Settings


def add_verify(commands: Any) -> None:
    """Add ``verify``."""
    about = "re-check every file, passage and quote against the sources"
    add_command(commands, "verify", _verify, about)


def add_status(commands: Any) -> None:
    """Add ``status``."""
    about = "say what is indexed, with which model, and what failed"
    add_command(commands, "status", _status, about)


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app.verification import verify

    report = verify(settings.index, settings.corpus)
    print_result(options, report, printing.verify_text)
    return 1 if report.bad else 0


def _status(options: argparse.Namespace, settings: Settings) -> int:
    from qa_app import api

    print_result(options, api.read_status(settings.index), printing.status_text)
    return 0
