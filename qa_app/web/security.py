"""Access control: allowed hosts and routes, body sizes; and the security headers.

Gradio serves many routes that this page does not use (uploads, proxies, files by path or URL).
So there is a list of allowed routes, and every other one is refused.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from collections.abc import Collection, Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa_app.loading.limits import MAX_BYTES

MAX_BODY_BYTES = 256 * 1024  # of a request, uploads apart; questions and notes are far shorter
STATIC_ROUTE = "/desk"
ORIGINAL_ROUTE = "/original"
STATE_ROUTE = "/state"
UPLOAD_ROUTE = "/upload"
BUILD_ROUTE = "/build"
BRIEF_ROUTE = "/brief"
HIGHLIGHTS_ROUTE = "/highlights"
HEALTH_ROUTE = "/healthz"
READY_ROUTE = "/readyz"
METRICS_ROUTE = "/metrics"
GRID_ROUTE = "/grid"
GRID_STATE_ROUTE = "/grid-state"
SUMMARY_ROUTE = "/summary"
# The only functions that clients may call by name; the page's own events have names too.
PUBLIC_FUNCTIONS = ("ask", "search", "topics", "grid", "status")
# A call of one is posted to /gradio_api/call/NAME; its result is read from there by event id.
_CALL = rf"/gradio_api/call/(?:v2/)?(?:{'|'.join(PUBLIC_FUNCTIONS)})"
_MCP_ROUTE = "/gradio_api/mcp"
# GET routes: those of Gradio that the page is observed to request, and the program's own.
_READ_ROUTES = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt|login|logout)/?"
    rf"|(/assets|/static|/svelte|{STATIC_ROUTE})/[\w./-]+"
    rf"|{HEALTH_ROUTE}|{READY_ROUTE}|{ORIGINAL_ROUTE}|{STATE_ROUTE}|{HIGHLIGHTS_ROUTE}"
    rf"|{BRIEF_ROUTE}\.(?:docx|md|csv|zip)"
    rf"|{GRID_ROUTE}\.(?:xlsx|docx)|{GRID_STATE_ROUTE}"
    r"|/gradio_api/(info|startup-events|app_id|login_check|user|theme\.css|queue/data)/?"
    r"|/gradio_api/heartbeat/\w+"
    rf"|{_CALL}/\w+"
)
# POST routes, apart from MCP and uploads, which ``Guard`` allows only where they are enabled.
_WRITE_ROUTES = re.compile(
    rf"/login/?|{SUMMARY_ROUTE}|/gradio_api/(queue/join|cancel|reset)/?|{_CALL}/?"
)
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SCRIPT = re.compile(rb"<script\b")  # each script tag of a page is given the nonce
# Sent with every response, besides a content security policy that has a new nonce each time.
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
# Gradio would build its addresses from these, whoever sent them. uvicorn has taken from a trusted
# proxy's what the program needs by now: the client's address and the scheme.
_PROXY_HEADERS = (b"x-forwarded-", b"forwarded", b"x-gradio-server")


class Guard:
    """ASGI middleware: refuses what the page does not use, and adds the security headers.

    Args:
        app: the guarded application.
        hosts: accepted names in the Host header, without port.
        any_address: accept bare IP addresses there too, for a page that is not on loopback. They
            are safe from DNS rebinding, where a hostile site points its own name at this server.
        mcp: allow the MCP route.
        uploads: allow uploads, each of at most ``MAX_BYTES``.
        metrics: allow the route that Prometheus reads.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        any_address: bool = False,
        mcp: bool = False,
        uploads: bool = False,
        metrics: bool = False,
    ) -> None:
        self._app = app
        self._hosts = {host.lower() for host in hosts}
        self._any_address = any_address
        self._mcp = mcp
        self._uploads = uploads
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it; web sockets are ignored."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # the page uses no web sockets
        nonce = secrets.token_urlsafe(16)
        secured = _SecureSend(send, nonce)
        refusal = self._refusal(scope)
        if refusal is None:
            headers = scope["headers"]
            kept = [item for item in headers if not item[0].startswith(_PROXY_HEADERS)]
            scope = {**scope, "headers": kept}
            await self._app(scope, receive, secured)
            await secured.finish()
        else:
            status, reason = refusal
            await PlainTextResponse(f"{reason}\n", status)(scope, receive, secured)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if not self._knows(host_name(headers.get("host", ""))):
            return 421, "This address is not served here."
        if not self._serves(scope["method"], scope["path"]):
            return 403, "There is nothing here."
        origin = headers.get("origin")
        if origin is not None and not _same_origin(origin, headers["host"]):
            return 403, "Requests from other sites are not answered."
        if scope["method"] in {"POST", "DELETE"}:
            is_upload = self._uploads and scope["path"] == UPLOAD_ROUTE
            return _body_refusal(headers, MAX_BYTES if is_upload else MAX_BODY_BYTES)
        return None

    def _knows(self, host: str) -> bool:
        return host in self._hosts or (self._any_address and is_address(host))

    def _serves(self, method: str, path: str) -> bool:
        if self._mcp and (path == _MCP_ROUTE or path.startswith(f"{_MCP_ROUTE}/")):
            return method in {"GET", "POST", "DELETE"}
        if self._uploads and path in {UPLOAD_ROUTE, BUILD_ROUTE}:
            return method == "POST"
        if method == "GET" and path == METRICS_ROUTE:
            return self._metrics
        if method in {"GET", "HEAD"}:
            return ".." not in path and _READ_ROUTES.fullmatch(path) is not None
        return method == "POST" and _WRITE_ROUTES.fullmatch(path) is not None


