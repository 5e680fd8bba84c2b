"""Citations: the document, section, page and offsets of quoted words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from qa_app.errors import QueryError
from qa_app.models import Answer, Citation, Finding, MetadataField, Passage, Place, Quote
from qa_app.text.dates import parse_date

if TYPE_CHECKING:
    from qa_app.store.protocol import Generation

Facts = Mapping[str, Mapping[str, str]]
_LONGEST_TITLE = 60  # characters of a title or heading, so that a label fits on one line
# "reports/2019.pdf@1203-1291"; nine digits hold any offset of a text.
_PLACE = re.compile(r"(.+)@(\d{1,9})-(\d{1,9})", re.DOTALL)
# Start of a subtitle: a colon, semicolon, bar, opening bracket, dash or spaced hyphen.
_SUBTITLE = re.compile(r"\s*[:;|(\u2013\u2014]|\s-\s")


def cite(passage: Passage, start: int, end: int) -> Citation:
    """Return the citation of the words at document offsets ``start:end`` of a passage.

    Its label is that of ``label``.

    Raises:
        ValueError: the span is outside the passage and its lead-in.
    """
    passage.slice(start, end)  # raises ValueError for a span outside
    return Citation(
        document=passage.document,
        title=passage.title,
        page=passage.page_at(start),
        section=passage.section,
        start=start,
        end=end,
        label=label(passage, start),
    )


def cite_whole(passage: Passage) -> Citation:
    """Return the citation of a whole passage."""
    return cite(passage, passage.start, passage.end)


def parse_place(text: str) -> Place:
    """Return the place written as "DOC@start-end".

    Raises:
        QueryError: it is not of this form, or empty.
    """
    match = _PLACE.fullmatch(text.strip())
    if match is None or int(match[2]) >= int(match[3]):
        raise QueryError(
            f"{text!r} is no place of a quote.",
            "As: reports/2019.pdf@1203-1291, the document, start and end of a citation.",
        )
    return Place(match[1], int(match[2]), int(match[3]))


def find_in_source(generation: Generation, document: str, span: tuple[int, int]) -> Quote:
    """Return the text at offsets ``span`` of a document, with its citation.

    Raises:
        QueryError: there is no such document, or the span is not covered by passages of a single
            section.
    """
    start, end = span
    held = [
        passage
        for passage in generation.passages(generation.document_rows(document))
        if passage.start < end and start < passage.end
    ]
    sections = {passage.section for passage in held}
    if start < end and len(sections) == 1 and held[0].start <= start and end <= held[-1].end:
        passage = generation.stretch(held[0], end)
        return Quote(passage.slice(start, end), cite(passage, start, end))
    raise QueryError(
        f"Nothing can be quoted at {start} to {end} of {document!r}.",
        "Ask again: the reports may have been indexed anew since.",
    )


def label(passage: Passage, start: int | None = None) -> str:
    """Return a readable label for a passage, or for the words at its offset ``start``.

    For example "Deep Dives, Merseyside, p. 3": short title, last heading, printed paragraph number
    and page, each if there is one; "(OCR)" marks a page that was read by OCR.
    """
    title = short_title(passage.title or passage.document)
    parts = [title]
    heading = _shorten(passage.section[-1]) if passage.section else ""
    if heading and heading.casefold() not in {title.casefold(), passage.title.casefold()}:
        parts.append(heading)
    if passage.label:
        parts.append(f"para {passage.label.strip('.()[] ')}")
    page = passage.page_at(passage.start if start is None else start)
    if page is not None:
        parts.append(page_label(page) + (" (OCR)" if page in passage.ocr_pages else ""))
    return ", ".join(parts)


def page_label(page: object) -> str:
    """Return "p. 3": how citations name a page or range of pages."""
    return f"p. {page}"


def quoted_plain(quote: str, citation: Citation) -> str:
    """Return a quote with its label, ready to paste: ‘words’ (Title, Section, p. 3)."""
    return f"{_quoted(quote)} ({citation.label})"


def quoted_harvard(quote: str, citation: Citation, facts: Mapping[str, str]) -> str:
    """Return a quote in Harvard style, ready to paste: Author (2024) Title, p. 3. ‘words’."""
    return f"{harvard(citation, facts)}. {_quoted(quote)}"


def harvard(citation: Citation, facts: Mapping[str, str]) -> str:
    """Return a citation in Harvard style: Author (2024) Title, p. 3.

    Without an author the publisher is named; without either the title comes first. Without a
    date the year is "no date"; without a page the last heading is named instead. ``facts`` are the
    document's "author", "publisher" and "date", as far as known.
    """
    title = " ".join((citation.title or citation.document).split())
    date = parse_date(facts.get("date", ""))
    year = f"({date.first.year if date else 'no date'})"
    name = " ".join((facts.get("author") or facts.get("publisher") or "").split())
    reference = f"{name} {year} {title}" if name else f"{title} {year}"
    heading = citation.section[-1] if citation.section else ""
    if citation.page is not None:
        reference += f", {page_label(citation.page)}"
    elif heading and heading.casefold() != title.casefold():
        reference += f", section ‘{_shorten(heading)}’"
    return reference


def cited_in_harvard(answer: Answer, facts: Facts) -> Answer:
    """Return the answer with its findings' labels in Harvard style; ``facts`` by document path."""

    def cited(finding: Finding) -> Finding:
        own = facts.get(finding.citation.document, {})
        return replace(
            finding,
            citation=replace(finding.citation, label=harvard(finding.citation, own)),
            others=tuple(map(cited, finding.others)),
        )

    return replace(answer, findings=tuple(map(cited, answer.findings)))


def document_facts(metadata: Iterable[MetadataField]) -> Mapping[str, str]:
    """Return a document's facts by name; the first of several with the same name."""
    return {item.name: item.value for item in reversed(tuple(metadata))}


def _quoted(quote: str) -> str:
    return f"‘{' '.join(quote.split())}’"


def short_title(title: str) -> str:
    """Return a title shortened to at most 60 characters.

    A long "Series: Report: Part" becomes the part, which distinguishes it from the others of the
    series; any other long title loses its subtitle.
    """
    title = " ".join(title.split())
    if len(title) > _LONGEST_TITLE:
        series = title.split(": ")
        if len(series) > 2:  # two parts are "Title: subtitle"
            return _shorten(series[-1])
        title = _SUBTITLE.split(title, maxsplit=1)[0] or title
    return _shorten(title)


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= _LONGEST_TITLE:
        return text
    cut = text[: _LONGEST_TITLE - 1]
    return f"{cut.rsplit(' ', 1)[0].rstrip(' ,.;:')}…"
