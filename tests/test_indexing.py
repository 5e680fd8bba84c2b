"""Builds: what is read, what is embedded, what is kept, and what a failed build leaves."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.arrays import FloatArray
from qa_app.embedding import (
    Keep,
    Progress,
)
from qa_app.errors import CorpusError, EmbeddingError, IndexMismatchError
from qa_app.facets import FACETS_FILE, Facets
from qa_app.indexing import build
from qa_app.models import BuildReport
from qa_app.retrieval.filters import filter_rows
from qa_app.settings import Settings
from qa_app.store.codes import pack
from qa_app.store.documents import searchable_text
from qa_app.store.embedded.generation import open_generation
from qa_app.store.embedded.tokens import TOKENS_FILE
from qa_app.store.manifest import FORMAT_VERSION, generation_folder, read_current, read_manifest
from qa_app.store.protocol import Generation

ROADS = "# Roads\n\nRoad safety rose.\n\n## Money\n\nFunding fell.\n"
BOARD = "# Board\n\nThe board met.\n"
WriteCorpus = Callable[[dict[str, str]], Path]


@pytest.fixture
def settings(write_corpus: WriteCorpus, tmp_path: Path) -> Settings:
    """A corpus of two reports that were last changed in 2020."""
    corpus = write_corpus({"board.md": BOARD, "roads.md": ROADS})
    _age(corpus)
    return Settings(corpus=corpus, index=tmp_path / "index")


def _age(corpus: Path) -> None:
    for path in corpus.iterdir():
        os.utime(path, (1_600_000_000, 1_600_000_000))


def _counts(report: BuildReport) -> tuple[int, int, int, int, int]:
    """Return added, changed, removed, unchanged, failed."""
    return (
        report.added,
        report.changed,
        report.removed,
        report.unchanged,
        len(report.failures),
    )


def _texts(settings: Settings) -> list[str]:
    with open_generation(settings.index) as generation:
        return [p.text for p in generation.passages(range(generation.num_passages))]


def _corpus(settings: Settings) -> Path:
    assert settings.corpus is not None
    return settings.corpus


def _named(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return each document's name, as the facet has it, to the paths of its passages."""
    with open_generation(settings.index) as generation:
        rows = {
            v: generation.rows_tagged("document", v) for v in generation.facet_values("document")
        }
        for value, tagged in rows.items():
            assert {p.tags["document"] for p in generation.passages(tagged)} == {(value,)}
        return {v: tuple(p.document for p in generation.passages(r)) for v, r in rows.items()}


def test_documents_with_one_title_are_two_values_as_long_as_both_are_there(
    settings: Settings, encoder: FakeEncoder
) -> None:
    other = _corpus(settings) / "other.md"
    other.write_text("# Board\n\nIt did not meet.\n")
    build(settings, encoder)
    assert list(_named(settings)) == ["Roads", "board.md · Board", "other.md · Board"]
    assert _named(settings)["other.md · Board"] == ("other.md",)
    with open_generation(settings.index) as generation:
        facets = Facets.parse(generation.file(FACETS_FILE))
        both = filter_rows(generation, {"document": ["board"]}, facets)
        one = filter_rows(generation, {"document": ["other.md · Board"]}, facets)
    assert (both.tolist(), one.tolist()) == ([0, 1], [1])  # type: ignore[union-attr]  # not None
    other.unlink()
    build(settings, encoder)
    assert list(_named(settings)) == ["Board", "Roads"]


def test_a_facet_of_ones_own_may_be_called_document(
    settings: Settings, encoder: FakeEncoder
) -> None:
    facets = '[document]\nnouns = ["paper"]\n[document.values]\n"Green" = ["met"]\n'
    (_corpus(settings) / "facets.toml").write_text(facets)
    build(settings, encoder)
    assert _named(settings) == {"Green": ("board.md",)}


def test_a_first_build(settings: Settings, encoder: FakeEncoder) -> None:
    (_corpus(settings) / "sheet.xyz").write_text("?")
    report = build(settings, encoder)
    assert _counts(report) == (2, 0, 0, 0, 1)
    assert (report.generation, report.passages, report.embedded, report.reused) == (
        "000001",
        3,
        3,
        0,
    )
    assert report.failures[0].path == "sheet.xyz"
    assert encoder.encoded == [
        "Board\nThe board met.",
        "Roads\nRoad safety rose.",
        "Roads > Money\nFunding fell.",
    ]
    with open_generation(settings.index, encoder.identity) as generation:
        assert [record.path for record in generation.documents] == ["board.md", "roads.md"]
        assert generation.passage(2).section == ("Money",)
        scores, rows = generation.vectors.search(encoder.encode_queries(["funding"]), 1)
        assert (rows.tolist(), scores.tolist()) == ([[2]], [[1.0]])
        assert generation.manifest.failures == report.failures
        assert generation.facet_values("document") == ("Board", "Roads")


