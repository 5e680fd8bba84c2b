"""Data types shared by all layers: frozen dataclasses and enumerations.

Offsets are character positions (Unicode code points) in ``Document.text``; a span is half open,
so ``text[start:end]`` is exactly its text.
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

_SPAN = re.compile(r"(\d+)(?: to (\d+))?")  # "7", "1 to 3"


class BlockKind(StrEnum):
    """What a block is in its document."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"
    FOOTNOTE = "footnote"
    CAPTION = "caption"


class Mode(StrEnum):
    """How passages are ranked.

    ``BEST`` uses vectors and BM25, ``FAST`` the same without reader and reranker. ``DENSE`` uses
    vectors alone and ``LEXICAL`` BM25 alone, both before any reranking.
    """

    BEST = "best"
    FAST = "fast"
    DENSE = "dense"
    LEXICAL = "lexical"


class Verdict(StrEnum):
    """Whether the reports answer the question."""

    ANSWERED = "answered"
    NOT_FOUND = "not_found"


class Support(StrEnum):
    """How strongly a quote supports its finding."""

    STRONG = "strong"
    PARTIAL = "partial"


class Relation(StrEnum):
    """How an additional quote of a row relates to the row's first quote."""

    EARLIER = "earlier"


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list item or table row of a document.

    Attributes:
        start, end: span in the document's text; never empty, without surrounding white space.
        kind: the block's role.
        level: a heading's depth from 1, a list item's nesting from 1, else 0.
        label: the number printed before it, as "3.12", if there is one.
    """

    start: int
    end: int
    kind: BlockKind
    level: int = 0
    label: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRun:
    """Text that is one unbroken run of characters in the source file.

    ``text[start:start + length]`` is characters ``index:index + length`` of page ``page`` (from
    1) as the PDF library numbers them. Boxes on page images are drawn from it.

    A word read by OCR has no characters in the file: ``index`` is -1, and ``box`` is its (left,
    top, right, bottom) as shares of the page's width and height.
    """

    start: int
    length: int
    page: int
    index: int
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class MetadataField:
    """A metadata value of a document and its origin: ``MetadataField("date", "2024", "info")``."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Document:
    """A report as extracted: its text, divided into blocks, and its metadata.

    Attributes:
        path: relative to the corpus, with forward slashes; the document's identity.
        format: the loader's name, as "pdf".
        title: for display; the document's own if it has one, else from the file name.
        text: everything that can be quoted.
        blocks: in reading order, disjoint.
        page_starts: offset at which each page starts, ascending; empty without pages.
        page_labels: the number printed on each page, where known; empty or one per page.
        source_runs: positions of the text on the pages (PDF only), ascending by start.
        metadata: author, date and others, each with its origin.
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
        """Return the page (from 1) of the character at ``offset``; None without pages."""
        return bisect_right(self.page_starts, offset) or None if self.page_starts else None

    @property
    def ocr_pages(self) -> frozenset[int]:
        """The pages, from 1, that were read by OCR."""
        return find_ocr_pages(self.metadata)


def find_ocr_pages(metadata: Iterable[MetadataField]) -> frozenset[int]:
    """Return the pages listed in the metadata field "ocr", as "pages 1 to 3 and 7"."""
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
        kind: the kind of its block.
        lead_in: span of the line that introduces its list, if there is one.
    """

    start: int
    end: int
    kind: BlockKind = BlockKind.PARAGRAPH
    lead_in: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class LeadIn:
    """The line that introduces a list: ``text`` is ``document_text[start:end]``."""

    start: int
    end: int
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one section: what is embedded, ranked and shown.

    Attributes:
        id: the same in every build as long as document and span are.
        document: path of its document.
        title: title of its document.
        section: headings above it, outermost first.
        start, end: span in the document's text.
        text: exactly ``document_text[start:end]``.
        sentences: its quotable parts, ascending.
        page: page on which it starts, from 1, or None.
        page_breaks: offsets in the document's text at which further pages start in the passage.
        label: printed number of the paragraph at its start, as "3.12".
        tags: facet name to the values that the passage is about.
        lead_in: the line, in an earlier passage, that introduces the list it continues.
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
        """Return the page of the document's character at ``offset``; None without pages."""
        if self.lead_in is not None and offset < self.lead_in.end:
            return self.lead_in.page
        return None if self.page is None else self.page + bisect_right(self.page_breaks, offset)

    @property
    def context(self) -> str:
        """Title and section path: searched, but never quoted."""
        return " > ".join((self.title, *self.section))

    def slice(self, start: int, end: int) -> str:
        """Return the text at document offsets ``start:end``, in the passage or its lead-in.

        Raises:
            ValueError: the span lies in neither.
        """
        for part in (self, self.lead_in):
            if part is not None and part.start <= start <= end <= part.end:
                return part.text[start - part.start : end - part.start]
        raise ValueError(f"{start}:{end} is outside the passage {self.start}:{self.end}")


