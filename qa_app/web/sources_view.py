"""The sources view: every document, and every file that could not be read."""

from __future__ import annotations

from qa_app.facets import DOCUMENT_FACET
from qa_app.web.address import Address, View
from qa_app.web.catalogue import Visit
from qa_app.web.rendering import render


def render_sources(visit: Visit) -> str:
    """Return the HTML of the list of documents, with an upload area if uploads are allowed."""
    generation = visit.catalogue.snapshot.generation
    documents = visit.catalogue.documents
    notes = {path: [*document.warnings] for path, document in documents.items()}
    for warning in generation.manifest.warnings:
        if warning.reason not in notes.setdefault(warning.path, []):
            notes[warning.path].append(warning.reason)
    return render(
        "sources",
        here=Address(view=View.SOURCES),
        stamp=visit.stamp,
        uploads=visit.uploads,
        documents=documents.values(),
        facts=visit.catalogue.facts,
        notes=notes,
        num_passages=generation.num_passages,
        failures=generation.manifest.failures,
        only=lambda path: Address().toggling(DOCUMENT_FACET, path),
    )
