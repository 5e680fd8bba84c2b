"""Documents as JSON: what a worker process sends back.

JSON, since reading it cannot run code: a worker may have been taken over by the file it read.
"""

from __future__ import annotations

import json
from typing import Any

from qa_app.errors import BrokenFileError, LoadError
from qa_app.models import Block, BlockKind, Document, MetadataField, SourceRun

_KINDS = {kind.__name__: kind for kind in LoadError.__subclasses__()}


def encode(outcome: Document | LoadError) -> bytes:
    """Return the document, or why there is none, as JSON."""
    if isinstance(outcome, LoadError):
        kind = type(outcome).__name__
        return json.dumps({"error": [kind, outcome.message, outcome.hint]}).encode()
    return json.dumps({"document": outcome}, default=_list_fields).encode()


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


def _list_fields(record: Any) -> list[Any]:
    return [getattr(record, name) for name in record.__slots__]


def _document(fields: list[Any]) -> Document:
    *named, blocks, page_starts, page_labels, runs, metadata, warnings = fields
    path, file_format, title, text = map(str, named)
    return Document(
        path=path,
        format=file_format,
        title=title,
        text=text,
        blocks=tuple(
            Block(start, end, BlockKind(kind), level, label)
            for start, end, kind, level, label in blocks
        ),
        page_starts=tuple(page_starts),
        page_labels=tuple(page_labels),
        source_runs=tuple(
            SourceRun(start, length, page, index, tuple(box) if box else None)
            for start, length, page, index, box in runs
        ),
        metadata=tuple(MetadataField(*field) for field in metadata),
        warnings=tuple(warnings),
    )
