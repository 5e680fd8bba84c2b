"""The command line: each command's arguments are declared above the function that runs it."""

from qa_app.cli.main import main

__all__ = ["main"]
