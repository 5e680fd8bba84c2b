"""Bring the index up to date: the same command as ``qa-app build``."""

import sys

from qa_app.cli import main

if __name__ == "__main__":
    sys.exit(main(["build", *sys.argv[1:]]))
