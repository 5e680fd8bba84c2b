"""A server as a team's administrator runs it, from outside; the last test ends it."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from starlette.applications import Starlette

from qa_app import build_index
from qa_app.api import Index
from qa_app.briefs.stored_file import open_brief
from qa_app.grids.grid import Grid
from qa_app.grids.grid_store import open_grid
from qa_app.web.accounts import add_user, remove_user
from qa_app.web.draining import OpenWork
from qa_app.web.health import health_routes
from qa_app.web.page import PageController
from qa_app.web.request_log import log_question, start_log
from support.web_serving import Server, running

PASSWORD = "correct horse"
NAME = "reports.example.org"
QUESTION = "Who improved the zebra crossing?"
REPORTS = {"report.txt": "The board improved the zebra crossing in March. Data sharing grew."}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("team")
    (folder / "corpus").mkdir()
    for name, text in REPORTS.items():
        (folder / "corpus" / name).write_text(text, encoding="utf-8")
    build_index(folder / "corpus", folder / "index")
    for name in ("ann", "bob", "cy"):
        add_user(folder / "accounts", name, PASSWORD)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    flags = ("--auth", str(folder / "accounts"), "--allow-host", NAME, "--log", "json", "--metrics")
    with running(folder / "index", folder / "corpus", *flags) as server:
        yield server


Client = Callable[..., httpx.Client]


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """Return a function that makes a client, signed in if it is given a name."""
    made: list[httpx.Client] = []

    def make(name: str = "", address: str = "198.51.100.1") -> httpx.Client:
        # As a proxy on this machine hands a user's request down.
        headers = {"x-forwarded-for": address}
        made.append(httpx.Client(base_url=server.url, timeout=30, headers=headers))
        if name:
            assert sign_in(made[-1], name).status_code == 200
        return made[-1]

    yield make
    for each in made:
        each.close()


def sign_in(http: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return http.post("/login", data={"username": name, "password": password})


def ask(http: httpx.Client, question: str = QUESTION) -> str:
    asked = http.post("/gradio_api/call/v2/ask", json={"question": question})
    assert asked.status_code == 200, asked.text
    event: str = asked.json()["event_id"]
    return event


def logged(server: Server, **wanted: object) -> dict[str, Any]:
    """Return the line of the log with these fields, which is written after the response."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for line in list(server.log):
            found: dict[str, Any] = json.loads(line)
            if found.items() >= wanted.items():
                return found
        time.sleep(0.02)
    raise AssertionError(f"{wanted} is not in the log: {server.log}")


def test_health_is_told_without_a_password_and_tells_nothing_else(client: Client) -> None:
    for path in ("/healthz", "/readyz"):
        response = client().get(path)
        assert (response.status_code, response.text) == (200, "ok\n")


def test_nothing_is_served_without_signing_in(client: Client) -> None:
    http = client()
    assert http.post("/gradio_api/call/ask", json={"data": ["x"]}).status_code == 401
    for path in ("/original?doc=report.txt", "/brief.md", "/state"):
        assert http.get(path).status_code == 401
    assert "Ask the reports" not in http.get("/config").text
    assert sign_in(http, "ann", "wrong").status_code == 400
    assert sign_in(http, "nobody").status_code == 400
    assert http.post("/login", content=b"\0" * 100).status_code in {400, 422}
    assert http.get("/state").status_code == 401


def test_the_cookie_is_for_this_site_and_for_tls_where_the_proxy_has_it(client: Client) -> None:
    plain = sign_in(client(), "ann").headers["set-cookie"]
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    behind = client()
    behind.headers["x-forwarded-proto"] = "https"
    assert "Secure" in sign_in(behind, "ann").headers["set-cookie"]


