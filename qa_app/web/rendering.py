"""View models to HTML. Autoescape is always on and no template turns it off."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qa_app.web.brief_view import BriefView, NoticesView
from qa_app.web.topics_views import TopicsView
from qa_app.web.views import (
    AnswerView,
    HeaderView,
    HomeView,
    NoticeView,
    SetupView,
    ShellView,
    SourceListView,
    SourceView,
)

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_header(view: HeaderView) -> str:
    """Return the line at the top, with the list of keys."""
    return _render("header", view=view)


def render_home(view: HomeView, search: str, stamp: str) -> str:
    """Return the page before a question."""
    return _render("home", view=view, search=search, stamp=stamp)


def render_setup(view: SetupView, stamp: str) -> str:
    """Return the page before there is an index."""
    return _render("setup", view=view, search="", stamp=stamp)


def render_notice(view: NoticeView, stamp: str) -> str:
    """Return what is shown in an answer's place when there is none."""
    return _render("notice", view=view, stamp=stamp)


def render_answer(view: AnswerView) -> str:
    """Return an answer: verdict, evidence table, passages."""
    return _render("answer", view=view)


def render_source(view: SourceView) -> str:
    """Return the source pane."""
    return _render("source", view=view)


def render_shell(view: ShellView) -> str:
    """Return the source pane before its text is there."""
    return _render("source_shell", view=view)


def render_source_notice(view: NoticeView, close: str, stamp: str) -> str:
    """Return the source pane when the source cannot be shown."""
    return _render("source_notice", view=view, close=close, stamp=stamp)


def render_brief(view: BriefView) -> str:
    """Return the brief."""
    return _render("brief", view=view)


def render_notices(view: NoticesView) -> str:
    """Return what stands above every view."""
    return _render("notices", view=view)


def render_sources(view: SourceListView, stamp: str) -> str:
    """Return the list of documents."""
    return _render("sources", view=view, stamp=stamp)


def render_topics(view: TopicsView, search: str, stamp: str) -> str:
    """Return topics by facet, with the cell that is open."""
    return _render("topics", view=view, search=search, stamp=stamp)


def _render(name: str, **values: object) -> str:
    return _TEMPLATES.get_template(f"{name}.html").render(**values)
