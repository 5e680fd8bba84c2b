from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_app.errors import IndexCorruptError
from qa_app.store.codes import pack, unpack
from qa_app.store.embedded.tokens import (
    TOKEN_PLACES_FILE,
    TOKENS_FILE,
    EmbeddedTokens,
    TokensWriter,
)


def test_the_sign_of_each_dimension_is_kept() -> None:
    vectors = np.array([[0.5, -0.5, 0.1, 0.0], [-0.9, 0.1, -0.1, 0.4]], dtype=np.float32)
    codes = pack(vectors)
    assert codes.tolist() == [[0b10100000], [0b01010000]]
    assert unpack(codes, 4).tolist() == [[0.5, -0.5, 0.5, -0.5], [-0.5, 0.5, -0.5, 0.5]]


def test_cosines_survive_within_the_theory() -> None:
    # The cosine of a Gaussian vector and its signs is sqrt(2 / pi); what is lost is noise of about
    # 0.6 / sqrt(384) a cosine.
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((500, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    again = unpack(pack(vectors), 384)
    np.testing.assert_allclose(np.linalg.norm(again, axis=1), 1.0, rtol=1e-5)
    assert abs((vectors * again).sum(axis=1).mean() - np.sqrt(2 / np.pi)) < 0.005
    errors = vectors[:1] @ (again[1:] - np.sqrt(2 / np.pi) * vectors[1:]).T
    assert errors.std() < 0.6 / np.sqrt(384) * 1.1


def write(folder: Path, *added: tuple[list[int], list[list[int]]], num_passages: int = 3) -> None:
    writer = TokensWriter(folder)
    for rows, codes in added:
        writer.add(rows, np.array(codes, dtype=np.uint8))
    writer.close(num_passages)


def test_rows_come_back_whatever_the_order(tmp_path: Path) -> None:
    write(tmp_path, ([2, 0], [[7], [8]]), ([1], [[9]]))
    tokens = EmbeddedTokens(tmp_path, 3, 8)
    assert [codes.tolist() for codes in tokens.codes([0, 1, 2])] == [[[7], [8]], [[9]], [[7], [8]]]
    assert (tmp_path / TOKENS_FILE).read_bytes() == bytes([7, 8, 9])


def test_rows_without_tokens_have_none(tmp_path: Path) -> None:
    write(tmp_path, ([1], [[9]]))
    assert [len(codes) for codes in EmbeddedTokens(tmp_path, 3, 8).codes([0, 1, 2])] == [0, 1, 0]


def test_no_tokens_at_all_is_no_error(tmp_path: Path) -> None:
    write(tmp_path)
    assert [len(codes) for codes in EmbeddedTokens(tmp_path, 3, 8).codes([0, 1, 2])] == [0, 0, 0]


@pytest.mark.parametrize(("dimension", "expected"), [(9, 9), (16, 16), (12, 12), (4, 16)])
def test_tokens_may_be_wider_than_passages(tmp_path: Path, dimension: int, expected: int) -> None:
    write(tmp_path, ([0], [[1, 2]]))
    assert EmbeddedTokens(tmp_path, 3, dimension).dimension == expected


@pytest.mark.parametrize("name", [TOKENS_FILE, TOKEN_PLACES_FILE])
def test_a_file_that_is_cut_short_is_refused_by_name(tmp_path: Path, name: str) -> None:
    write(tmp_path, ([0, 1], [[1, 2], [3, 4]]))
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IndexCorruptError, match=name):
        EmbeddedTokens(tmp_path, 3, 16)


def test_the_places_of_other_passages_are_refused(tmp_path: Path) -> None:
    write(tmp_path, ([0], [[1, 2]]))
    with pytest.raises(IndexCorruptError, match=TOKENS_FILE):
        EmbeddedTokens(tmp_path, 4, 16)


def test_a_large_file_is_shared_and_each_passage_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa_app.store.embedded.tokens.LARGE_FILE", 3)
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    write(old, ([0], [[7], [8]]), ([1], [[9]]), ([2], [[6]]))
    writer = TokensWriter(new)
    assert writer.share(EmbeddedTokens(old, 3, 8), np.array([0, 1, 3]), np.array([0, 1, 0]))
    assert writer.shared_files == [TOKENS_FILE]
    writer.add([2], np.array([[5], [4]], dtype=np.uint8))
    writer.close(4)
    assert (new / TOKENS_FILE).samefile(old / TOKENS_FILE)
    tokens = EmbeddedTokens(new, 4, 8)
    assert [codes.tolist() for codes in tokens.codes(range(4))] == [
        [[7], [8]],
        [[9]],
        [[5], [4]],
        [[7], [8]],
    ]
    path = new / "tokens-1.bin"
    path.write_bytes(bytes([5, 5]))
    damaged = EmbeddedTokens(new, 4, 8)
    assert damaged.codes([1])[0].tolist() == [[9]]
    with pytest.raises(IndexCorruptError, match=r"tokens-1\.bin is damaged at passage 2"):
        damaged.codes([2])


def test_files_mostly_dropped_are_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa_app.store.embedded.tokens.LARGE_FILE", 3)
    write(tmp_path, ([0], [[7]]), ([1], [[9], [8], [7]]))
    tokens = EmbeddedTokens(tmp_path, 3, 8)
    assert not TokensWriter(tmp_path).share(tokens, np.array([0]), np.array([0]))
