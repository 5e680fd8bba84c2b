"""ZIP files of sources with their highlighted copies, and a manifest; equal input, equal bytes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from qa_app.errors import QAAppError, QueryError
from qa_app.highlighting.copies import Highlighter
from qa_app.models import Answer, Mark
from qa_app.version import __version__

MANIFEST = "manifest.json"
MAX_ARCHIVE_BYTES = 200 * 2**20  # of the sources and copies; the archive is made in memory
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date in a ZIP file; fixed, for equal bytes
_LONGEST_PART = 100  # characters of a folder's or file's name in an archive
# Not allowed in file names on Windows, or with a meaning there.
_RESERVED = frozenset('\\:*?"<>|')
# Names of devices on Windows, with any ending.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(1, 10))}
)

Miss = tuple[str, Mark, str]  # a document, the words that are not highlighted in it, the reason


def archive_answer(highlighter: Highlighter, answer: Answer) -> bytes:
    """Return a ZIP file of the sources that an answer cites, with its quotes highlighted.

    ``QueryError`` if the answer has no quotes.
    """
    if not answer.findings:
        raise QueryError(
            "The reports do not say, so there is nothing to highlight.", "Ask something else."
        )
    marks: dict[str, list[Mark]] = {}
    for row in (other for finding in answer.findings for other in (finding, *finding.others)):
        cited = [(row.quote, row.citation)]
        if row.lead_in:
            cited.insert(0, (row.lead_in.text, row.lead_in.citation))
        for words, place in cited:
            mark = Mark(place.start, place.end, words, answer.question)
            marks.setdefault(place.document, []).append(mark)
    return make_archive(highlighter, marks, {"question": answer.question})


def make_archive(
    highlighter: Highlighter,
    marks: Mapping[str, Sequence[Mark]],
    about: Mapping[str, str],
    files: Mapping[str, bytes] | None = None,
    misses: Iterable[Miss] = (),
) -> bytes:
    """Return a ZIP file of the documents in ``marks`` and their highlighted copies.

    Its ``manifest.json`` lists every file with its SHA-256, every quote with the copy in which it
    is highlighted or the reason why it is not, and every document left out: one that has changed
    since it was indexed, or that would make the archive too large.

    Args:
        about: added at the top of the manifest.
        files: further files, by name.
        misses: quotes known to have no place, for the manifest.
    """
    packed = _Archive()
    for name, content in (files or {}).items():
        packed.add(name, content)
    quotes = [_quote(document, mark, "", reason) for document, mark, reason in misses]
    left_out = []
    for document, chosen in sorted(marks.items()):
        try:
            size = 2 * highlighter.size(document)  # the source and its copy
            if packed.size + size > MAX_ARCHIVE_BYTES:
                most = MAX_ARCHIVE_BYTES // 2**20
                raise QueryError(f"With it the archive would have over {most} MB.")
            original, copy = highlighter.original(document), highlighter.copy(document, chosen)
        except QAAppError as exc:
            left_out.append({"document": document, "reason": exc.message})
            quotes += [_quote(document, mark, "", exc.message) for mark in chosen]
            continue
        packed.add(f"sources/{document}", original, document=document)
        more = {"warning": copy.warning} if copy.warning else {}
        name = packed.add(f"marked/{copy.name}", copy.content, document=document, **more)
        reasons = {(mark.start, mark.end, mark.words): why for mark, why in copy.misses}
        for mark in chosen:
            reason = reasons.get((mark.start, mark.end, mark.words), "")
            quotes.append(_quote(document, mark, "" if reason else name, reason))
    manifest = {
        "program": f"qa_app {__version__}",
        "generation": highlighter.generation.name,
        **about,
        "files": packed.files,
        "quotes": quotes,
        "left_out": left_out,
    }
    return packed.finish(json.dumps(manifest, indent=1).encode() + b"\n")


def _quote(document: str, mark: Mark, marked_in: str, reason: str) -> dict[str, Any]:
    return {
        "document": document,
        "start": mark.start,
        "end": mark.end,
        "words": mark.words,
        "marked_in": marked_in,
        "reason": reason,
    }


class _Archive:
    """A ZIP file that is being written, in memory."""

    def __init__(self) -> None:
        self.size = 0
        self.files: list[dict[str, Any]] = []
        self._names = {MANIFEST}
        self._bytes = io.BytesIO()
        self._zip = zipfile.ZipFile(self._bytes, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, content: bytes, **more: str) -> str:
        """Add a file and return its name, which is made safe and unique."""
        name = self._unique(safe_entry(name))
        self._write(name, content)
        digest = hashlib.sha256(content).hexdigest()
        self.files.append({"name": name, "bytes": len(content), "sha256": digest, **more})
        self.size += len(content)
        return name

    def finish(self, manifest: bytes) -> bytes:
        self._write(MANIFEST, manifest)
        self._zip.close()
        return self._bytes.getvalue()

    def _write(self, name: str, content: bytes) -> None:
        entry = zipfile.ZipInfo(name, _EPOCH)
        entry.create_system, entry.external_attr = 3, 0o644 << 16  # a file readable on Unix
        self._zip.writestr(entry, content, zipfile.ZIP_DEFLATED)

    def _unique(self, name: str) -> str:
        """Return the name, numbered if it is taken; Windows and macOS ignore case."""
        path, number, tried = PurePosixPath(name), 1, name
        while tried.casefold() in self._names:
            number += 1
            tried = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        self._names.add(tried.casefold())
        return tried


def safe_entry(path: str) -> str:
    """Return a relative path that is harmless as the name of an entry on any system."""
    return "/".join(_safe_part(part) for part in path.split("/"))


def _safe_part(part: str) -> str:
    # What is not printable includes controls, lone surrogates and marks that reverse the text.
    part = "".join(c if c.isprintable() and c not in _RESERVED else "_" for c in part)
    part = part.strip(" ")
    ending = PurePosixPath(part).suffix[-10:]
    if len(part) > _LONGEST_PART:
        part = part[: _LONGEST_PART - len(ending)] + ending
    part = part.rstrip(". ")  # Windows drops these
    if not part or part.split(".")[0].strip().casefold() in _DEVICES:
        return f"_{part}"
    return part