@dataclass(frozen=True, slots=True)
class Place:
    """A span of a document, written "DOC@start-end" in links and on the command line."""

    document: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.document}@{self.start}-{self.end}"


@dataclass(frozen=True, slots=True)
class Citation:
    """The source of a quote: ``document_text[start:end]`` is exactly its text."""

    document: str
    title: str
    page: int | None
    section: tuple[str, ...]
    start: int
    end: int
    label: str

    @property
    def place(self) -> Place:
        """Where the quote stands."""
        return Place(self.document, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted text and its citation."""

    text: str
    citation: Citation


@dataclass(frozen=True, slots=True)
class Mark:
    """Words to highlight in a copy of a document: ``words`` is ``document_text[start:end]``.

    ``note`` is shown beside them: the user's note, or the question that found them.
    """

    start: int
    end: int
    words: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A ranked passage.

    Attributes:
        rank: from 1.
        score: fused score, higher is better; comparable within one question only.
        scores: component scores, by name, as in ``Ranked``: "dense" is a cosine, "lexical" BM25,
            "rerank" the reranker's score and "reranked" the number of passages that it scored.
        also_in: lower-ranked passages that repeat this one or a part of it.
    """

    rank: int
    score: float
    passage: Passage
    citation: Citation
    scores: Mapping[str, float] = field(default_factory=dict)
    also_in: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of an answer, with the quote that supports it.

    Attributes:
        facet_value: the value that the row is about in a "which …" answer, else None.
        quote: exact text of the source.
        support: strong from a fitted score on, else partial.
        score: probability in [0, 1] that the quote answers.
        lead_in: the line that introduces the quoted list item, if there is one.
        scores: the features behind the score, by name.
        date: of its document, as "2024-05", if known.
        relation: to the row's first quote; None for that quote itself.
        others: quotes of the same row from older reports.
        also_in: other places with the same wording.
        answer: the answering words, as character offsets in the quote; None if no reader has read
            it or they lie outside the quote.
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
    """The values of a facet with and without evidence, and known ones that no passage is about."""

    facet: str
    with_evidence: tuple[str, ...]
    without_evidence: tuple[str, ...]
    not_in_corpus: int
    not_in_corpus_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """How many values of a facet have evidence, where the question asks "how many".

    Attributes:
        strong: values with strong evidence.
        found: values with strong or partial evidence.
        total: values with passages in the corpus, or within the filters.
        words: the words that were looked for, if the question asks what is mentioned; evidence is
            then a sentence with all of them, partial if they stand apart in it.
    """

    facet: str
    strong: int
    found: int
    total: int
    words: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The model behind the scores of an answer's quotes.

    A quote's ``score`` is ``1 / (1 + exp(-x))``, where x is the intercept plus the weighted sum of
    its ``scores``; quotes for a fact are in descending order of x.

    Attributes:
        threshold: least score of an answer, or of a supported row.
    """

    threshold: float
    intercept: float
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, or the verdict that the reports do not answer it.

    Attributes:
        confidence: calibrated probability in [0, 1] that the corpus answers the question.
        passages: ranked passages, whatever the verdict.
        scores: features of the first quote, by name; "reranked" is the number of passages that a
            reranker scored.
        near_misses: the best quotes below the threshold, if there are no findings.
        explanation: the model behind the scores; None if none was used.
        reader: name of the reader that read the passages, or "".
        read_as: how a follow-up question was read with the one before it, or "". ``question`` is
            then the whole question that was answered.
        rejected: quotes that the user rejected; their passages were left out.
        count: of the rows, if the question asks how many; None if a quote states the number, or
            the question asks for more than can be counted.
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
    read_as: str = ""
    rejected: tuple[Quote, ...] = ()
    count: Count | None = None


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Identifies the encoder that made the vectors.

    Attributes:
        dimension: of the vectors; if lower than the model's, the first so many components.
        location: name or folder that it was loaded by; not part of the identity.
        query_prompt: put before questions; not part of the identity, as no stored vector
            depends on it.
        document_prompt: put before passages.
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
    """Identifies the reader that found the answering words."""

    name: str
    weights_sha256: str

    def __str__(self) -> str:
        """Return it in the form used in briefs."""
        return f"{self.name}, weights {self.weights_sha256}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A file that could not be read or was read in part, with reason and hint for the user."""

    path: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """The result of a build.

    Attributes:
        added, changed, removed, unchanged: numbers of documents.
        embedded, reused: numbers of passages whose vectors were computed, or kept.
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
        """Passages embedded per second of the whole build."""
        return self.embedded / self.seconds if self.seconds > 0 else 0.0


def to_json(value: Any) -> Any:
    """Turn dataclasses, mappings and sequences into types that ``json.dumps`` takes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [to_json(item) for item in value]
    return value
