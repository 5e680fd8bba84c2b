"""What a build has embedded is read back as it was written, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.models import ModelIdentity
from qa_app.store.embedded import unpublished
from qa_app.store.embedded.unpublished import UNPUBLISHED_FILE, UnpublishedFile, forget_unpublished

MODEL = FakeEncoder().identity
KEYS = [bytes([number]) * 32 for number in range(3)]
CODES = np.arange(6, dtype=np.uint8).reshape(3, 2)
RECORD = 32 + 38 + 2 * MODEL.dimension + CODES.nbytes


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index folder whose build was interrupted after three texts."""
    with UnpublishedFile(tmp_path, MODEL) as kept:
        for number, key in enumerate(KEYS):
            kept.add(key, np.full(MODEL.dimension, number / 4, dtype=np.float32), CODES + number)
    return tmp_path


def _kept(index: Path, model: ModelIdentity = MODEL, rebuild: bool = False) -> list[bool]:
    with UnpublishedFile(index, model, rebuild) as kept:
        return [key in kept for key in KEYS]


def test_vectors_and_codes_are_read_back(index: Path) -> None:
    with UnpublishedFile(index, MODEL) as kept:
        for number, key in enumerate(KEYS):
            vector, codes = kept.get(key)
            np.testing.assert_array_equal(vector, np.full(MODEL.dimension, number / 4))
            np.testing.assert_array_equal(codes, CODES + number)


@pytest.mark.parametrize("cut", [1, 40, RECORD - 1])
def test_a_record_cut_short_is_written_again(index: Path, cut: int) -> None:
    path = index / UNPUBLISHED_FILE
    path.write_bytes(path.read_bytes()[:-cut])
    with UnpublishedFile(index, MODEL) as kept:
        assert [key in kept for key in KEYS] == [True, True, False]
        kept.add(KEYS[2], np.ones(MODEL.dimension, dtype=np.float32), CODES)
    assert _kept(index) == [True, True, True]


def test_no_flipped_byte_is_read(index: Path) -> None:
    path = index / UNPUBLISHED_FILE
    content = path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 0x40
        path.write_bytes(flipped)
        sound = max(0, place - 32) // RECORD if place >= 32 else 0
        assert _kept(index) == [number < sound for number in range(3)], place


def test_another_model_or_a_rebuild_starts_anew(index: Path) -> None:
    content = (index / UNPUBLISHED_FILE).read_bytes()
    assert _kept(index, FakeEncoder("other").identity) == [False] * 3
    (index / UNPUBLISHED_FILE).write_bytes(content)
    assert _kept(index, rebuild=True) == [False] * 3


def test_vectors_that_are_no_numbers_are_not_kept(tmp_path: Path) -> None:
    with UnpublishedFile(tmp_path, MODEL) as kept:
        kept.add(KEYS[0], np.full(MODEL.dimension, np.nan, dtype=np.float32), CODES)
    assert _kept(tmp_path) == [False] * 3


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpublished, "_MOST_BYTES", 32 + RECORD)
    with UnpublishedFile(tmp_path, MODEL) as kept:
        for key in KEYS:
            kept.add(key, np.ones(MODEL.dimension, dtype=np.float32), CODES)
    assert _kept(tmp_path) == [True, False, False]


def test_it_is_forgotten(index: Path) -> None:
    forget_unpublished(index)
    forget_unpublished(index)
    assert list(index.iterdir()) == []
