"""The summary that a user asks the language model for, below an answer.

The server asks the question again, since it keeps no answers; the button says which quotes the
user sees, so that a summary never numbers others. If the browser goes away, the model is stopped.
"""

from __future__ import annotations

import json
from typing import Any

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from qa_app.errors import QAAppError, QueryError
from qa_app.models import Answer
from qa_app.output.synthesis_text import copied_text
from qa_app.synthesis import LanguageModel, summarise
from qa_app.web.address import Address, parse_address
from qa_app.web.answer_view import quotes_key
from qa_app.web.catalogue import Catalogue
from qa_app.web.lead_view import ask_address
from qa_app.web.page import PageController
from qa_app.web.rendering import render


async def write_summary(page: PageController, request: Request) -> Response:
    """Return the HTML of a summary of the answer to an address, or of what went wrong."""
    try:
        asked = json.loads(await request.body())
        search, key = str(asked["search"]), str(asked["quotes"])
    except (ValueError, TypeError, KeyError, RecursionError, ClientDisconnect):
        return PlainTextResponse("Say what to summarise.\n", 400)
    if page.llm is None:
        return PlainTextResponse("There is no language model here.\n", 404)
    response = Response(status_code=400)  # nobody is there to read it
    async with anyio.create_task_group() as group:
        group.start_soon(_stop_when_gone, request, group.cancel_scope)
        response = await _summary(page, page.llm, search, key)
        group.cancel_scope.cancel()
    return response


async def _stop_when_gone(request: Request, scope: anyio.CancelScope) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def _summary(page: PageController, llm: LanguageModel, search: str, key: str) -> Response:
    values: dict[str, Any] = {"trouble": None}
    try:
        catalogue, address, answer = await run_in_threadpool(_ask, page, search)
        if quotes_key(answer) != key:
            raise QueryError("The answer has changed since.", "Ask the question again.")
        snapshot = catalogue.snapshot
        synthesis = await summarise(answer, llm, snapshot.retriever, snapshot.reader)
        quotes = {quote.number: quote for quote in synthesis.quotes}
        values |= {"synthesis": synthesis, "quotes": quotes, "here": address}
        values["copied"] = copied_text(synthesis)
    except QAAppError as exc:
        values["trouble"] = exc
    return HTMLResponse(render("summary", **values), headers={"cache-control": "no-store"})


def _ask(page: PageController, search: str) -> tuple[Catalogue, Address, Answer]:
    catalogue = page.catalogue()
    address = parse_address(search, catalogue.facets).opening("")
    return catalogue, address, ask_address(catalogue.snapshot, address)
