"""Routes of our own beside Gradio's: the original files.

Gradio asks for the password on its own routes only, so each of these asks for itself.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from qa_app.errors import QAAppError
from qa_app.web.access import signed_in
from qa_app.web.events import Desk
from qa_app.web.originals import read_original
from qa_app.web.security import ORIGINAL_ROUTE

Endpoint = Callable[[Request], Response]


def page_routes(desk: Desk) -> list[Route]:
    """Return the routes over a desk."""
    return [Route(ORIGINAL_ROUTE, _guarded(lambda request: _original(desk, request)))]


def _guarded(endpoint: Endpoint) -> Endpoint:
    def answer(request: Request) -> Response:
        if not signed_in(request):
            return PlainTextResponse("Sign in first.\n", 401)
        return endpoint(request)

    return answer


def _original(desk: Desk, request: Request) -> Response:
    document = request.query_params.get("doc", "")
    try:
        sha256 = desk.catalogue().hashes.get(document)
        corpus = desk.index().corpus
    except QAAppError as exc:
        return PlainTextResponse(f"{exc.message}\n", 404)
    if sha256 is None:
        return PlainTextResponse("There is no such document in the index.\n", 404)
    original = read_original(corpus, document, sha256)
    if original is None:
        reason = "The file is gone, or has changed since it was indexed. Build the index again.\n"
        return PlainTextResponse(reason, 404)
    headers = {
        "content-type": original.media_type,
        "content-disposition": original.disposition,
        "cache-control": "no-store",
    }
    return Response(original.content, headers=headers)
