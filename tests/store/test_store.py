"""Generations: what is written comes back, and only a whole one is ever served."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.errors import (
    IndexCorruptError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    QueryError,
    StoreError,
)
from qa_app.models import (
    Block,
    BlockKind,
    Document,
    Failure,
    LeadIn,
    MetadataField,
    Passage,
    Sentence,
    SourceRun,
)
from qa_app.store.contents import write_generation
from qa_app.store.documents import IndexedDocument, SourceStamp, searchable_text
from qa_app.store.embedded.generation import last_manifest, open_generation
from qa_app.store.embedded.publishing import build_lock
from qa_app.store.manifest import (
    FORMAT_VERSION,
    generation_folder,
    parse_manifest,
    read_current,
    read_manifest,
)
from support.store_samples import make_contents, make_document, write_sample


def _full_document() -> IndexedDocument:
    """A document with something in every field; 🚓 is one character, and so is a NUL."""
    text = "Roads 🚓\n3.1 We found:\n- Safety rose.\n- Funding\0fell."
    blocks = (
        Block(0, 7, BlockKind.HEADING, 1),
        Block(12, 21, BlockKind.PARAGRAPH, 0, "3.1"),
        Block(24, 36, BlockKind.LIST_ITEM, 1),
        Block(39, 52, BlockKind.LIST_ITEM, 1),
    )
    document = Document(
        path="2024/roads.pdf",
        format="pdf",
        title="Roads",
        text=text,
        blocks=blocks,
        page_starts=(0, 22),
        page_labels=("i", "ii"),
        source_runs=(SourceRun(0, 7, 1, 0), SourceRun(24, 12, 2, -1, (0.1, 0.2, 0.3, 0.4))),
        metadata=(
            MetadataField("date", "2024", "info"),
            MetadataField("ocr", "pages 2 to 3 and 7", "tesseract"),
        ),
        warnings=("page 3 has no text",),
    )
    passage = Passage(
        id="2024/roads.pdf:8-52",
        document="2024/roads.pdf",
        title="Roads",
        section=("Roads 🚓",),
        start=8,
        end=52,
        text=text[8:52],
        sentences=(
            Sentence(12, 21),
            Sentence(24, 36, BlockKind.LIST_ITEM, (12, 21)),
            Sentence(39, 52, BlockKind.LIST_ITEM, (12, 21)),
        ),
        page=1,
        label="3.1",
        tags={"force": ("Kent", "Surrey"), "year": ("2024",)},
        ocr_pages=frozenset({2, 3, 7}),
    )
    stamp = SourceStamp(99, 1234567890123456789, "a" * 64, True, (("title", "Roads"),))
    return IndexedDocument(document, stamp, (passage,))


def test_everything_written_comes_back_equal(tmp_path: Path) -> None:
    item, plain = _full_document(), make_document("z.txt", ["Data sharing.", "Road safety."])
    contents = dataclasses.replace(
        make_contents(item, plain),
        corpus=tmp_path / "reports",
        failures=(Failure("x.doc", "old", "convert it"), Failure("\udce9.doc", "half a name")),
        warnings=(Failure("2024/roads.pdf", "page 3 has no text"),),
    )
    assert write_generation(tmp_path / "index", contents) == "000001"

    with open_generation(tmp_path / "index", FakeEncoder().identity) as generation:
        assert generation.document("2024/roads.pdf") == item.document
        assert generation.document("z.txt") == plain.document
        assert generation.passages(range(3)) == item.passages + plain.passages
        assert generation.passages([2, 0, 2]) == (
            plain.passages[1],
            item.passages[0],
            plain.passages[1],
        )
        assert generation.passage(1) == plain.passages[0]
        first, second = generation.documents
        assert (first.path, first.pages, first.passages, first.source) == (
            "2024/roads.pdf",
            2,
            1,
            item.source,
        )
        assert first.metadata == item.document.metadata
        assert first.warnings == item.document.warnings
        assert second.rows == generation.document_rows("z.txt") == range(1, 3)
        assert generation.document_rows("none.txt") == range(0)
        assert generation.row_of("2024/roads.pdf:8-52") == 0
        assert generation.row_of("2024/roads.pdf:8-53") is None
        assert generation.manifest.failures == contents.failures
        assert generation.manifest.warnings == contents.warnings
        assert generation.manifest.corpus == "../reports"
        assert generation.manifest.corpus_folder(tmp_path / "index") == tmp_path / "reports"
        assert generation.lexical.num_passages == 3


@pytest.mark.parametrize("before", ["Roads.", "A NUL\0."])
def test_a_lead_in_outside_its_passage_comes_back(tmp_path: Path, before: str) -> None:
    plain = make_document("a.txt", [before, "We found:", "Safety rose."])
    lead = plain.passages[1]
    found = LeadIn(lead.start, lead.end, "We found:", 1)
    item = plain.passages[2]
    item = dataclasses.replace(
        item,
        lead_in=found,
        sentences=(Sentence(item.start, item.end, BlockKind.LIST_ITEM, (lead.start, lead.end)),),
    )
    document = dataclasses.replace(plain.document, page_starts=(0,))
    whole = IndexedDocument(document, plain.source, (*plain.passages[:2], item))
    write_generation(tmp_path / "index", make_contents(whole))
    with open_generation(tmp_path / "index", FakeEncoder().identity) as generation:
        assert generation.passages(range(3)) == whole.passages


def test_rows_are_found_by_tag(tmp_path: Path) -> None:
    kent = make_document("a.txt", ["One.", "Two."], {"force": ("Kent",), "year": ("2023",)})
    both = make_document("b.txt", ["Three."], {"force": ("Surrey", "Kent")})
    write_generation(tmp_path, make_contents(kent, both))
    with open_generation(tmp_path) as generation:
        assert generation.facets() == ("force", "year")
        assert generation.facet_values("force") == ("Kent", "Surrey")
        assert generation.facet_values("colour") == ()
        assert generation.rows_tagged("force", "Kent").tolist() == [0, 1, 2]
        assert generation.rows_tagged("force", "Surrey").tolist() == [2]
        assert generation.rows_tagged("force", "Mars").dtype == np.int64
        assert generation.rows_tagged("force", "Mars").tolist() == []


def test_a_question_finds_its_passage(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety rose.", "Data sharing improved.", "Funding fell.")
    encoder = FakeEncoder()
    with open_generation(tmp_path, encoder.identity) as generation:
        scores, rows = generation.vectors.search(encoder.encode_queries(["data sharing"]), 1)
        assert generation.passage(int(rows[0, 0])).text == "Data sharing improved."
        assert scores[0, 0] == pytest.approx(1.0, abs=1e-3)
        assert generation.lexical.scores(["fund"]).best(1).tolist() == [2]


def test_any_folder_name_will_do(tmp_path: Path) -> None:
    index = tmp_path / "a b?c#d%20&é"
    write_sample(index, "One.")
    with open_generation(index) as generation:
        assert generation.passage(0).text == "One."


def test_unknown_rows_and_documents_are_named(tmp_path: Path) -> None:
    write_sample(tmp_path, "One.")
    with open_generation(tmp_path) as generation:
        with pytest.raises(IndexError, match="row 7"):
            generation.passages([0, 7])
        with pytest.raises(QueryError, match=r"no document 'b\.txt'"):
            generation.document("b.txt")


def test_more_rows_than_one_query_takes(tmp_path: Path) -> None:
    write_sample(tmp_path, *(f"Paragraph {number}." for number in range(2500)))
    rows = list(range(2499, -1, -1))
    with open_generation(tmp_path) as generation:
        texts = [passage.text for passage in generation.passages(rows)]
    assert texts == [f"Paragraph {row}." for row in rows]


def test_context_is_searched_but_not_part_of_the_passage() -> None:
    passage = make_document("a.txt", ["One."]).passages[0]
    assert searchable_text(passage) == "a.txt > Findings\nOne."
    bare = dataclasses.replace(passage, title="", section=())
    assert searchable_text(bare) == "One."


def test_a_passage_must_be_the_documents_words(tmp_path: Path) -> None:
    item = make_document("a.txt", ["One.", "Two."])
    wrong = dataclasses.replace(item.passages[0], text="Own.")
    contents = make_contents(dataclasses.replace(item, passages=(wrong, item.passages[1])))
    with pytest.raises(ValueError, match="not the words of a"):
        write_generation(tmp_path, contents)
    with pytest.raises(IndexNotFoundError):
        open_generation(tmp_path)
    assert list((tmp_path / "generations").iterdir()) == []


def test_a_passage_id_is_used_once(tmp_path: Path) -> None:
    item = make_document("a.txt", ["One."])
    twice = dataclasses.replace(item, passages=item.passages * 2)
    with pytest.raises(ValueError, match=r"passages\.id"):
        write_generation(tmp_path, make_contents(twice))


def test_embeddings_must_fit_the_passages(tmp_path: Path) -> None:
    contents = make_contents(make_document("a.txt", ["One.", "Two."]))
    short = dataclasses.replace(contents, embeddings=contents.embeddings[:1])
    with pytest.raises(ValueError, match=r"\(1, 9\); there are 2 passages"):
        write_generation(tmp_path, short)
    with pytest.raises(ValueError, match="there are 0 passages"):
        write_generation(tmp_path, dataclasses.replace(contents, documents=()))


def test_the_live_generation_and_the_one_before_are_kept(tmp_path: Path) -> None:
    names = [write_sample(tmp_path, f"Number {number}.") for number in range(4)]
    assert names == ["000001", "000002", "000003", "000004"]
    kept = sorted(path.name for path in (tmp_path / "generations").iterdir())
    assert kept == ["000003", "000004"]


def test_an_open_generation_outlives_its_files(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    write_sample(tmp_path, "Road safety.", "Data sharing.")
    with open_generation(tmp_path) as old:
        for number in range(3):
            write_sample(tmp_path, f"Number {number}.")
        assert not old.folder.exists()
        _, rows = old.vectors.search(encoder.encode_queries(["data sharing"]), 1)
        assert old.passage(int(rows[0, 0])).text == "Data sharing."
        assert old.lexical.scores(["road"]).at(np.array([0]))[0] > 0


def test_leftovers_of_a_killed_build_are_cleared_away(tmp_path: Path) -> None:
    write_sample(tmp_path, "One.")
    generations = tmp_path / "generations"
    (generations / ".building").mkdir()
    (generations / ".building" / "passages.sqlite").write_bytes(b"half")
    (generations / "000002").mkdir()  # renamed, never made live
    (tmp_path / "CURRENT.new").write_bytes(b"0000")
    assert write_sample(tmp_path, "Two.") == "000002"
    assert sorted(path.name for path in generations.iterdir()) == ["000001", "000002"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CURRENT", "LOCK", "generations"]


def test_readers_see_whole_generations_while_builds_go_on(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road 0.", "Data 0.")
    done = threading.Event()
    seen: list[list[str]] = []

    def read() -> None:
        while not done.is_set():
            with open_generation(tmp_path) as generation:
                seen.append([p.text for p in generation.passages(range(generation.num_passages))])

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 15):
        write_sample(tmp_path, f"Road {number}.", f"Data {number}.")
    done.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 2
    assert all(
        texts == [f"Road {t[5:-1]}.", f"Data {t[5:-1]}."] for texts in seen for t in texts[:1]
    )


# Damage


def _files(index: Path) -> list[Path]:
    folder = generation_folder(index, read_current(index).name)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_every_truncated_file_is_refused_by_name(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.", "Data sharing.")
    for path in _files(tmp_path):
        whole = path.read_bytes()
        for size in sorted({0, 1, len(whole) // 2, len(whole) - 1}):
            path.write_bytes(whole[:size])
            with pytest.raises(IndexCorruptError, match=path.name) as caught:
                open_generation(tmp_path)
            assert "qa-app build" in caught.value.hint
        path.write_bytes(whole)
    open_generation(tmp_path).close()


def test_every_flipped_byte_is_refused_by_name(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.", "Data sharing.")
    generator = np.random.default_rng(5)
    for path in _files(tmp_path):
        whole = path.read_bytes()
        for place in generator.integers(len(whole), size=25):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << int(generator.integers(8))
            path.write_bytes(flipped)
            with pytest.raises(IndexCorruptError, match=path.name):
                open_generation(tmp_path)
        path.write_bytes(whole)
    open_generation(tmp_path).close()


def test_every_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.")
    for path in _files(tmp_path):
        whole = path.read_bytes()
        path.unlink()
        with pytest.raises(IndexCorruptError, match=f"{path.name}.* missing"):
            open_generation(tmp_path)
        path.write_bytes(whole)


@pytest.mark.parametrize(
    "content", [b"", b"000001", b"000001 xyz\n", b"../../x " + b"0" * 64, b"\xff"]
)
def test_a_damaged_pointer_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    write_sample(tmp_path, "Road safety.")
    (tmp_path / "CURRENT").write_bytes(content)
    with pytest.raises(IndexCorruptError, match="CURRENT") as caught:
        open_generation(tmp_path)
    assert "qa-app build" in caught.value.hint


def test_no_index_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFoundError, match="no index in") as caught:
        open_generation(tmp_path / "none")
    assert caught.value.hint == "Build one: qa-app build"


@pytest.mark.parametrize("name", ["manifest.json", "passages.sqlite", "embeddings.npy"])
def test_the_generation_before_serves_where_allowed(tmp_path: Path, name: str) -> None:
    write_sample(tmp_path, "Road safety.")
    write_sample(tmp_path, "Data sharing.")
    path = generation_folder(tmp_path, "000002") / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexCorruptError, match=name):
        open_generation(tmp_path)
    with open_generation(tmp_path, allow_previous=True) as generation:
        assert generation.name == "000001"
        assert generation.passage(0).text == "Road safety."
        assert name in generation.fallback


def test_a_sound_generation_serves_without_its_pointer(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.")
    write_sample(tmp_path, "Data sharing.")
    (tmp_path / "CURRENT").write_bytes(b"?")
    with open_generation(tmp_path, allow_previous=True) as generation:
        assert generation.name == "000002"
        assert "CURRENT" in generation.fallback


def test_the_last_manifest_is_found_in_a_damaged_index(tmp_path: Path) -> None:
    assert last_manifest(tmp_path) is None
    write_sample(tmp_path, "Road safety.")
    write_sample(tmp_path, "Data sharing.")
    assert last_manifest(tmp_path) == read_manifest(tmp_path)
    path = generation_folder(tmp_path, "000002") / "manifest.json"
    path.write_bytes(b"")
    found = last_manifest(tmp_path)
    assert found is not None
    assert found.generation == "000001"


def test_with_nothing_sound_the_damage_is_named(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.")
    path = generation_folder(tmp_path, "000001") / "embeddings.npy"
    path.write_bytes(b"")
    with pytest.raises(IndexCorruptError, match=r"embeddings\.npy"):
        open_generation(tmp_path, allow_previous=True)


# Mismatch


def test_another_model_is_refused_with_both_names(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.")
    with pytest.raises(IndexMismatchError) as caught:
        open_generation(tmp_path, FakeEncoder("other").identity)
    assert caught.value.message == (
        "The index was made with the model fake (9 dimensions), and this is other (9 dimensions)."
    )
    assert (caught.value.expected, caught.value.found) == (
        "other (9 dimensions)",
        "fake (9 dimensions)",
    )
    assert "--model fake" in caught.value.hint
    assert "qa-app build --model other" in caught.value.hint


def test_other_weights_and_dimensions_are_told_apart(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.")
    same = FakeEncoder().identity
    with pytest.raises(IndexMismatchError, match=r"weights 000000000000….*weights 111111111111…"):
        open_generation(tmp_path, dataclasses.replace(same, weights_sha256="1" * 64))
    with pytest.raises(IndexMismatchError, match=r"9 dimensions.*384 dimensions"):
        open_generation(tmp_path, dataclasses.replace(same, dimension=384))
    with pytest.raises(IndexMismatchError, match=r"256 tokens.*512 tokens"):
        open_generation(tmp_path, dataclasses.replace(same, max_tokens=512))
    open_generation(tmp_path, dataclasses.replace(same, location="elsewhere")).close()


@pytest.mark.parametrize(("version", "remedy"), [(FORMAT_VERSION + 1, "Update"), (0, "Build")])
def test_another_format_is_refused_with_both_numbers(
    tmp_path: Path, version: int, remedy: str
) -> None:
    path = tmp_path / "000001" / "manifest.json"
    # All that is sure about another version's manifest is that it says so.
    with pytest.raises(IndexMismatchError, match=f"format {version};.*{FORMAT_VERSION}") as caught:
        parse_manifest(json.dumps({"format_version": version}).encode(), str(path), "000001")
    assert caught.value.hint.startswith(remedy)
    assert (caught.value.expected, caught.value.found) == (str(FORMAT_VERSION), str(version))


# The manifest


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"passages": "two"}, r"Expected `int`, got `str` - at `\$.passages`"),
        ({"passages": True}, r"Expected `int`, got `bool` - at `\$.passages`"),
        ({"model": None}, r"Expected `object`, got `null` - at `\$.model`"),
        ({"model": {"name": "fake"}}, r"missing required field `weights_sha256` - at `\$.model`"),
        ({"generation": "000009"}, "that of generation 000009, not 000001"),
        ({"files": {"../x": {"size": 1, "sha256": "0" * 64}}}, "outside the generation"),
        ({"files": {"/x": {"size": 1, "sha256": "0" * 64}}}, "outside the generation"),
        ({"files": {"x": {"size": 1, "sha256": "0"}}}, "no SHA-256"),
        (
            {"failures": [{"path": "x", "reason": 1, "hint": ""}]},
            r"Expected `str`, got `int` - at `\$.failures\[0\].reason`",
        ),
    ],
)
def test_a_manifest_is_checked(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    write_sample(tmp_path, "Road safety.")
    path = generation_folder(tmp_path, "000001") / "manifest.json"
    found = json.loads(path.read_bytes())
    with pytest.raises(IndexCorruptError, match=reason):
        parse_manifest(json.dumps(found | change).encode(), str(path), "000001")


def test_a_manifest_comes_back_equal(tmp_path: Path) -> None:
    write_sample(tmp_path, "Road safety.")
    manifest = read_manifest(tmp_path)
    path = generation_folder(tmp_path, "000001") / "manifest.json"
    assert path.read_bytes() == manifest.to_bytes()
    assert sorted(manifest.files) == [
        path.relative_to(
            path.parents[1] if path.parent.name == "lexical" else path.parent
        ).as_posix()
        for path in _files(tmp_path)
        if path.name != "manifest.json"
    ]


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{}", b"\xff\xfe"])
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(IndexCorruptError, match="damaged"):
        parse_manifest(content, "manifest.json", "000001")


# The lock


def test_the_second_builder_is_told_who_is_first(tmp_path: Path) -> None:
    with build_lock(tmp_path):
        with pytest.raises(IndexLockedError, match=rf"\(process {os.getpid()}\)"):
            write_sample(tmp_path, "One.")
        with pytest.raises(IndexNotFoundError):
            open_generation(tmp_path)
    assert write_sample(tmp_path, "One.") == "000001"


def test_an_index_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(b"a file")
    with pytest.raises(StoreError, match=r"index folder .*index cannot be written"):
        write_sample(tmp_path / "index", "One.")
