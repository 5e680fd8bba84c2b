"""The real server in a process of its own, for tests from outside."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(done: Callable[[], bool], seconds: float = 10, pause: float = 0.02) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, "it never came about"
        time.sleep(pause)


@dataclass(frozen=True)
class Server:
    """A running server: its address, its process, and the lines of its log so far."""

    url: str
    process: subprocess.Popen[str]
    log: list[str]


def _drain(pipe: IO[str], log: list[str]) -> None:
    with pipe:
        log.extend(pipe)


@contextmanager
def serving(index: Path | str, corpus: Path, *flags: str) -> Iterator[str]:
    """Serve an index with the project's own command; yield its address; end it."""
    with running(index, corpus, *flags) as server:
        yield server.url


@contextmanager
def running(index: Path | str, corpus: Path, *flags: str) -> Iterator[Server]:
    """Serve an index, in a folder or at an address, by the project's own command; end it."""
    command = [sys.executable, "-m", "qa_app", "serve", "--port", str(free_port()), *flags]
    # GRADIO_SHARE and the like in a developer's shell must not change what is tested.
    environment = {key: value for key, value in os.environ.items() if "GRADIO" not in key}
    server = subprocess.Popen(
        [*command, "--index", str(index), "--corpus", str(corpus)],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert server.stderr is not None
    said: list[str] = []
    timer = threading.Timer(_START_SECONDS, server.kill)
    timer.start()
    try:
        for line in server.stderr:
            said.append(line)
            if found := re.search(r"http://\S+/", line):
                break
        else:
            raise AssertionError(f"The server did not start: {''.join(said)}")
        timer.cancel()
        # A full pipe would stop the server.
        threading.Thread(target=_drain, args=[server.stderr, said], daemon=True).start()
        yield Server(found[0], server, said)
    finally:
        timer.cancel()
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