def test_one_users_brief_is_closed_to_another(client: Client, folder: Path) -> None:
    ann, bob = client("ann"), client("bob")
    open_brief(folder / "index", "ann").change(lambda brief: brief.titled("Ann’s own"))
    brief = ann.get("/brief.md")
    assert brief.text.startswith("# Ann’s own\n")
    assert brief.headers["content-disposition"] == 'attachment; filename="ann-s-own.md"'
    assert brief.headers["cache-control"] == "no-store"
    for path in ("/brief.md", "/brief.md?user=ann", "/brief.docx", "/brief.csv"):
        assert "Ann" not in bob.get(path, headers={"x-user": "ann"}).text
    for path in ("/brief.exe", "/brief", "/brief.md/x"):
        assert ann.get(path).status_code == 403
    assert ann.post("/brief.md").status_code == 403


def test_one_users_grid_is_closed_to_another(client: Client, folder: Path) -> None:
    ann, bob = client("ann"), client("bob")
    grid = Grid(name="Anns", facet="document").asking([QUESTION])
    open_grid(folder / "index", "Anns", "ann").change(lambda _: grid)
    assert QUESTION in words_of(ann.get("/grid.xlsx", params={"name": "Anns"}))
    for name in ("Anns", "../ann/Anns", "ann/Anns"):
        assert bob.get("/grid.xlsx", params={"name": name, "user": "ann"}).status_code == 404


def words_of(export: httpx.Response) -> str:
    assert export.status_code == 200
    with ZipFile(io.BytesIO(export.content)) as file:
        return file.read("xl/sharedStrings.xml").decode()


def test_signing_out_ends_this_session_alone(client: Client) -> None:
    here, there = client("ann"), client("ann")
    token = dict(here.cookies)
    assert here.get("/logout", params={"all_session": "false"}).status_code == 302
    assert here.get("/state", headers={"cookie": httpx_cookie(token)}).status_code == 401
    assert there.get("/state").status_code == 200


