"""Generations: what is written comes back, and only a whole one is ever served."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.errors import (
    IndexCorruptError,
    IndexLockedError,
    IndexMismatchError,
    IndexNotFoundError,
    StoreError,
)
from qa_app.models import (
    BlockKind,
    LeadIn,
    Sentence,
)
from qa_app.store.contents import write_generation
from qa_app.store.documents import IndexedDocument, searchable_text
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


def test_any_folder_name_will_do(tmp_path: Path) -> None:
    index = tmp_path / "a b?c#d%20&é"
    write_sample(index, "One.")
    with open_generation(index) as generation:
        assert generation.passage(0).text == "One."


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


def test_the_live_generation_and_the_one_before_are_kept(tmp_path: Path) -> None:
    names = [write_sample(tmp_path, f"Number {number}.") for number in range(4)]
    assert names == ["000001", "000002", "000003", "000004"]
    kept = sorted(path.name for path in (tmp_path / "generations").iterdir())
    assert kept == ["000003", "000004"]


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
