"""The file that a document was read from, for the browser.

Only documents of the index are served, named as the index names them, and only while the file is
byte for byte what was indexed: so whatever stands in its place since, nothing else gets out.
"""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from urllib.parse import quote

# What a browser shows without running anything in it; all else is saved to disk.
_SHOWN = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/plain",
    ".markdown": "text/plain",
    ".rst": "text/plain",
}


def source_path(corpus: Path, document: str) -> Path | None:
    """Return where a document's file should be, or None if that is outside the corpus."""
    corpus = corpus.resolve()
    path = (corpus / document).resolve()
    return path if path.is_relative_to(corpus) else None


def read_original(corpus: Path, document: str, sha256: str) -> tuple[bytes, dict[str, str]] | None:
    """Return a document's file and the headers to send it with.

    None where it is gone or no longer what was indexed.

    Args:
        corpus: folder of the reports.
        document: path as the index has it.
        sha256: of the file when it was indexed.
    """
    path = source_path(corpus, document)
    try:
        content = path.read_bytes() if path is not None and path.is_file() else None
    except OSError:
        return None
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        return None
    name = PurePosixPath(document)
    shown = _SHOWN.get(name.suffix.lower())
    way = "inline" if shown else "attachment"
    return content, {
        "content-type": _with_charset(shown or "application/octet-stream", content),
        "content-disposition": f"{way}; filename*=UTF-8''{quote(name.name, safe='')}",
    }


def _with_charset(media_type: str, content: bytes) -> str:
    if not media_type.startswith("text/"):
        return media_type
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return f"{media_type}; charset=windows-1252"
    return f"{media_type}; charset=utf-8"
