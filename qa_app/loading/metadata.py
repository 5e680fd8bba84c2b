"""Metadata of documents, and ``metadata.toml``, which overrides it.

``corpus/metadata.toml`` has one table per file, named by the file's path in the corpus:

    ["2024/annual.pdf"]
    title = "Annual report 2024"
    publisher = "A council"
    date = "2024-05-01"
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from qa_app.errors import ConfigError
from qa_app.models import Document, MetadataField
from qa_app.settings import read_tables
from qa_app.text.dates import parse_date

METADATA_FILE = "metadata.toml"
_NAMES = ("title", "author", "publisher", "date")
_FORM = 'Write a table a file, as ["annual.pdf"], with any of: ' + ", ".join(_NAMES) + "."
# A date as PDF ("D:20240501120000Z"), Office or HTML ("2024-05-01T12:00") write it.
_PDF_DATE = re.compile(r"(?:D:)?((?:19|20)\d{2})-?(\d{2})?-?(\d{2})?")

Overrides = tuple[tuple[str, str], ...]

# Matched with fullmatch: a title of only such generic words, as "The Final Report", "Volume 1".
_PART_NAME = (
    r"report|response|review|summary|findings|recommendations|introduction|overview|contents|"
    r"foreword|volume|vol|part|section|chapter|annex|appendix|edition|version"
)
_BARE = re.compile(
    rf"(?=.*\b(?:{_PART_NAME})\b)(?:(?:{_PART_NAME}|the|an?|of|and|no|final|interim|full|main|first|"
    r"second|third|executive|one|two|three|four|[ivx]{1,5}|[a-z]|\d{1,2})\b\W*)+",
    re.IGNORECASE,
)
# A line that names a publishing body: it has one of these words and no full stop.
_PUBLISHER = re.compile(
    r"[^.]*\b(?:inquiry|commission|committee|council|department|ministry|agency|authority|board|trust|"
    r"inspectorate|ombudsman|institute|university|foundation|association|police|constabulary|force)\b[^.]*",
    re.IGNORECASE,
)
_LONGEST_PUBLISHER = 70  # characters; a longer line is a sentence rather than a name
# What tells volumes apart: "Volume 2", "3rd Report of Session 2021-22", "HC 123-II".
_VOLUME = re.compile(
    r"\b(?:Volume|Vol\.|Part) (?:\d{1,2}|[IVX]{1,4}|One|Two|Three|Four)\b"
    r"|\b\d{1,2}(?:st|nd|rd|th) Report of Session \d{4}[–/-]\d{2}\b|\bHC \d{1,4}(?:-[IVX]+)?\b"
)
_OPENING = 12  # blocks that stand for the first page of a document without pages


def read_overrides(corpus: Path) -> dict[str, Overrides]:
    """Return the facts in metadata.toml by path, as sorted (name, value) pairs.

    Raises:
        ConfigError: the file is not TOML, has an entry other than title, author, publisher and
            date, or has a date that is not of the form 2024, 2024-05 or 2024-05-01.
    """
    path = corpus / METADATA_FILE
    tables, _ = read_tables(path, _FORM)
    found = {}
    for name, table in tables.items():
        unknown = sorted(set(table) - set(_NAMES)) if isinstance(table, dict) else [name]
        if unknown:
            raise ConfigError(
                f"{path}: {name!r} has the unknown entry {unknown[0]!r}.",
                _FORM,
            )
        date = str(table.get("date", ""))
        if date and parse_date(date) is None:
            raise ConfigError(
                f"{path}: {name!r} has the date {date!r}.",
                "Write it as 2024, 2024-05 or 2024-05-01.",
            )
        found[name] = tuple(sorted((key, str(value)) for key, value in table.items()))
    return found


def apply_overrides(document: Document, overrides: Overrides) -> Document:
    """Return the document with facts from metadata.toml replacing its own."""
    if not overrides:
        return document
    fields = [MetadataField(name, value, METADATA_FILE) for name, value in overrides]
    named = {name for name, _ in overrides}
    kept = [field for field in document.metadata if field.name not in named]
    title = dict(overrides).get("title", document.title)
    return replace(document, title=title, metadata=(*fields, *kept))


def complete_title(document: Document) -> Document:
    """Return the document with publisher and volume added to a generic title like "The Report".

    The publisher comes from the metadata, else from the first page, else the file's name stands
    in for it. A title from metadata.toml is not changed.
    """
    title = document.title
    facts = {field.name: field for field in reversed(document.metadata)}
    given = "title" in facts and facts["title"].origin == METADATA_FILE
    if given or not _BARE.fullmatch(title):
        return document
    opening = list(_opening_lines(document))
    lines = (line for line in opening if len(line) <= _LONGEST_PUBLISHER)
    named = next((line for line in lines if _PUBLISHER.fullmatch(line)), None)
    if "publisher" in facts:
        named = facts["publisher"].value
    volumes = (match[0] for line in opening for match in _VOLUME.finditer(line))
    parts = [named or PurePosixPath(document.path).stem]
    parts += [volume for volume in volumes if volume not in f"{title} {parts[0]}"][:1]
    apart = ", ".join(parts)
    known = set(_words(title))
    adds = any(word not in known for word in _words(apart))
    return replace(document, title=f"{title} ({apart})") if adds else document


def _opening_lines(document: Document) -> Iterator[str]:
    """Yield the text of the first page's blocks, or of the first few if there are no pages."""
    pages = document.page_starts
    blocks = document.blocks if pages else document.blocks[:_OPENING]
    for block in blocks:
        if pages and document.page_at(block.start) != 1:
            return
        yield " ".join(document.text[block.start : block.end].split())


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def collect(*candidates: tuple[str, str | None, str]) -> tuple[MetadataField, ...]:
    """Return the first non-blank value for each name among (name, value, origin) candidates."""
    found: dict[str, MetadataField] = {}
    for name, value, origin in candidates:
        words = " ".join((value or "").split())
        if words and name not in found:
            found[name] = MetadataField(name, words, origin)
    return tuple(found.values())


def iso_date(stamp: str | None) -> str | None:
    """Return "2024-05-01" for "D:20240501…" or "2024-05-01T…", or only the year or month given.

    None where the stamp does not start with a year from 1900 to 2099.
    """
    match = _PDF_DATE.match((stamp or "").strip())
    return "-".join(part for part in match.groups() if part) if match else None


def title_from_path(path: str) -> str:
    """Return a title made from a file's name: "Annual report 2024" for "annual_report-2024.pdf"."""
    stem = PurePosixPath(path).stem
    title = re.sub(r"[\s_-]+", " ", stem).strip() or stem
    return title if title != title.lower() else title[:1].upper() + title[1:]


def is_named_after_file(title: str, path: str) -> bool:
    """Tell whether a title is the file's name or was completed with it."""
    return title == title_from_path(path) or f"({PurePosixPath(path).stem}" in title
