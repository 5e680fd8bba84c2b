"""A build that is killed, or that the disk fails, leaves the old index or the new one, whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from conftest import FakeEncoder
from qa_app.errors import IndexNotFoundError
from qa_app.models import Passage
from qa_app.store.embedded.generation import open_generation
from qa_app.store.protocol import Generation
from support.store_samples import write_sample

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals")

TESTS = Path(__file__).resolve().parent.parent
OLD = ["Road safety rose.", "Data sharing improved."]
NEW = ["Funding fell.", "Violence fell.", "The board met."]


class Driver:
    """Speaks to ``crash_driver.py``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.crash_driver"],
            cwd=TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **job: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job, default=str) + "\n")
        self._process.stdin.flush()
        outcome: dict[str, Any] = json.loads(self._process.stdout.readline())
        return outcome

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.close()


@pytest.fixture
def index() -> Iterator[Path]:
    # In memory where that can be had: what is tested is the order of steps, not the disk.
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    yield folder / "index"
    shutil.rmtree(folder)


def _passages(generation: Generation) -> tuple[Passage, ...]:
    return generation.passages(range(generation.num_passages))


def _texts(index: Path) -> list[str]:
    """Return the passages' texts, each of which is found by asking for it."""
    encoder = FakeEncoder()
    with open_generation(index, encoder.identity) as generation:
        texts = [passage.text for passage in _passages(generation)]
        scores, _ = generation.vectors.search(encoder.encode_queries(texts), 1)
        assert (scores > 0.7).all()
        return texts


def _leftovers(index: Path) -> list[str]:
    known = {"CURRENT", "LOCK", "generations"}
    names = [path.name for path in index.iterdir() if path.name not in known]
    return names + [path.name for path in (index / "generations").glob(".*")]


def test_killed_at_every_step_of_writing(driver: Driver, index: Path) -> None:
    seen = []
    for step in count(1):
        write_sample(index, *OLD)
        if driver.run(index=index, texts=NEW, kill_at=step) != {"killed": 9}:
            break
        found = _texts(index)
        assert found in (OLD, NEW)
        seen.append(found == NEW)
        assert "generation" in driver.run(index=index, texts=NEW)
        assert _texts(index) == NEW
        assert _leftovers(index) == []
        shutil.rmtree(index)
    assert len(seen) > 20
    # Up to one step, the publishing one, it is the old generation; from there on the new one.
    assert seen == sorted(seen)
    assert seen[0] is False
    assert seen[-1] is True


def test_killed_at_every_step_of_the_first_build(driver: Driver, index: Path) -> None:
    for step in count(1):
        if driver.run(index=index, texts=NEW, kill_at=step) != {"killed": 9}:
            break
        try:
            assert _texts(index) == NEW
        except IndexNotFoundError:
            assert not (index / "CURRENT").exists()
        assert "generation" in driver.run(index=index, texts=NEW)
        assert _texts(index) == NEW
        shutil.rmtree(index)
    assert step > 20


def test_every_step_that_fails_is_a_clear_error(driver: Driver, index: Path) -> None:
    failed = tolerated = 0
    for step in count(1):
        write_sample(index, *OLD)
        outcome = driver.run(index=index, texts=NEW, fail_at=step)
        if "generation" not in outcome:
            failed += 1
            assert outcome["error"] == "StoreError", (step, outcome)
            assert "No space left on device" in outcome["message"]
            assert outcome["hint"]
            assert _texts(index) == OLD, step
            assert _leftovers(index) == [], step
        elif outcome["steps"] >= step:
            tolerated += 1
            assert _texts(index) == NEW
        else:
            break
        shutil.rmtree(index)
    # Making a folder that is there already may fail.
    assert (failed > 20, tolerated) == (True, 1)


