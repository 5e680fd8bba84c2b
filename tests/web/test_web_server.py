"""The server from outside: its API with Gradio's own client, and what it must refuse."""

from __future__ import annotations

import io
import json
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import openpyxl
import pytest
from gradio_client import Client

from conftest import ROOT
from qa_app import build_index, open_index
from qa_app.briefs.stored_file import open_brief
from qa_app.errors import ServeError
from qa_app.grids.grid_store import open_grid
from qa_app.web.accounts import add_user
from qa_app.web.app import Operations, serve
from support.web_serving import free_port, serving, wait_for

pytestmark = pytest.mark.model

REPORT = "apcc-towards-better-partnerships-deep-dives.txt"
QUESTION = "which forces improved data-sharing?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server")
    (folder / "corpus").mkdir()
    for name in (REPORT, "facets.toml"):
        shutil.copy(ROOT / "corpus" / name, folder / "corpus" / name)
    (folder / "corpus" / "scan.pdf").write_bytes(b"not a PDF")
    build_index(folder / "corpus", folder / "index")
    return folder


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with serving(folder / "index", folder / "corpus") as address:
        yield address


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A server with accounts and uploads, and its watched folder, where a first report arrived."""
    folder = tmp_path_factory.mktemp("shared")
    corpus, accounts = folder / "corpus", folder / "accounts"
    add_user(accounts, "ann", "quite secret")
    flags = ("--allow-upload", "--watch", "--auth", str(accounts))
    with (
        serving(folder / "index", corpus, *flags) as url,
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        sign_in(http)
        assert http.get("/state").json()["generation"] == ""
        assert not corpus.exists()
        corpus.mkdir()
        shutil.copy(ROOT / "corpus" / REPORT, corpus)
        # The build gives way to the server, so the server is asked seldom.
        wait_for(lambda: http.get("/state").json()["generation"] == "000001", 120, 0.5)
        wait_for(
            lambda: http.get("/state").json()["build"]["message"] == "1 report added.", 60, 0.5
        )
        yield url, corpus


@pytest.fixture
def visitor(shared: tuple[str, Path]) -> Iterator[httpx.Client]:
    """Someone who has not signed in."""
    with httpx.Client(base_url=shared[0], timeout=30) as client:
        yield client


def sign_in(http: httpx.Client) -> None:
    sent = http.post("/login", data={"username": "ann", "password": "quite secret"})
    assert sent.status_code == 200


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


def call(http: httpx.Client, name: str, **values: object) -> tuple[str, str]:
    """Call a public function as the HTTP API's documentation says; return event and its data."""
    asked = http.post(f"/gradio_api/call/v2/{name}", json=values)
    assert asked.status_code == 200, asked.text
    answer = http.get(f"/gradio_api/call/{name}/{asked.json()['event_id']}").text
    event, _, rest = answer.partition("\n")
    return event, rest.partition("data: ")[2].strip()


def without_timings(answer: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in answer.items() if key != "timings_ms"}


def test_the_api_gives_the_command_lines_json(http: httpx.Client, folder: Path) -> None:
    event, body = call(http, "ask", question=QUESTION, top_k=3)
    assert event == "event: complete"
    (answer,) = json.loads(body)
    assert answer["verdict"] == "answered"
    assert [passage["rank"] for passage in answer["passages"]] == [1, 2, 3]
    line = [sys.executable, "-m", "qa_app", "ask", QUESTION, "--top-k", "3", "--json"]
    folders = ["--index", str(folder / "index"), "--corpus", str(folder / "corpus")]
    printed = subprocess.run([*line, *folders], capture_output=True, check=True)
    assert without_timings(answer) == without_timings(json.loads(printed.stdout))


def test_search_and_status(http: httpx.Client) -> None:
    (found,) = json.loads(call(http, "search", query="road safety", top_k=1)[1])
    assert found["passages"][0]["citation"]["section"][-1] == "Lincolnshire"
    (status,) = json.loads(call(http, "status")[1])
    assert status["generation"] == "000001"


def test_filters_reach_the_search(http: httpx.Client) -> None:
    (found,) = json.loads(call(http, "search", query="data", filters={"force": ["Surrey"]})[1])
    assert {item["citation"]["section"][-1] for item in found["passages"]} == {"Surrey"}


