"""A brief as Markdown with footnotes, and back from Markdown to what it claims.

Each footnote carries its citation twice: in words, and as JSON in a comment that no renderer
shows, so that a file that went through other hands can be checked (``qa-app brief verify``).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec
from markdown_it import MarkdownIt

from qa_app.briefs.checking import Claim, claim, plain
from qa_app.briefs.outline import Entry, Note, Outline
from qa_app.errors import BriefError
from qa_app.models import to_json

_MARKUP = re.compile(r"([\\`*_\[\]<>&~|$])")
_LINE_START = re.compile(r"^(\d+(?=[.)])|(?=[#+=-]))")
_DEFINITION = re.compile(r"^\[\^(\d+)\]:.*<!-- qa-app (\{.*\}) -->\s*$", re.M)
_KEPT = frozenset({"document", "start", "end", "words_sha256", "document_sha256"})
_REFERENCE = re.compile(r"\s*\[\^(\d+)\]\s*$")


def to_markdown(outline: Outline) -> str:
    """Return a brief as Markdown."""
    parts = [f"# {_escape(outline.title)}", f"{outline.summary}."]
    for entry in outline.entries:
        parts += _entry(entry)
    parts += ["## Sources", "\n".join(_sources(outline))]
    parts += ["## How this brief was made"]
    parts += ["\n".join(f"- {name}: {_escape(value)}" for name, value in outline.colophon)]
    parts += ["\n\n".join(_definition(note) for note in outline.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def read_claims(text: str) -> tuple[Claim, ...]:
    """Return what the quotes of an exported brief claim, as the file has them now.

    Raises:
        BriefError: there is no citation of ours in it.
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
        with contextlib.suppress(TypeError, ValueError):
            place = json.loads(found[2]) | {"number": number, "words": ""}
            yield number, msgspec.convert(place, Claim)


def _quoted(text: str) -> Iterator[str]:
    """Return the words of every paragraph in a block quote, without their markup."""
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
    # The blank line between two quotes belongs to the block quote, or they would be two of them.
    yield "\n>\n".join(_quote(note) for note in entry.notes)
    yield from ("\\\n".join(_lines(remark)) for remark in entry.remarks)


def _quote(note: Note) -> str:
    lines = "\\\n> ".join(_lines(note.quote.text))
    return f"> {lines}[^{note.number}]"


def _lines(text: str) -> list[str]:
    lines = (plain(line) for line in text.split("\n"))
    return [_escape(line) for line in lines if line]


def _escape(text: str) -> str:
    return _LINE_START.sub(r"\1\\", _MARKUP.sub(r"\\\1", plain(text)))


def _sources(outline: Outline) -> Iterator[str]:
    for source in outline.sources:
        yield f"- {_escape(source.title)} ({_escape(source.document)}, SHA-256 {source.sha256})"


def _definition(note: Note) -> str:
    place = claim(note.number, note.quote, note.document_sha256)
    kept = {name: value for name, value in to_json(place).items() if name in _KEPT}
    # A comment ends at two hyphens; in JSON a hyphen can be written in another way.
    found = json.dumps(kept).replace("--", "-\\u002d").replace(">", "\\u003e")
    return f"[^{note.number}]: {_escape(note.text)} <!-- qa-app {found} -->"
