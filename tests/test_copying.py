"""``copy_index``: an index in another place is the same index, to the last byte of a vector."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import FakeEncoder
from qa_app.api import build_index
from qa_app.briefs.saved import SavedQuestion, open_saved
from qa_app.cli import main
from qa_app.copying import CopyReport, copy_index, digests
from qa_app.errors import IndexCorruptError, IndexLockedError, IndexNotFoundError, StoreError
from qa_app.indexing import build
from qa_app.models import Failure
from qa_app.settings import Location, Settings, index_location
from qa_app.store.contents import write_generation
from qa_app.store.kept import kept_files
from qa_app.store.manifest import Recipe
from qa_app.store.opening import open_store
from qa_app.verification import verify
from support.store_samples import make_contents, make_document

REPORTS = {
    "facets.toml": '[region]\nnouns = ["region"]\n[region.values]\n"North" = []\n"Süd" = []\n',
    "a.md": "# Board\n\n## North\n\nThe board met on road safety:\n\n- data sharing\n- funding\n",
    "sub/b.txt": "The board of the Süd met on violence.\n\nNaïve “data” — 12 % of funding.\n",
    "c.md": "# Board\n\n## North\n\nThe board met on road safety:\n\n- data sharing\n- funding\n",
    "unread.pdf": "This is no PDF.",
}


class Watch:
    """A progress that acts when a stage begins."""

    def __init__(self, **acts: Callable[[], object]) -> None:
        self.stages: list[str] = []
        self._acts = acts

    def stage(self, name: str, _total: int) -> None:
        self.stages.append(name)
        self._acts.get(name.split()[0].lower(), lambda: None)()

    def advance(self, *_: Any) -> None:
        pass

    close = advance


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a corpus and its index; not to be changed."""
    folder = tmp_path_factory.mktemp("built")
    for name, text in REPORTS.items():
        path = folder / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1, 1))  # long ago: builds store the time of an old file only
    build_index(folder / "corpus", folder / "index", encoder=FakeEncoder())
    return folder


