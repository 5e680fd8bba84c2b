"""What a database's failures cost: killed servers and builds, two builds, removed generations."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from qa_app.api import Index, build_index, open_index
from qa_app.arrays import FloatArray
from qa_app.cli.main import main
from qa_app.embedding import Keep, Progress
from qa_app.errors import (
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    StoreError,
)
from qa_app.models import BuildReport
from qa_app.settings import DatabaseUrl
from qa_app.store.opening import open_store
from qa_app.store.postgres import database_store, schema
from qa_app.store.protocol import Generation
from support.fake_encoder import FakeEncoder
from support.postgres_server import PASSWORD, PostgresServer

Write = Callable[[dict[str, str]], Path]

OLD = {"a.md": "# Roads\n\nRoad safety rose in the old report.\n"}
# As many passages as are kept at once, and a few more.
SENT = 64
AREAS = SENT + 6
_SECTIONS = [f"# Section {n}\n\nData sharing improved in area {n}.\n" for n in range(AREAS)]
NEW = OLD | {"b.md": "\n".join(_SECTIONS)}
# Builds in other processes: the first is killed when so many texts are embedded, the next goes on.
_BUILD = """
import os, signal, sys
from qa_app.api import build_index
from support.fake_encoder import FakeEncoder

class Mortal(FakeEncoder):
    def encode_documents(self, texts, progress=None, keep=None):
        def counted(place, vector, tokens):
            keep(place, vector, tokens)
            if place + 1 == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_documents(texts, progress, counted)

child = os.fork()
if not child:
    build_index(sys.argv[1], sys.argv[2], encoder=Mortal())
assert os.waitpid(child, 0)[1] == signal.SIGKILL
build_index(sys.argv[1], sys.argv[2], encoder=FakeEncoder())
"""


class Interrupted(FakeEncoder):
    """Does something when so many texts are embedded, or a question is."""

    def __init__(self, act: Callable[[], object], texts: int = 0) -> None:
        super().__init__()
        self._act = act
        self._texts = texts

    def encode_documents(
        self, texts: Sequence[str], progress: Progress | None = None, keep: Keep | None = None
    ) -> FloatArray:
        def counted(place: int, vector: FloatArray, tokens: FloatArray) -> None:
            assert keep is not None
            keep(place, vector, tokens)
            if place + 1 == self._texts:
                self._act()

        return super().encode_documents(texts, progress, counted)

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        if not self._texts:
            self._act()
        return super().encode_queries(texts)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """Return a server that no other file uses: it is killed here."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def url(own_server: PostgresServer) -> str:
    return own_server.url(own_server.new_database())


def _build(url: str, corpus: Path, encoder: FakeEncoder | None = None) -> BuildReport:
    return build_index(corpus, url, encoder=encoder or FakeEncoder())


def _open(url: str, corpus: Path, encoder: FakeEncoder | None = None) -> Index:
    return open_index(url, corpus, encoder=encoder or FakeEncoder(), reader="none")