def httpx_cookie(cookies: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def test_a_user_who_is_removed_is_out_at_once(client: Client, folder: Path) -> None:
    cy = client("cy")
    assert cy.get("/state").status_code == 200
    remove_user(folder / "accounts", "cy")
    assert cy.get("/state").status_code == 401
    assert sign_in(cy, "cy").status_code == 400


def test_guessing_is_stopped_and_locks_nobody_out_elsewhere(client: Client) -> None:
    guesser = client(address="203.0.113.9")
    for _ in range(5):
        assert sign_in(guesser, "bob", "guess").status_code == 400
    refused = sign_in(guesser, "bob")
    assert (refused.status_code, refused.headers["retry-after"]) == (400, "60")
    assert "wait a minute" in refused.json()["detail"]
    assert sign_in(client(address="203.0.113.10"), "bob").status_code == 200


def test_a_proxys_name_is_served_and_no_other(client: Client) -> None:
    http = client("ann")
    assert http.get("/healthz", headers={"host": NAME}).status_code == 200
    assert http.get("/healthz", headers={"host": "evil.example"}).status_code == 421
    forged = {"host": NAME, "x-forwarded-host": "evil.example", "x-gradio-server": "http://evil"}
    for path in ("/", "/config"):
        page = http.get(path, headers={**forged, "x-forwarded-proto": "https"}).text
        assert "evil" not in page
        assert f"https://{NAME}" in page


def test_a_request_has_one_line_with_its_id_and_no_words_of_the_question(
    client: Client, server: Server
) -> None:
    ann = client("ann", address="198.51.100.7")
    event = ask(ann)
    answer = ann.get(f"/gradio_api/call/ask/{event}", headers={"x-request-id": "from-proxy-1"})
    assert "event: complete" in answer.text
    assert answer.headers["x-request-id"] == "from-proxy-1"
    line = logged(server, id="from-proxy-1")
    assert line["ms"] > 0
    assert {name: line[name] for name in ("user", "client", "route", "status", "method")} == {
        "user": "ann",
        "client": "198.51.100.7",
        "route": "/gradio_api/call/ask",
        "status": 200,
        "method": "GET",
    }
    page = ann.get("/", params={"q": QUESTION}, headers={"x-request-id": "a b;c"})
    logged(server, id=page.headers["x-request-id"], route="/")
    assert len(page.headers["x-request-id"]) == 16
    refused = ann.get("/etc/passwd")
    assert logged(server, id=refused.headers["x-request-id"])["route"] == "other"
    assert "zebra" not in "".join(server.log)
    assert event not in "".join(server.log)


def test_a_failed_sign_in_is_logged_with_the_name_only_if_there_is_one(
    client: Client, server: Server
) -> None:
    http = client(address="198.51.100.8")
    known, unknown = sign_in(http, "ann", "wrong"), sign_in(http, PASSWORD, "wrong")
    line = logged(server, event="sign-in", id=known.headers["x-request-id"])
    assert (line["user"], line["status"], line["client"]) == ("ann", 400, "198.51.100.8")
    assert logged(server, id=unknown.headers["x-request-id"])["user"] == ""


def test_metrics(client: Client) -> None:
    ann = client("ann", address="198.51.100.11")
    ann.get(f"/gradio_api/call/ask/{ask(ann)}")
    figures = dict(
        line.rsplit(" ", 1)
        for line in client().get("/metrics").text.splitlines()
        if not line.startswith("#")
    )
    answered = figures['qa_app_answers_total{verdict="answered"}']
    assert float(answered) >= 1
    assert float(figures["qa_app_answer_seconds_count"]) >= float(answered)
    asked = 'qa_app_requests_total{route="/gradio_api/call/v2/ask",status="200"}'
    assert float(figures[asked]) >= 1
    assert 'qa_app_request_seconds_bucket{le="0.1",route="/login"}' in figures
    assert figures["qa_app_build_running"] == "0.0"
    assert 0 < float(figures["qa_app_generation_age_seconds"]) < 600
    assert float(figures["process_resident_memory_bytes"]) > 1e8


def test_not_ready_until_there_is_an_index_and_a_model(index: Index) -> None:
    def told(page: PageController, work: OpenWork, path: str = "/readyz") -> tuple[int, str]:
        async def get() -> httpx.Response:
            transport = httpx.ASGITransport(Starlette(routes=health_routes(page, work)))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
                return await http.get(path)

        response = asyncio.run(get())
        return response.status_code, response.text

    work = OpenWork()
    assert told(PageController(None), work) == (503, "no index is open\n")
    page = PageController(index)
    assert told(page, work) == (503, "the model is not loaded\n")
    page.warm()
    assert told(page, work) == (200, "ok\n")
    work.ending = True
    assert told(page, work) == (503, "ending\n")
    assert told(page, work, "/healthz") == (200, "ok\n")


def test_words_of_questions_are_logged_only_where_that_is_asked_for(
    index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    page = PageController(index)
    start_log(as_json=False)
    page.ask("What of the data sharing?", "")
    assert capsys.readouterr().err == ""
    page.listeners.append(log_question)
    page.ask("What of the\ndata sharing?", "")
    line = capsys.readouterr().err
    assert 'info question question="What of the\\ndata sharing?" verdict=' in line
    assert line.count("\n") == 1


def test_what_was_asked_is_answered_before_the_server_ends(client: Client, server: Server) -> None:
    ann, other = client("ann", address="198.51.100.12"), client()
    shown = threading.Thread(target=hold_open, args=[server.url], daemon=True)
    shown.start()  # a page that stays open must not keep the server
    events = [ask(ann, f"{QUESTION} {number}") for number in range(12)]
    server.process.send_signal(signal.SIGTERM)
    ended = time.monotonic()
    while other.get("/readyz").status_code != 503:
        assert time.monotonic() - ended < 10
    refused = ann.post("/gradio_api/call/v2/ask", json={"question": "x"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
    for event in events:
        assert "event: complete" in ann.get(f"/gradio_api/call/ask/{event}").text
    assert server.process.wait(15) == 0
    assert time.monotonic() - ended < 12
    assert "Traceback" not in "".join(server.log)
    shown.join(5)


def hold_open(url: str) -> None:
    try:
        with httpx.stream("GET", f"{url}gradio_api/heartbeat/abc", timeout=60) as stream:
            for _ in stream.iter_bytes():
                pass
    except httpx.HTTPError:
        pass
