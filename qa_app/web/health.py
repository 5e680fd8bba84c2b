"""``/healthz`` and ``/readyz``: whether the process lives, and whether questions can be asked."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from qa_app.web.draining import OpenWork
from qa_app.web.page import PageController
from qa_app.web.security import HEALTH_ROUTE, READY_ROUTE

_NO_STORE = {"cache-control": "no-store"}


def health_routes(page: PageController, work: OpenWork) -> list[Route]:
    """Return the two routes. Neither asks for a sign-in, nor tells what is indexed or where."""

    async def healthy(_request: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_NO_STORE)

    async def ready(_request: Request) -> Response:
        reason = "ending" if work.ending else await run_in_threadpool(_missing, page)
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200, _NO_STORE)

    return [Route(HEALTH_ROUTE, healthy), Route(READY_ROUTE, ready)]


def _missing(page: PageController) -> str:
    if not page.generation():
        return "no index is open"
    return "" if page.is_warm else "the model is not loaded"
