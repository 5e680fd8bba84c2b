"""Names for people, made from file names."""

from __future__ import annotations

import re
from pathlib import PurePosixPath


def title_from_path(path: str) -> str:
    """Return a title for a file: "annual_report-2024.pdf" is "annual report 2024"."""
    stem = PurePosixPath(path).stem
    return re.sub(r"[\s_-]+", " ", stem).strip() or stem
