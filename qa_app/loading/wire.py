"""Documents as JSON: what a worker process sends back.

JSON, since reading it cannot run code: a worker may have been taken over by the file it read.
"""

from __future__ import annotations

import json
from typing import Any

from qa_app import errors
from qa_app.errors import BrokenFileError, LoadError
from qa_app.models import Block, BlockKind, Document, MetadataField, SourceRun

_KINDS: dict[str, type[LoadError]] = {
    kind.__name__: kind
    for kind in (
        errors.UnsupportedFormatError,
        errors.NoTextError,
        errors.PasswordError,
        errors.BrokenFileError,
        errors.LimitError,
    )
}


def encode(outcome: Document | LoadError) -> bytes:
    """Return the document, or why there is none, as JSON."""
    if isinstance(outcome, LoadError):
        kind = type(outcome).__name__
        return json.dumps({"error": [kind, outcome.message, outcome.hint]}).encode()
    runs = [number for run in outcome.source_runs for number in _run_numbers(run)]
    boxes = [run.box for run in outcome.source_runs if run.box]
    fields = {
        "path": outcome.path,
        "format": outcome.format,
        "title": outcome.title,
        "text": outcome.text,
        "blocks": [[b.start, b.end, b.kind.value, b.level, b.label] for b in outcome.blocks],
        "page_starts": outcome.page_starts,
        "page_labels": outcome.page_labels,
        "source_runs": runs,
        "source_boxes": boxes,
        "metadata": [[field.name, field.value, field.origin] for field in outcome.metadata],
        "warnings": outcome.warnings,
    }
    return json.dumps({"document": fields}).encode()


def decode(content: bytes) -> Document | LoadError:
    """Return what ``encode`` was given.

    Raises:
        BrokenFileError: the bytes are something else.
    """
    try:
        message = json.loads(content)
        if "error" in message:
            kind, text, hint = message["error"]
            return _KINDS.get(kind, LoadError)(text, hint)
        return _document(message["document"])
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise BrokenFileError(
            "The program that reads it gave no sense.", "Save the file again from its own program."
        ) from exc


def _run_numbers(run: SourceRun) -> tuple[int, int, int, int]:
    return run.start, run.length, run.page, run.index


def _document(fields: dict[str, Any]) -> Document:
    runs = iter(fields["source_runs"])
    boxes = iter(fields["source_boxes"])
    return Document(
        path=str(fields["path"]),
        format=str(fields["format"]),
        title=str(fields["title"]),
        text=str(fields["text"]),
        blocks=tuple(
            Block(start, end, BlockKind(kind), level, label)
            for start, end, kind, level, label in fields["blocks"]
        ),
        page_starts=tuple(fields["page_starts"]),
        page_labels=tuple(fields["page_labels"]),
        source_runs=tuple(
            SourceRun(*four, tuple(next(boxes)) if four[3] < 0 else None)
            for four in zip(runs, runs, runs, runs, strict=True)
        ),
        metadata=tuple(MetadataField(*field) for field in fields["metadata"]),
        warnings=tuple(fields["warnings"]),
    )
