"""Content that all exports of a brief share: numbered notes, list of sources and colophon."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from qa_app.briefs.brief import Brief, Item, Pin
from qa_app.briefs.check import check_claims, claims_of, failed
from qa_app.citations import page_label
from qa_app.models import Citation, Quote
from qa_app.store.protocol import Generation
from qa_app.text.wording import count
from qa_app.verification import Sources
from qa_app.version import __version__


@dataclass(frozen=True, slots=True)
class Note:
    """A quote with its footnote.

    Attributes:
        number: of the footnote, from 1.
        text: the footnote's text, the citation in full.
        document_sha256: of the source file at the time of pinning.
    """

    number: int
    quote: Quote
    text: str
    document_sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the brief, prepared for export.

    Attributes:
        heading: text of a heading; "" for a pin.
        question: the question that found the quotes; "" if the previous pin has the same.
        value: the facet value that they are about, or "".
        notes: the quotes, in reading order; empty for a heading.
        remarks: the paragraphs of the user's note.
    """

    heading: str = ""
    question: str = ""
    value: str = ""
    notes: tuple[Note, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """The line above the quotes: their facet value, else the citation's label."""
        return self.value or (self.notes[-1].quote.citation.label if self.notes else "")


@dataclass(frozen=True, slots=True)
class Source:
    """A quoted report: its title, its path and the SHA-256 of the file when it was pinned."""

    title: str
    document: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Outline:
    """A brief, prepared for export in any format.

    Attributes:
        made: the date, such as "2026-01-31".
        summary: one line with the numbers of quotes and reports.
        colophon: names and values of what is needed to reproduce the brief.
    """

    title: str
    made: str
    summary: str
    entries: tuple[Entry, ...]
    sources: tuple[Source, ...]
    colophon: tuple[tuple[str, str], ...]

    @property
    def notes(self) -> tuple[Note, ...]:
        """All footnotes, in order."""
        return tuple(note for entry in self.entries for note in entry.notes)


def outline(brief: Brief, generation: Generation, sources: Sources, made: date) -> Outline:
    """Return the outline of a brief; its colophon reports a fresh check of every quote."""
    entries: list[Entry] = []
    number, question = 1, ""
    for item in brief.items:
        entries.append(_entry(item, number, question))
        number += len(entries[-1].notes)
        question = item.pin.question if item.pin else question
    quoted = _quoted_reports(brief.pins)
    return Outline(
        title=brief.title,
        made=made.isoformat(),
        summary=f"{count(number - 1, 'quote')} from {count(len(quoted), 'report')}",
        entries=tuple(entries),
        sources=quoted,
        colophon=_colophon(brief, generation, sources, made),
    )


def _entry(item: Item, number: int, question: str) -> Entry:
    pin = item.pin
    if pin is None:
        return Entry(heading=item.text)
    notes = tuple(
        Note(place, quote, footnote(quote.citation), pin.document_sha256)
        for place, quote in enumerate(pin.quotes, number)
    )
    remarks = tuple(part.strip() for part in item.text.split("\n\n") if part.strip())
    asked = "" if pin.question == question else pin.question
    return Entry("", asked, pin.facet_value, notes, remarks)


def footnote(citation: Citation) -> str:
    """Return a citation in full: title, headings, page, path and character offsets."""
    section = [heading for heading in citation.section if heading != citation.title]
    parts = [" ".join(part.split()) for part in (citation.title, " > ".join(section))]
    if citation.page is not None:
        parts.append(page_label(citation.page))
    parts.append(f"{citation.document}, characters {citation.start} to {citation.end}")
    return ". ".join(part.rstrip(".") for part in parts if part) + "."


def _quoted_reports(pins: Iterable[Pin]) -> tuple[Source, ...]:
    found = {
        (pin.quote.citation.document, pin.document_sha256): pin.quote.citation.title for pin in pins
    }
    named = [Source(title, document, sha256) for (document, sha256), title in found.items()]
    return tuple(sorted(named, key=lambda source: (source.title.casefold(), source.document)))


def _colophon(
    brief: Brief, generation: Generation, sources: Sources, made: date
) -> tuple[tuple[str, str], ...]:
    manifest, recipe = generation.manifest, generation.manifest.recipe
    corpus = f"{count(manifest.documents, 'report')}, fingerprint {_fingerprint(generation)}"
    index = f"generation {generation.name} of {manifest.created[:10]}"
    if pinned := sorted({pin.generation for pin in brief.pins} - {generation.name}):
        index += f"; some quotes were pinned from {', '.join(pinned)}"
    settings = f"passages of at most {recipe.passage_tokens} tokens; language {recipe.language}"
    return (
        ("Date", made.isoformat()),
        ("Program", f"qa_app {__version__}"),
        ("Corpus", corpus),
        ("Index", index),
        ("Model", f"{manifest.model.name}, weights {manifest.model.weights_sha256}"),
        *(("Reader", reader) for reader in sorted({pin.reader for pin in brief.pins} - {""})),
        ("Settings", settings),
        ("Check", _check_line(brief, sources)),
    )


def _fingerprint(generation: Generation) -> str:
    """Return a SHA-256 over all reports' paths and hashes, which identifies the corpus."""
    lines = sorted(f"{record.source.sha256} {record.path}\n" for record in generation.documents)
    return hashlib.sha256("".join(lines).encode(errors="surrogatepass")).hexdigest()


def _check_line(brief: Brief, sources: Sources) -> str:
    checks = check_claims(claims_of(brief), sources)
    if bad := failed(checks):
        listed = ", ".join(f"note {check.claim.number} ({check.standing})" for check in bad)
        return f"{len(bad)} of {count(len(checks), 'quote')} not found word for word: {listed}"
    return f"{count(len(checks), 'quote')} found word for word in the reports on this date"
