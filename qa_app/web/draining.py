"""Ending the server: what was asked is answered, and nothing new is begun."""

from __future__ import annotations

import time

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LONGEST_SECONDS = 10.0  # that running questions get to finish in
# A client that has just posted a question comes back for its answer within this.
_QUIET_SECONDS = 1.0
_LOOK_SECONDS = 0.05
# A page holds one open as long as it is shown, and MCP its own; neither is a question.
_HELD_OPEN = ("/gradio_api/heartbeat/", "/gradio_api/mcp")
# Where answers to what was asked are read, and what tells that the server ends.
_STILL_SERVED = ("/gradio_api/queue/data", "/gradio_api/call/", "/healthz", "/readyz", "/metrics")


class OpenWork:
    """How many requests are being answered, and whether the server is ending."""

    def __init__(self) -> None:
        self.ending = False
        self.requests = 0

    def finish(self) -> bool:
        """Refuse what is new from now on, and wait for the rest.

        Returns:
            whether everything was answered within ``LONGEST_SECONDS``.
        """
        self.ending = True
        end = time.monotonic() + LONGEST_SECONDS
        busy = time.monotonic()
        while time.monotonic() < end:
            if self.requests:
                busy = time.monotonic()
            elif time.monotonic() - busy > _QUIET_SECONDS:
                return True
            time.sleep(_LOOK_SECONDS)
        return False


class Drain:
    """ASGI middleware: counts the open requests, and refuses new ones while the server ends."""

    def __init__(self, app: ASGIApp, work: OpenWork) -> None:
        self._app = app
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(_HELD_OPEN):
            await self._app(scope, receive, send)
            return
        reads = scope["method"] == "GET" and scope["path"].startswith(_STILL_SERVED)
        if self._work.ending and not reads:
            headers = {"retry-after": "10", "connection": "close"}
            response = PlainTextResponse("The server is being restarted.\n", 503, headers)
            await response(scope, receive, send)
            return
        self._work.requests += 1  # in the one thread of the event loop
        try:
            await self._app(scope, receive, send)
        finally:
            self._work.requests -= 1