def test_a_second_build_imports_nothing_heavy(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    code = (
        "import json, sys; from pathlib import Path; from conftest import FakeEncoder\n"
        "from qa_app.indexing import build; from qa_app.settings import Settings\n"
        "settings = Settings(corpus=Path(sys.argv[1]), index=Path(sys.argv[2]))\n"
        "report = build(settings, FakeEncoder())\n"
        "heavy = {'torch', 'faiss', 'sentence_transformers', 'pypdfium2', 'bs4', 'dask'}\n"
        "print(json.dumps([report.generation, report.embedded, sorted(heavy & set(sys.modules))]))"
    )
    arguments = [str(_corpus(settings)), str(settings.index)]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        check=True,
    )
    assert json.loads(run.stdout) == ["000001", 0, []]


def _tokens(generation: Generation) -> list[object]:
    assert generation.tokens is not None
    return [codes.tolist() for codes in generation.tokens.codes(range(generation.num_passages))]


def test_tokens_are_kept_with_the_vectors(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    with open_generation(settings.index) as generation:
        before = _tokens(generation)
        text = searchable_text(generation.passage(2))
    assert before[2] == pack(encoder.encode_query_tokens(text)).tolist()
    (_corpus(settings) / "copy.md").write_text(ROADS)
    encoder.encoded.clear()
    build(settings, encoder)
    assert encoder.encoded == []
    with open_generation(settings.index) as generation:
        # The copy's passages stand between the board's and the roads', and share their tokens.
        assert _tokens(generation) == [before[0], *before[1:], *before[1:]]
        size = (generation.folder / TOKENS_FILE).stat().st_size
        assert size == 2 * sum(len(codes) for codes in before)  # nine signs in two bytes


def test_a_title_from_the_files_name_changes_with_it(
    settings: Settings, encoder: FakeEncoder
) -> None:
    corpus = _corpus(settings)
    (corpus / "first_note.txt").write_text("we met about data sharing today, and it was good.\n")
    build(settings, encoder)
    (corpus / "first_note.txt").rename(corpus / "second_note.txt")
    report = build(settings, encoder)
    assert report.embedded == 1
    with open_generation(settings.index) as generation:
        assert generation.document("second_note.txt").title == "Second note"


def test_a_touched_file_is_unchanged(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    os.utime(_corpus(settings) / "roads.md")
    report = build(settings, encoder)
    assert (report.generation, report.unchanged) == ("000001", 2)


def test_a_file_of_the_same_size_and_time_is_not_opened(
    settings: Settings, encoder: FakeEncoder
) -> None:
    build(settings, encoder)
    path = _corpus(settings) / "roads.md"
    path.write_text(ROADS.replace("rose", "fell"))
    os.utime(path, (1_600_000_000, 1_600_000_000))
    assert build(settings, encoder).unchanged == 2


def test_a_file_changed_just_before_the_build_is_looked_at_again(
    settings: Settings, encoder: FakeEncoder
) -> None:
    path = _corpus(settings) / "roads.md"
    os.utime(path)
    times = path.stat()
    build(settings, encoder)
    path.write_text(ROADS.replace("rose", "fell"))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert _counts(build(settings, encoder)) == (0, 1, 0, 1, 0)


def test_equal_texts_are_embedded_once(settings: Settings, encoder: FakeEncoder) -> None:
    (_corpus(settings) / "copy.md").write_text(ROADS)
    report = build(settings, encoder)
    assert report.passages == report.embedded == 5
    assert len(encoder.encoded) == 3
    with open_generation(settings.index) as generation:
        rows = generation.stored_vectors(np.arange(generation.num_passages))
        assert (rows[1:3] == rows[3:5]).all()


# What else a build depends on


def test_a_changed_title_in_the_side_file_is_read(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    encoder.encoded.clear()
    (_corpus(settings) / "metadata.toml").write_text('["board.md"]\ntitle = "Minutes"\n')
    assert build(settings, encoder).embedded == 1
    assert encoder.encoded == ["Minutes > Board\nThe board met."]
    assert build(settings, encoder).generation == "000002"


def test_another_passage_size_cuts_anew(settings: Settings, encoder: FakeEncoder) -> None:
    long = "# Long\n\n" + " ".join(f"Data sharing number {n} went well." for n in range(40)) + "\n"
    (_corpus(settings) / "long.md").write_text(long)
    few = build(settings, encoder).passages
    report = build(replace(settings, passage_tokens=20), encoder)
    assert report.passages > few + 5
    assert report.reused == 3  # the short ones are cut as before


def test_another_model_embeds_everything(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    other = FakeEncoder("other")
    progress = Recorder()
    report = build(settings, other, progress)
    assert (report.generation, report.embedded, report.unchanged) == ("000002", 3, 2)
    assert len(other.encoded) == 3
    assert ("stage", "Embedding (the model was fake, now other)", 3) in progress.calls
    open_generation(settings.index, other.identity).close()
    with pytest.raises(IndexMismatchError, match=r"model other .*this is fake"):
        open_generation(settings.index, encoder.identity)


def test_rebuild_reads_and_embeds_everything(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    progress = Recorder()
    report = build(settings, encoder, progress, rebuild=True)
    assert _counts(report) == (0, 0, 0, 2, 0)
    assert (report.generation, report.embedded) == ("000002", 3)
    assert ("stage", "Reading", 2) in progress.calls


# Files that cannot be read


def test_a_file_that_breaks_loses_its_passages(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    path = _corpus(settings) / "roads.md"
    path.write_text("  \n")
    report = build(settings, encoder)
    assert _counts(report) == (0, 0, 0, 1, 1)
    assert report.failures[0].path == "roads.md"
    assert _texts(settings) == ["The board met."]

    again = build(settings, encoder)
    assert (again.generation, again.failures) == (report.generation, report.failures)

    path.write_text(ROADS)
    assert _counts(build(settings, encoder)) == (1, 0, 0, 1, 0)
    assert len(_texts(settings)) == 3


def test_a_file_that_still_fails_does_not_make_a_generation(
    settings: Settings, encoder: FakeEncoder
) -> None:
    (_corpus(settings) / "empty.txt").write_text("")
    (_corpus(settings) / "sheet.xyz").write_text("?")
    first = build(settings, encoder)
    assert [failure.path for failure in first.failures] == ["empty.txt", "sheet.xyz"]
    assert build(settings, encoder).generation == "000001"
    (_corpus(settings) / "sheet.xyz").unlink()
    report = build(settings, encoder)
    assert (report.generation, len(report.failures), report.removed) == ("000002", 1, 0)


class ChangesWhileRead:
    """Writes to a file when reading begins, which is after its hash was taken."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stage(self, name: str, total: int) -> None:
        if name == "Reading":
            self._path.write_text(f"# Now\n\n{total} other words.\n")

    def advance(self, steps: int, label: str = "") -> None:
        pass

    def close(self) -> None:
        pass


def test_a_file_that_changes_while_it_is_read_is_named(
    settings: Settings, encoder: FakeEncoder
) -> None:
    report = build(settings, encoder, ChangesWhileRead(_corpus(settings) / "roads.md"))
    assert [failure.path for failure in report.failures] == ["roads.md"]
    assert "changed while it was read" in report.failures[0].reason
    assert _texts(settings) == ["The board met."]
    assert build(settings, encoder).failures == ()


@pytest.mark.parametrize("make", [True, False])
def test_no_reports_at_all(tmp_path: Path, encoder: FakeEncoder, make: bool) -> None:
    if make:
        (tmp_path / "corpus").mkdir()
    settings = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    with pytest.raises(CorpusError, match="corpus") as caught:
        build(settings, encoder)
    assert "reports" in caught.value.hint
    assert not settings.index.exists()


# Builds that end early


class Failing(FakeEncoder):
    """Stops, or gives something else than vectors."""

    def __init__(self, outcome: BaseException | float) -> None:
        super().__init__()
        self._outcome = outcome

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep: Keep | None = None,  # noqa: ARG002 - it has no token vectors
    ) -> FloatArray:
        assert progress is not None
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return np.full((len(texts), self.identity.dimension), self._outcome, dtype=np.float32)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (EmbeddingError("no model"), EmbeddingError),
        (float("nan"), EmbeddingError),
    ],
)
def test_a_build_that_is_stopped_leaves_the_old_index(
    settings: Settings,
    encoder: FakeEncoder,
    outcome: BaseException | float,
    error: type[BaseException],
) -> None:
    build(settings, encoder)
    (_corpus(settings) / "data.md").write_text("# Data\n\nData sharing began.\n")
    with pytest.raises(error):
        build(settings, Failing(outcome))
    assert len(_texts(settings)) == 3
    assert [path.name for path in (settings.index / "generations").iterdir()] == ["000001"]
    assert build(settings, encoder).generation == "000002"


class Recorder:
    """Keeps what a build says of its progress."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def stage(self, name: str, total: int) -> None:
        self.calls.append(("stage", str(name), total))

    def advance(self, steps: int, label: str = "") -> None:
        self.calls.append(("advance", steps, label))

    def close(self) -> None:
        self.calls.append(("close",))


def test_progress_is_told(settings: Settings, encoder: FakeEncoder) -> None:
    progress = Recorder()
    build(settings, encoder, progress)
    assert progress.calls == [
        ("stage", "Reading", 2),
        ("advance", 1, "board.md"),
        ("advance", 1, "roads.md"),
        ("stage", "Embedding", 3),
        ("advance", 3, ""),
        ("stage", "Topics", 0),
        ("stage", "Writing", 0),
        ("close",),
    ]


# An index that is damaged, or of another version


def test_a_build_mends_a_damaged_index(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    path = generation_folder(settings.index, "000001") / "embeddings.npy"
    path.write_bytes(path.read_bytes()[:-1])
    report = build(settings, encoder)
    assert (report.generation, report.embedded, report.added) == ("000002", 3, 2)
    assert len(_texts(settings)) == 3


def test_a_build_goes_on_from_the_last_sound_generation(
    settings: Settings, encoder: FakeEncoder
) -> None:
    build(settings, encoder)
    (_corpus(settings) / "data.md").write_text("# Data\n\nData sharing began.\n")
    build(settings, encoder)
    encoder.encoded.clear()
    path = generation_folder(settings.index, "000002") / "passages.sqlite"
    path.write_bytes(b"")
    report = build(settings, encoder)
    assert (report.generation, report.embedded, report.reused) == ("000003", 1, 3)
    assert encoder.encoded == ["Data\nData sharing began."]


def test_a_build_mends_a_damaged_pointer(settings: Settings, encoder: FakeEncoder) -> None:
    build(settings, encoder)
    (settings.index / "CURRENT").write_bytes(b"?")
    report = build(settings, encoder)
    assert (report.generation, report.embedded) == ("000002", 0)
    assert read_current(settings.index).name == "000002"


@pytest.mark.parametrize("version", [FORMAT_VERSION - 1, 99])
def test_an_index_of_another_format_is_replaced_only_on_request(
    settings: Settings, encoder: FakeEncoder, version: int
) -> None:
    build(settings, encoder)
    _pretend_format(settings.index, version)
    with pytest.raises(IndexMismatchError, match=f"format {version}") as caught:
        build(settings, encoder)
    assert "qa-app build --rebuild" in caught.value.hint
    assert build(settings, encoder, rebuild=True).generation == "000002"
    assert read_manifest(settings.index).format_version == FORMAT_VERSION


def _pretend_format(index: Path, version: int) -> None:
    path = generation_folder(index, "000001") / "manifest.json"
    found = json.loads(path.read_bytes()) | {"format_version": version}
    _publish(index, json.dumps(found).encode())


def _publish(index: Path, content: bytes) -> None:
    (generation_folder(index, "000001") / "manifest.json").write_bytes(content)
    (index / "CURRENT").write_text(f"000001 {hashlib.sha256(content).hexdigest()}\n")


def test_a_generation_keeps_the_facets_that_its_tags_came_from(
    write_corpus: Callable[[dict[str, str]], Path], tmp_path: Path, encoder: FakeEncoder
) -> None:
    facets = '[town]\nnouns = ["town", "towns"]\n[town.values]\n"Anytown" = []\n'
    corpus = write_corpus({"a.txt": "Roads\nRoad safety in Anytown.\n", "facets.toml": facets})
    settings = Settings(corpus=corpus, index=tmp_path / "index")
    build(settings, encoder)
    (corpus / "facets.toml").unlink()
    with open_generation(settings.index) as generation:
        assert generation.facet_values("town") == ("Anytown",)
        assert "town" in Facets.parse(generation.file(FACETS_FILE)).names
    build(settings, encoder)
    with open_generation(settings.index) as generation:
        assert generation.facet_values("town") == ()
        assert "town" not in Facets.parse(generation.file(FACETS_FILE)).names
