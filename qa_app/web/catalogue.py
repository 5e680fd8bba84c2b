"""What is in the index, as the page's header, front page and list of sources show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qa_app.citations import Facts, document_facts
from qa_app.facets import DOCUMENT_FACET, Facets
from qa_app.models import Failure
from qa_app.retrieval.filters import BUILT_IN, FilterChoices, filter_choices
from qa_app.store.generation import Generation
from qa_app.store.records import DocumentRecord
from qa_app.text.wording import count
from qa_app.web.address import Address, View
from qa_app.web.examples import make_examples
from qa_app.web.filtering import filter_panel
from qa_app.web.views import FilterPanelView, HeaderView, SourceListRow, SourceListView

PRODUCT = "qa_app"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A generation's contents, read once when it is published.

    Attributes:
        hashes: path of each document to the SHA-256 of its file.
        facts: path of each document to its author, publisher and date, where known.
        facets: names of the groups that an answer can be kept to.
        choices: what there is to filter by.
        examples: questions that the reports can answer.
    """

    generation: str
    documents: tuple[DocumentRecord, ...]
    passages: int
    failures: tuple[Failure, ...]
    warnings: Mapping[str, str]
    hashes: Mapping[str, str]
    facts: Facts
    facets: tuple[str, ...]
    choices: FilterChoices
    examples: tuple[str, ...]


def read_catalogue(generation: Generation, facets: Facets) -> Catalogue:
    """Return what a generation holds."""
    manifest = generation.manifest
    return Catalogue(
        generation=generation.name,
        documents=generation.documents,
        passages=generation.num_passages,
        failures=manifest.failures,
        warnings={item.path: item.reason for item in manifest.warnings},
        hashes={document.path: document.source.sha256 for document in generation.documents},
        facts={item.path: document_facts(item.metadata) for item in generation.documents},
        facets=tuple({*generation.facets(), *BUILT_IN}),
        choices=filter_choices(generation),
        examples=make_examples(generation, facets),
    )


def header_view(catalogue: Catalogue) -> HeaderView:
    """Return the line at the top."""
    failed = len(catalogue.failures)
    return HeaderView(
        catalogue.generation,
        scope=count(len(catalogue.documents), "report"),
        failed=f"{failed:,} could not be read" if failed else "",
    )


def panel(catalogue: Catalogue, address: Address) -> FilterPanelView:
    """Return the filters that there are."""
    return filter_panel(catalogue.choices, catalogue.documents, address)


def source_list_view(catalogue: Catalogue, uploads: bool = False) -> SourceListView:
    """Return the list of documents."""
    address = Address(view=View.SOURCES)
    rows = (
        SourceListRow(
            title=document.title,
            facts=(document.path, *_warnings(document, catalogue)),
            date=catalogue.facts[document.path].get("date", ""),
            pages=f"{document.pages:,}" if document.pages else "",
            passages=f"{document.passages:,}",
            href=address.opening(document.path).search,
            alone=Address().keeping(DOCUMENT_FACET, document.path).search,
        )
        for document in catalogue.documents
    )
    reports = count(len(catalogue.documents), "report")
    return SourceListView(
        headline=f"{reports}, {count(catalogue.passages, 'passage')}",
        rows=tuple(rows),
        failures_line=f"{count(len(catalogue.failures), 'file')} could not be read",
        failures=catalogue.failures,
        uploads=uploads,
        search=address.search,
    )


def _warnings(document: DocumentRecord, catalogue: Catalogue) -> Iterable[str]:
    yield from document.warnings
    warning = catalogue.warnings.get(document.path)
    if warning and warning not in document.warnings:
        yield warning
