from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from qa_app.loading.limits import MAX_BYTES
from qa_app.web.security import (
    MAX_BODY_BYTES,
    Guard,
    allowed_hosts,
    content_security_policy,
    is_loopback,
)

Ask = Callable[..., httpx.Response]
PAGE = "<script>one</script><p>é &lt;script</p><script src='x'></script>"


async def everything(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"reached {request.method} {request.url.path}")


async def front(request: Request) -> HTMLResponse:
    return HTMLResponse(PAGE, headers={"x-path": request.url.path})


def guarded(any_address: bool = False, mcp: bool = False, uploads: bool = False) -> Ask:
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    inner = Starlette(
        routes=[Route("/", front), Route("/{path:path}", everything, methods=methods)]
    )
    app = Guard(inner, allowed_hosts("127.0.0.1"), any_address, mcp, uploads)

    def ask(method: str, path: str, **options: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
                return await http.request(method, path, **options)  # type: ignore[arg-type] # options are httpx's own

        return run(send())

    return ask


def run(coroutine: Awaitable[httpx.Response]) -> httpx.Response:
    async def wait() -> httpx.Response:
        return await coroutine

    return asyncio.run(wait())


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:80", "[::1]:7860"])
def test_own_hosts_are_served(host: str) -> None:
    assert guarded()("GET", "/config", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil", "", "192.168.0.9", "[::2]"]
)
def test_other_hosts_are_refused(host: str) -> None:
    assert guarded()("GET", "/config", headers={"host": host}).status_code == 421


def test_beyond_loopback_bare_addresses_are_served_and_strange_names_are_not() -> None:
    ask = guarded(any_address=True)
    assert ask("GET", "/config", headers={"host": "192.168.0.9:7860"}).status_code == 200
    assert ask("GET", "/config", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://192.0.2.1/",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/proxy=http://192.0.2.1/",
        "/gradio_api/upload_progress",
        "/gradio_api/stream/a/b/c/playlist.m3u8",
        "/gradio_api/deep_link",
        "/gradio_api/mcp/",
        "/gradio_api/token",
        "/monitoring",
        "/docs",
        "/openapi.json",
        "/assets/../../etc/passwd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/static/a b",
    ],
)
def test_routes_that_the_page_does_not_use_are_refused(path: str) -> None:
    response = guarded()("GET", path)
    assert response.status_code == 403
    assert "reached" not in response.text


@pytest.mark.parametrize(
    "path", ["/gradio_api/upload", "/gradio_api/run/ask", "/gradio_api/api/ask", "/", "/config"]
)
def test_posts_that_the_page_does_not_use_are_refused(path: str) -> None:
    assert guarded()("POST", path, content=b"x").status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused(method: str) -> None:
    assert guarded()(method, "/gradio_api/queue/join").status_code == 403


def test_mcp_is_let_through_when_it_is_asked_for() -> None:
    ask = guarded(mcp=True)
    assert ask("POST", "/gradio_api/mcp/", content=b"{}").text == "reached POST /gradio_api/mcp/"
    assert ask("GET", "/gradio_api/mcpx").status_code == 403


def test_bodies_are_limited_and_must_say_their_length() -> None:
    ask = guarded()
    path = "/gradio_api/queue/join"
    assert ask("POST", path, content=b"x" * MAX_BODY_BYTES).status_code == 200
    assert ask("POST", path, content=b"x" * (MAX_BODY_BYTES + 1)).status_code == 413

    async def pieces():  # type: ignore[no-untyped-def] # a body without a known length
        yield b"x"

    assert ask("POST", path, content=pieces()).status_code == 411


def test_reports_may_be_long_where_they_are_taken_and_nothing_else_may() -> None:
    ask = guarded(uploads=True)
    long = b"x" * (MAX_BODY_BYTES + 1)
    assert ask("POST", "/upload", content=long).status_code == 200
    over = {"content-length": str(MAX_BYTES + 1)}
    assert ask("POST", "/upload", headers=over).status_code == 413
    assert ask("POST", "/build", content=long).status_code == 413
    assert ask("POST", "/gradio_api/upload", content=b"x").status_code == 403
    for path in ("/upload", "/build"):
        assert ask("GET", path).status_code == 403
        assert guarded()("POST", path, content=b"x").status_code == 403


def test_requests_from_other_sites_are_refused() -> None:
    ask = guarded()
    own = {"origin": "http://127.0.0.1"}
    other = {"origin": "http://evil.example"}
    assert ask("POST", "/gradio_api/queue/join", content=b"x", headers=own).status_code == 200
    assert ask("POST", "/gradio_api/queue/join", content=b"x", headers=other).status_code == 403
    assert ask("GET", "/config", headers={"origin": "null"}).status_code == 403


def test_every_response_carries_the_headers_refusals_too() -> None:
    for path in ("/config", "/upload"):
        headers = guarded()("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "default-src 'self'; script-src 'self' 'nonce-" in policy
        assert "frame-ancestors 'none'" in policy
        assert "http" not in policy


def test_scripts_of_the_page_carry_the_nonce_of_its_policy() -> None:
    first, second = guarded()("GET", "/"), guarded()("GET", "/")
    nonces = []
    for response in (first, second):
        (nonce,) = re.findall(r"'nonce-([^']+)'", response.headers["content-security-policy"])
        assert response.text == PAGE.replace("<script", f'<script nonce="{nonce}"')
        assert int(response.headers["content-length"]) == len(response.content)
        nonces.append(nonce)
    assert nonces[0] != nonces[1]


def test_inline_scripts_without_the_nonce_are_not_allowed() -> None:
    (scripts,) = [
        part for part in content_security_policy("n").split("; ") if part.startswith("script-src")
    ]
    assert "unsafe-inline" not in scripts


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_hosts_that_only_this_computer_reaches(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.9", "desk.example", ""])
def test_hosts_that_others_reach(host: str) -> None:
    assert not is_loopback(host)
