"""The vocabulary: frozen dataclasses that every layer speaks.

Offsets are character positions (Unicode code points) in ``Document.text``; a span is half open,
so ``text[start:end]`` is the words themselves.
"""

from __future__ import annotations

import dataclasses
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from typing import Any

_SPAN = re.compile(r"(\d+)(?: to (\d+))?")


class BlockKind(StrEnum):
    """What a block is in its document."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"
    FOOTNOTE = "footnote"
    CAPTION = "caption"


class Mode(StrEnum):
    """How passages are ranked."""

    BEST = "best"
    FAST = "fast"
    DENSE = "dense"
    LEXICAL = "lexical"


class Verdict(StrEnum):
    """Whether the reports answer the question."""

    ANSWERED = "answered"
    NOT_FOUND = "not_found"


class Support(StrEnum):
    """How firmly a quote bears out its row."""

    STRONG = "strong"
    PARTIAL = "partial"


class Relation(StrEnum):
    """How a further quote stands to the one that it is shown beside."""

    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list item or table row of a document.

    Attributes:
        start, end: span in the document's text; never empty, without surrounding white space.
        kind: the block's role.
        level: a heading's depth from 1, a list item's nesting from 1, else 0.
        label: the number printed in front of it, as "3.12", where there is one.
    """

    start: int
    end: int
    kind: BlockKind
    level: int = 0
    label: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRun:
    """Text that stands in the source file as one unbroken run of characters.

    ``text[start:start + length]`` is characters ``index:index + length`` of page ``page`` (from
    1) as the PDF library numbers them. It is what boxes on the page image are drawn from.

    A word that was read by OCR has no characters in the file: ``index`` is -1, and ``box`` is its
    place, as (left, top, right, bottom) in shares of the page's width and height.
    """

    start: int
    length: int
    page: int
    index: int
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class MetadataField:
    """A fact about a document, and where it was read: ``MetadataField("date", "2024", "info")``."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Document:
    """A report as extracted: its text, and what each stretch of it is.

    Attributes:
        path: relative to the corpus, with forward slashes; the document's identity.
        format: the loader's name, as "pdf".
        title: for people; from the document where it has one, else from the file name.
        text: everything that can be quoted.
        blocks: in reading order, disjoint.
        page_starts: offset at which each page starts, ascending; empty where there are no pages.
        page_labels: the number printed on each page, where known; empty or one a page.
        source_runs: where the text stands on the pages (PDF only), ascending by start.
        metadata: author, date and the like, with where each was read.
        warnings: what could not be read, as "pages 12 to 14 have no text".
    """

    path: str
    format: str
    title: str
    text: str
    blocks: tuple[Block, ...]
    page_starts: tuple[int, ...] = ()
    page_labels: tuple[str, ...] = ()
    source_runs: tuple[SourceRun, ...] = ()
    metadata: tuple[MetadataField, ...] = ()
    warnings: tuple[str, ...] = ()

    def page_at(self, offset: int) -> int | None:
        """Return the page (from 1) that holds the character at ``offset``, or None."""
        return bisect_right(self.page_starts, offset) or None if self.page_starts else None

    @property
    def ocr_pages(self) -> frozenset[int]:
        """The pages, from 1, that were read by OCR."""
        return find_ocr_pages(self.metadata)


def find_ocr_pages(metadata: Iterable[MetadataField]) -> frozenset[int]:
    """Return the pages that the field "ocr" names, as "pages 1 to 3 and 7"."""
    spans = (_SPAN.findall(field.value) for field in metadata if field.name == "ocr")
    return frozenset(
        page
        for first, last in chain.from_iterable(spans)
        for page in range(int(first), int(last or first) + 1)
    )


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or bullet of a passage: the smallest thing that is quoted.

    Attributes:
        start, end: span in the document's text.
        kind: the kind of the block that it is part of.
        lead_in: span of the line that introduces the list it belongs to, where there is one.
    """

    start: int
    end: int
    kind: BlockKind = BlockKind.PARAGRAPH
    lead_in: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LeadIn:
    """The line that introduces a list, with its place: ``document_text[start:end]`` is ``text``."""

    start: int
    end: int
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one section: what is embedded, ranked and shown.

    Attributes:
        id: stable over rebuilds while the passage's document and span are.
        document: path of its document.
        title: title of its document.
        section: headings above it, outermost first.
        start, end: span in the document's text.
        text: exactly ``document_text[start:end]``.
        sentences: its quotable parts, ascending.
        page: page on which it starts, from 1, or None.
        page_breaks: offsets in the document's text, inside the passage, at which each following
            page starts.
        label: printed number of the paragraph that it starts with or in, as "3.12".
        tags: facet name to the values that the passage is about.
        lead_in: what introduces the list that it goes on with, in an earlier passage.
        ocr_pages: pages of its document that were read by OCR.
    """

    id: str
    document: str
    title: str
    section: tuple[str, ...]
    start: int
    end: int
    text: str
    sentences: tuple[Sentence, ...]
    page: int | None = None
    label: str | None = None
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    page_breaks: tuple[int, ...] = ()
    lead_in: LeadIn | None = None
    ocr_pages: frozenset[int] = frozenset()

    def page_at(self, offset: int) -> int | None:
        """Return the page that holds the document's character at ``offset``, or None."""
        if self.lead_in is not None and offset < self.lead_in.end:
            return self.lead_in.page
        return None if self.page is None else self.page + bisect_right(self.page_breaks, offset)

    @property
    def context(self) -> str:
        """Title and section path: found by, never quoted."""
        return " > ".join((self.title, *self.section))

    def slice(self, start: int, end: int) -> str:
        """Return the words at document offsets ``start:end``, in the passage or its lead-in."""
        for part in (self, self.lead_in):
            if part is not None and part.start <= start <= end <= part.end:
                return part.text[start - part.start : end - part.start]
        raise ValueError(f"{start}:{end} is outside the passage {self.start}:{self.end}")


