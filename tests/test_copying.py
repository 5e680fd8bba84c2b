"""``copy_index``: an index in another place is the same index, to the last byte of a vector."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from conftest import FakeEncoder
from qa_app.api import build_index, open_index
from qa_app.cli import main
from qa_app.copying import CopyReport, copy_index, digests
from qa_app.errors import IndexCorruptError, IndexLockedError, IndexNotFoundError
from qa_app.store.contents import write_generation
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


def _content(index: Path) -> Any:
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
            generation.lexical.scores(["board", "violence"]).at(
                generation.rows_tagged("region", "Süd")
            ),
            generation.file("facets.toml"),
            generation.file("topics.json"),
            generation.manifest.model,
            generation.manifest.recipe,
            generation.manifest.failures,
        )


def _parts(index: Path) -> list[tuple[str, bytes]]:
    with open_store(index).open(searchable=False) as generation:
        return list(digests(generation))


def test_a_copy_is_the_same_index(index: Path, tmp_path: Path) -> None:
    copy = tmp_path / "far" / "away"
    report = copy_index(index, copy, Watch())
    assert (report.generation, report.replaced, report.copied) == ("000001", "", True)
    assert (report.documents, report.passages) == (3, open_store(index).manifest().passages)
    assert repr(_content(copy)) == repr(_content(index))
    found = verify(copy)
    assert [fault.path for fault in found.bad] == []
    assert found.passages == report.passages  # it finds the corpus from where it is
    # Nothing is read or embedded again by a build there.
    encoder = FakeEncoder()
    built = build_index(tmp_path / "corpus", copy, encoder=encoder)
    assert (built.generation, encoder.encoded) == ("000001", [])
    sizes = [(at / "generations/000001/tokens.bin").stat().st_size for at in (index, copy)]
    assert sizes[0] == sizes[1]  # codes that equal texts share are stored once


def test_an_equal_index_is_left_and_another_gets_its_next_generation(
    index: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    first = copy_index(index, copy, Watch())
    again = copy_index(index, copy, Watch())
    assert (again.copied, again.generation, again.digest) == (False, "000001", first.digest)
    (tmp_path / "corpus" / "d.txt").write_text("Duplication of funding.\n", encoding="utf-8")
    build_index(tmp_path / "corpus", index, encoder=FakeEncoder())
    new = copy_index(index, copy, Watch())
    assert (new.source_generation, new.generation, new.replaced) == ("000002", "000002", "000001")
    assert new.digest != first.digest
    assert open_store(copy).open_earlier().name == "000001"
    # Back the other way: all is there already.
    assert not copy_index(copy, index, Watch()).copied


def test_the_corpus_is_part_of_what_is_equal(index: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(index, tmp_path / "deeper" / "index")  # its corpus is elsewhere now
    report = copy_index(index, moved, Watch())
    assert (report.copied, report.replaced) == (True, "000001")
    assert verify(moved).bad == ()


@pytest.mark.parametrize("stage", ["reading", "copying", "writing"])
@pytest.mark.parametrize("before", [False, True])
def test_a_copy_that_is_stopped_changes_nothing(
    index: Path, tmp_path: Path, stage: str, before: bool
) -> None:
    copy = tmp_path / "copy"
    if before:
        write_generation(copy, make_contents(make_document("old.txt", ["Road safety."])))

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_index(index, copy, Watch(**{stage: stop}))
    if before:
        with open_index(copy, tmp_path / "corpus", encoder=FakeEncoder(), reader="none") as opened:
            assert [item.path for item in opened.snapshot().generation.documents] == ["old.txt"]
    else:
        with pytest.raises(IndexNotFoundError):
            open_store(copy).current()
    assert copy_index(index, copy, Watch()).copied  # the lock is free, nothing is in the way


def test_a_copy_that_came_out_different_is_named(index: Path, tmp_path: Path) -> None:
    copy, forged = tmp_path / "copy", tmp_path / "forged"
    shutil.copytree(index, forged)
    (tmp_path / "corpus" / "sub/b.txt").write_text("The board met on funding.\n", encoding="utf-8")
    build_index(tmp_path / "corpus", forged, encoder=FakeEncoder())

    def forge() -> None:
        """Put other words into the copy before it is checked, with hashes that fit them."""
        shutil.copytree(forged / "generations", copy / "generations", dirs_exist_ok=True)
        shutil.copy(forged / "CURRENT", copy / "CURRENT")

    with pytest.raises(IndexCorruptError, match=r"sub/b\.txt differs.*000002") as caught:
        copy_index(index, copy, Watch(checking=forge))
    assert "Do not use it" in caught.value.hint


def test_every_part_shows_in_the_digest(tmp_path: Path) -> None:
    """One thing is changed at a time, and exactly its part differs."""
    document = make_document("a.txt", ["Road safety.", "Data sharing."], {"region": ("North",)})
    contents = make_contents(document, make_document("b.txt", ["Funding."]))
    other = contents.documents[0].passages[0]
    retitled = replace(document, document=replace(document.document, warnings=("page 2",)))
    retagged = replace(document, passages=(replace(other, tags={}), *document.passages[1:]))
    vectors = contents.embeddings.copy()
    vectors[1] = vectors[1][::-1]
    codes = contents.tokens[0].copy()
    codes[0, 0] ^= 1
    rest = contents.documents[1:]
    changes = {
        "the model and the recipe": replace(contents, model=replace(contents.model, name="other")),
        "a.txt": replace(contents, documents=(retitled, *rest)),
        "a.txt, region North": replace(contents, documents=(retagged, *rest)),
        "a.txt again": replace(contents, embeddings=vectors),
        "a.txt too": replace(contents, tokens=(codes, *contents.tokens[1:])),
    }
    write_generation(tmp_path / "0", contents)
    before = dict(_parts(tmp_path / "0"))
    for number, (names, changed) in enumerate(changes.items(), start=1):
        write_generation(tmp_path / str(number), changed)
        after = dict(_parts(tmp_path / str(number)))
        assert before.keys() == after.keys()
        differ = [name for name, digest in after.items() if digest != before[name]]
        assert ", ".join(differ) == names.removesuffix(" again").removesuffix(" too")


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
