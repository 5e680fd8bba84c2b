"""A backup by a plain copy, as docs/guide.md gives it, while builds publish."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import Queue

import pytest

from conftest import FakeEncoder
from qa_app.api import build_index, open_index
from qa_app.errors import IndexLockedError
from qa_app.verification import verify

REPORTS = {
    "a.md": "# Board\n\nThe board met on road safety.\n",
    "facets.toml": '[region]\nnouns = ["region", "regions"]\n[region.values]\n"North" = []\n',
}


@pytest.mark.skipif(shutil.which("flock") is None, reason="the command is of Linux")
def test_a_copy_under_the_builds_lock_is_whole_while_builds_publish(
    write_corpus: Callable[[dict[str, str]], Path], encoder: FakeEncoder, tmp_path: Path
) -> None:
    corpus, index = write_corpus(REPORTS), tmp_path / "index"
    build_index(corpus, index, encoder=encoder)
    ended = threading.Event()
    published: Queue[str] = Queue()

    def keep_building() -> None:
        numbers = count()  # another text each time, so that each build publishes
        while not ended.is_set():
            text = f"# Number\n\nData {next(numbers)}.\n"
            (corpus / "n.md").write_text(text, encoding="utf-8")
            with suppress(IndexLockedError):  # the backup's turn
                published.put(build_index(corpus, index, encoder=FakeEncoder()).generation)

    def back_up(name: str) -> Path:
        backup = tmp_path / name
        line = f'flock "{index}/LOCK" cp -a "{index}" "{backup}"'
        subprocess.run(["bash", "-c", line], check=True)
        return backup

    builder = threading.Thread(target=keep_building)
    builder.start()
    try:
        for number in range(2):
            published.get(timeout=60)  # a build has published before each copy
            bad = verify(back_up(f"backup-{number}"), corpus).bad
            assert {item.path for item in bad} <= {"n.md"}  # the report has changed since
    finally:
        ended.set()
        builder.join()
    build_index(corpus, index, encoder=encoder)
    restored = back_up("restored")
    assert verify(restored, corpus).bad == ()
    found = []
    for folder in (index, restored):
        with open_index(folder, corpus, encoder=encoder, reader="none") as opened:
            found.append(opened.ask("When did the board meet on road safety?").findings)
    assert found[0] == found[1] != ()