def test_a_disk_that_fills_up_is_a_clear_error(driver: Driver, index: Path) -> None:
    write_sample(index, *OLD)
    # Many words, so that every file takes a part in filling the disk.
    texts = [f"Paragraph {number} on data w{number} x{number} y{number}." for number in range(800)]
    failed = 0
    for size in [*range(1, 10), *range(50, 5_000, 450), *range(5_000, 500_000, 18_000)]:
        outcome = driver.run(index=index, texts=texts, most_bytes=size)
        if "generation" in outcome:
            assert _texts(index) == texts
            break
        failed += 1
        assert outcome["error"] == "StoreError", (size, outcome)
        assert _texts(index) == OLD
        assert _leftovers(index) == []
    assert failed >= 20
    assert "generation" in outcome


def test_killed_builds_of_a_corpus(driver: Driver, index: Path) -> None:
    corpus = index.parent / "corpus"
    corpus.mkdir()
    (corpus / "kept.txt").write_text("Kept\n\nRoad safety rose.\n")
    (corpus / "gone.txt").write_text("Gone\n\nData sharing fell.\n")
    (corpus / "changed.txt").write_text("Changed\n\nThe board met.\n")
    driver.run(index=index, corpus=corpus)
    before = _texts(index)
    shutil.copytree(index, index.parent / "before")

    (corpus / "gone.txt").unlink()
    (corpus / "changed.txt").write_text("Changed\n\nThe board met twice.\n")
    (corpus / "new.txt").write_text("New\n\nFunding fell.\n")
    for path in corpus.iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000))
    started = time.monotonic()
    driver.run(index=index.parent / "clean", corpus=corpus)
    took = time.monotonic() - started
    after = _texts(index.parent / "clean")
    assert before != after

    for part in range(15):
        shutil.rmtree(index)
        shutil.copytree(index.parent / "before", index)
        driver.run(index=index, corpus=corpus, delay=took * part / 15)
        assert _texts(index) in (before, after)
    outcome = driver.run(index=index, corpus=corpus)
    assert outcome["generation"] in ("000002", "000003")
    with open_generation(index) as ours, open_generation(index.parent / "clean") as clean:
        assert _passages(ours) == _passages(clean)
        assert (ours.vectors.embeddings == clean.vectors.embeddings).all()
        assert ours.documents == clean.documents


def test_what_a_killed_build_has_embedded_is_used_by_the_next(driver: Driver, index: Path) -> None:
    corpus = index.parent / "corpus"
    corpus.mkdir()
    for number, words in enumerate(["Road safety rose.", "Data sharing fell.", *NEW]):
        (corpus / f"{number}.txt").write_text(f"Report {number}\n\n{words}\n")
        os.utime(corpus / f"{number}.txt", (1_600_000_000, 1_600_000_000))
    clean = index.parent / "clean"
    assert driver.run(index=clean, corpus=corpus)["embedded"] == 5
    assert driver.run(index=index, corpus=corpus, kill_after=3) == {"killed": 9}
    assert driver.run(index=index, corpus=corpus, kill_after=1) == {"killed": 9}
    assert driver.run(index=index, corpus=corpus)["embedded"] == 1
    assert _leftovers(index) == []
    name = "generations/000001"
    files = {path.relative_to(clean / name) for path in (clean / name).rglob("*.*")}
    files.remove(Path("manifest.json"))  # it holds the time
    assert len(files) > 5
    for file in files:
        assert (index / name / file).read_bytes() == (clean / name / file).read_bytes(), file


_RACE = """
import sys
from pathlib import Path
from qa_app.errors import IndexLockedError
from support.store_samples import write_sample
index = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
try:
    print(write_sample(index, *[f"Number {n}." for n in range(2000)]))
except IndexLockedError as exc:
    print(exc.message)
"""


def test_two_builders_have_one_winner(index: Path) -> None:
    commands = [[sys.executable, "-c", _RACE, str(index)]] * 2
    racers = [
        subprocess.Popen(
            command, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for command in commands
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = sorted(racer.communicate()[0].strip() for racer in racers)
    assert said[0] == "000001"
    assert said[1].startswith(f"Another build of {index} is running (process ")


def test_a_killed_builder_does_not_block_the_next(driver: Driver, index: Path) -> None:
    texts = [f"Number {number}." for number in range(3000)]
    driver.run(index=index, texts=texts, delay=0.1)
    assert "generation" in driver.run(index=index, texts=OLD)
