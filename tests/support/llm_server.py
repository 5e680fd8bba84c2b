"""A small server of language models in OpenAI's form, in a process of its own.

The name of the model says how it behaves, as "honest", "obedient" or "slow"; "say:TEXT" writes
that text whatever it is given. ``GET /seen`` returns the last request as JSON, and how many were
given up by the client.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_SLOW_SECONDS = 20
_SEEN: dict[str, Any] = {"given_up": 0}
_BODIES = {
    "rubbish": b"\x00\xff\xfe rubbish",
    "html": b"<!doctype html><script>window.hurt=1</script>",
    "empty": b"",
    "other": b'{"answer": "no choices here"}',
    "none": b'{"choices": []}',
    "null": b'{"choices": [{"message": {"content": null}}]}',
    "list": b"[1, 2, 3]",
    "deep": b'{"x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "huge": b'{"choices": [{"message": {"content": "' + b"words " * 500_000 + b'"}}]}',
}


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text)[0].rstrip(".")


def _write(model: str, user: dict[str, Any]) -> str:
    """Return what the model writes for the question and the quotes."""
    quotes = user["quotes"]
    if model.startswith("say:"):
        return model.removeprefix("say:")
    if model == "obedient":
        # Whatever a quote puts into quotation marks behind an instruction, citing that quote.
        ordered = [
            (q["number"], m) for q in quotes for m in re.findall(r"[“\"]([^”\"]+)[”\"]", q["text"])
        ]
        if ordered:
            return " ".join(f"{text.rstrip('.')} [{number}]." for number, text in ordered)
    if model == "blank":
        return "  \n"
    if model == "long":
        return "Much is written here [1]. " * 400
    honest = [f"{_first_sentence(q['text'])} [{q['number']}]." for q in quotes[:3]]
    if model == "thinking":
        return f"<think>{'First I must think. ' * 500}</think>\n\n{honest[0]}"
    if model == "mixed":
        honest += [
            "This is a good thing.",
            "Zedland did the same in 1887 [1].",
            "All of it is proved [99].",
            '<img src=x onerror="window.hurt=1">[here](http://outside.example) [1].',
        ]
    return " ".join(honest)


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._send(200, json.dumps(_SEEN).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        request = json.loads(body)
        seen = {"path": self.path, "headers": dict(self.headers.items()), "body": request}
        _SEEN.update(seen)
        model = request["model"]
        if model in _BODIES:
            self._send(200, _BODIES[model])
        elif model == "slow":
            self._wait()
        elif model == "drip":
            self._drip()
        elif model == "cut":
            self._send(200, b'{"choices"', length=10_000)
        elif model == "moved":
            self._send(307, b"", location="http://192.0.2.1/v1/chat/completions")
        elif model == "missing":
            fault = {"error": {"message": "model 'missing' not found\x1b[31m"}}
            self._send(404, json.dumps(fault).encode())
        else:
            text = _write(model, json.loads(request["messages"][1]["content"]))
            reply = {"choices": [{"message": {"role": "assistant", "content": text}}]}
            self._send(200, json.dumps(reply).encode())

    def _wait(self) -> None:
        """Write nothing until the client has gone, or the time is up."""
        self.connection.settimeout(_SLOW_SECONDS)
        try:
            if self.connection.recv(1) == b"":
                _SEEN["given_up"] += 1
        except TimeoutError:
            pass
        self.close_connection = True

    def _drip(self) -> None:
        self.send_response(200)
        self.end_headers()
        end = time.monotonic() + _SLOW_SECONDS
        try:
            while time.monotonic() < end:
                self.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            _SEEN["given_up"] += 1

    def _send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            _SEEN["given_up"] += 1
        self.close_connection = True


@contextmanager
def serving_models() -> Iterator[str]:
    """Start the server; yield its address; end it."""
    server = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def last_request(url: str) -> dict[str, Any]:
    """Return what the server was sent last."""
    seen: dict[str, Any] = httpx.get(f"{url}/seen", trust_env=False).json()
    return seen


if __name__ == "__main__":
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    print(f"http://127.0.0.1:{http.server_port}", flush=True)
    http.serve_forever()
