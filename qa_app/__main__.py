"""``python -m qa_app`` is ``qa-app``."""

import sys

from qa_app.cli import main

if __name__ == "__main__":
    sys.exit(main())
