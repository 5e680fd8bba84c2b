"""Builds on a Dask cluster: a real scheduler and workers; the index equals one made at home."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from distributed import Client

from conftest import FakeEncoder
from qa_app import build_index, distributed
from qa_app.cli import main
from qa_app.embedding import SentenceTransformerEncoder
from qa_app.errors import ConfigError, EmbeddingError
from qa_app.models import BuildReport, ModelIdentity
from qa_app.store.manifest import FileStamp, read_manifest
from support.web_serving import free_port, wait_for

pytestmark = pytest.mark.model
_NOBODY = "tcp://127.0.0.1:9"


@dataclass(frozen=True)
class Running:
    """A cluster of two workers of one thread each, and a corpus with its index made at home."""

    address: str
    corpus: Path
    home: BuildReport
    files: Mapping[str, FileStamp]

    def pids(self) -> list[int]:
        with Client(self.address) as client:
            return list(client.run(os.getpid).values())

    def tasks(self) -> int:
        with Client(self.address) as client:
            count: int = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        return count


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("dask")
    address, dask = f"tcp://127.0.0.1:{free_port()}", str(Path(sys.executable).with_name("dask"))
    # --no-dashboard leaves a server of metrics, at an address of its own.
    alone = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
    worker = [dask, "worker", address, *alone, "--nthreads", "1", "--no-nanny"]
    commands = (
        [dask, "scheduler", *alone, "--port", address.rpartition(":")[2]],
        *([*worker, "--local-directory", str(folder / name)] for name in "ab"),
    )
    with (folder / "log").open("w") as log:
        processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
    try:
        corpus = folder / "corpus"
        corpus.mkdir()
        for number in range(3):
            # Texts of many lengths in tokens: one task each.
            parts = [f"## Part {n}\n\n{'The road was safe. ' * n}\n" for n in range(number, 36, 3)]
            (corpus / f"report {number}.md").write_text(f"# Roads {number}\n\n{''.join(parts)}")
        (corpus / "broken.pdf").write_bytes(b"%PDF-1.4\nnothing")
        for path in corpus.iterdir():  # the time of a file that has just changed is not stored
            os.utime(path, (1_600_000_000, 1_600_000_000))
        home = build_index(corpus, folder / "home")
        yield Running(address, corpus, home, _files(folder / "home"))
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait(20)


def _files(index: Path) -> Mapping[str, FileStamp]:
    """Return name, size and SHA-256 of all files of the generation."""
    return read_manifest(index).files


class _Once:
    """Progress that acts when so many texts have been embedded."""

    def __init__(self, texts: int, act: Callable[[], None]) -> None:
        self._left, self._act = texts, act
        self._stage = ""

    def stage(self, name: str, *_: int) -> None:
        self._stage = name

    def advance(self, steps: int, *_: str) -> None:
        if self._stage == "Embedding" and self._left > 0:
            self._left -= steps
            if self._left <= 0:
                self._act()

    def close(self) -> None:
        pass


def test_a_build_that_was_stopped_takes_back_its_tasks_and_goes_on(
    running: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    index = tmp_path / "index"
    with pytest.raises(KeyboardInterrupt):
        build_index(running.corpus, index, progress=_Once(5, stop), dask=running.address)
    wait_for(lambda: running.tasks() == 0)
    flags = ["--corpus", str(running.corpus), "--index", str(index), "--json"]
    assert main(["build", *flags, "--dask", running.address]) == 0
    assert 0 < json.loads(capsys.readouterr().out)["embedded"] <= running.home.embedded - 5
    assert _files(index) == running.files
    assert read_manifest(index).failures == running.home.failures != ()


class _Other(FakeEncoder):
    def __init__(self, **changes: str) -> None:
        super().__init__()
        self._changes = changes

    @property
    def identity(self) -> ModelIdentity:
        return replace(SentenceTransformerEncoder().identity, **self._changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights_sha256": "0" * 64}, "has another model at all-MiniLM-L6-v2"),
        ({"location": "/nowhere"}, "cannot use the model .* no model '/nowhere'"),
    ],
)
def test_workers_with_another_model_or_none_are_refused(
    running: Running, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(EmbeddingError, match=f"The worker tcp://.* {words}") as caught:
        build_index(running.corpus, tmp_path, encoder=_Other(**changes), dask=running.address)
    assert "Put the" in caught.value.hint


def test_workers_of_another_version_are_refused(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed, "_MADE_BY", "9.9")
    with pytest.raises(EmbeddingError, match=r"runs qa_app \d.*; the build is by 9\.9"):
        build_index(running.corpus, tmp_path, dask=running.address)


def test_a_killed_worker_costs_its_tasks_only(running: Running, tmp_path: Path) -> None:
    before = running.pids()
    progress = _Once(1, lambda: os.kill(before[0], signal.SIGKILL))
    report = build_index(
        running.corpus, tmp_path / "index", progress=progress, dask=running.address
    )
    assert report.embedded == running.home.embedded
    assert _files(tmp_path / "index") == running.files
    assert before[0] not in running.pids()


def test_no_workers_is_said(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    for left in running.pids():
        os.kill(left, signal.SIGKILL)
    with Client(running.address) as client:
        wait_for(lambda: client.nthreads() == {})
    monkeypatch.setattr(distributed, "_PATIENCE", 0.1)
    with pytest.raises(EmbeddingError, match="has no workers"):
        distributed.Cluster(running.address, FakeEncoder())


@pytest.mark.parametrize(
    "address", [_NOBODY, "nonsense", "http://127.0.0.1:9", "tls://127.0.0.1:9"]
)
def test_a_wrong_address_is_said(address: str) -> None:
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(ConfigError, match=f"no Dask scheduler at {address}") as caught,
    ):
        distributed.Cluster(address, FakeEncoder())
    assert "dask scheduler" in caught.value.hint


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)  # as if it were not installed
    with pytest.raises(ConfigError) as caught:
        distributed.Cluster(_NOBODY, FakeEncoder())
    assert "pip install 'qa_app[dask]'" in caught.value.hint
