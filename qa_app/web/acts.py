"""Acts: what the browser sends for a button or form of the brief and of grids.

An act is an object in which "do" names the action; the other fields are its arguments. It is
untrusted: a field of the wrong type counts as "" or 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Act = Mapping[str, Any]


def text_of(act: Act, name: str) -> str:
    """Return a field that is a text, else ""."""
    value = act.get(name, "")
    return value if isinstance(value, str) else ""


def number_of(act: Act, name: str) -> int:
    """Return a field that is a whole number, else 0."""
    value = act.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