@pytest.fixture
def index(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path / "index"


@pytest.fixture(params=["folder", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Return where there is no index yet."""
    if request.param == "folder":
        return tmp_path / "far" / "copy"
    return index_location(request.getfixturevalue("postgres_url"))


def _content(index: Location) -> Any:
    """Return all that a reader sees, by its own means: not by what ``copying`` looks at."""
    with open_store(index).open() as generation:
        rows = range(generation.num_passages)
        return (
            [generation.document(record.path) for record in generation.documents],
            [replace(record, rows=range(0)) for record in generation.documents],
            generation.passages(rows),
            generation.stored_vectors(rows).tolist(),  # type: ignore[arg-type]
            [codes.tolist() for codes in generation.tokens.codes(rows)],
            generation.facet_counts,
            generation.rows_tagged("region", "North").tolist(),
            generation.file("facets.toml"),
            generation.file("topics.json"),
            generation.manifest.model,
            generation.manifest.recipe,
            generation.manifest.failures,
        )


def _parts(index: Location) -> list[tuple[str, bytes]]:
    with open_store(index).open(searchable=False) as generation:
        return list(digests(generation))


def test_a_copy_is_the_same_index(index: Path, target: Location, tmp_path: Path) -> None:
    report = copy_index(index, target, Watch())
    assert (report.generation, report.replaced, report.copied) == ("000001", "", True)
    assert (report.documents, report.passages) == (3, open_store(index).manifest().passages)
    assert repr(_content(target)) == repr(_content(index))
    found = verify(target)
    assert (found.bad, found.passages) == ((), report.passages)  # it finds the corpus, too
    # A build there reads and embeds nothing again.
    encoder = FakeEncoder()
    built = build(Settings(corpus=tmp_path / "corpus", index=target), encoder)
    assert (built.generation, encoder.encoded) == ("000001", [])
    # And it comes back as it went.
    back = copy_index(target, tmp_path / "back", Watch())
    assert (back.copied, back.digest) == (True, report.digest)
    assert _content(tmp_path / "back")[0] == _content(index)[0]
    sizes = [
        sum(path.stat().st_size for path in (at / "generations/000001").rglob("*[!n]"))
        for at in (index, tmp_path / "back")
    ]
    assert sizes[0] == sizes[1]  # what equal texts share is stored once; manifest.json has a time


def test_an_equal_index_is_left_and_another_gets_its_next_generation(
    index: Path, target: Location, tmp_path: Path
) -> None:
    first = copy_index(index, target, Watch())
    again = copy_index(index, target, Watch())
    assert (again.copied, again.generation, again.digest) == (False, "000001", first.digest)
    (tmp_path / "corpus" / "d.txt").write_text("Duplication of funding.\n", encoding="utf-8")
    build_index(tmp_path / "corpus", index, encoder=FakeEncoder())
    new = copy_index(index, target, Watch())
    assert (new.source_generation, new.generation, new.replaced) == ("000002", "000002", "000001")
    assert new.digest != first.digest
    assert open_store(target).open_earlier().name == "000001"
    # Back the other way: all is there already.
    assert not copy_index(target, index, Watch()).copied


def test_the_corpus_is_part_of_what_is_equal(index: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(index, tmp_path / "deeper" / "index")  # its corpus is elsewhere now
    report = copy_index(index, moved, Watch())
    assert (report.copied, report.replaced) == (True, "000001")
    assert verify(moved).bad == ()


@pytest.mark.parametrize("before", [False, True])
def test_a_copy_that_is_stopped_changes_nothing(
    index: Path, target: Location, before: bool
) -> None:
    if before:
        write_generation(target, make_contents(make_document("old.txt", ["Road safety."])))

    def stop() -> None:
        raise KeyboardInterrupt

    for stage in ("reading", "copying", "writing"):
        with pytest.raises(KeyboardInterrupt):
            copy_index(index, target, Watch(**{stage: stop}))
        if before:
            with open_store(target).open() as generation:
                assert [item.path for item in generation.documents] == ["old.txt"]
        else:
            with pytest.raises(IndexNotFoundError):
                open_store(target).current()
    # Only while it is checked is the copy there; the lock is free, nothing is in the way.
    with pytest.raises(StoreError, match="has not been checked"):
        copy_index(index, target, Watch(checking=stop))
    assert not copy_index(index, target, Watch()).copied


def test_what_users_keep_comes_along(index: Path, target: Location, tmp_path: Path) -> None:
    (tmp_path / "corpus" / "d.txt").write_text("Duplication of funding.\n", encoding="utf-8")
    build_index(tmp_path / "corpus", index, encoder=FakeEncoder())  # generation 000002
    note = b'{"sections": [], "title": "Na\xc3\xafve"}'
    kept_files(index).change("brief-ann.json", lambda _: note)
    kept_files(index).change("grids/all.json", lambda _: b"{}")
    asked = [SavedQuestion(0, text, {}, generation=at) for text, at in (("a", "000002"), ("b", ""))]
    for item in asked:
        open_saved(index, "ann").change(lambda saved, item=item: saved.adding(item))
    report = copy_index(index, target, Watch())
    assert (report.generation, report.kept, report.left) == ("000001", 3, ())
    assert kept_files(target).read("brief-ann.json") == note
    # Generation 000002 of the copy is another: the saved questions are to be asked of it.
    saved = open_saved(target, "ann").read()
    assert [(item.question, item.generation) for item in saved.items] == [
        ("a", "000001"),
        ("b", ""),
    ]
    # What was changed there stays.
    kept_files(target).change("grids/all.json", lambda _: b'{"name": "mine"}')
    again = copy_index(index, target, Watch())
    assert (again.copied, again.kept, again.left) == (False, 2, ("grids/all.json",))
    assert kept_files(target).read("grids/all.json") == b'{"name": "mine"}'


def test_a_copy_that_came_out_different_is_named(
    index: Path, tmp_path: Path, postgres_url: str
) -> None:
    copy, forged = tmp_path / "copy", tmp_path / "forged"
    (tmp_path / "corpus" / "sub/b.txt").write_text("The board met on funding.\n", encoding="utf-8")
    build_index(tmp_path / "corpus", forged, encoder=FakeEncoder())

    def forge_folder() -> None:
        """Put other words into the copy before it is checked, with hashes that fit them."""
        shutil.copytree(forged / "generations", copy / "generations", dirs_exist_ok=True)
        shutil.copy(forged / "CURRENT", copy / "CURRENT")

    def forge_row() -> None:
        with psycopg.connect(postgres_url) as connection:
            connection.execute("UPDATE qa_app.passages SET page = 7 WHERE id LIKE 'sub/b.txt%'")

    for target, forge in ((copy, forge_folder), (index_location(postgres_url), forge_row)):
        with pytest.raises(IndexCorruptError, match=r"sub/b\.txt differs") as caught:
            copy_index(index, target, Watch(checking=forge))
        assert "Do not use it" in caught.value.hint


def test_every_part_is_copied_and_shows_in_the_digest(target: Location, tmp_path: Path) -> None:
    """One thing is changed at a time; exactly its part differs, and the next copy has it."""
    document = make_document("a.txt", ["Road safety.", "Data sharing."], {"region": ("North",)})
    contents = make_contents(document, make_document("b.txt", ["Funding."]))
    first, *others = document.passages
    retitled = replace(document, document=replace(document.document, warnings=("page 2",)))
    retagged = replace(document, passages=(replace(first, tags={}), *others))
    restamped = replace(document, source=replace(document.source, mtime_ns=2))
    vectors = contents.embeddings.copy()
    vectors[1] = vectors[1][::-1]
    codes = contents.tokens[0].copy()
    codes[0, 0] ^= 1
    rest = contents.documents[1:]
    a_document = ["a.txt"]
    changes = (
        (a_document, replace(contents, documents=(retitled, *rest))),
        (["a.txt", "region North"], replace(contents, documents=(retagged, *rest))),
        (a_document, replace(contents, documents=(restamped, *rest))),
        (a_document, replace(contents, embeddings=vectors)),
        (a_document, replace(contents, embeddings=vectors, tokens=(codes, *contents.tokens[1:]))),
        (["what was not read"], replace(contents, failures=(Failure("\udce9.txt", "Broken."),))),
        (["the model and the recipe"], replace(contents, recipe=Recipe(loader="other"))),
    )
    write_generation(tmp_path / "0", contents)
    original = _parts(tmp_path / "0")
    for names, changed in changes:
        for number, each in enumerate((contents, changed)):
            write_generation(tmp_path / f"{number}", each)
            assert copy_index(tmp_path / f"{number}", target, Watch()).copied
        pairs = zip(original, _parts(target), strict=True)
        assert [before[0] for before, after in pairs if before != after] == names


def test_the_command_says_what_it_did(
    index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    assert main(["copy", str(index), str(copy), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == [field.name for field in fields(CopyReport)]
    assert (found["target"], found["generation"], found["copied"]) == (str(copy), "000001", True)
    assert main(["copy", str(index), str(copy)]) == 0
    out = capsys.readouterr().out
    assert "Nothing to copy" in out
    assert found["digest"] in out
    assert main(["copy", str(tmp_path / "nowhere"), str(copy)]) == 1
    assert "There is no index" in capsys.readouterr().err


def test_a_build_of_the_target_is_waited_for_by_the_user(index: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with open_store(copy).lock(), pytest.raises(IndexLockedError):
        copy_index(index, copy, Watch())
