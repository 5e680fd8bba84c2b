"""Facts about a document, and the side file that overrides them.

``corpus/metadata.toml`` has a table a file, named by its path in the corpus:

    ["2024/annual.pdf"]
    title = "Annual report 2024"
    publisher = "A council"
    date = "2024-05-01"
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from qa_app.dates import parse_date
from qa_app.errors import ConfigError
from qa_app.models import Document, MetadataField
from qa_app.settings import read_tables

METADATA_FILE = "metadata.toml"
_NAMES = ("title", "author", "publisher", "date")
_FORM = 'Write a table a file, as ["annual.pdf"], with any of: ' + ", ".join(_NAMES) + "."
# "D:20240501120000Z" of PDF, "2024-05-01T12:00" of Office and the web.
_PDF_DATE = re.compile(r"(?:D:)?((?:19|20)\d{2})-?(\d{2})?-?(\d{2})?")

Overrides = tuple[tuple[str, str], ...]


def read_overrides(corpus: Path) -> dict[str, Overrides]:
    """Return for each path named in metadata.toml its facts as (name, value), sorted.

    Raises:
        ConfigError: the file is not TOML, names something other than title, author,
            publisher and date, or gives a date of another form.
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
    """Return the document with the facts of metadata.toml in place of its own."""
    if not overrides:
        return document
    fields = [MetadataField(name, value, METADATA_FILE) for name, value in overrides]
    named = {name for name, _ in overrides}
    kept = [field for field in document.metadata if field.name not in named]
    title = dict(overrides).get("title", document.title)
    return replace(document, title=title, metadata=(*fields, *kept))


def collect(*candidates: tuple[str, str | None, str]) -> tuple[MetadataField, ...]:
    """Return the first usable value for each name among (name, value, origin) candidates."""
    found: dict[str, MetadataField] = {}
    for name, value, origin in candidates:
        words = " ".join((value or "").split())
        if words and name not in found:
            found[name] = MetadataField(name, words, origin)
    return tuple(found.values())


def iso_date(stamp: str | None) -> str | None:
    """Return "2024-05-01" for "D:20240501…" or "2024-05-01T…"; less where the stamp has less."""
    match = _PDF_DATE.match((stamp or "").strip())
    return "-".join(part for part in match.groups() if part) if match else None


def title_from_path(path: str) -> str:
    """Return a title for a file: "annual_report-2024.pdf" is "Annual report 2024"."""
    stem = PurePosixPath(path).stem
    title = re.sub(r"[\s_-]+", " ", stem).strip() or stem
    return title if title != title.lower() else title[:1].upper() + title[1:]
