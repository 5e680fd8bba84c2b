"""The route of the summary, as a browser that stays and as one that goes away."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from conftest import FakeEncoder
from qa_app.api import build_index, open_index
from qa_app.synthesis import LanguageModel
from qa_app.web.answer_view import quotes_key
from qa_app.web.page import PageController
from qa_app.web.summary import write_summary
from support.llm_server import last_request, serving_models

SEARCH = "?q=board+funding+road+safety"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_models() as address:
        yield address


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageController]:
    root = tmp_path_factory.mktemp("summary")
    (root / "corpus").mkdir()
    (root / "corpus" / "a.txt").write_text("Annual\n\nThe board road safety funding <b> grew.\n")
    build_index(root / "corpus", root / "index", encoder=FakeEncoder())
    opened = open_index(root / "index", Path(root / "corpus"), encoder=FakeEncoder(), reader="none")
    with opened as index:
        yield PageController(index)


def post(page: PageController, body: bytes, stays: bool = True) -> str:
    """Return status and HTML of one request."""

    async def send() -> str:
        sent = False

        async def receive() -> MutableMapping[str, Any]:
            nonlocal sent
            if not sent:
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}
            await anyio.sleep(60 if stays else 0.5)
            return {"type": "http.disconnect"}

        request = Request({"type": "http", "method": "POST", "headers": []}, receive)
        response = await write_summary(page, request)
        return f"{response.status_code} {bytes(response.body).decode()}"

    return anyio.run(send)


def asked(page: PageController) -> bytes:
    answer = page.snapshot().ask("board funding road safety")
    assert answer.findings, answer
    return json.dumps({"search": SEARCH, "quotes": quotes_key(answer)}).encode()


def test_sentences_are_escaped_and_struck(page: PageController, url: str) -> None:
    page.llm = LanguageModel(url, "say:The <b> board road safety [1]. Kent <i>won</i> [1].")
    html = post(page, asked(page))
    assert html.startswith("200")
    assert "The &lt;b&gt; board road safety." in html
    assert "<s>Kent &lt;i&gt;won&lt;/i&gt;.</s>" in html
    assert "Struck out: “Kent” is not in quote 1." in html


def test_what_goes_wrong_is_said(page: PageController, url: str) -> None:
    page.llm = LanguageModel(url, "html")
    assert "did not answer with a chat completion" in post(page, asked(page))
    other = json.dumps({"search": SEARCH, "quotes": "of another answer"}).encode()
    assert "The answer has changed since. Ask the question again." in post(page, other)
    for body in (b"", b"[1]", b"{}", b"\xff", b"[" * 100_000):
        assert post(page, body).startswith("400")
    page.llm = None
    assert post(page, asked(page)).startswith("404")


def test_a_browser_that_goes_away_stops_the_model(page: PageController, url: str) -> None:
    page.llm = LanguageModel(url, "slow")
    began, before = time.monotonic(), last_request(url)["given_up"]
    assert post(page, asked(page), stays=False).startswith("400")
    while last_request(url)["given_up"] == before:
        assert time.monotonic() - began < 8
        time.sleep(0.05)
