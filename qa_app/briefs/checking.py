"""Every quote of a brief, checked again: do these words stand at the cited place today?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qa_app import loading
from qa_app.briefs.brief import Brief
from qa_app.models import Document, Failure, Quote
from qa_app.store.generation import Generation
from qa_app.store.manifest import hash_file

# White space and control characters between words differ from format to format.
_GAP = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


class Standing(StrEnum):
    """How a quote fares against the reports of today."""

    OK = "ok"
    MOVED = "moved"
    CHANGED = "changed"
    GONE = "document gone"
    UNCITED = "uncited"


@dataclass(frozen=True, slots=True)
class Claim:
    """A quote as a brief has it, and the place that it names.

    Attributes:
        number: of its footnote; 0 where it has none.
        words: as they are in the brief now.
        words_sha256: of the words as they were exported (see ``hash_words``).
        document_sha256: of the source file when the words were pinned.
    """

    number: int
    words: str
    document: str
    start: int
    end: int
    words_sha256: str
    document_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """What became of a claim.

    Attributes:
        document, start, end, page: where the words stand today, if they do.
        reason: what is wrong or new, in words for the user.
    """

    claim: Claim
    standing: Standing
    document: str = ""
    start: int = 0
    end: int = 0
    page: int | None = None
    reason: str = ""

    @property
    def holds(self) -> bool:
        """Whether the exact words stand in the reports."""
        return self.standing in (Standing.OK, Standing.MOVED)


class Sources:
    """The reports as they are now: from the files, or from the index while they are the same.

    Args:
        generation: an open generation.
        corpus: folder of the reports; None to take the index's word for them.
    """

    def __init__(self, generation: Generation, corpus: Path | None = None) -> None:
        self._generation = generation
        self._records = {record.path: record for record in generation.documents}
        self._files = None
        if corpus is not None:
            self._files = {source.path: source for source in loading.scan(corpus).files}
        self._documents: dict[str, Document | Failure] = {}

    def find(self, path: str, sha256: str) -> Document | Failure | None:
        """Return the document at a path, or the same file under another; None if it is gone."""
        if path not in self._documents:
            found = self._read(path)
            if found is None:
                twins = (
                    record.path
                    for record in self._generation.documents
                    if record.source.sha256 == sha256
                )
                found = next((twin for twin in map(self._read, twins) if twin is not None), None)
            if found is None:
                return None
            self._documents[path] = found
        return self._documents[path]

    def _read(self, path: str) -> Document | Failure | None:
        record = self._records.get(path)
        if self._files is None:
            return self._generation.document(path) if record else None
        source = self._files.get(path)
        if source is None:
            return None
        try:
            if record and hash_file(source.absolute).sha256 == record.source.sha256:
                return self._generation.document(path)
        except OSError as exc:
            return Failure(path, f"It cannot be read: {exc.strerror}.")
        ocr = record is not None and record.source.ocr
        return next(found for _, found in loading.load_many([source], ocr))


def claims_of(brief: Brief) -> tuple[Claim, ...]:
    """Return the claims of a brief, numbered as its footnotes are when it is exported."""
    quotes = [(quote, pin.document_sha256) for pin in brief.pins for quote in pin.quotes]
    return tuple(claim(number, *pair) for number, pair in enumerate(quotes, 1))


def claim(number: int, quote: Quote, document_sha256: str) -> Claim:
    """Return what a quote claims."""
    place = quote.citation
    return Claim(
        number,
        quote.text,
        place.document,
        place.start,
        place.end,
        hash_words(quote.text),
        document_sha256,
    )


def check_claims(claims: Iterable[Claim], sources: Sources) -> tuple[Check, ...]:
    """Return for each claim whether its exact words stand in the reports, and where."""
    return tuple(_check(claim, sources) for claim in claims)


def failed(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks of quotes that do not stand in the reports word for word."""
    return tuple(check for check in checks if not check.holds)


def plain(text: str) -> str:
    """Return the words of a text, one space between them."""
    return _GAP.sub(" ", text).strip()


def hash_words(text: str) -> str:
    """Return the SHA-256 of the words of a text, whatever stands between them."""
    return hashlib.sha256(plain(text).encode(errors="surrogatepass")).hexdigest()


def _check(claim: Claim, sources: Sources) -> Check:
    if not claim.document:
        return Check(claim, Standing.UNCITED, reason="No citation belongs to this quote.")
    if not plain(claim.words) or hash_words(claim.words) != claim.words_sha256:
        return Check(claim, Standing.CHANGED, reason="The quote was edited after the export.")
    document = sources.find(claim.document, claim.document_sha256)
    if document is None:
        return Check(
            claim, Standing.GONE, reason=f"{claim.document} is not in the corpus any more."
        )
    if isinstance(document, Failure):
        return Check(claim, Standing.CHANGED, reason=f"{document.path}: {document.reason}")
    if document.path == claim.document and _stands(claim, document.text):
        return _at(claim, document, Standing.OK, claim.start, claim.end)
    place = _nearest(claim, document.text)
    if place is None:
        reason = f"These words are not in {document.path} any more."
        return Check(claim, Standing.CHANGED, reason=reason)
    return _at(claim, document, Standing.MOVED, *place)


def _stands(claim: Claim, text: str) -> bool:
    if not 0 <= claim.start < claim.end:
        return False
    return plain(text[claim.start : claim.end]) == plain(claim.words)


def _nearest(claim: Claim, text: str) -> tuple[int, int] | None:
    """Return where a text has the claim's words, nearest to the cited place."""
    words = plain(claim.words)
    pattern = _GAP.pattern.join(re.escape(word) for word in words.split(" "))
    # "art" does not stand in "part".
    before = r"(?<!\w)" if re.match(r"\w", words) else ""
    after = r"(?!\w)" if re.search(r"\w$", words) else ""
    places = (match.span() for match in re.finditer(before + pattern + after, text))
    return min(places, key=lambda place: abs(place[0] - claim.start), default=None)


def _at(claim: Claim, document: Document, standing: Standing, start: int, end: int) -> Check:
    page = document.page_at(start)
    reason = ""
    if standing is Standing.MOVED:
        where = "" if page is None else f", page {page}"
        reason = f"The words stand in {document.path}{where}, characters {start:,} to {end:,}."
    return Check(claim, standing, document.path, start, end, page, reason)
