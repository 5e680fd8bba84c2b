from __future__ import annotations

import time
from pathlib import Path

from qa_app.models import BuildReport, Failure
from qa_app.settings import Settings
from qa_app.store.embedded.publishing import build_lock
from qa_app.web.builds import Builds, build_summary


def test_a_build_that_fails_says_why_and_can_be_started_again(tmp_path: Path) -> None:
    builds = Builds(Settings(corpus=tmp_path / "none", index=tmp_path / "index"))
    assert (builds.state.number, builds.state.running) == (0, False)
    builds.start()
    assert (builds.state.number, builds.state.running) == (1, True)
    builds.start()  # comes after the first
    while builds.state.running or builds.state.number < 2:
        time.sleep(0.05)
    assert builds.state.failed
    assert builds.state.message == f"There is no corpus folder {tmp_path / 'none'}."
    assert builds.state.number == 2
    assert not (tmp_path / "index").exists()


def test_a_build_waits_for_one_of_another_process(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "corpus" / "facets.toml").write_text("not TOML", encoding="utf-8")
    builds = Builds(Settings(corpus=tmp_path / "corpus", index=tmp_path / "index"))
    with build_lock(tmp_path / "index"):
        builds.start()
        while builds.state.stage != "Waiting for another build":
            assert builds.state.running
            time.sleep(0.05)
    while builds.state.running:
        time.sleep(0.05)
    assert "facets.toml" in builds.state.message


def test_what_a_build_did_is_said_in_words() -> None:
    failed = (Failure("a.pdf", "Broken."),)
    report = BuildReport("000002", 2, 1, 0, 5, failed, (), 9, 3, 6, 1.5)
    assert build_summary(report) == (
        "2 reports added, 1 report changed. 1 file could not be read: Sources says why."
    )
    nothing = BuildReport("000002", 0, 0, 0, 5, (), (), 9, 0, 9, 0.1)
    assert build_summary(nothing) == "Nothing new."
