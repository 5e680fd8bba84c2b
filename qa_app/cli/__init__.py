"""The command line: each command's arguments stand above the function that runs it."""

from qa_app.cli.main import main

__all__ = ["main"]
