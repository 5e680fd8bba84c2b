"""What every store promises of builds and generations; see test_contract.py."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.api import build_from_settings, open_from_settings, read_status
from qa_app.arrays import FloatArray
from qa_app.embedding import Keep, Progress
from qa_app.errors import (
    CorpusError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    QueryError,
    StoreError,
)
from qa_app.models import BuildReport, Mode
from qa_app.settings import Location, Settings
from qa_app.store.documents import hash_text, searchable_text
from qa_app.store.opening import open_store
from qa_app.store.protocol import Generation
from qa_app.verification import verify
from support.store_samples import make_document, write_sample

REPORTS = {
    "board.md": "# Board\n\nThe board met in Kent.\n",
    "roads.md": "# Roads\n\nRoad safety rose in Surrey.\n\n## Money\n\nFunding fell.\n",
}
FACETS = '[force]\nnouns = ["force", "forces"]\n[force.values]\n"Kent" = []\n"Surrey" = []\n'


class Desk:
    """A corpus that was last changed in 2020, and the place for its index."""

    def __init__(self, corpus: Path, location: Location) -> None:
        self.corpus, self.location = corpus, location
        self.encoder = FakeEncoder()
        self.store = open_store(location)
        corpus.mkdir()
        for name, text in REPORTS.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.corpus / name
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_600_000_000 + len(text), 1_600_000_000))

    def build(
        self, encoder: FakeEncoder | None = None, rebuild: bool = False, **given: object
    ) -> BuildReport:
        """Build, and leave what was embedded in ``encoder.encoded``."""
        self.encoder.encoded.clear()
        settings = Settings(**{"corpus": self.corpus, "index": self.location} | given)
        return build_from_settings(settings, rebuild=rebuild, encoder=encoder or self.encoder)

    def everything(self) -> dict[str, Any]:
        with self.store.open(self.encoder.identity) as generation:
            return _everything(generation)


@pytest.fixture
def desk(tmp_path: Path, location: Location) -> Desk:
    return Desk(tmp_path / "corpus", location)


def _everything(generation: Generation) -> dict[str, Any]:
    """Return all that can be asked of a generation, numbers to the last bit."""
    every = np.arange(generation.num_passages)
    terms = ("road", "board", "fund", "began", "kent", "data")
    questions = FakeEncoder().encode_queries(["road safety", "data sharing board", "other"])
    scores, rows = generation.vectors.search(questions, 9)
    return {
        "documents": generation.documents,
        "whole": [generation.document(record.path) for record in generation.documents],
        "passages": generation.passages(every),
        "tags": {
            (facet, value): generation.rows_tagged(facet, value).tolist()
            for facet in generation.facets()
            for value in generation.facet_values(facet)
        },
        "hashes": generation.content_hashes(),
        "vectors": generation.stored_vectors(every).tobytes(),
        "found": (scores.tobytes(), rows.tobytes()),
        "cosines": generation.vectors.scores(questions, every).tobytes(),
        "bm25": generation.lexical.scores(terms).at(every).tobytes(),
        "idf": [generation.lexical.idf(terms), [term in generation.lexical for term in terms]],
        "tokens": [codes.tolist() for codes in generation.tokens.codes(every)],
    }


# Generations


def test_where_nothing_is_an_index_is_not_found(location: Location) -> None:
    store = open_store(location)
    assert store.location == location
    assert store.last_manifest() is None
    for ask in (
        store.current,
        store.manifest,
        store.open,
        store.open_earlier,
        store.check,
        lambda: store.open(allow_previous=True),
        lambda: read_status(location),
        lambda: open_from_settings(Settings(index=location, reader="none"), FakeEncoder()),
    ):
        with pytest.raises(IndexNotFoundError, match="no index in") as caught:
            ask()
        assert caught.value.hint == "Build one: qa-app build"


def test_generations_are_numbered_and_described(location: Location) -> None:
    store, seen = open_store(location), set()
    for number in range(1, 4):
        assert write_sample(location, f"Number {number}.", "Road.") == f"00000{number}"
        current, manifest = store.current(), store.manifest()
        assert current.name == manifest.generation == f"00000{number}"
        assert store.last_manifest() == manifest
        assert (manifest.documents, manifest.passages) == (1, 2)
        assert manifest.model == FakeEncoder().identity
        assert read_status(location)["generation"] == current.name
        with store.open() as generation:
            assert (generation.name, generation.fallback) == (current.name, "")
            assert generation.manifest == manifest
            assert generation.passage(0).text == f"Number {number}."
        seen.add(current.manifest_sha256)
    assert len(seen) == 3


def test_an_earlier_generation_can_be_read(location: Location) -> None:
    store = open_store(location)
    write_sample(location, "First.")
    with pytest.raises(IndexNotFoundError, match="no earlier"):
        store.open_earlier()
    write_sample(location, "Second.")
    for name in ("", "1", "000001"):
        with store.open_earlier(name) as earlier:
            assert (earlier.name, earlier.passage(0).text) == ("000001", "First.")
            assert earlier.content_hashes() == [hash_text(searchable_text(earlier.passage(0)))]
    for name in ("2", "000009", "x", "-1"):
        with pytest.raises(IndexNotFoundError, match=f"Generation {name} is not kept") as caught:
            store.open_earlier(name)
        assert "000001" in caught.value.hint
    write_sample(location, "Third.")
    with store.open_earlier() as earlier:
        assert earlier.passage(0).text == "Second."


def test_another_model_is_refused_with_both_names(location: Location) -> None:
    write_sample(location, "Road safety.")
    store = open_store(location)
    with pytest.raises(IndexMismatchError, match=r"model fake .* this is other") as caught:
        store.open(FakeEncoder("other").identity, allow_previous=True)
    assert (caught.value.expected, caught.value.found) == (
        "other (9 dimensions)",
        "fake (9 dimensions)",
    )
    assert "qa-app build --model other" in caught.value.hint
    store.open(FakeEncoder().identity).close()


def test_a_sound_generation_is_checked(location: Location) -> None:
    write_sample(location, "Road safety.", "Data sharing.")
    checked, faults, generation = open_store(location).check()
    assert checked > 0
    assert faults == ()
    assert generation is not None
    with generation:
        assert generation.passage(1).text == "Data sharing."


def test_readers_keep_to_their_generation(desk: Desk) -> None:
    desk.write("facets.toml", FACETS)
    desk.build()
    settings = Settings(index=desk.location, reader="none")
    with (
        desk.store.open(desk.encoder.identity) as old,
        open_from_settings(settings, desk.encoder) as index,
    ):
        before, snapshot = _everything(old), index.snapshot()
        found = snapshot.search("road board in Kent")
        desk.write("roads.md", REPORTS["roads.md"].replace("rose", "fell by much"))
        desk.write("data.md", "# Data\n\nData sharing began in Kent.\n")
        (desk.corpus / "board.md").unlink()
        assert desk.build().generation == "000002"
        assert _everything(old) == before
        # An open index follows; a request that has begun does not.
        assert index.snapshot().generation.name == "000002"
        assert index.search("data sharing")[0].passage.document == "data.md"
        assert snapshot.search("road board in Kent") == found
        # Two more: an index keeps one earlier generation. Who reads an older one gets the same
        # from it, or is told.
        for number, name in ((3, "facets.toml"), (4, "data.md")):
            (desk.corpus / name).unlink()
            assert desk.build().generation == f"00000{number}"
        assert desk.everything() != before
        told = ""
        try:
            assert _everything(old) == before
        except StoreError as exc:
            told = exc.full_message
        assert not told or "Generation 000001 was replaced" in told


def _numbered(number: int) -> list[str]:
    """Return two passages, or three if the number is odd."""
    return [f"{word} {number}." for word in ("Road", "Data", "New")[: 2 + number % 2]]


def test_readers_see_whole_generations_while_builds_go_on(location: Location) -> None:
    write_sample(location, *_numbered(0))
    done, seen, store = threading.Event(), [], open_store(location)

    def read() -> None:
        while not done.is_set():
            with store.open() as generation:
                rows = range(generation.num_passages)
                seen.append((generation.name, [p.text for p in generation.passages(rows)]))

    # One: CPython 3.11's parser, which numpy reads a file's head with, cannot be in two threads.
    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 8):
        write_sample(location, *_numbered(number))
    done.set()
    reader.join()
    assert len(seen) > 2
    for name, texts in seen:
        assert texts == _numbered(int(name) - 1)


# Builds


def _counts(report: BuildReport) -> tuple[int, int, int, int, int]:
    """Return added, changed, removed, unchanged, embedded."""
    given = report.added, report.changed, report.removed, report.unchanged
    return (*given, report.embedded)


def test_a_build_does_what_has_changed(desk: Desk) -> None:
    first = desk.build()
    assert (first.generation, _counts(first)) == ("000001", (2, 0, 0, 0, 3))
    current = desk.store.current()
    again = desk.build()
    assert (again.generation, _counts(again)) == ("000001", (0, 0, 0, 2, 0))
    assert (desk.store.current(), desk.encoder.encoded) == (current, [])

    desk.write("roads.md", REPORTS["roads.md"].replace("fell", "doubled"))
    report = desk.build()
    assert (report.generation, _counts(report)) == ("000002", (0, 1, 0, 1, 1))
    assert desk.encoder.encoded == ["Roads > Money\nFunding doubled."]
    with desk.store.open() as generation:
        assert [p.text for p in generation.passages(range(3))] == [
            "The board met in Kent.",
            "Road safety rose in Surrey.",
            "Funding doubled.",
        ]


def test_a_removed_document_is_gone_from_everything(desk: Desk) -> None:
    desk.write("facets.toml", FACETS)
    desk.build()
    with desk.store.open() as generation:
        assert "road" in generation.lexical
        before = generation.lexical.idf(["board"])["board"]
    (desk.corpus / "roads.md").unlink()
    assert _counts(desk.build()) == (0, 0, 1, 1, 0)
    with open_from_settings(Settings(index=desk.location, reader="none"), desk.encoder) as index:
        snapshot = index.snapshot()
        assert {r.passage.document for r in snapshot.search("road funding")} == {"board.md"}
        assert snapshot.search("road", mode=Mode.LEXICAL) == ()
        for filters in ({"document": ["roads.md"]}, {"force": ["Surrey"]}):
            with pytest.raises(QueryError):
                snapshot.search("board", filters=filters)
        assert snapshot.filters().values["force"] == {"Kent": 1}
        assert snapshot.status()["documents"] == 1
        with pytest.raises(QueryError):
            snapshot.document("roads.md")
        generation = snapshot.generation
        assert "road" not in generation.lexical
        assert generation.lexical.idf(["board"])["board"] < before
        assert generation.rows_tagged("force", "Surrey").tolist() == []


def test_moved_documents_and_changed_facets_embed_nothing(desk: Desk) -> None:
    desk.build()
    (desk.corpus / "2024").mkdir()
    (desk.corpus / "roads.md").rename(desk.corpus / "2024" / "streets.md")
    assert _counts(desk.build()) == (1, 0, 1, 1, 0)
    with desk.store.open() as generation:
        assert [record.path for record in generation.documents] == ["2024/streets.md", "board.md"]
        assert generation.document_rows("roads.md") == range(0)
        assert {p.document for p in generation.passages([0, 1])} == {"2024/streets.md"}
        assert "force" not in generation.facets()

    desk.write("facets.toml", FACETS)
    report = desk.build()
    assert (report.generation, _counts(report)) == ("000003", (0, 0, 0, 2, 0))
    with desk.store.open() as generation:
        assert generation.rows_tagged("force", "Kent").tolist() == [2]
        assert generation.passage(2).tags["force"] == ("Kent",)
        assert generation.file("facets.toml") == FACETS
    desk.write("facets.toml", FACETS.replace('"Kent" = []', '"Essex" = ["Kent"]'))
    desk.build()
    with desk.store.open() as generation:
        assert generation.facet_values("force") == ("Essex", "Surrey")
    assert desk.encoder.encoded == []


def test_a_rebuild_or_another_model_embeds_everything(desk: Desk) -> None:
    desk.build()
    before = desk.everything()
    report = desk.build(rebuild=True)
    assert (report.generation, _counts(report)) == ("000002", (0, 0, 0, 2, 3))
    assert desk.everything() == before

    assert (desk.build(language="french").generation, desk.encoder.encoded) == ("000003", [])
    with desk.store.open() as generation:
        assert generation.lexical.analyser.language == "french"
    # The language is the index's own from then on.
    assert desk.build().generation == "000003"
    other = FakeEncoder("other")
    assert (desk.build(other).embedded, len(other.encoded)) == (3, 3)
    with pytest.raises(IndexMismatchError, match="fake"):
        desk.store.open(desk.encoder.identity)


def test_builds_one_after_another_equal_a_clean_one(
    desk: Desk, tmp_path: Path, new_location: Callable[[], Location]
) -> None:
    desk.build()
    desk.write("roads.md", REPORTS["roads.md"].replace("fell", "doubled"))
    desk.write("copy.md", REPORTS["roads.md"])
    desk.build()
    (desk.corpus / "board.md").rename(desk.corpus / "committee.md")
    desk.write(
        "data.md", "# Data\n\nData sharing began 🚓, " + "and road after road " * 9 + "fell.\n"
    )
    desk.write("facets.toml", FACETS)
    desk.build()
    clean = Desk(tmp_path / "clean", new_location())
    clean.corpus = desk.corpus
    clean.build()
    ours, theirs = desk.everything(), clean.everything()
    # A store may keep the mean length that it had, if that changes scores by a hundredth at most.
    pairs = [np.frombuffer(each.pop("bm25"), dtype=np.float32) for each in (ours, theirs)]
    np.testing.assert_allclose(*pairs, rtol=0.01)
    assert ours == theirs
    assert verify(desk.location).bad == ()


# Builds that fail, and two at once


class Interrupted(FakeEncoder):
    """Embeds a number of texts, then is stopped."""

    def __init__(self, texts: int, name: str = "fake") -> None:
        super().__init__(name)
        self._texts = texts

    def encode_documents(
        self, texts: Sequence[str], progress: Progress | None = None, keep: Keep | None = None
    ) -> FloatArray:
        super().encode_documents(texts[: self._texts], progress, keep)
        raise KeyboardInterrupt


def test_what_an_interrupted_build_has_embedded_is_kept(desk: Desk) -> None:
    with pytest.raises(KeyboardInterrupt):
        desk.build(Interrupted(2))
    with pytest.raises(IndexNotFoundError):
        desk.store.open()
    with pytest.raises(CorpusError):
        desk.build(corpus=desk.corpus / "none")
    report = desk.build()
    assert (report.generation, report.embedded, report.passages) == ("000001", 1, 3)
    assert desk.encoder.encoded == ["Roads > Money\nFunding fell."]
    with desk.store.open() as generation:
        texts = map(searchable_text, generation.passages(range(3)))
        vectors = FakeEncoder().encode_documents(list(texts)).astype(np.float16)
        np.testing.assert_array_equal(generation.stored_vectors(np.arange(3)), vectors)
        hashes = generation.content_hashes()
    # Published, and so no longer kept beside.
    with desk.store.lock(), desk.store.unpublished(desk.encoder.identity) as kept:
        assert not any(digest in kept for digest in hashes)


def test_failed_builds_change_nothing(desk: Desk) -> None:
    desk.build()
    before, current = desk.everything(), desk.store.current()
    desk.write("data.md", "# Data\n\nData sharing began.\n\n## More\n\nThe board began it.\n")
    with pytest.raises(KeyboardInterrupt):
        desk.build(Interrupted(1))
    assert (desk.everything(), desk.store.current()) == (before, current)
    for path in desk.corpus.iterdir():
        path.write_text("")
    with pytest.raises(CorpusError):
        desk.build()
    assert (desk.everything(), desk.store.current()) == (before, current)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, None])
def test_a_writer_left_before_its_end_leaves_nothing(
    location: Location, error: type[BaseException] | None
) -> None:
    store = open_store(location)
    write_sample(location, "One.")

    def leave() -> None:
        with store.lock(), store.writer() as writer:
            writer.add(make_document("b.txt", ["Two.", "Three."]))
            writer.add_file("topics.json", "{}")
            writer.add_tokens([0], np.zeros((2, 2), dtype=np.uint8))
            if error:
                raise error

    if error:
        with pytest.raises(error):
            leave()
    else:
        leave()
    assert store.current().name == "000001"
    with store.open() as generation:
        assert [record.path for record in generation.documents] == ["a.txt"]
        assert generation.file("topics.json") == ""
    assert write_sample(location, "Four.") == "000002"


def test_the_second_of_two_builds_is_told(desk: Desk) -> None:
    desk.build()
    desk.write("data.md", "# Data\n\nData sharing began.\n")
    other = open_store(desk.location)
    with other.lock():
        with pytest.raises(IndexLockedError, match="Another build") as caught:
            desk.build()
        assert "Wait" in caught.value.hint
        with desk.store.open() as generation:  # readers are not held up
            assert generation.num_passages == 3
        assert desk.store.current().name == "000001"
    assert desk.build().generation == "000002"
    with pytest.raises(StoreError), other.lock(), desk.store.lock():
        pass
    with other.lock():
        pass


def test_unpublished_vectors_are_kept_and_forgotten(location: Location) -> None:
    store, model = open_store(location), FakeEncoder().identity
    keys = [bytes([number]) * 32 for number in range(4)]
    vectors = np.eye(4, model.dimension, dtype=np.float32) / 3
    codes = [np.full((number, 2), number, dtype=np.uint8) for number in range(4)]

    def kept(rebuild: bool = False, **changes: str) -> list[bool]:
        given = FakeEncoder(changes.get("name", "fake")).identity
        with store.unpublished(given, rebuild) as unpublished:
            return [key in unpublished for key in keys]

    with store.lock():
        for some in (range(2), range(2, 3)):  # two builds after another
            with store.unpublished(model) as unpublished:
                for n in some:
                    unpublished.add(keys[n], vectors[n], codes[n])
        with store.unpublished(model) as unpublished:
            assert [key in unpublished for key in keys] == [True, True, True, False]
            for n in (2, 0, 1):
                vector, tokens = unpublished.get(keys[n])
                assert vector.dtype == np.float16
                np.testing.assert_array_equal(vector, vectors[n].astype(np.float16))
                assert (tokens.dtype, tokens.tolist()) == (np.uint8, codes[n].tolist())
        store.forget_unpublished()
        store.forget_unpublished()
        assert kept() == [False] * 4
        with store.unpublished(model) as unpublished:
            unpublished.add(keys[0], np.full(model.dimension, np.nan, dtype=np.float32), codes[0])
            unpublished.add(keys[1], vectors[1], codes[1])
        assert kept() == [False, True, False, False]
        assert kept(name="other") == [False] * 4
    write_sample(location, "Road.")
    with store.lock():
        with store.unpublished(model) as unpublished:
            unpublished.add(keys[0], vectors[0], codes[0])
        assert kept(rebuild=True) == [False] * 4
    assert write_sample(location, "One.") == "000002"
