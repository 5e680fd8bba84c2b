"""One row of a "which …" answer over time: the newest quote, older ones beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from qa_app.models import Finding, Relation, Support

_MOST_OTHERS = 3
_MOST_COMPARED = 12  # quotes of one row


def newest_first(quotes: Sequence[Finding]) -> Finding:
    """Return one row with its quotes of other dates.

    Args:
        quotes: what bears out the row, best first, at least one.
    """
    best, *rest = quotes[:_MOST_COMPARED]
    shown = [best]
    for item in rest:
        firm = item.support is best.support or item.support is Support.STRONG
        if firm and all(_differ(item.date, known.date) for known in shown):
            shown.append(item)
    if len(shown) == 1:
        return best
    first, *older = sorted(shown, key=lambda item: item.date or "", reverse=True)
    others = [replace(item, relation=Relation.EARLIER) for item in older]
    return replace(first, others=tuple(others[:_MOST_OTHERS]))


def _differ(one: str | None, other: str | None) -> bool:
    """Tell whether two dates ("2024", "2024-05") are surely not the same."""
    if one is None or other is None:
        return False
    length = min(len(one), len(other))
    return one[:length] != other[:length]
