"""Automatic paragraph numbers such as "3.12", computed from a Word package's numbering part."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from qa_app.loading.numerals import letters, roman
from qa_app.loading.ooxml import Element, local_name, value

# In the pattern of a number, "%2" stands for the number at the second depth.
_PLACE = re.compile(r"%([1-9])")


@dataclass(frozen=True, slots=True)
class _Level:
    """How one depth of a list is numbered.

    Attributes:
        start: the first number.
        form: Word's name of the number format, as "lowerRoman".
        shape: the pattern of the number, as "%1.%2" for those of the first and second depth.
        restart: numbering restarts after a paragraph at this depth (from 1) or a shallower one;
            0 for never, None for after any shallower one.
        style: the paragraph style tied to this depth.
        is_legal: whether all parts of the number are written in Arabic digits.
    """

    start: int
    form: str
    shape: str
    restart: int | None
    style: str | None
    is_legal: bool


_Levels = dict[int, _Level]


@dataclass(slots=True)
class _List:
    """A list that paragraphs refer to. Lists with the same definition share one count.

    ``starts`` holds, by depth, the numbers at which this list restarts the count.
    """

    definition: str
    levels: _Levels
    starts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Numbers the paragraphs of a document, which must be counted in reading order."""

    def __init__(self, root: Element) -> None:
        definitions = _read_definitions(root)
        self._lists = {
            value(part, "numId") or "": _read_list(part, definitions)
            for part in root.iterfind("{*}num")
        }
        self._counts: dict[str, dict[int, int]] = {}

    def depth(self, list_id: str, style: str) -> int:
        """Return the depth, from 0, that a list ties to a paragraph style; 0 where it ties none."""
        levels = self._lists[list_id].levels if list_id in self._lists else {}
        return next((depth for depth, level in levels.items() if level.style == style), 0)

    def count(self, list_id: str, depth: int) -> str:
        """Count a paragraph and return its number as Word shows it.

        "" for a bullet, and for a list or depth that is not defined.
        """
        numbered = self._lists.get(list_id)
        if numbered is None or depth not in numbered.levels:
            return ""
        levels = numbered.levels
        counts = self._counts.setdefault(numbered.definition, {})
        while numbered.starts:
            at, start = numbered.starts.popitem()
            counts[at] = start - 1
        counts[depth] = counts.get(depth, levels[depth].start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            restart = levels[deeper].restart if deeper in levels else None
            if restart is None or depth < restart:
                del counts[deeper]
        if levels[depth].form == "bullet":
            return ""
        return _PLACE.sub(
            lambda place: _show(levels, counts, depth, int(place[1]) - 1), levels[depth].shape
        )


def _show(levels: _Levels, counts: dict[int, int], depth: int, wanted: int) -> str:
    if wanted not in levels:
        return ""
    number = counts.setdefault(wanted, levels[wanted].start)
    form = "decimal" if levels[depth].is_legal else levels[wanted].form
    if form in {"lowerRoman", "upperRoman"}:
        shown = roman(number)
    elif form in {"lowerLetter", "upperLetter"}:
        shown = letters(number)
    elif form == "none":
        shown = ""
    else:
        shown = f"{number:02}" if form == "decimalZero" else str(number)
    return shown.upper() if form.startswith("upper") else shown


def _read_definitions(root: Element) -> dict[str, _Levels]:
    definitions: dict[str, _Levels] = {}
    styles: dict[str | None, str] = {}
    borrowed: dict[str, str | None] = {}
    for part in root.iterfind("{*}abstractNum"):
        key = value(part, "abstractNumId") or ""
        definitions[key] = _read_levels(part)
        styles[value(part.find("{*}styleLink"), "val")] = key
        if (link := part.find("{*}numStyleLink")) is not None:
            borrowed[key] = value(link, "val")
    for key, style in borrowed.items():
        definitions[key] = definitions[styles.get(style, key)]
    return definitions


def _read_levels(parent: Element) -> _Levels:
    levels: _Levels = {}
    for part in parent.iterfind("{*}lvl"):
        said = {local_name(child): value(child, "val") for child in part}
        restart = said.get("lvlRestart")
        levels[_whole(value(part, "ilvl"), 0)] = _Level(
            start=_whole(said.get("start"), 0),
            form=said.get("numFmt") or "decimal",
            shape=said.get("lvlText") or "",
            restart=None if restart is None else _whole(restart, 0),
            style=said.get("pStyle"),
            is_legal="isLgl" in said and said["isLgl"] not in {"0", "false"},
        )
    return levels


def _read_list(part: Element, definitions: dict[str, _Levels]) -> _List:
    definition = value(part.find("{*}abstractNumId"), "val") or ""
    found = _List(definition, dict(definitions.get(definition, {})))
    for override in part.iterfind("{*}lvlOverride"):
        found.levels.update(_read_levels(override))
        if (start := override.find("{*}startOverride")) is not None:
            found.starts[_whole(value(override, "ilvl"), 0)] = _whole(value(start, "val"), 1)
    return found


def _whole(said: str | None, usual: int) -> int:
    return int(said) if said and said.isdecimal() and len(said) < 10 else usual
