"""English phrases for messages: a number with its noun, a plural, a list of names."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

_MAX_LISTED = 12  # names; a longer list in one sentence is hard to read
_MAX_NAME = 50  # characters; longer names, such as a word of 200 letters, are shortened


def count(number: int, noun: str) -> str:
    """Return a number and its noun: "1 file", "2,000 files"."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return a noun's plural: "boxes", "agencies", "forms"."""
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


def slug(text: str, most: int) -> str:
    """Return a text's ASCII letters and digits for the name of a file, at most ``most`` characters.

    "Road safety: 2024" becomes "road-safety-2024"; it is "" if there are none.
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:most]


def listed(values: Sequence[str]) -> str:
    """Return names as one phrase, long ones shortened: "Kent, Surrey and 18 more"."""
    shown = [textwrap.shorten(value, _MAX_NAME, placeholder="…") for value in values[:_MAX_LISTED]]
    if len(values) > len(shown):
        shown.append(f"{len(values) - len(shown)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
