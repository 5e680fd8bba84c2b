"""The log: one line a request on standard error, as text or JSON, and the request's id."""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa_app.models import Answer
from qa_app.web.sessions import signed_in

ID_HEADER = "x-request-id"
# What a proxy may hand down as an id; anything else could forge lines of a log.
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
# Behind these come names of files, events or sessions; a route is logged without them.
_ROUTE = re.compile(
    r"(/assets|/static|/svelte|/desk|/gradio_api/(?:heartbeat|mcp|call/(?!v2/)\w+))/.+"
)
_FILES = ("/assets", "/static", "/svelte", "/desk")
_REFUSED = frozenset({403, 421})  # by the guard, which lets only known paths through
_LOG = logging.getLogger("qa_app")


@dataclass(frozen=True, slots=True)
class Served:
    """One request that was answered.

    Attributes:
        route: its path, without what is particular to the request; "other" for one that is not
            served.
        status: of the response; 500 if there was none.
        ms: until the response had ended; of a stream of events until its last event.
        user: who is signed in; "" if nobody.
        client: the address that it came from, as far as the proxies in between are trusted.
    """

    id: str
    method: str
    route: str
    status: int
    ms: float
    user: str
    client: str


class RequestLog:
    """ASGI middleware: gives every request an id, and tells the listeners when it is answered."""

    def __init__(self, app: ASGIApp, listeners: Iterable[Callable[[Served], None]]) -> None:
        self._app = app
        self._listeners = tuple(listeners)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(ID_HEADER, "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(8)
        # Handlers of events see the headers of the request that brought the event.
        MutableHeaders(scope=scope)[ID_HEADER] = request_id
        request = Request(scope)
        user = signed_in(request, in_use=False) or ""
        status = 500
        started = time.perf_counter()

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[ID_HEADER] = request_id
            await send(message)

        try:
            await self._app(scope, receive, answered)
        finally:
            served = Served(
                request_id,
                scope["method"],
                "other" if status in _REFUSED else _ROUTE.sub(r"\1", scope["path"]),
                status,
                round((time.perf_counter() - started) * 1000, 1),
                getattr(request.state, "user", "") or user,
                request.client.host if request.client else "",
            )
            for listener in self._listeners:
                listener(served)


def log_request(served: Served) -> None:
    """Write a request's line; not for the files of the page, some sixty each time it is opened."""
    if served.route not in _FILES:
        event = "sign-in" if (served.method, served.route) == ("POST", "/login") else "request"
        _LOG.info(event, extra={"fields": asdict(served)})


def log_question(answer: Answer) -> None:
    """Write the text of a question that was answered, with its verdict."""
    from gradio.context import LocalContext

    request = LocalContext.request.get(None)
    fields = {
        "id": request.headers.get(ID_HEADER, "") if request else "",
        "user": (request.username or "") if request else "",
        "question": answer.question,
        "verdict": str(answer.verdict),
        "generation": answer.generation,
    }
    _LOG.info("question", extra={"fields": fields})


def log_event(event: str) -> None:
    """Write what happens to the server as a whole."""
    _LOG.info(event)


def start_log(as_json: bool) -> None:
    """Write the program's log to standard error, and what uvicorn has to say with it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(as_json))
    logging.raiseExceptions = False  # a closed standard error must not fail a request
    for name in ("qa_app", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    _LOG.setLevel(logging.INFO)


class _Lines(logging.Formatter):
    def __init__(self, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        if self._as_json:
            return json.dumps(fields, ensure_ascii=False)
        head = " ".join(str(fields.pop(name)) for name in ("time", "level", "event"))
        trace = fields.pop("trace", "")
        rest = (f"{name}={_plain(value)}" for name, value in fields.items() if value != "")
        return "\n".join(filter(None, (" ".join((head, *rest)), trace)))


def _plain(value: Any) -> str:
    text = str(value)
    # In quotes wherever it could be read as two fields, or break the line.
    return text if re.fullmatch(r"[\w.:/@+-]+", text) else json.dumps(text, ensure_ascii=False)