def test_leads_are_followed_over_http(http: httpx.Client) -> None:
    (found,) = json.loads(call(http, "search", query="road safety", top_k=1)[1])
    cited = found["passages"][0]["citation"]
    place = f"{cited['document']}@{cited['start']}-{cited['end']}"
    (like,) = json.loads(call(http, "search", like=place, top_k=3)[1])
    assert cited not in [item["citation"] for item in like["passages"]]
    before = "What is planned in Humberside?"
    body = call(http, "ask", question="and Lincolnshire?", after=before, rejecting=[place])[1]
    (answer,) = json.loads(body)
    assert answer["read_as"] == "What is planned in Lincolnshire?"
    assert [item["citation"] for item in answer["rejected"]] == [cited]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("ask", {"question": "x" * 10_000}, "10,000 characters"),
        ("ask", {"question": ""}, "empty"),
        ("ask", {"question": "q", "top_k": 0}, "top_k is 0"),
        ("ask", {"question": "q", "top_k": 1_000_000}, "from 1 to 100"),
        ("ask", {"question": "q", "rejecting": [7]}, "no place of a quote"),
        ("ask", {"question": "q", "rejecting": ["a@0-1"] * 51}, "the most is 50"),
        ("search", {"like": "a@0-1"}, "Nothing can be quoted"),
        ("grid", {"questions": ["q"] * 31, "facet": "force"}, "30 are the most"),
        ("grid", {"questions": [3], "facet": "force"}, "no list of texts"),
        ("grid", {"questions": ["q"], "facet": "colour"}, "no facet 'colour'"),
        ("search", {"query": "q", "mode": "magic"}, "best, fast, dense, lexical"),
        ("search", {"query": "q", "filters": {"colour": ["red"]}}, "colour"),
    ],
)
def test_a_wrong_call_is_told_what_is_wrong(
    http: httpx.Client, name: str, values: dict[str, object], said: str
) -> None:
    event, body = call(http, name, **values)
    assert event == "event: error"
    assert said in json.loads(body)["error"]


def test_gradios_own_client_works(url: str) -> None:
    client = Client(url, verbose=False)
    answer = client.predict(QUESTION, api_name="/ask")
    assert answer["verdict"] == "answered"
    found = client.predict("road safety", top_k=1, api_name="/search")
    assert found["passages"][0]["citation"]["section"][-1] == "Lincolnshire"
    (failure,) = client.predict(api_name="/status")["failures"]
    assert failure["file"] == "scan.pdf"
    assert client.predict(api_name="/topics")["topics"]


def test_topics_are_counted_for_each_value(http: httpx.Client) -> None:
    event, body = call(http, "topics", facet="force")
    assert event == "event: complete"
    (found,) = json.loads(body)
    assert set(found) >= {"topics", "matrix"}


def test_a_grid_is_asked_in_one_call(http: httpx.Client) -> None:
    kept = {"force": ["Surrey", "Merseyside"]}
    asked = {"questions": ["How is data shared?"], "facet": "force", "filters": kept}
    event, body = call(http, "grid", **asked)
    assert event == "event: complete"
    (found,) = json.loads(body)
    assert found["values"] == ["Merseyside", "Surrey"]
    cells = {cell["value"]: cell for cell in found["cells"]}
    assert cells["Merseyside"]["citation"]["section"][-1] == "Merseyside"


def test_the_public_functions_are_five(http: httpx.Client) -> None:
    described = http.get("/gradio_api/info").json()
    assert set(described["named_endpoints"]) == {"/ask", "/search", "/topics", "/grid", "/status"}
    assert described["unnamed_endpoints"] == {}


def test_other_hosts_and_other_sites_are_refused(http: httpx.Client) -> None:
    assert http.get("/", headers={"host": "evil.example"}).status_code == 421
    origin = {"origin": "http://evil.example"}
    body = {"data": ["x"]}
    assert http.post("/gradio_api/call/ask", json=body, headers=origin).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1:9/",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=../../etc/passwd",
        "/gradio_api/file%3D/etc/passwd",
        "/gradio_api/proxy=http://127.0.0.1:9/",
        "/gradio_api/stream/a/b/c/playlist.m3u8",
        "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/mcp/sse",
        "/gradio_api/runs",
        "/gradio_api/openapi.json",
        "/metrics",
        "/monitoring",
        "/monitoring/summary",
        "/docs",
        "/desk/../app.py",
        "/desk/%2e%2e/app.py",
    ],
)
def test_routes_of_gradio_that_the_page_does_not_use_are_closed(url: str, path: str) -> None:
    # By hand, since clients tidy paths up before they send them.
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")


