"""Nothing is sent or fetched: build, ask and serve work where the kernel refuses the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from support.no_network import NO_NAMESPACE

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="by means of Linux alone"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("no_network")
    shutil.copytree(ROOT / "corpus", folder / "corpus")
    return folder


def _run(how: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "support.no_network", how, folder / "index", folder / "corpus"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _answer(run: subprocess.CompletedProcess[str]) -> Any:
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout[run.stdout.index("{") :])


def test_build_and_ask_open_no_socket_of_the_internet(folder: Path) -> None:
    assert _answer(_run("killed", folder))["verdict"] == "answered"


def test_serve_needs_only_loopback(folder: Path) -> None:
    run = _run("alone", folder)
    if run.returncode == NO_NAMESPACE and os.environ.get("CI") != "true":
        pytest.skip("the kernel allows no network namespace here")
    assert _answer(run)["verdict"] == "answered"