class _SecureSend:
    """Passes a response on with the security headers; adds the nonce to an HTML page's scripts."""

    def __init__(self, send: Send, nonce: str) -> None:
        self._send = send
        self._nonce = nonce
        self._held: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_HEADERS)
            headers["content-security-policy"] = content_security_policy(self._nonce)
            if headers.get("content-type", "").startswith("text/html"):
                self._held = message
                return
        elif self._held is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            return
        await self._send(message)

    async def finish(self) -> None:
        """Send an HTML page, which was held back until it was complete."""
        if self._held is None:
            return
        body = _SCRIPT.sub(f'<script nonce="{self._nonce}"'.encode(), bytes(self._body))
        MutableHeaders(scope=self._held)["content-length"] = str(len(body))
        await self._send(self._held)
        await self._send({"type": "http.response.body", "body": body})


def allowed_hosts(host: str, extra: Iterable[str] = ()) -> set[str]:
    """Return the host names, in lower case, accepted for a page served on ``host``."""
    return {*_LOOPBACK_NAMES, host.lower(), *(name.lower() for name in extra)}


def is_loopback(host: str) -> bool:
    """Tell whether the host is a loopback address, which only this computer can reach."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Tell whether the host is a bare IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def host_name(host: str) -> str:
    """Return the name or address in a Host header, in lower case; "" if it has another form."""
    # An IPv6 address in brackets, or a name without colons; an optional port follows either.
    match = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([^:]*)(?::\d+)?", host)
    return (match[1] or match[2] or "").lower() if match else ""


def content_security_policy(nonce: str) -> str:
    """Return the policy: only the page's own scripts, nothing from other sites, no framing."""
    return "; ".join(
        (
            "default-src 'self'",
            # Gradio compiles its templates to functions in the browser, hence unsafe-eval. A script
            # injected as markup still cannot run: it has neither a file here nor the nonce.
            f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _body_refusal(headers: Mapping[str, str], most: int) -> tuple[int, str] | None:
    length = headers.get("content-length", "")
    if not re.fullmatch(r"[0-9]{1,15}", length):  # 15 digits hold any real length
        return 411, "Say how long the request is."
    if int(length) > most:
        return 413, "The request is too long."
    return None


def _same_origin(origin: str, host: str) -> bool:
    return origin.partition("://")[2].lower() == host.lower()
