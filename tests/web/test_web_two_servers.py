"""Two servers of one index in a database: what is done at one is seen at the other."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from qa_app.api import build_from_settings
from qa_app.briefs.saved import ask_after_build
from qa_app.settings import DatabaseUrl, Settings
from support.web_serving import running

pytestmark = pytest.mark.model

WORDS = "The board improved the zebra crossing in March."
NEWS = "The council improved the zebra crossing in June."


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> Settings:
    settings = Settings(corpus=tmp_path / "corpus", index=DatabaseUrl(postgres_url))
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "report.txt").write_text(f"{WORDS} Data sharing grew.\n")
    build_from_settings(settings)
    return settings


@pytest.fixture
def servers(settings: Settings, postgres_url: str) -> Iterator[list[httpx.Client]]:
    """Return a client of each server."""
    assert settings.corpus is not None
    flags = (postgres_url, settings.corpus, "--reader", "none")
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        # They start, and end, at the same time.
        started = pool.map(stack.enter_context, [running(*flags) for _ in range(2)])
        both = list(started)
        urls = [server.url for server in both]
        yield [stack.enter_context(httpx.Client(base_url=url, timeout=60)) for url in urls]
        for server in both:
            server.process.send_signal(signal.SIGINT)


def act(http: httpx.Client, event: str, **fields: object) -> str:
    """Do what a button of the page does, as its scripts ask for it; return what comes back."""
    functions = http.get("/config").json()["dependencies"]
    [number] = [item["id"] for item in functions if event in {name for _, name in item["targets"]}]
    body = {"data": [], "event_data": {"act": fields}, "fn_index": number, "session_hash": "w"}
    assert http.post("/gradio_api/queue/join", json=body).status_code == 200
    return http.get("/gradio_api/queue/data", params={"session_hash": "w"}).text


def test_what_is_done_at_one_is_seen_at_the_other(
    servers: list[httpx.Client], settings: Settings
) -> None:
    here, there = servers
    said = act(here, "aside", do="pin", doc="report.txt", at=f"0-{len(WORDS)}")
    assert "Pinned. 1 quote in the brief." in said
    assert WORDS in there.get("/brief.md").text
    act(there, "revise", do="title", text="Zebras")
    act(here, "aside", do="note", id=1, text="From here.", seen=1)
    for http in servers:
        brief = http.get("/brief.md").text
        assert brief.startswith("# Zebras\n")
        assert "From here." in brief
    said = act(there, "aside", do="save", search="?q=Who+improved+the+zebra+crossing")
    assert "It is asked again after each build" in said

    (settings.corpus / "news.txt").write_text(f"{NEWS}\n")
    report = build_from_settings(settings)
    assert ask_after_build(settings, report.generation)[0].new[0].quote.text == NEWS
    for http in servers:
        assert http.get("/state").json()["generation"] == "000002"
        assert "doc=news.txt" in act(http, "aside", do="look")
