"""What users keep beside an index, in a folder and in a database: nothing is lost, all see it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg
import pytest

from qa_app.errors import BriefError, StoreError
from qa_app.settings import DatabaseUrl, Location
from qa_app.store.kept import KeptFiles, kept_files, own_folders
from qa_app.store.postgres import kept_table
from support.postgres_server import PASSWORD

# Adds lines to a content one by one, in a process of its own.
_ADD = """
import sys
from qa_app.settings import index_location
from qa_app.store.kept import kept_files
kept = kept_files(index_location(sys.argv[1]))
for number in range(25):
    line = f"{sys.argv[2]} {number}\\n".encode()
    kept.change("grids/shared.json", lambda before: (before or b"") + line)
"""


@pytest.fixture
def kept(kept_index: Location) -> KeptFiles:
    return kept_files(kept_index)


def test_contents_are_read_changed_listed_and_removed(kept: KeptFiles) -> None:
    contents = {
        "brief.json": b"\x00\xff",
        "grids/a_b.json": b"grid",
        "grids/axb.json": "Ö".encode(),
        "grids/saved-questions.json": b"{}",
        "grids-ann-1/own.json": b"{}",
        "saved.json": b"",
        "saved-ann-1.json": b"{}",
    }
    assert (kept.names(""), kept.read("brief.json")) == ([], None)
    for name, content in contents.items():
        kept.change(name, lambda before, content=content: content if before is None else before)
    assert {name: kept.read(name) for name in kept.names("")} == contents == kept.contents("")
    assert kept.names("") == sorted(contents)
    assert kept.names("saved") == ["saved-ann-1.json", "saved.json"]
    assert kept.names("grids/") == [f"grids/{n}.json" for n in ("a_b", "axb", "saved-questions")]
    assert kept.contents("grids/a_") == {"grids/a_b.json": b"grid"}  # "_" stands for itself
    kept.change("saved.json", lambda before: None if before == b"" else before)
    kept.change("saved.json", lambda before: before)
    assert kept.read("saved.json") is None
    assert "saved.json" not in kept.names("")


def test_a_change_that_fails_changes_nothing(kept: KeptFiles) -> None:
    kept.change("brief.json", lambda _: b"before")
    with pytest.raises(ZeroDivisionError):
        kept.change("brief.json", lambda _: bytes(1 // 0))
    assert kept.read("brief.json") == b"before"
    kept.change("brief.json", lambda before: (before or b"") + b", after")
    assert kept.read("brief.json") == b"before, after"


def test_two_processes_lose_nothing(kept_index: Location, kept: KeptFiles) -> None:
    place = kept_index.with_password if isinstance(kept_index, DatabaseUrl) else str(kept_index)
    run = [sys.executable, "-c", _ADD, place]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    both = [subprocess.Popen([*run, name], env=environment) for name in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    found = (kept.read("grids/shared.json") or b"").decode().splitlines()
    for name in "ab":
        own = [line for line in found if line.startswith(name)]
        assert own == [f"{name} {number}" for number in range(25)]
    assert len(found) == 50


def test_an_index_in_a_folder_has_folders(kept_index: Location, tmp_path: Path) -> None:
    if isinstance(kept_index, Path):
        assert own_folders(kept_index) == (kept_index, tmp_path / "briefs")
    else:
        assert own_folders(kept_index) == ()


def test_who_waits_too_long_for_another_is_told(
    index_database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_files(index_database)
    begun, over = threading.Event(), threading.Event()

    def slowly(_: bytes | None) -> bytes:
        begun.set()
        over.wait(10)
        return b"slow"

    slow = threading.Thread(target=kept.change, args=("brief.json", slowly))
    slow.start()
    begun.wait(10)
    monkeypatch.setattr(kept_table, "_WAIT", 100)
    kept.change("other.json", lambda _: b"beside it")
    with pytest.raises(BriefError, match="is being changed elsewhere") as caught:
        kept.change("brief.json", lambda _: b"fast")
    assert PASSWORD not in caught.value.full_message
    over.set()
    slow.join()
    kept.change("brief.json", lambda before: (before or b"") + b", then fast")
    assert kept.read("brief.json") == b"slow, then fast"


def test_who_stops_in_the_middle_holds_nobody_up(
    index_database: DatabaseUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = kept_files(index_database)
    monkeypatch.setattr(kept_table, "_WAIT", 100)

    def stopped(_: bytes | None) -> bytes:
        time.sleep(0.3)
        return b"lost"

    with pytest.raises(StoreError, match="idle for too long"):
        kept.change("brief.json", stopped)
    kept.change("brief.json", lambda before: before or b"new")
    assert kept.read("brief.json") == b"new"


def test_a_database_that_only_reads_is_read(index_database: DatabaseUrl) -> None:
    kept = kept_files(index_database)
    kept.change("brief.json", lambda _: b"kept")
    with psycopg.connect(index_database.with_password) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert kept.read("brief.json") == b"kept"
    assert kept.names("") == ["brief.json"]
    with pytest.raises(StoreError, match="read-only server") as caught:
        kept.change("brief.json", lambda _: b"lost")
    assert PASSWORD not in caught.value.full_message


def test_the_role_of_serve_needs_one_table(index_database: DatabaseUrl) -> None:
    with psycopg.connect(index_database.with_password) as connection:
        connection.execute(f"CREATE ROLE kept_only LOGIN PASSWORD '{PASSWORD}'")
        connection.execute("GRANT USAGE ON SCHEMA qa_app TO kept_only")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON qa_app.kept TO kept_only")
    kept = kept_files(
        DatabaseUrl(index_database.with_password.replace("//postgres:", "//kept_only:"))
    )
    kept.change("brief.json", lambda _: b"one")
    kept.change("brief.json", lambda before: (before or b"") + b", two")
    assert kept.read("brief.json") == b"one, two"
    kept.change("brief.json", lambda _: None)
    assert kept.names("") == []
