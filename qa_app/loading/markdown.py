"""Markdown: rendered to HTML and read as a web page."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from qa_app.loading.builder import DocumentBuilder, clean
from qa_app.loading.html import add_html, parse_html
from qa_app.loading.metadata import collect
from qa_app.loading.plain import decode
from qa_app.models import BlockKind, Document

# YAML front matter: "key: value" lines and their continuations between two lines of "---".
_FRONT_MATTER = re.compile(
    r"^---[ \t]*\n((?:[ \t]*[\w-]+:.*\n|[ \t]+.*\n|[ \t]*\n)+?)---[ \t]*$", re.M
)
# A field of front matter that is kept as metadata, without the quotation marks of its value.
_FIELD = re.compile(r"^(title|author|publisher|date):[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.M)
# "##Heading": older Markdown dialects allow headings without the space.
_TIGHT_HEADING = re.compile(r"^(#{1,6})(?=[^#\s])", re.M)
# A line with only a directive for a site generator: "{:.intro}", "{% include x %}".
_DIRECTIVE = re.compile(r"^[ \t]*\{(?::.*|%.*%)\}[ \t]*$", re.M)
_HEADINGS = ["h1", "h2", "h3", "h4", "h5", "h6"]


def load_markdown(path: str, content: bytes) -> Document:
    """Return the document of a Markdown file, without the markup.

    A file may hold several pages, each with its own front matter. The title in the front matter
    becomes the page's level-1 heading, above the headings in its text.
    """
    source = _TIGHT_HEADING.sub(r"\1 ", _DIRECTIVE.sub("", decode(content)))
    opening, *pages = _FRONT_MATTER.split(source)
    builder = DocumentBuilder(path, "markdown")
    _add_page(builder, opening, "")
    facts: dict[str, str] = {}
    for matter, page in zip(pages[::2], pages[1::2], strict=True):
        fields = dict(_FIELD.findall(matter))
        facts = fields | facts
        _add_page(builder, page, fields.get("title", ""))
    is_one = len(pages) <= 2
    if not is_one:
        facts.pop("title", None)  # it is the title of one page, not of the file
    metadata = collect(*((name, facts[name], "front matter") for name in sorted(facts)))
    return builder.build(metadata, fallback=builder.opening_heading if is_one else None)


def _add_page(builder: DocumentBuilder, source: str, title: str) -> None:
    page = parse_html(MarkdownIt("commonmark").enable("table").render(source))
    headings = page.find_all(_HEADINGS)
    if title:
        builder.add(BlockKind.HEADING, title, 1)
        if headings and clean(headings[0].get_text()) == clean(title):
            headings.pop(0).decompose()
    if title and any(heading.name == "h1" for heading in headings):
        for heading in headings:
            heading.name = _HEADINGS[min(int(heading.name[1]), 5)]
    add_html(builder, page)