def test_the_original_is_sent_as_it_was_indexed(http: httpx.Client, folder: Path) -> None:
    sent = http.get("/original", params={"doc": REPORT})
    assert sent.content == (folder / "corpus" / REPORT).read_bytes()
    assert sent.headers["content-type"] == "text/plain; charset=utf-8"
    assert sent.headers["content-disposition"] == f"inline; filename*=UTF-8''{REPORT}"
    assert sent.headers["x-content-type-options"] == "nosniff"


# A hundred ways out of a folder, or to another server.
_UP = (
    "../",
    "..\\",
    "%2e%2e/",
    "..%2f",
    "%252e%252e%252f",
    "....//",
    "..;/",
    "/",
    "./../",
    "..%00/",
)
_GOALS = ("etc/passwd", "facets.toml", "../index/CURRENT", "pyproject.toml", "proc/self/environ")
_ADDRESSES = (
    "http://127.0.0.1:{}/",
    "//127.0.0.1:{}/",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{}/",
)
WAYS_OUT = [f"{up * depth}{goal}" for up in _UP for depth in (1, 5) for goal in _GOALS]


def test_no_way_leads_out_of_the_corpus_or_to_another_server(http: httpx.Client) -> None:
    with socket.socket() as trap:
        trap.bind(("127.0.0.1", 0))
        trap.listen()
        trap.settimeout(0.5)
        addresses = [address.format(trap.getsockname()[1]) for address in _ADDRESSES]
        for way in (*WAYS_OUT, *addresses, "", ".", "\0", f"{REPORT}/.", f"./{REPORT}"):
            assert http.get("/original", params={"doc": way}).status_code == 404
            raw = http.build_request("GET", f"/gradio_api/file={way}".replace("\0", "%00"))
            assert http.send(raw).status_code in {400, 403}
        with pytest.raises(TimeoutError):
            trap.accept()
    assert http.post("/original", params={"doc": REPORT}).status_code == 403


def test_uploads_are_closed_and_bodies_limited(http: httpx.Client) -> None:
    assert http.post("/gradio_api/upload", files={"files": b"x"}).status_code == 403
    assert http.post("/gradio_api/run/ask", json={"data": ["x"]}).status_code == 403
    large = {"data": ["x" * 300_000]}
    assert http.post("/gradio_api/call/ask", json=large).status_code == 413


def test_a_function_of_the_page_cannot_be_called_by_name(http: httpx.Client) -> None:
    for name in ("load", "go", "open_source", "ask_1"):
        assert http.post(f"/gradio_api/call/{name}", json={"data": []}).status_code == 403


def test_headers(http: httpx.Client) -> None:
    for path in ("/", "/config", "/desk/desk.css", "/nothing"):
        headers = http.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_nothing_of_the_server_leaks_into_the_page(http: httpx.Client, folder: Path) -> None:
    page = http.get("/").text + http.get("/config").text
    assert str(folder) not in page
    assert "fonts.googleapis.com" not in page


def test_sources_are_sent_with_highlights(http: httpx.Client, folder: Path) -> None:
    words = "data-sharing"
    index = open_index(folder / "index", reader="none")
    start = index.snapshot().document(REPORT).text.index(words)
    index.close()
    at = f"{start}-{start + len(words)}"
    sent = http.get("/highlights", params={"doc": REPORT, "at": at, "q": "<b>why</b>"})
    assert f'<mark id="at-{start}">{words}</mark>' in sent.text
    assert "<p>&lt;b&gt;why&lt;/b&gt;</p>" in sent.text
    assert sent.headers["content-disposition"].startswith("attachment; filename*=UTF-8''apcc-")
    answer = http.get("/highlights", params={"q": QUESTION})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert {f"sources/{REPORT}", f"marked/{REPORT}.html"} <= set(packed.namelist())
    for search in ({}, {"doc": "../x"}, {"q": ""}, {"q": "x" * 9_000}):
        refused = http.get("/highlights", params=search)
        assert (refused.status_code, "Traceback" in refused.text) == (404, False)
    assert http.post("/highlights").status_code == 403


