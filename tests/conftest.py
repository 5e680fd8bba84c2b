"""What the tests share: small corpora, and indexes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from qa_app.api import Index, build_index, open_index
from qa_app.settings import DatabaseUrl, Location, index_location
from qa_app.store.embedded.generation import open_generation
from qa_app.store.postgres.connections import Connections
from qa_app.store.postgres.schema import migrate
from qa_app.store.protocol import Generation
from support.brief_samples import Desk, make_desk
from support.fake_encoder import FakeEncoder
from support.postgres_server import PostgresServer

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The browser's file takes longest: begun last, it would leave the other worker idle.
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def write_corpus(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Return a function that writes files into a corpus folder and returns the folder."""

    def write(files: dict[str, str]) -> Path:
        corpus = tmp_path / "corpus"
        for name, text in files.items():
            path = corpus / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return corpus

    return write


@pytest.fixture
def open_reports(
    write_corpus: Callable[[dict[str, str]], Path], encoder: FakeEncoder, tmp_path: Path
) -> Iterator[Callable[[dict[str, str]], Index]]:
    """Return a function that indexes files and returns the index, open as long as the test runs."""
    with ExitStack() as opened:

        def open_files(files: dict[str, str]) -> Index:
            corpus = write_corpus(files)
            build_index(corpus, tmp_path / "index", encoder=encoder)
            return opened.enter_context(
                open_index(tmp_path / "index", corpus, encoder=encoder, reader="none")
            )

        yield open_files


@pytest.fixture
def index(request: pytest.FixtureRequest, open_reports: Callable[[dict[str, str]], Index]) -> Index:
    """Return the index of the files that the test's module calls REPORTS."""
    return open_reports(request.module.REPORTS)


@pytest.fixture(scope="module")
def unchanged_index(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    """Return what ``index`` does, one for all tests of a module that changes nothing in it."""
    folder = tmp_path_factory.mktemp("unchanged")
    corpus = folder / "corpus"
    corpus.mkdir()
    for name, text in request.module.REPORTS.items():
        (corpus / name).write_text(text, encoding="utf-8")
    build_index(corpus, folder / "index", encoder=FakeEncoder())
    with open_index(folder / "index", corpus, encoder=FakeEncoder(), reader="none") as opened:
        yield opened


@pytest.fixture(scope="module")
def unchanged_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return what ``desk`` does, one for all tests of a module that changes no report."""
    desk = make_desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.index.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = make_desk(tmp_path)
    yield desk
    desk.index.close()


@pytest.fixture
def generation(index: Index) -> Iterator[Generation]:
    with open_generation(index.corpus.parent / "index") as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Return a server with pgvector and pg_textsearch, one for all tests of a process."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """Return the address of a new, empty database with the extensions, the superuser's."""
    name = postgres.new_database()
    yield postgres.url(name)
    postgres.drop_database(name)


@pytest.fixture
def index_database(postgres_url: str) -> DatabaseUrl:
    """Return the address of a database with the tables of an index, empty."""
    url = DatabaseUrl(postgres_url)
    with Connections(url).writing() as connection:
        migrate(connection)
    return url


@pytest.fixture(params=["folder", "database"])
def kept_index(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Return the place of an index without a generation, in a folder and in a database."""
    if request.param == "folder":
        return tmp_path / "index"
    found: DatabaseUrl = request.getfixturevalue("index_database")
    return found


def _folder(request: pytest.FixtureRequest) -> Location:
    return request.getfixturevalue("tmp_path_factory").mktemp("store") / "index"


def _database(request: pytest.FixtureRequest) -> Location:
    server = request.getfixturevalue("postgres")
    return index_location(server.url(server.new_database()))


# The kinds of stores that the tests of the contract are run with.
_PLACES: dict[str, Callable[[pytest.FixtureRequest], Location]] = {
    "folder": _folder,
    "postgres": _database,
}


@pytest.fixture(scope="module", params=_PLACES)
def new_location(request: pytest.FixtureRequest) -> Callable[[], Location]:
    """Return a function that returns a place without an index, one kind of store after another."""
    return lambda: _PLACES[request.param](request)


@pytest.fixture
def location(new_location: Callable[[], Location]) -> Location:
    """Return a place without an index, for each kind of store."""
    return new_location()
