"""A language model's summary as printed below an answer."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa_app.synthesis import CheckedSentence, Synthesis

_MAX_WIDTH = 100  # columns of running text, as in `terminal`


def synthesis_text(synthesis: Synthesis) -> str:
    """Return the sentences, those that failed with the reason, and what their numbers stand for."""
    lines = [f"{synthesis.origin}, which were sent to {synthesis.url}:"]
    for sentence in synthesis.sentences:
        lines += _sentence_lines(sentence)
    cited = {number for sentence in synthesis.sentences for number in sentence.citations}
    for quote in synthesis.quotes:
        if quote.withheld:
            lines.append(f"  [{quote.number}] was not sent: {quote.withheld}.")
        elif quote.number in cited:
            lines.append(f"  [{quote.number}] {quote.citation.label}")
    return "\n".join(lines)


def copied_text(synthesis: Synthesis) -> str:
    """Return what is copied: the sentences that were kept, their sources, and who wrote them.

    "" if none was kept.
    """
    kept = [sentence for sentence in synthesis.sentences if sentence.kept]
    if not kept:
        return ""
    cited = {number for sentence in kept for number in sentence.citations}
    sources = [f"[{q.number}] {q.citation.label}" for q in synthesis.quotes if q.number in cited]
    return "\n".join([*map(_with_numbers, kept), "", *sources, f"({synthesis.origin}.)"])


def _with_numbers(sentence: CheckedSentence) -> str:
    numbers = "".join(f"[{number}]" for number in sentence.citations)
    return f"{sentence.text} {numbers}".strip()


def _sentence_lines(sentence: CheckedSentence) -> Iterator[str]:
    width = min(_MAX_WIDTH, shutil.get_terminal_size().columns)
    text = _with_numbers(sentence)
    mark = "  " if sentence.kept else "✗ "
    yield from textwrap.wrap(text, width, initial_indent=f"  {mark}", subsequent_indent="    ")
    if not sentence.kept:
        yield f"      struck out: {sentence.reason}."
