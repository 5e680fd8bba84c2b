"""Checks whether the quotes of a brief are still found, word for word, at the cited places."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qa_app.briefs.brief import Brief
from qa_app.models import Citation, Failure
from qa_app.settings import Location
from qa_app.store.opening import open_store
from qa_app.verification import Sources, find_words, plain


class Standing(StrEnum):
    """Result of checking a quote against the current reports."""

    OK = "ok"
    MOVED = "moved"
    CHANGED = "changed"
    GONE = "document gone"
    UNCITED = "uncited"


@dataclass(frozen=True, slots=True)
class Claim:
    """A quote in a brief and the place that it cites.

    Attributes:
        number: of its footnote; 0 where it has none.
        words: the quote's current text in the brief.
        document: path of the cited report; "" where the quote has no citation.
        start, end: character offsets in the report's text.
        words_sha256: of the words as they were exported (see ``hash_words``).
        document_sha256: of the source file at the time of pinning; "" if it is unknown.
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
    """The result for one claim.

    Attributes:
        document, start, end, page: where the words are now, if they were found.
        reason: explanation for the user; "" where the standing is OK.
    """

    claim: Claim
    standing: Standing
    document: str = ""
    start: int = 0
    end: int = 0
    page: int | None = None
    reason: str = ""


def claims_of(brief: Brief) -> tuple[Claim, ...]:
    """Return the claims of a brief, numbered like its footnotes in an export."""
    quotes = ((pin, quote) for pin in brief.pins for quote in pin.quotes)
    return tuple(
        claim_of(quote.text, quote.citation, pin.document_sha256, number)
        for number, (pin, quote) in enumerate(quotes, start=1)
    )


def claim_of(words: str, place: Citation, document_sha256: str, number: int = 0) -> Claim:
    """Return the claim of a quote: ``words`` at ``place``, with the number of its footnote."""
    span = (place.document, place.start, place.end)
    return Claim(number, words, *span, hash_words(words), document_sha256)


def verify_claims(
    index: Location, claims: Iterable[Claim], corpus: Path | None = None
) -> tuple[Check, ...]:
    """Check claims against the reports in ``corpus``, by default the folder of the last build."""
    with open_store(index).open(allow_previous=True, searchable=False) as generation:
        folder = corpus or generation.manifest.corpus_folder(index)
        return check_claims(claims, Sources(generation, folder))


def check_claims(claims: Iterable[Claim], sources: Sources) -> tuple[Check, ...]:
    """Return for each claim whether its exact words are in the reports, and where."""
    return tuple(_check(claim, sources) for claim in claims)


def failed(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks of quotes that were not found in the reports word for word."""
    return tuple(check for check in checks if check.standing not in (Standing.OK, Standing.MOVED))


def hash_words(text: str) -> str:
    """Return the SHA-256 of a text with runs of white space reduced to one space."""
    return hashlib.sha256(plain(text).encode(errors="surrogatepass")).hexdigest()


def _check(claim: Claim, sources: Sources) -> Check:
    if not claim.document:
        return Check(claim, Standing.UNCITED, reason="No citation belongs to this quote.")
    if not plain(claim.words) or hash_words(claim.words) != claim.words_sha256:
        return Check(claim, Standing.CHANGED, reason="The quote was edited after the export.")
    document = sources.document(claim.document, claim.document_sha256)
    if document is None:
        reason = f"{claim.document} is not in the corpus any more."
        return Check(claim, Standing.GONE, reason=reason)
    if isinstance(document, Failure):
        return Check(claim, Standing.CHANGED, reason=f"{document.path}: {document.reason}")
    place = find_words(document.text, claim.words, claim.start, claim.end)
    if place is None:
        reason = f"These words are not in {document.path} any more."
        return Check(claim, Standing.CHANGED, reason=reason)
    start, end = place
    page = document.page_at(start)
    if (document.path, start, end) == (claim.document, claim.start, claim.end):
        return Check(claim, Standing.OK, document.path, start, end, page)
    where = "" if page is None else f", page {page}"
    reason = f"The words stand in {document.path}{where}, characters {start:,} to {end:,}."
    return Check(claim, Standing.MOVED, document.path, start, end, page, reason)
