"""Export of a brief as Markdown with footnotes, and reading the claims of such a file.

Each footnote has its citation twice: as text, and as JSON in a comment that renderers hide, so that
an edited file can be checked later (``qa-app brief verify``).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
from markdown_it import MarkdownIt

from qa_app.briefs.check import Claim, hash_words
from qa_app.briefs.export.outline import Entry, Note, Outline
from qa_app.errors import BriefError
from qa_app.verification import plain

# Characters that are markup in Markdown and its extensions for tables, strikethrough and formulas.
_MARKUP = re.compile(r"([\\`*_\[\]<>&~|$])")
# Line starts that would make a list, heading or rule: a number before "." or ")", or a mark.
_LINE_START = re.compile(r"^(\d+(?=[.)])|(?=[#+=-]))")
# A footnote as ``_definition`` writes it: its number and its JSON.
_DEFINITION = re.compile(r"^\[\^(\d+)\]:.*<!-- qa-app (\{.*\}) -->\s*$", re.M)
# The footnote reference at the end of a quote.
_REFERENCE = re.compile(r"\s*\[\^(\d+)\]\s*$")


def to_markdown(outline: Outline) -> str:
    """Return a brief as Markdown."""
    parts = [f"# {_escape(outline.title)}", f"{outline.summary}."]
    for entry in outline.entries:
        parts += _entry(entry)
    sources = (
        f"- {_escape(source.title)} ({_escape(source.document)}, SHA-256 {source.sha256})"
        for source in outline.sources
    )
    parts += ["## Sources", "\n".join(sources)]
    parts += ["## How this brief was made"]
    parts += ["\n".join(f"- {name}: {_escape(value)}" for name, value in outline.colophon)]
    parts += [_definition(note) for note in outline.notes]
    return "\n\n".join(part for part in parts if part) + "\n"


def read_export(path: Path) -> tuple[Claim, ...]:
    """Return the claims of an exported file, as ``read_claims`` does for its text.

    ``BriefError`` if the file cannot be read, or has no citation written by this program.
    """
    try:
        return read_claims(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as exc:
        raise BriefError(
            f"{path} cannot be read: {exc}.", "Give a brief that was exported as Markdown."
        ) from exc


def read_claims(text: str) -> tuple[Claim, ...]:
    """Return the claims of an exported brief, with each quote's current text.

    Includes quotes without a footnote, and footnotes without a quote. ``BriefError`` if the text
    has no citation written by this program.
    """
    cited = dict(_cited(text))
    if not cited:
        raise BriefError(
            "There are no citations of qa_app in this file.",
            "Give a brief that was exported as Markdown: qa-app brief export FILE.md",
        )
    claims: list[Claim] = []
    for words in _quoted(text):
        found = _REFERENCE.search(words)
        number = int(found[1]) if found else 0
        place = cited.get(number, Claim(number, "", "", 0, 0, ""))
        claims.append(replace(place, words=words[: found.start()] if found else words))
    used = {item.number for item in claims}
    return (*claims, *(place for number, place in sorted(cited.items()) if number not in used))


def _cited(text: str) -> Iterator[tuple[int, Claim]]:
    for found in _DEFINITION.finditer(text):
        number = int(found[1])
        with contextlib.suppress(ValueError):  # edited by hand: then the quote has no citation
            place = json.loads(found[2]) | {"number": number, "words": ""}
            yield number, msgspec.convert(place, Claim)


def _quoted(text: str) -> Iterator[str]:
    """Yield the text of every paragraph or other block inside a block quote, without markup."""
    depth = 0
    for token in MarkdownIt("commonmark").parse(text):
        depth += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if depth and token.type == "inline":
            breaks = {"softbreak", "hardbreak"}
            parts = token.children or ()
            yield "".join("\n" if part.type in breaks else part.content for part in parts)
        elif depth and token.type in {"fence", "code_block", "html_block"}:
            yield token.content


def _entry(entry: Entry) -> Iterator[str]:
    if entry.heading:
        yield f"## {_escape(entry.heading)}"
        return
    if entry.question:
        yield f"*{_escape(entry.question)}*"
    yield f"**{_escape(entry.about)}**"
    # The blank line between two quotes is quoted too, so that they stay in one block quote.
    yield "\n>\n".join(
        "> " + "\\\n> ".join(_lines(note.quote.text)) + f"[^{note.number}]" for note in entry.notes
    )
    yield from ("\\\n".join(_lines(remark)) for remark in entry.remarks)


def _lines(text: str) -> list[str]:
    return [_escape(line) for line in text.split("\n") if plain(line)]


def _escape(text: str) -> str:
    return _LINE_START.sub(r"\1\\", _MARKUP.sub(r"\\\1", plain(text)))


def _definition(note: Note) -> str:
    place = note.quote.citation
    kept = {
        "document": place.document,
        "start": place.start,
        "end": place.end,
        "words_sha256": hash_words(note.quote.text),
        "document_sha256": note.document_sha256,
    }
    # "--" or ">" could end the comment, so they are written with JSON escapes.
    found = json.dumps(kept).replace("--", "-\\u002d").replace(">", "\\u003e")
    return f"[^{note.number}]: {_escape(note.text)} <!-- qa-app {found} -->"