@dataclass(frozen=True, slots=True)
class Citation:
    """Where words stand: ``document_text[start:end]`` is the quote, exactly."""

    document: str
    title: str
    page: int | None
    section: tuple[str, ...]
    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a report and where they stand."""

    text: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A ranked passage.

    Attributes:
        rank: from 1.
        score: fused score, higher is better; comparable within one question only.
        scores: the parts that it was made of, by name ("dense" is a cosine, "rerank" the
            reranker's, and "reranked" how many passages that read for the question).
        also_in: passages further down that say the same in nearly the same words.
    """

    rank: int
    score: float
    passage: Passage
    citation: Citation
    scores: Mapping[str, float] = field(default_factory=dict)
    also_in: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of an answer: the words that bear it out.

    Attributes:
        facet_value: whom the row is about in a "which …" answer, else None.
        quote: exact words of the source.
        support: strong where the words say it, partial where they come near.
        score: in [0, 1], higher is better.
        lead_in: the line that introduces the quoted bullet, where it needs one.
        scores: the parts of the score, by name.
        date: of its document, as "2024-05", where that is known.
        relation: how it stands to the row's first quote; None for that one.
        others: of the same row, what older reports said.
        also_in: where else the same words stand.
        answer: the words of the quote that answer, as character offsets in it; None where no
            reader has read it.
    """

    facet_value: str | None
    quote: str
    support: Support
    score: float
    citation: Citation
    lead_in: Quote | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    date: str | None = None
    relation: Relation | None = None
    others: tuple[Finding, ...] = ()
    also_in: tuple[Citation, ...] = ()
    answer: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which values of a facet have evidence, and how many known ones are never mentioned."""

    facet: str
    with_evidence: tuple[str, ...]
    without_evidence: tuple[str, ...]
    not_in_corpus: int
    not_in_corpus_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """How the scores of an answer's quotes came about.

    A quote's ``score`` is ``1 / (1 + exp(-x))`` with x the intercept and the weighted sum of its
    ``scores``; quotes for a fact stand in the order of that sum.

    Attributes:
        threshold: the score from which the reports are held to answer, or a row to be borne out.
    """

    threshold: float
    intercept: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reports say to a question, or that they do not say.

    Attributes:
        confidence: calibrated score in [0, 1] that the corpus answers the question.
        passages: ranked passages; under "not found" they are the near misses.
        scores: of the best quote, by name; "reranked" is how many passages a reranker read.
        near_misses: under "not found" the nearest quotes, in place of findings.
        explanation: what the scores were weighed with; None where nothing was weighed.
        reader: name of the reader that read the passages, or "".
    """

    question: str
    verdict: Verdict
    confidence: float
    findings: tuple[Finding, ...]
    passages: tuple[SearchResult, ...]
    coverage: Coverage | None
    timings_ms: Mapping[str, float]
    generation: str
    scores: Mapping[str, float] = field(default_factory=dict)
    near_misses: tuple[Finding, ...] = ()
    explanation: Explanation | None = None
    reader: str = ""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which encoder made the vectors.

    Attributes:
        dimension: of its vectors; of a larger model's the first so many.
        location: the name or folder that it was asked for by; not part of the identity.
        query_prompt: put in front of questions; the passages' vectors do not depend on it.
        document_prompt: put in front of passages.
    """

    name: str
    weights_sha256: str
    dimension: int
    max_tokens: int
    location: str = field(default="", compare=False)
    query_prompt: str = field(default="", compare=False)
    document_prompt: str = ""


@dataclass(frozen=True, slots=True)
class ReaderIdentity:
    """Which reader found the words that answer."""

    name: str
    weights_sha256: str

    def __str__(self) -> str:
        """Return it as briefs name it."""
        return f"{self.name}, weights {self.weights_sha256}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read, and why, in words for the user."""

    path: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        added, changed, removed, unchanged: numbers of documents.
        embedded, reused: numbers of passages whose vectors were made, or kept.
        warnings: documents read in part, with what is missing.
    """

    generation: str
    added: int
    changed: int
    removed: int
    unchanged: int
    failures: tuple[Failure, ...]
    warnings: tuple[Failure, ...]
    passages: int
    embedded: int
    reused: int
    seconds: float

    @property
    def passages_per_second(self) -> float:
        """Passages embedded a second over the whole build."""
        return self.embedded / self.seconds if self.seconds > 0 else 0.0


def to_json(value: Any) -> Any:
    """Turn dataclasses, mappings and sequences into what ``json.dumps`` takes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [to_json(item) for item in value]
    return value
