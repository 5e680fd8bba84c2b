"""The roles of docs/scaling.md: what they may do, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import ROOT
from qa_app.api import build_index, open_index
from qa_app.briefs.stored_file import open_brief
from qa_app.errors import IndexNotFoundError, StoreError
from qa_app.settings import DatabaseUrl
from qa_app.store.postgres import schema
from support.fake_encoder import FakeEncoder
from support.postgres_server import PASSWORD, PostgresServer

Write = Callable[[dict[str, str]], Path]


def _sql(heading: str) -> list[str]:
    """Return the SQL blocks of a part of the document."""
    text = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    part = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall("^```sql\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def _run(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script)


@pytest.fixture
def roles(postgres: PostgresServer) -> Iterator[tuple[str, str, str]]:
    """Return addresses of a database set up as documented: administrator's, builder's, reader's."""
    name = postgres.new_database(extensions=False)
    administrator = postgres.url(name)
    _run(administrator, _sql("Roles")[0])
    words = [f"{role}:change-me-{role[3:]}" for role in ("qa_builder", "qa_reader")]
    builder, reader = (administrator.replace(f"postgres:{PASSWORD}", word) for word in words)
    yield administrator, builder, reader
    postgres.drop_database(name)
    _run(postgres.url(), "DROP ROLE qa_builder, qa_reader")


def test_the_documented_roles_suffice_and_no_more(
    roles: tuple[str, str, str], write_corpus: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, builder, reader = roles
    corpus = write_corpus({"a.md": "# Roads\n\nRoad safety rose.\n"})

    def ask() -> list[str]:
        with open_index(reader, corpus, encoder=FakeEncoder(), reader="none") as index:
            return [found.passage.text for found in index.search("road")]

    with pytest.raises(IndexNotFoundError):
        ask()
    build_index(corpus, builder, encoder=FakeEncoder())
    assert ask() == ["Road safety rose."]
    brief = open_brief(DatabaseUrl(reader))
    assert brief.read().pins == ()
    with pytest.raises(StoreError, match="permission denied for table kept"):
        brief.change(lambda before: before.titled("Roads"))
    _run(builder, _sql("Roles")[1])
    brief.change(lambda before: before.titled("Roads"))
    assert open_brief(DatabaseUrl(builder)).read().title == "Roads"

    # A later version's table can be read too, once a build has made it.
    newer = (*schema.MIGRATIONS, "CREATE TABLE qa_app.later AS SELECT 1 AS mark")
    monkeypatch.setattr(schema, "MIGRATIONS", newer)
    monkeypatch.setattr(schema, "SCHEMA_VERSION", len(newer))
    build_index(corpus, builder, encoder=FakeEncoder())
    _run(reader, "SELECT mark FROM qa_app.later")
    assert ask() == ["Road safety rose."]


def test_everything_else_is_refused(roles: tuple[str, str, str], write_corpus: Write) -> None:
    administrator, builder, reader = roles
    corpus = write_corpus({"a.md": "# Roads\n\nRoad safety rose.\n"})
    with pytest.raises(StoreError, match="may not do this") as caught:
        build_index(corpus, reader, encoder=FakeEncoder())
    assert "building one that may change them" in caught.value.hint
    build_index(corpus, builder, encoder=FakeEncoder())
    (corpus / "a.md").write_text("# Roads\n\nRoad safety fell.\n", encoding="utf-8")
    with pytest.raises(StoreError, match="permission denied for table"):
        build_index(corpus, reader, encoder=FakeEncoder())
    with psycopg.connect(administrator) as connection:
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'qa_app'"
        tables = [f"qa_app.{name}" for (name,) in connection.execute(query)]
    assert len(tables) > 10
    for table in tables:
        for change in (f"DELETE FROM {table}", f"TRUNCATE {table}", f"DROP TABLE {table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                _run(reader, change)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _run(builder, "CREATE SCHEMA other")
