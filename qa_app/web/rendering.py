"""View models to HTML. Autoescape is always on and no template turns it off."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Template(StrEnum):
    """The parts of the page; each is a file in templates/."""

    HEADER = "header"
    NOTICES = "notices"
    HOME = "home"
    SETUP = "setup"
    NOTICE = "notice"
    ANSWER = "answer"
    TOPICS = "topics"
    BRIEF = "brief"
    SOURCES = "sources"
    SOURCE = "source"


def render(template: Template, **values: object) -> str:
    """Return a part of the page as HTML; every value that is text is escaped."""
    return _TEMPLATES.get_template(f"{template}.html").render(**values)


def render_notice(
    message: str, hint: str, stamp: str, search: str | None = None, filters: object = None
) -> str:
    """Return what stands in an answer's place when there is none, and what mends it.

    Args:
        message, hint: in words.
        stamp: differs between two notices.
        search: the address that it belongs to; None leaves the browser's address as it is.
        filters: the panel of filters, where one of them may be the reason.
    """
    return render(
        Template.NOTICE, message=message, hint=hint, stamp=stamp, search=search, filters=filters
    )
