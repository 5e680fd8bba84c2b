"""A real server in a process of its own, well and badly behaved; and who may be asked at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import anyio
import pytest

from qa_app.errors import ConfigError, LanguageModelError
from qa_app.synthesis.client import LanguageModel, is_private
from support.llm_server import last_request, serving_models

PROMPT = '{"question": "q", "quotes": [{"number": 2, "text": "Data is shared. And more."}]}'


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving_models() as address:
        yield address


def complete(url: str, model: str, seconds: float = 10) -> str:
    return anyio.run(LanguageModel(url, model, seconds=seconds).complete, "system", PROMPT)


def test_a_reply_and_what_was_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QA_APP_LLM_KEY", "sesame")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:1")  # nothing goes by way of it
    assert complete(url, "honest") == "Data is shared [2]."
    seen = last_request(url)
    assert seen["path"] == "/v1/chat/completions"
    assert seen["headers"]["authorization"] == "Bearer sesame"
    assert seen["headers"]["host"] == url.removeprefix("http://")
    assert seen["body"]["messages"][1] == {"role": "user", "content": PROMPT}
    assert seen["body"]["temperature"] == 0


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/chat/completions"])
def test_the_address_may_have_the_path_of_the_api(url: str, path: str) -> None:
    assert complete(url + path, "honest") == "Data is shared [2]."
    assert last_request(url)["path"] == "/v1/chat/completions"


def test_a_name_is_looked_up_and_its_address_connected_to(url: str) -> None:
    named = url.replace("127.0.0.1", "localhost")
    assert complete(named, "honest") == "Data is shared [2]."
    assert last_request(url)["headers"]["host"] == named.removeprefix("http://")


def test_what_a_model_writes_to_itself_is_left_out(url: str) -> None:
    assert complete(url, "thinking").strip() == "Data is shared [2]."


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("rubbish", "did not answer with a chat completion"),
        ("html", "did not answer with a chat completion"),
        ("empty", "did not answer with a chat completion"),
        ("other", "did not answer with a chat completion"),
        ("none", "did not answer with a chat completion"),
        ("null", "did not answer with a chat completion"),
        ("list", "did not answer with a chat completion"),
        ("deep", "did not answer with a chat completion"),
        ("huge", "sent more than 256 KiB"),
        ("long", "wrote 10,400 characters"),
        ("cut", "cannot be reached"),
        ("moved", r"points elsewhere \(307\)"),
        ("missing", r"answered 404: model 'missing' not found \[31m"),
    ],
)
def test_a_bad_server_is_one_clear_sentence(url: str, model: str, said: str) -> None:
    with pytest.raises(LanguageModelError, match=said):
        complete(url, model)


@pytest.mark.parametrize("model", ["slow", "drip"])
def test_a_slow_server_is_given_up(url: str, model: str) -> None:
    began = time.monotonic()
    with pytest.raises(LanguageModelError, match=r"has not answered within 0\.3 seconds"):
        complete(url, model, seconds=0.3)
    assert time.monotonic() - began < 3


def test_cancelling_hangs_up(url: str) -> None:
    before = last_request(url)["given_up"]

    async def cancel() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(LanguageModel(url, "slow").complete, "system", PROMPT))
            await anyio.sleep(0.3)
            group.cancel_scope.cancel()

    anyio.run(cancel)
    until = time.monotonic() + 5
    while last_request(url)["given_up"] == before:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(LanguageModelError, match="cannot be reached"):
        complete("http://127.0.0.1:9", "x")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "::ffff:10.0.0.1",
    ],
)
def test_private_addresses(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.32.0.1",
        "192.169.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "203.0.113.1",
        "11.0.0.1",
        "2001:4860::1",
        "::",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:a00:1::",
    ],
)
def test_other_addresses(address: str) -> None:
    assert not is_private(address)


def test_another_host_is_refused_unless_asked_for() -> None:
    with pytest.raises(ConfigError, match=r"not on this machine .* \(8\.8\.8\.8\)") as caught:
        LanguageModel("https://8.8.8.8/v1")
    assert "--llm-anywhere" in caught.value.hint
    assert LanguageModel("https://8.8.8.8/v1", anywhere=True).url == "https://8.8.8.8/v1"


def test_a_name_that_moved_outside_is_refused_when_it_is_asked() -> None:
    model = LanguageModel("http://8.8.8.8", anywhere=True)
    object.__setattr__(model, "anywhere", False)  # as if the name had led here only now
    with pytest.raises(ConfigError, match="not on this machine"):
        anyio.run(model.complete, "system", PROMPT)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:1",
        "ftp://127.0.0.1",
        "http://",
        "http://127.0.0.1:x",
        "http://127.0.0.1:99999",
        "http://me:key@127.0.0.1",
        "http://127.0.0.1/?key=1",
        "http://127.0.0.1/a b",
        "file:///etc",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError):
        LanguageModel(url)
