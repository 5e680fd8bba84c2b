"""Roman and alphabetic numbering."""

from __future__ import annotations

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
    (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_LONGEST = 50  # repeats of one letter: a hostile file may start a list at a billion


def roman(value: int) -> str:
    """Return a lower-case Roman numeral, "xiv" for 14; "" for values below 1."""
    numeral = ""
    for worth, letters in _ROMAN:
        times, value = divmod(max(value, 0), worth)
        numeral += letters * min(times, _LONGEST)
    return numeral


def letters(value: int) -> str:
    """Return "c" for 3 and "cc" for 29, as word processors number; "" for values below 1."""
    if value < 1:
        return ""
    return chr(ord("a") + (value - 1) % 26) * min(1 + (value - 1) // 26, _LONGEST)
