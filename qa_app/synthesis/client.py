"""Asks a language model that a server offers in OpenAI's form (Ollama, llama.cpp, vLLM).

The quotes of reports go to that server, so by default only this machine and private networks are
asked. The address that was checked is the address that is connected to: a name that is looked up
twice could lead elsewhere the second time (DNS rebinding). Redirects and proxies are not followed.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from qa_app.errors import ConfigError, LanguageModelError
from qa_app.settings import LLM_KEY_VARIABLE
from qa_app.synthesis.instructions import plain
from qa_app.synthesis.prompt import MOST_REPLY, without_thought

if TYPE_CHECKING:
    import httpx

# Loopback, RFC 1918, unique local and link-local addresses. `is_private` of ipaddress takes in
# more, such as addresses for documentation and of carriers.
_PRIVATE = [
    ipaddress.ip_network(network)
    for network in [
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    ]
]
_CONNECT_SECONDS = 5.0  # a server at hand answers in milliseconds; a firewall may never
_MOST_BYTES = 256 * 1024  # of a response: a reply of the longest kind in JSON, with room
_MOST_DETAIL = 200  # characters shown of what a server says is wrong
_MOST_TOKENS = 2048  # of a reply, with what a reasoning model writes to itself first
_FORM = "As: --llm http://127.0.0.1:11434 --llm-model NAME"
_OTHERS = (
    "Nothing was sent. If the reports may go there: --llm-anywhere (in settings: llm_anywhere)."
)


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Reply(msgspec.Struct):
    """The part of a chat completion that is read."""

    choices: list[_Choice]


class _Fault(msgspec.Struct):
    """What servers say of an error: a text, or an object with a message."""

    error: str | dict[str, Any]


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A language model on a server.

    Attributes:
        url: of the server: ``http://127.0.0.1:11434``, or with a path to the API, as ``…/v1``.
        model: its name there; "" for a server that has only one.
        anywhere: allow servers outside this machine and private networks.
        seconds: longest time that an answer may take.

    Raises:
        ConfigError: the URL is of another form, or leads outside without ``anywhere``.
    """

    url: str
    model: str = ""
    anywhere: bool = False
    seconds: float = 180.0

    def __post_init__(self) -> None:
        parts = _parse(self.url)
        try:
            found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return  # there may be such a name later; it is looked up again before each request
        self._refuse_public([str(item[4][0]) for item in found])

    @property
    def name(self) -> str:
        """The model's name for the page: its own, or "the language model"."""
        return self.model or "the language model"

    async def complete(self, system: str, user: str) -> str:
        """Return the model's reply, at most ``MOST_REPLY`` characters.

        Cancelling closes the connection, at which servers stop writing.

        Raises:
            ConfigError: the URL now leads outside without ``anywhere``.
            LanguageModelError: the server cannot be reached, is too slow, or replies with an error
                or anything but a chat completion of that length.
        """
        import anyio
        import httpx

        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        body = {
            "model": self.model or "default",
            "messages": messages,
            "temperature": 0,
            "max_tokens": _MOST_TOKENS,
            "stream": False,
        }
        try:
            with anyio.fail_after(self.seconds):
                content = await self._post(msgspec.json.encode(body))
        except TimeoutError as exc:
            raise self._trouble(f"has not answered within {self.seconds:g} seconds") from exc
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as exc:
            detail = _shown(str(exc)) or type(exc).__name__
            raise self._trouble(f"cannot be reached: {detail}", "Is it running?") from exc
        try:
            reply = msgspec.json.decode(content, type=_Reply).choices[0].message.content
        except (msgspec.MsgspecError, UnicodeError, IndexError, RecursionError) as exc:
            hint = f"Is it a server in the form of OpenAI's? {_FORM}"
            raise self._trouble("did not answer with a chat completion", hint) from exc
        spoken = without_thought(reply)
        if len(spoken) > MOST_REPLY:
            raise self._trouble(f"wrote {len(spoken):,} characters where a few sentences were due")
        return spoken

    async def _post(self, body: bytes) -> bytes:
        import httpx

        parts = _parse(self.url)
        headers = {
            "host": parts.netloc,
            "content-type": "application/json",
            # As it comes: a few compressed bytes can be very many.
            "accept-encoding": "identity",
            **_authorization(),
        }
        addresses = await self._addresses(parts)
        secure = ssl.create_default_context() if parts.scheme == "https" else False
        # The certificate is checked for the name, though the address is connected to.
        name = {"sni_hostname": parts.hostname}
        timeout = httpx.Timeout(self.seconds, connect=_CONNECT_SECONDS)
        async with httpx.AsyncClient(trust_env=False, verify=secure, timeout=timeout) as client:
            for address in addresses:
                host = f"[{address}]" if ":" in address else address
                url = f"{parts.scheme}://{host}:{_port(parts)}{_path(parts)}"
                try:
                    async with client.stream(
                        "POST", url, content=body, headers=headers, extensions=name
                    ) as response:
                        return await self._read(response)
                except httpx.ConnectError:
                    if address == addresses[-1]:
                        raise
        raise OSError("the name has no address")

    async def _addresses(self, parts: SplitResult) -> list[str]:
        import anyio

        found = await anyio.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(item[4][0]) for item in found))
        self._refuse_public(addresses)
        return addresses

    def _refuse_public(self, addresses: list[str]) -> None:
        public = [address for address in addresses if not is_private(address)]
        if public and not self.anywhere:
            raise ConfigError(
                f"The language model at {self.url} is not on this machine or a private network "
                f"({public[0]}).",
                _OTHERS,
            )

    async def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > _MOST_BYTES:
                raise self._trouble(f"sent more than {_MOST_BYTES // 1024} KiB")
        status = response.status_code
        if status == 200:
            return bytes(content)
        if 300 <= status < 400:
            raise self._trouble(f"points elsewhere ({status})", "Give the address it really has.")
        hint = "Check --llm and --llm-model: the name as the server has it."
        if status in {401, 403}:
            hint = f"If it asks for a key, put it into the environment as {LLM_KEY_VARIABLE}."
        raise self._trouble(f"answered {status}{_detail(bytes(content))}", hint)

    def _trouble(self, what: str, hint: str = "") -> LanguageModelError:
        return LanguageModelError(f"The language model at {self.url} {what}.", hint)


