"""Export of a brief as a ZIP file, with its sources and copies that have the quotes highlighted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from qa_app.briefs.brief import Brief
from qa_app.briefs.check import Standing, check_claims, claims_of
from qa_app.highlighting.archive import Miss, make_archive
from qa_app.highlighting.copies import Highlighter
from qa_app.models import Mark
from qa_app.store.protocol import Generation
from qa_app.verification import Sources


def to_archive(
    brief: Brief, generation: Generation, corpus: Path, made: date, files: Mapping[str, bytes]
) -> bytes:
    """Return a ZIP file of ``files``, the brief's sources and their highlighted copies."""
    marks, misses = brief_marks(brief, generation)
    about = {"title": brief.title, "made": made.isoformat()}
    with Highlighter(generation, corpus) as highlighter:
        return make_archive(highlighter, marks, about, files, misses)


def brief_marks(
    brief: Brief, generation: Generation
) -> tuple[dict[str, list[Mark]], tuple[Miss, ...]]:
    """Return the brief's quotes by document, each with its note or else its question.

    A quote is where its words are now. The second value has those that are nowhere.
    """
    checks = iter(check_claims(claims_of(brief), Sources(generation)))
    marks: dict[str, list[Mark]] = {}
    misses: list[Miss] = []
    for item in brief.items:
        pin = item.pin
        if pin is None:
            continue
        for quote in pin.quotes:
            check, note = next(checks), item.text or pin.question
            if check.standing in {Standing.OK, Standing.MOVED}:
                words = generation.document(check.document).text[check.start : check.end]
                mark = Mark(check.start, check.end, words, note)
                marks.setdefault(check.document, []).append(mark)
            else:
                place = quote.citation
                mark = Mark(place.start, place.end, quote.text, note)
                misses.append((place.document, mark, check.reason))
    return marks, tuple(misses)
