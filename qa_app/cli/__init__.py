"""The command line; one module for each group of commands."""

from qa_app.cli.main import main

__all__ = ["main"]