def _sql(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
    return row and row[0]


def _quotes(index: Index, query: str = "data sharing, road safety") -> list[str]:
    return sorted(result.passage.text for result in index.search(query, top_k=100))


@contextmanager
def _publishing_stops(url: str) -> Iterator[Callable[[], None]]:
    """Hold transactions that publish at their last step; yields a wait for one being there."""
    _sql(
        url,
        "CREATE TABLE resting AS SELECT 1 AS mark;"
        "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "WHILE EXISTS (SELECT FROM resting) LOOP PERFORM pg_sleep(0.1); END LOOP; RETURN new; "
        "END $$;"
        "CREATE TRIGGER rest BEFORE UPDATE OF generation ON qa_app.live "
        "FOR EACH ROW EXECUTE FUNCTION rest()",
    )

    def wait() -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        while not _sql(url, query):
            time.sleep(0.02)

    yield wait
    _sql(url, "DELETE FROM resting")


def _end_builds(url: str) -> None:
    """Cut off who holds the build lock, and wait until it is free."""
    held = "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'"
    while _sql(url, held):
        time.sleep(0.01)


def test_a_server_killed_while_a_build_embeds_costs_little(
    own_server: PostgresServer, url: str, write_corpus: Write
) -> None:
    _build(url, write_corpus(OLD))
    corpus = write_corpus(NEW)
    with _open(url, corpus) as index:
        with pytest.raises(StoreError, match=r"lost in the middle|cannot be reached") as caught:
            _build(url, corpus, Interrupted(own_server.kill, texts=SENT + 3))
        assert caught.value.hint
        with pytest.raises(StoreError, match="cannot be reached"):
            _quotes(index)
        own_server.start()
        assert _quotes(index) == ["Road safety rose in the old report."]
        report = _build(url, corpus)
        assert (report.generation, report.embedded) == ("000002", 6)
        assert len(_quotes(index)) == AREAS + 1


def test_a_server_killed_while_a_build_publishes_leaves_the_old_index(
    own_server: PostgresServer, url: str, write_corpus: Write
) -> None:
    _build(url, write_corpus(OLD))
    corpus = write_corpus(NEW)
    with _open(url, corpus) as index:
        with _publishing_stops(url) as wait_until_there:

            def kill() -> None:
                wait_until_there()
                own_server.kill()

            killer = threading.Thread(target=kill)
            killer.start()
            with pytest.raises(StoreError, match="lost in the middle"):
                _build(url, corpus)
            killer.join()
            own_server.start()
            assert _quotes(index) == ["Road safety rose in the old report."]
        report = _build(url, corpus)
        assert (report.generation, report.embedded) == ("000002", 0)
        assert len(_quotes(index)) == AREAS + 1


def test_a_server_killed_during_a_question_is_told_and_found_again(
    own_server: PostgresServer,
    url: str,
    write_corpus: Write,
    capsys: pytest.CaptureFixture[str],
) -> None:
    corpus = write_corpus(OLD)
    _build(url, corpus)
    acts: list[Callable[[], object]] = [own_server.kill]
    encoder = Interrupted(lambda: acts.pop()() if acts else None)
    with _open(url, corpus, encoder) as index:
        with pytest.raises(StoreError) as caught:
            index.ask("Did road safety rise?")
        assert caught.value.hint
        for command in (["status"], ["ask", "Did road safety rise?"]):
            assert main([*command, "--index", url]) == 1
            said = capsys.readouterr()
            assert "cannot be reached" in said.out + said.err
            assert "Traceback" not in said.out + said.err
        own_server.start()
        assert index.ask("Did road safety rise?").generation == "000001"


def test_a_killed_build_frees_the_lock_and_the_next_goes_on(url: str, write_corpus: Write) -> None:
    _build(url, write_corpus(OLD))
    corpus = write_corpus(NEW)
    with _publishing_stops(url) as wait_until_there:
        builds = subprocess.Popen(
            [sys.executable, "-c", _BUILD, str(corpus), url, str(SENT + 3)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        wait_until_there()
        with pytest.raises(IndexLockedError, match=r"server process \d+, user postgres, from 127"):
            _build(url, corpus)
        builds.kill()
        builds.wait()
        with _open(url, corpus) as index:
            assert _quotes(index) == ["Road safety rose in the old report."]
    # With pg_textsearch 1.0 a statement that publishes runs to its end, and only then is undone.
    _end_builds(url)
    report = _build(url, corpus)
    assert (report.generation, report.embedded) == ("000002", 0)


@pytest.mark.parametrize("lost", [True, False], ids=["cut off", "a pooler lets two have the lock"])
def test_a_build_that_lost_the_lock_does_not_publish_over_another(
    url: str, write_corpus: Write, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    corpus = write_corpus(OLD)
    _build(url, corpus)

    def build_another() -> None:
        if lost:
            _end_builds(url)
        else:
            monkeypatch.setattr(database_store, "_LOCK_KEY", 1)
        (corpus / "a.md").write_text("# Roads\n\nRoad safety fell, another wrote.\n")
        _build(url, corpus)

    (corpus / "a.md").write_text("# Roads\n\nRoad safety rose further.\n")
    told = "ended the connection|lost in the middle" if lost else "published generation 000002"
    with pytest.raises(StoreError, match=told):
        _build(url, corpus, Interrupted(build_another, texts=1))
    with _open(url, corpus) as index:
        assert index.snapshot().generation.name == "000002"
        assert _quotes(index) == ["Road safety fell, another wrote."]


def test_readers_do_not_wait_for_what_is_published(postgres_url: str, write_corpus: Write) -> None:
    # So few passages would be searched without the index otherwise.
    for way in ("seqscan", "bitmapscan", "sort"):
        _sql(
            postgres_url, f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET enable_{way} = off"
        )
    _build(postgres_url, write_corpus(NEW))
    corpus = write_corpus(NEW | {"z.md": "# More\n\nData sharing in another area.\n"})
    held = open_store(DatabaseUrl(postgres_url)).open()
    with _publishing_stops(postgres_url) as wait_until_there:
        builder = threading.Thread(target=_build, args=(postgres_url, corpus))
        builder.start()
        wait_until_there()
        assert len(held.lexical.scores(["area"]).best(100)) == AREAS
        assert builder.is_alive()
    builder.join()
    held = open_store(DatabaseUrl(postgres_url)).open()
    assert len(held.lexical.scores(["area"]).best(100)) == AREAS + 1


def test_readers_see_whole_generations_only(url: str, write_corpus: Write) -> None:
    """Each build changes, adds and removes documents; all of a generation have its number."""

    def files(number: int) -> dict[str, str]:
        names = ["same", f"only{number}", *["sometimes"] * (number % 2)]
        return {
            f"{name}.md": f"# Part\n\nData sharing in state {number}, {name}.\n" for name in names
        }

    def write(number: int) -> Path:
        for old in corpus.glob("*.md"):
            old.unlink()
        return write_corpus(files(number))

    corpus = write_corpus(files(1))
    _build(url, corpus)
    seen: list[list[str]] = []
    replaced: list[StoreError] = []
    stop = threading.Event()

    def read() -> None:
        with _open(url, corpus) as index:
            while not stop.is_set():
                try:
                    seen.append(_quotes(index))
                except StoreError as exc:
                    replaced.append(exc)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2, 6):
        _build(url, write(number))
    stop.set()
    reader.join()
    whole = [sorted(text[8:-1] for text in files(number).values()) for number in range(1, 6)]
    assert all(answer in whole for answer in seen)
    assert sum(answer != seen[0] for answer in seen)
    assert all("was replaced while it was read" in exc.message for exc in replaced)


READS: dict[str, Callable[[Generation], object]] = {
    "vectors": lambda held: held.vectors.search(np.eye(1, 9, dtype=np.float32), 5),
    "scores": lambda held: held.vectors.scores(np.eye(1, 9, dtype=np.float32), np.arange(1)),
    "lexical": lambda held: held.lexical.scores(["road"]).best(5),
    "terms": lambda held: "road" in held.lexical,
    "tokens": lambda held: held.tokens.codes([0]),
    "passages": lambda held: held.passages([0]),
    "document": lambda held: held.document("a.md"),
    "file": lambda held: held.file("topics.json"),
    "facets": lambda held: held.facet_values("document"),
    "hashes": lambda held: held.content_hashes(),
    "row": lambda held: held.row_of("nothing"),
}


def test_what_a_reader_holds_is_whole_or_said_to_be_gone(
    postgres_url: str, write_corpus: Write
) -> None:
    corpus = write_corpus(OLD)
    _build(postgres_url, corpus)
    held = open_store(DatabaseUrl(postgres_url)).open()
    text = held.passage(0).text
    for state in ("fell", "fell again"):
        assert held.passage(0).text == text
        (corpus / "a.md").write_text(f"# Roads\n\nRoad safety {state}.\n")
        _build(postgres_url, corpus)
    for name, read in READS.items():
        with pytest.raises(StoreError, match="000001 was replaced while it was read"):
            pytest.fail(f"{name}: {read(held)}")


def test_a_database_that_was_made_anew_is_not_taken_for_the_old_one(
    postgres_url: str, write_corpus: Write
) -> None:
    corpus = write_corpus(OLD)
    _build(postgres_url, corpus)
    held = open_store(DatabaseUrl(postgres_url)).open()
    _sql(postgres_url, "DROP SCHEMA qa_app CASCADE")
    with pytest.raises(IndexNotFoundError):
        held.passage(0)
    (corpus / "a.md").write_text("# Roads\n\nAnother index with road safety.\n")
    _build(postgres_url, corpus)
    with pytest.raises(StoreError, match="was replaced"):
        held.passage(0)


def test_a_replica_takes_over_and_finds_what_the_primary_finds(
    own_server: PostgresServer, url: str, write_corpus: Write
) -> None:
    """Also with pg_textsearch 1.0, which logs nothing for replicas, nor for after a crash."""
    corpus = write_corpus(OLD)
    _build(url, corpus)
    primary, name = f"127.0.0.1:{own_server.port}", url.rpartition("/")[2]
    replica = own_server.replica()
    both = url.replace(primary, f"{primary},127.0.0.1:{replica.port}")

    def words(address: str) -> list[str]:
        generation = open_store(DatabaseUrl(address)).open()
        rows = generation.lexical.scores(["area", "road"]).best(100)
        return [generation.passage(int(row)).text for row in rows]

    def uses_index() -> bool:
        with psycopg.connect(url, autocommit=True) as connection:
            return schema.has_words_index(connection)

    with _open(both, corpus) as index:
        corpus = write_corpus(NEW)
        assert _build(both, corpus).generation == "000002"
        while len(_quotes(index)) < AREAS + 1:
            time.sleep(0.02)  # until it is there too
        with pytest.raises(StoreError, match="read-only server") as caught:
            _build(replica.url(name), corpus)
        assert "Build against the primary" in caught.value.hint
        assert uses_index()
        found = words(url)
        assert len(found) == AREAS + 1
        assert words(replica.url(name)) == found
        own_server.kill()
        assert len(_quotes(index)) == AREAS + 1
        with pytest.raises(StoreError, match="cannot be reached"):
            _build(both, corpus)
    own_server.start()
    replica.close()
    assert not uses_index()
    assert words(url) == found
    assert _build(url, corpus).generation == "000002"  # nothing but the index of words is made
    assert uses_index()
    assert words(url) == found


def test_without_pg_textsearch_all_weights_are_scanned(
    postgres: PostgresServer, write_corpus: Write
) -> None:
    corpus = write_corpus(NEW)
    rows = []
    for extensions in ("vector, pg_textsearch", "vector"):
        name = postgres.new_database(extensions=False)
        for extension in extensions.split(", "):
            _sql(postgres.url(name), f"CREATE EXTENSION {extension}")
        role = f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'"
        _sql(postgres.url(name), f"{role}; GRANT CREATE ON DATABASE {name} TO {name}")
        _build(postgres.url(name, name), corpus)
        with psycopg.connect(postgres.url(name)) as connection:
            assert schema.has_words_index(connection) == ("pg_" in extensions)
        generation = open_store(DatabaseUrl(postgres.url(name, name))).open()
        rows.append([generation.lexical.scores(terms.split()).best(30).tolist() for terms in TERMS])
        postgres.drop_database(name)
        _sql(postgres.url(), f"DROP ROLE {name}")
    assert rows[0] == rows[1]
    assert all(rows[0])


TERMS = ("road", "data share", "area 7", "section 12 road", "improv 3 3 4", "report old")


def test_tables_of_other_versions(
    postgres_url: str, write_corpus: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_corpus(OLD)
    _build(postgres_url, corpus)
    newer = (*schema.MIGRATIONS, "ALTER TABLE qa_app.documents ADD COLUMN note text")
    with monkeypatch.context() as later:
        later.setattr(schema, "MIGRATIONS", newer)
        later.setattr(schema, "SCHEMA_VERSION", len(newer))
        with pytest.raises(IndexMismatchError, match="of version") as caught:
            _open(postgres_url, corpus)
        assert caught.value.hint == "Bring them up to date: qa-app build"
        assert _build(postgres_url, corpus).generation == "000001"
        with _open(postgres_url, corpus) as index:
            assert len(_quotes(index)) == 1
            assert _sql(postgres_url, "SELECT count(note) FROM qa_app.documents") == 0
    for use in (_open, _build):
        with pytest.raises(IndexMismatchError) as caught:
            use(postgres_url, corpus)
        assert caught.value.hint == "Update qa_app."
