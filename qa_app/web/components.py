"""The Gradio components, and which function handles each event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from qa_app.retrieval.retriever import MAX_QUESTION_CHARACTERS
from qa_app.web.brief_view import BriefController
from qa_app.web.page import PageController
from qa_app.web.public_api import public_functions
from qa_app.web.security import STATIC_ROUTE

# "always_last": the last question asked while an answer is pending runs after it.
_PRIVATE: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "trigger_mode": "always_last",
}
_PLAIN: dict[str, Any] = {"js_on_load": None, "apply_default_css": False}
# Scripts that pass the browser's query string to a handler in place of the hidden box's value.
_WITH_ADDRESS = "(question, address) => [question, window.location.search]"
_ADDRESS = "() => [window.location.search]"
_QUESTION = "() => new URLSearchParams(window.location.search).get('q') ?? ''"
# Gradio finds the bridge's custom events by their quoted names in this string, hence its comment.
_BRIDGE = (
    "window.desk.connect(trigger); // 'go', 'open', 'peek', 'header', 'aside', 'revise', 'grid'"
)


def lay_out(page: PageController) -> gr.Blocks:
    """Return the page's components, connected to the event handlers of ``page``."""
    with gr.Blocks(
        title="qa_app", analytics_enabled=False, delete_cache=(3600, 3600), fill_width=True
    ) as blocks:
        header = gr.HTML(elem_id="header", **_PLAIN)
        with gr.Row(elem_id="question-row"):
            question = gr.Textbox(
                label="Question",
                show_label=False,
                placeholder="Ask the reports a question",
                elem_id="question",
                lines=1,
                max_lines=4,
                max_length=MAX_QUESTION_CHARACTERS,
                autofocus=True,
                scale=1,
            )
            ask = gr.Button("Ask", elem_id="ask", variant="primary", scale=0)
            stop = gr.Button("Stop", elem_id="stop", scale=0)
        notices = gr.HTML(elem_id="notices", **_PLAIN)
        with gr.Row(elem_id="desk"):
            answer = gr.HTML(elem_id="answer", **_PLAIN)
            source = gr.HTML(elem_id="source", **_PLAIN)
        address = gr.Textbox(visible=False)
        bridge = gr.HTML(
            '<p id="announcer" class="sr" role="status"></p>',
            elem_id="bridge",
            head="".join(
                f'<script src=".{STATIC_ROUTE}/{name}.js"></script>'
                for name in ("adding", "heat", "desk", "brief", "grid", "lead", "summary")
            ),
            js_on_load=_BRIDGE,
            apply_default_css=False,
        )
        # Registered first, so that the page's own events do not take the public names.
        for name, function in public_functions(page).items():
            gr.api(function, api_name=name)
        parts = _Parts(header, question, ask, stop, notices, answer, source, address, bridge)
        _connect(blocks, page, parts)
        _connect_brief(blocks, page.briefs, parts)
        _connect_grids(page, parts)
    return blocks


@dataclass(frozen=True, slots=True)
class _Parts:
    header: gr.HTML
    question: gr.Textbox
    ask: gr.Button
    stop: gr.Button
    notices: gr.HTML
    answer: gr.HTML
    source: gr.HTML
    address: gr.Textbox
    bridge: gr.HTML


def _connect(blocks: gr.Blocks, page: PageController, parts: _Parts) -> None:
    def load(search: str, request: gr.Request) -> tuple[str, str]:
        _, answer, source = page.go(search, _user(request))
        return answer, source

    def go(event: gr.EventData, request: gr.Request) -> tuple[str, str, str]:
        return page.go(str(event.search), _user(request))

    def open_source(event: gr.EventData) -> str:
        return page.open(str(event.search))

    def peek(event: gr.EventData) -> str:
        return page.open(str(event.search), preview=True)

    shown = [parts.answer, parts.source]
    # The question is filled in by the browser, and asking cancels the load, so that a question
    # typed before the page has loaded is not overwritten.
    blocks.load(None, None, [parts.question], js=_QUESTION, **_PRIVATE)
    blocks.load(page.header, None, [parts.header], **_PRIVATE)
    loading = blocks.load(load, [parts.address], shown, js=_ADDRESS, **_PRIVATE)
    asking = gr.on(
        [parts.question.submit, parts.ask.click],
        page.ask,
        [parts.question, parts.address],
        shown,
        js=_WITH_ADDRESS,
        cancels=[loading],
        **_PRIVATE,
    )
    going = parts.bridge.go(go, None, [parts.question, *shown], **_PRIVATE)
    opening = parts.bridge.open(open_source, None, [parts.source], **_PRIVATE)
    parts.bridge.header(page.header, None, [parts.header], **_PRIVATE)
    peeking = parts.bridge.peek(peek, None, [parts.source], **_PRIVATE)
    # Gradio logs an internal error; the page must show it instead of waiting on.
    for event in (loading, asking, going):
        event.failure(page.broken, None, shown, **_PRIVATE)
    for event in (opening, peeking):
        event.failure(page.broken_source, [parts.address], [parts.source], js=_ADDRESS, **_PRIVATE)
    parts.stop.click(None, cancels=[asking, going], **_PRIVATE)


def _connect_brief(blocks: gr.Blocks, briefs: BriefController, parts: _Parts) -> None:
    def notices(request: gr.Request) -> str:
        return briefs.notices(_user(request))

    def aside(event: gr.EventData, request: gr.Request) -> str:
        return briefs.aside(_user(request), _act(event))

    def change(event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        return briefs.change(_user(request), _act(event))

    def broken(request: gr.Request) -> str:
        return briefs.broken(_user(request))

    # No act is dropped, and they run one at a time, so that the last shown is the last done.
    every = {**_PRIVATE, "trigger_mode": "multiple", "concurrency_limit": 1}
    every["concurrency_id"] = "brief"
    blocks.load(notices, None, [parts.notices], **_PRIVATE)
    acts = (
        parts.bridge.aside(aside, None, [parts.notices], **every),
        parts.bridge.revise(change, None, [parts.answer, parts.notices], **every),
    )
    for event in acts:
        event.failure(broken, None, [parts.notices], **every)


def _connect_grids(page: PageController, parts: _Parts) -> None:
    def act(event: gr.EventData, request: gr.Request) -> str:
        return page.grids.act(_user(request), _act(event), str(event.search))

    every = {**_PRIVATE, "trigger_mode": "multiple", "concurrency_limit": 1}
    acting = parts.bridge.grid(act, None, [parts.answer], **every)
    acting.failure(page.broken, None, [parts.answer, parts.source], **_PRIVATE)


def _user(request: gr.Request) -> str:
    return request.username or ""


def _act(event: gr.EventData) -> dict[str, Any]:
    act = getattr(event, "act", None)
    return act if isinstance(act, dict) else {}
