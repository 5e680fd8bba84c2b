"""Markdown: read as the web page that it stands for."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.html import add_html, parse_html
from qa_app.loading.metadata import collect
from qa_app.loading.text import decode
from qa_app.models import Document

_FRONT_MATTER = re.compile(
    r"^---[ \t]*\n((?:[ \t]*[\w-]+:.*\n|[ \t]+.*\n|[ \t]*\n)+?)---[ \t]*$", re.M
)
_FIELD = re.compile(r"^(title|author|publisher|date):[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.M)
# "##Heading": older dialects of Markdown take it without the space.
_TIGHT_HEADING = re.compile(r"^(#{1,6})(?=[^#\s])", re.M)


def load_markdown(path: str, content: bytes) -> Document:
    """Return the document of a Markdown file, its words without the marks.

    Several pages may follow each other in one file, each with front matter of its own.
    """
    facts: dict[str, str] = {}

    def as_heading(matter: re.Match[str]) -> str:
        fields = dict(_FIELD.findall(matter[1]))
        for name, value in fields.items():
            facts.setdefault(name, value)
        return f"# {fields['title']}\n" if fields.get("title") else ""

    source, pages = _FRONT_MATTER.subn(as_heading, decode(content))
    if pages > 1:
        facts.pop("title", None)  # of the first page, not of the file
    source = _TIGHT_HEADING.sub(r"\1 ", source)
    page = MarkdownIt("commonmark").enable("table").render(source)
    builder = DocumentBuilder(path, "markdown")
    add_html(builder, parse_html(page))
    metadata = collect(*((name, facts[name], "front matter") for name in sorted(facts)))
    return builder.build(metadata, fallback=builder.opening_heading if pages <= 1 else None)
