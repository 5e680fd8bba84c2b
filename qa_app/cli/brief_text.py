"""What ``qa-app brief`` and ``qa-app saved`` print for people."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qa_app.presentation import count
from qa_app.printing import wrap

if TYPE_CHECKING:
    from qa_app.briefs.brief import Brief, Pin
    from qa_app.briefs.check import Check
    from qa_app.briefs.saved import SavedQuestion, SavedQuestions


def brief_text(brief: Brief) -> str:
    """Return a brief for people, with the number of each item."""
    lines = [f"{brief.title}: {count(len(brief.pins), 'quote')}"]
    for item in brief.items:
        lines.append("")
        if item.pin is None:
            lines.append(f"[{item.id}] {item.text}")
            continue
        lines += _pin_lines(item.pin, f"[{item.id}] ")
        lines += wrap(item.text, "    ") if item.text else []
    if not brief.items:
        lines.append("Pin something: qa-app brief add QUESTION")
    return "\n".join(lines)


def export_text(written: Mapping[str, Any]) -> str:
    """Return what was exported."""
    return f"{written['file']}: {count(written['quotes'], 'quote')}, {written['bytes']:,} bytes."


def checks_text(checks: Sequence[Check]) -> str:
    """Return what became of each quote of a brief, those that stand as cited in one number."""
    tally = Counter(str(check.standing) for check in checks)
    lines = [
        f"{count(len(checks), 'quote')}: {', '.join(f'{n} {name}' for name, n in tally.items())}"
    ]
    for check in checks:
        if check.reason:
            note = f"note {check.claim.number}" if check.claim.number else "no note"
            lines.append(f"  {note} ({check.standing}): {check.reason}")
            lines += wrap(textwrap.shorten(check.claim.words, 90, placeholder="…"), "    ")
    return "\n".join(lines)


def saved_text(saved: SavedQuestions) -> str:
    """Return the saved questions for people, each with its new evidence."""
    lines: list[str] = []
    for item in saved.items:
        lines.append(f"[{item.id}] {item.question}")
        lines += [f"    {facet}: {', '.join(values)}" for facet, values in item.filters.items()]
        lines.append(f"    {item.trouble or (count(len(item.new), 'new finding'))}")
        for pin in item.new:
            lines += _pin_lines(pin, "    ● ")
    return "\n".join(lines) or "No saved questions. Save one: qa-app saved add QUESTION"


def news_text(items: Iterable[SavedQuestion]) -> str:
    """Return one line for each saved question that has new evidence."""
    return "\n".join(
        f"{count(len(item.new), 'new finding')} for “{item.question}” (qa-app saved check)"
        for item in items
    )


def _pin_lines(pin: Pin, head: str) -> list[str]:
    lines = [f"{head}{pin.about}"]
    lines += wrap(f"[{pin.lead_in.text}]", "    ") if pin.lead_in else []
    return [*lines, *wrap(f"“{pin.quote.text}”", "    "), f"    — {pin.quote.citation.label}"]
