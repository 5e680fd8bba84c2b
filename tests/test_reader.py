"""A reader finds the words that answer: the library's numbers, spans by hand, the real weights."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from qa_app import reader as reader_module
from qa_app.api import reader_for
from qa_app.embedding import model_libraries
from qa_app.errors import EmbeddingError
from qa_app.models import Passage
from qa_app.reader import ExtractiveReader, PassageReading, Span, best_span, header
from qa_app.settings import Settings
from support.tiny_models import make_encoder, make_reader


def _passage(text: str, title: str = "") -> Passage:
    return Passage("p", "a.txt", title, (), 0, len(text), text, ())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_reader(tmp_path_factory.mktemp("models") / "tiny")


def test_logits_are_the_librarys(folder: Path) -> None:
    text = "the board of road safety"
    (found,) = ExtractiveReader(str(folder)).read("which board", [_passage(text, "report")])
    with model_libraries() as (torch, transformers, dtype):
        model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder, dtype=dtype)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        with torch.inference_mode():
            out = model.eval()(**tokenizer("which board", f"report. {text}", return_tensors="pt"))
    starts, ends = out.start_logits[0].float().numpy(), out.end_logits[0].float().numpy()
    # [CLS] which board [SEP] report . the board of road safety [SEP]
    np.testing.assert_allclose(found.starts, starts[6:11], atol=0.02)
    np.testing.assert_allclose(found.ends, ends[6:11], atol=0.02)
    assert found.none == pytest.approx(float(starts[0] + ends[0]), abs=0.04)
    assert [text[a:b] for a, b in found.offsets] == ["the", "board", "of", "road", "safety"]


def test_passages_come_back_in_their_order(folder: Path) -> None:
    reader = ExtractiveReader(str(folder))
    texts = ["the data of the board is road safety", "data", "violence report"] * 12
    found = reader.read("which", [_passage(text) for text in texts])
    assert [len(item.starts) for item in found] == [8, 1, 2] * 12
    np.testing.assert_array_equal(found[0].starts, found[33].starts)


def test_a_reading_does_not_depend_on_what_else_is_read(folder: Path) -> None:
    reader = ExtractiveReader(str(folder))
    passages = [_passage("data of the board " * length) for length in range(1, 9)]
    alone = [reader.read("which board", [passage])[0] for passage in passages]
    with ThreadPoolExecutor(8) as askers:
        crowd = list(askers.map(lambda _: reader.read("which board", passages), range(8)))
    for found in crowd:
        for one, other in zip(alone, found, strict=True):
            np.testing.assert_array_equal(one.starts, other.starts)
            np.testing.assert_array_equal(one.ends, other.ends)
            assert one.none == other.none


def test_a_span_ends_where_it_begins_or_later() -> None:
    starts = np.array([0.0, 5.0, 1.0, 4.0], dtype=np.float32)
    ends = np.array([9.0, 0.0, 3.0, 3.5], dtype=np.float32)
    # The best end stands before the best start: 1 to 3 is 8.5, 0 to 0 is 9.
    assert best_span(starts, ends) == (0, 0)
    assert best_span(starts[1:], ends[1:]) == (0, 2)


def test_a_span_is_not_longer_than_an_answer() -> None:
    starts, ends = np.zeros(60, dtype=np.float32), np.zeros(60, dtype=np.float32)
    starts[0], ends[59], ends[39] = 3.0, 9.0, 1.0
    first, last = best_span(starts, ends)
    assert last - first < reader_module.MOST_SPAN_TOKENS
    assert last == 59


def test_the_best_span_of_a_stretch() -> None:
    offsets = np.array([(0, 2), (3, 5), (6, 8), (9, 11)], dtype=np.int32)
    starts = np.array([4.0, 1.0, 0.0, 2.0], dtype=np.float32)
    ends = np.array([4.0, 0.0, 1.0, 3.0], dtype=np.float32)
    found = PassageReading(starts, ends, offsets, none=2.0)
    whole, part = found.best(), found.best(3, 8)
    assert whole == Span(0, 2, 6.0)
    assert part == Span(3, 8, 0.0)
    assert found.best(12) is None


def test_title_and_last_headings_stand_before_the_text() -> None:
    section = ("Part 1", "Findings", "Custody")
    assert header("Annual report", section) == "Annual report. Findings. Custody."
    assert header("Annual report", section, "Surrey") == "Surrey. Annual report. Findings. Custody."
    assert header("") == ""
    assert header("Surrey", value="Surrey") == "Surrey."


def test_what_is_no_reader_is_refused(tmp_path: Path, folder: Path) -> None:
    encoder = make_encoder(tmp_path / "encoder")
    with pytest.raises(EmbeddingError, match="is no extractive reader"):
        ExtractiveReader(str(encoder))
    with pytest.raises(EmbeddingError, match="There is no model 'nobody/nothing'"):
        ExtractiveReader("nobody/nothing")
    unsafe = shutil.copytree(folder, tmp_path / "unsafe")
    (unsafe / "modeling.py").write_text("")
    with pytest.raises(EmbeddingError, match=r"holds modeling\.py"):
        ExtractiveReader(str(unsafe))
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "tokenizer.json").unlink()
    with pytest.raises(EmbeddingError, match=r"holds no tokenizer\.json"):
        ExtractiveReader(str(bare)).load()


def test_a_reader_is_known_by_name_and_weights(folder: Path) -> None:
    identity = ExtractiveReader(str(folder)).identity
    assert identity.name == "tiny"
    assert len(identity.weights_sha256) == 64
    assert reader_for(Settings(reader="none")) is None


def test_weights_that_were_changed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(EmbeddingError, match="not the published ones"):
        ExtractiveReader().load()


@pytest.mark.model
def test_our_reader_finds_the_words_and_tells_none() -> None:
    reader = ExtractiveReader()
    about = _passage(
        "The new board was set up in March 2021 and is chaired by Dame Mary Holt. Its first task "
        "was to agree how the two forces would share the cost of the shared control room.",
        "Review of the control room",
    )
    other = _passage("Road safety work went on as before, with fewer vans on the county's roads.")
    chair, none = reader.read("Who chairs the new board?", [about, other])
    span = chair.best()
    assert span is not None
    assert "Mary Holt" in about.text[span.start : span.end]
    nothing = none.best()
    assert nothing is not None
    assert span.score > 0 > nothing.score