def test_a_password_is_asked_for(visitor: httpx.Client, shared: tuple[str, Path]) -> None:
    assert visitor.post("/gradio_api/call/ask", json={"data": ["x"]}).status_code == 401
    original = "/original?doc=" + REPORT
    assert visitor.get(original).status_code == 401
    grids = ("/grid.xlsx?name=Framework", "/grid-state?name=Framework")
    for path in ("/brief.md", "/brief.zip", "/highlights?q=" + QUESTION, *grids):
        assert visitor.get(path).status_code == 401
    assert "qa_app" not in visitor.get("/config").text
    wrong = {"username": "ann", "password": "wrong"}
    assert visitor.post("/login", data=wrong).status_code == 400
    sign_in(visitor)
    assert json.loads(call(visitor, "status")[1])[0]["generation"] != ""
    assert visitor.get(original).status_code == 200
    index = shared[1].parent / "index"
    open_brief(index, "ann").change(lambda brief: brief.titled("Ann’s own"))
    open_brief(index).change(lambda brief: brief.titled("Nobody’s"))
    brief = visitor.get("/brief.md")
    assert brief.text.startswith("# Ann’s own\n")
    assert brief.headers["content-disposition"] == 'attachment; filename="ann-s-own.md"'
    assert brief.headers["cache-control"] == "no-store"
    for user, question in (("ann", "Ann’s own?"), ("bob", "Bob’s own?"), ("", "Nobody’s?")):
        open_grid(index, "Framework", user).change(
            lambda grid, question=question: grid.asking([question])
        )
    grid = visitor.get("/grid.xlsx?name=Framework")
    assert grid.headers["content-disposition"] == 'attachment; filename="framework.xlsx"'
    sheet = openpyxl.load_workbook(io.BytesIO(grid.content))["Grid"]
    assert sheet["B2"].value == "Ann’s own?"
    assert visitor.get("/grid.docx?name=Framework").content[:2] == b"PK"
    assert visitor.get("/grid.docx?name=Other").status_code == 404
    assert visitor.get("/grid-state?name=Framework").json()["running"] is False
    for path in ("/grid.exe", "/grid.xlsx/x", "/brief.exe", "/brief", "/brief.md/x"):
        assert visitor.get(path).status_code == 403
    assert visitor.post("/brief.md").status_code == 403


def test_reports_are_taken_only_where_that_is_allowed(
    http: httpx.Client, visitor: httpx.Client, shared: tuple[str, Path]
) -> None:
    corpus, before = shared[1], sorted(shared[1].iterdir())
    for route in ("/upload?name=a.txt", "/build"):
        assert http.post(route, content=b"x").status_code == 403
        assert visitor.post(route, content=b"x").status_code == 401
    assert visitor.get("/state").status_code == 401
    sign_in(visitor)
    route, name = "/upload", {"name": "a.txt"}
    strange = {"origin": "http://evil.example"}
    assert visitor.post(route, params=name, content=b"x", headers=strange).status_code == 403
    assert sorted(corpus.iterdir()) == before
    assert visitor.post(route, params=name, content=b"x").json() == {"name": "a.txt", "new": True}
    assert visitor.post(route, params=name, content=b"y").status_code == 400
    for name_out in ("../out.txt", "/tmp/out.txt", "..%2fout.txt", "a.exe", ".env", ""):
        refused = visitor.post(route, params={"name": name_out}, content=b"x")
        assert (refused.status_code, set(refused.json())) == (400, {"message", "hint"})
    assert visitor.post("/gradio_api/upload", files={"files": b"x"}).status_code == 403
    assert sorted(corpus.iterdir()) == sorted([*before, corpus / "a.txt"])
    assert (corpus / "a.txt").read_bytes() == b"x"


def test_beyond_loopback_a_password_file_is_needed() -> None:
    named = Operations(allow_hosts=["reports.example.org"])
    for host, chosen in (("0.0.0.0", Operations()), ("127.0.0.1", named)):
        with pytest.raises(ServeError, match=r"At (0\.0\.0\.0|reports.*) others") as caught:
            serve(None, host, free_port(), operations=chosen)
        assert "--auth" in caught.value.hint


def test_a_name_to_be_served_under_is_a_host_name_alone() -> None:
    with pytest.raises(ServeError, match="https://reports"):
        serve(None, operations=Operations(allow_hosts=["https://reports.example.org"]))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"127.0.0.1:{port}") as caught:
            serve(None, "127.0.0.1", port)
    assert "--port" in caught.value.hint