def is_private(address: str) -> bool:
    """Tell whether an IP address is of this machine or of a private network."""
    found = ipaddress.ip_address(address)
    mapped = getattr(found, "ipv4_mapped", None)  # ::ffff:8.8.8.8 is 8.8.8.8
    return any((mapped or found) in network for network in _PRIVATE)


def _parse(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # the port is read only now
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or not re.fullmatch(r"[!-~]+", url):
        raise ConfigError(f"{url!r} is no address of a server.", _FORM)
    if parts.username is not None or parts.query or parts.fragment:
        # A key in the address would be shown on the page.
        hint = f"Put a key into the environment as {LLM_KEY_VARIABLE}. {_FORM}"
        raise ConfigError("The address of the language model has more than host and path.", hint)
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _path(parts: SplitResult) -> str:
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{path or '/v1'}/chat/completions"


def _authorization() -> dict[str, str]:
    key = os.environ.get(LLM_KEY_VARIABLE, "").strip()
    if not key:
        return {}
    if not re.fullmatch(r"[!-~]+", key):  # what a header can carry
        raise ConfigError(f"The key in {LLM_KEY_VARIABLE} has characters that no key has.")
    return {"authorization": f"Bearer {key}"}


def _detail(content: bytes) -> str:
    try:
        error = msgspec.json.decode(content, type=_Fault).error
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return ""
    said = error if isinstance(error, str) else error.get("message", "")
    return f": {_shown(said)}" if isinstance(said, str) and said else ""


def _shown(text: str) -> str:
    return " ".join(plain(text).split())[:_MOST_DETAIL].rstrip(".")
