"""Connections to a real server: what they may do, what is said when it fails, and recovery."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from qa_app.errors import (
    IndexCorruptError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    StoreError,
)
from qa_app.settings import DatabaseUrl
from qa_app.store.postgres import connections as module
from qa_app.store.postgres.connections import Connections
from support.postgres_server import PASSWORD, PostgresServer


@pytest.fixture
def database(postgres_url: str) -> Iterator[Connections]:
    opened = Connections(DatabaseUrl(postgres_url), max_readers=2, statement_seconds=0.3)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """Return a server that no other file uses: it is killed here."""
    with PostgresServer() as server:
        yield server


def _read(database: Connections, statement: str = "SELECT 1") -> object:
    with database.reading() as connection:
        row = connection.execute(statement).fetchone()
    return row and row[0]


def _failure(url: str, statement: str = "SELECT 1", writing: bool = False) -> StoreError:
    """Return what is raised for a statement over new connections."""
    database = Connections(DatabaseUrl(url))
    with (
        pytest.raises(StoreError) as caught,
        database.writing() if writing else database.reading() as connection,
    ):
        connection.execute(statement)
    database.close()
    assert PASSWORD not in caught.value.full_message
    assert caught.value.hint
    return caught.value


def _insert_and_fail(writer: psycopg.Connection) -> None:
    with writer.transaction():
        writer.execute("INSERT INTO marks VALUES (1)")
        writer.execute("SELECT 1 / 0")


def _ask_and_kill(database: Connections, server: PostgresServer) -> None:
    with database.reading() as connection:
        connection.execute("SELECT 1")
        server.kill()
        connection.execute("SELECT 1")


def test_a_transaction_sees_one_state_and_a_reader_cannot_write(database: Connections) -> None:
    with database.writing() as writer:
        writer.execute("CREATE TABLE marks AS SELECT 1 AS mark")
        with database.reading() as reader:
            with reader.transaction():
                before = reader.execute("SELECT mark FROM marks").fetchall()
                writer.execute("UPDATE marks SET mark = 2")
                assert reader.execute("SELECT mark FROM marks").fetchall() == before == [(1,)]
            assert reader.execute("SELECT mark FROM marks").fetchall() == [(2,)]
    assert _read(database, "SELECT mark FROM marks") == 2
    with pytest.raises(StoreError, match="read-only"):
        _read(database, "DELETE FROM marks RETURNING mark")


def test_a_writer_publishes_whole_transactions(database: Connections) -> None:
    with database.writing() as writer:
        writer.execute("CREATE TABLE marks (mark int)")
        with pytest.raises(psycopg.errors.DivisionByZero):
            _insert_and_fail(writer)
        with writer.transaction():
            writer.execute("INSERT INTO marks VALUES (2)")
        assert writer.execute("SHOW statement_timeout").fetchone() == ("0",)
    assert _read(database, "SELECT array_agg(mark) FROM marks") == [2]


def test_the_server_knows_who_is_connected(database: Connections) -> None:
    assert _read(database, "SELECT current_setting('application_name')") == "qa_app"
    named = Connections(DatabaseUrl(f"{database.url.with_password}?application_name=desk"))
    assert _read(named, "SELECT current_setting('application_name')") == "desk"
    named.close()


def test_the_password_may_come_from_the_environment(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    database = Connections(DatabaseUrl(postgres_url.replace(f":{PASSWORD}", "")))
    assert _read(database) == 1
    database.close()


def test_a_slow_statement_is_ended(database: Connections) -> None:
    with pytest.raises(StoreError, match="took too long") as caught:
        _read(database, "SELECT pg_sleep(5)")
    assert "--filter" in caught.value.hint
    assert _read(database) == 1


def test_more_readers_than_connections_wait_for_their_turn(database: Connections) -> None:
    answers: list[object] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(_read(database, "SELECT 1 FROM pg_sleep(0.05)"))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1] * 8


def test_a_reader_without_a_connection_is_told(
    database: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAIT", 0.2)
    with database.reading(), database.reading(), pytest.raises(StoreError, match="All 2 conn"):
        _read(database)
    assert _read(database) == 1


# What PostgreSQL says of each, through a statement that fails in this way.
@pytest.mark.parametrize(
    ("state", "kind", "message"),
    [
        ("53100", StoreError, "disk of"),
        ("53200", StoreError, "out of something"),
        ("53300", StoreError, "no connection left"),
        ("57P01", StoreError, "ended the connection"),
        ("57P03", StoreError, "starting up or shutting down"),
        ("25P03", StoreError, "idle for too long"),
        ("40001", StoreError, "beside what others did"),
        ("55P03", IndexLockedError, "Another build"),
        ("55000", StoreError, "not set up"),
        ("58030", StoreError, "cannot read or write its files"),
        ("XX002", IndexCorruptError, "is damaged"),
        ("08006", StoreError, "lost in the middle"),
        ("22012", StoreError, "answered with an error: as told"),
    ],
)
def test_each_state_is_told(
    postgres: PostgresServer, state: str, kind: type[StoreError], message: str
) -> None:
    fail = f"DO $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = '{state}'; END $$"
    error = _failure(postgres.url(), fail)
    assert type(error) is kind
    assert message in error.message


def test_servers_that_let_nobody_in(postgres: PostgresServer, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[2]
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE crowded LOGIN PASSWORD '{PASSWORD}' CONNECTION LIMIT 0")
        connection.execute(f"CREATE ROLE outside LOGIN PASSWORD '{PASSWORD}'")
        connection.execute(f"CREATE ROLE group_only PASSWORD '{PASSWORD}'")
        connection.execute("CREATE TABLE kept (mark int)")
        connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM public")
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO crowded")
    told = {
        postgres_url.replace(PASSWORD, "wrong"): "refused the password",
        postgres_url.replace(f":{PASSWORD}", ""): "refused the password",
        postgres.url(name, "nobody"): "refused the password",
        postgres.url(name, "group_only"): "not permitted to log in",
        postgres.url(name, "crowded"): "no connection left",
        postgres.url(name, "outside"): "may not do this: permission denied for database",
        postgres.url("nowhere"): "does not exist",
        f"{postgres_url}?sslmode=require": "No encrypted connection",
        f"{postgres_url}?sslmode=nonsense": "no address",
        f"{postgres_url}?nonsense=1": "no address",
        "postgresql://127.0.0.1:1/reports": "cannot be reached: ",
        "postgresql://db.invalid/reports": "is not known",
        f"postgresql://u:{PASSWORD}@127.0.0.1:1,127.0.0.1:2/reports": "cannot be reached: ",
    }
    for url, words in told.items():
        assert words in _failure(url).message, url
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"GRANT CONNECT ON DATABASE {name} TO outside")
        error = _failure(postgres.url(name, "outside"), "SELECT * FROM kept")
        assert "permission denied for table kept" in error.message
        connection.execute(f"REVOKE CONNECT ON DATABASE {name} FROM outside, crowded")
        connection.execute("DROP ROLE crowded, outside, group_only")


def test_databases_without_an_index_or_extension(postgres: PostgresServer) -> None:
    bare = postgres.url(postgres.new_database(extensions=False))
    missing = _failure(bare, "SELECT * FROM passages")
    assert isinstance(missing, IndexNotFoundError)
    assert "qa-app build" in missing.hint
    assert "lacks an extension" in _failure(bare, "SELECT '[1]'::vector").message
    error = _failure(bare, "CREATE EXTENSION nonesuch", writing=True)
    assert '"nonesuch" is not available' in error.message
    postgres.drop_database(bare.rpartition("/")[2])


def test_an_old_server_is_refused(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "OLDEST_SERVER", 990_000)
    error = _failure(postgres.url())
    assert isinstance(error, IndexMismatchError)
    assert (error.expected, error.found) == ("PostgreSQL 99", "PostgreSQL 18")


def test_a_killed_server_is_told_and_found_again(
    own_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    database = Connections(DatabaseUrl(own_server.url()))
    assert _read(database) == 1
    with pytest.raises(StoreError, match="lost in the middle"):
        _ask_and_kill(database, own_server)
    started = time.monotonic()
    with pytest.raises(StoreError, match="cannot be reached"):
        _read(database)
    assert time.monotonic() - started < 1
    own_server.start()
    assert _read(database) == 1
    # The same with nothing noticed between: pooled connections are lost, but it is back.
    own_server.kill()
    own_server.start()
    assert _read(database) == 1
    database.close()
    assert caplog.text
    assert PASSWORD not in caplog.text


def test_readers_prefer_a_replica_and_survive_either(own_server: PostgresServer) -> None:
    replica = own_server.replica()
    hosts = f"127.0.0.1:{own_server.port},127.0.0.1:{replica.port}"
    both = own_server.url().replace(f"127.0.0.1:{own_server.port}", hosts)
    database = Connections(DatabaseUrl(both))
    ask = "SELECT pg_is_in_recovery()"
    assert _read(database, ask) is True
    with database.writing() as writer:
        assert writer.execute(ask).fetchone() == (False,)
    assert "read-only server" in _failure(replica.url(), writing=True).message
    replica.kill()
    assert _read(database, ask) is False
    replica.start()
    own_server.kill()
    assert _read(database, ask) is True
    assert "cannot be reached" in _failure(both, writing=True).message
    own_server.start()
    database.close()


def test_without_the_library_the_hint_installs_it() -> None:
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from qa_app.errors import StoreError\n"
        "try: import qa_app.store.postgres.connections\n"
        "except StoreError as exc: print(exc.hint)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "pip install 'qa_app[postgres]'\n"
