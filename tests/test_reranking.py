"""A cross-encoder of the real library, made here, within a time of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.api import build_index, open_from_settings, open_index, reranker_for
from qa_app.cli import main
from qa_app.embedding import load_model
from qa_app.errors import EmbeddingError
from qa_app.models import Mode
from qa_app.output.contract import search_json
from qa_app.output.terminal import answer_text, results_text
from qa_app.reranking import Reranker
from qa_app.settings import Settings
from support.tiny_models import make_cross_encoder, make_encoder

QUESTION = "which board"
PASSAGES = [f"{words} report" for words in ("data", "road safety", "violence", "the board", "data")]
PLENTY = 60.0  # seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


def test_scores_are_the_librarys(folder: Path) -> None:
    scores = Reranker(str(folder), PLENTY).score(QUESTION, PASSAGES)
    assert scores.dtype == np.float32
    expected = [
        float(load_model(folder, "CrossEncoder").predict([(QUESTION, passage)])[0])
        for passage in PASSAGES
    ]
    # Alone or in a batch: bfloat16 rounds a little differently.
    np.testing.assert_allclose(scores, expected, atol=0.02)
    assert len({round(float(score), 3) for score in scores[:4]}) == 4
    assert scores[0] == pytest.approx(scores[4], abs=0.02)


def test_without_time_one_passage_is_read(folder: Path) -> None:
    assert len(Reranker(str(folder), 0.0).score(QUESTION, PASSAGES)) == 1
    assert len(Reranker(str(folder), 0.0).score(QUESTION, [])) == 0


def test_what_is_no_cross_encoder_is_refused(tmp_path: Path, folder: Path) -> None:
    encoder = make_encoder(tmp_path / "encoder")
    with pytest.raises(EmbeddingError, match="is no cross-encoder"):
        Reranker(str(encoder))
    with pytest.raises(EmbeddingError, match="There is no model 'nobody/nothing'"):
        Reranker("nobody/nothing")
    unsafe = shutil.copytree(folder, tmp_path / "unsafe")
    (unsafe / "modeling.py").write_text("")
    with pytest.raises(EmbeddingError, match=r"holds modeling\.py"):
        Reranker(str(unsafe))
    labels = make_cross_encoder(tmp_path / "labels", labels=3)
    with pytest.raises(EmbeddingError, match="no score that can rank"):
        Reranker(str(labels)).score(QUESTION, PASSAGES)


@pytest.fixture
def index(
    write_corpus: Callable[[dict[str, str]], Path], tmp_path: Path, encoder: FakeEncoder
) -> Path:
    texts = ("data sharing", "data and road safety", "data on violence", "the data of the board")
    corpus = write_corpus({f"{number}.txt": f"{text}." for number, text in enumerate(texts)})
    build_index(corpus, tmp_path / "index", encoder=encoder)
    return tmp_path / "index"


@pytest.mark.parametrize("mode", [Mode.BEST, Mode.DENSE, Mode.LEXICAL])
def test_passages_stand_in_the_rerankers_order(
    index: Path, folder: Path, encoder: FakeEncoder, mode: Mode
) -> None:
    plain = open_index(index, encoder=encoder, reader="none").search("data", 4, mode=mode)
    reranker = Reranker(str(folder), PLENTY)
    texts = [f"{item.passage.context}\n{item.passage.text}" for item in plain]
    scores = reranker.score("data", texts)
    expected = [plain[place].passage.text for place in np.argsort(-scores, kind="stable")]

    settings = Settings(index=index, reranker=str(folder), rerank_ms=60_000)
    with open_from_settings(settings, encoder) as opened:
        found = opened.search("data", 4, mode=mode)
        assert [item.passage.text for item in found] == expected
        assert expected != [item.passage.text for item in plain]
        # A place keeps its fused score, so that scores descend.
        assert [item.score for item in found] == [item.score for item in plain]
        np.testing.assert_allclose(
            [item.scores["rerank"] for item in found], np.sort(scores)[::-1], atol=0.02
        )
        assert {item.scores["reranked"] for item in found} == {4}
        assert search_json("data", found, "000001")["reranked"] == 4
        assert results_text(found).endswith("The reranker read the first 4 passages.")
        answer = opened.ask("Is there any data?", 4, mode=mode)
        assert answer.scores["reranked"] == 4
        assert answer_text(answer).endswith("The reranker read the first 4 passages.")


def test_the_fast_mode_leaves_it_out(index: Path, folder: Path, encoder: FakeEncoder) -> None:
    with open_index(index, encoder=encoder, reranker=str(folder)) as opened:
        found = opened.search("data", 4, mode=Mode.FAST)
    assert all("rerank" not in item.scores for item in found)
    assert search_json("data", found, "000001")["reranked"] == 0


def test_what_does_not_fit_stays_behind(index: Path, folder: Path, encoder: FakeEncoder) -> None:
    from qa_app.retrieval import Retriever

    with open_index(index, encoder=encoder, reader="none") as opened:
        generation = opened.snapshot().generation
        plain = Retriever(generation, encoder).rank("data", 4)
        hurried = Retriever(generation, encoder, reranker=Reranker(str(folder), 0.0))
        ranked = hurried.rank("data", 4)
    assert [item.row for item in ranked] == [item.row for item in plain]
    assert [item.scores.get("reranked") for item in ranked] == [1, None, None, None]


def test_the_time_is_a_setting() -> None:
    assert Settings().rerank_ms == 300
    assert reranker_for(Settings()) is None


@pytest.mark.model
def test_the_commands_take_it(
    index: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    flags = ["--index", str(own), "--json"]
    assert main(["build", "--corpus", str(index.parent / "corpus"), *flags]) == 0
    capsys.readouterr()
    assert main(["search", "data", "--reranker", str(folder), *flags]) == 0
    assert json.loads(capsys.readouterr().out)["reranked"] in {1, 2, 3, 4}  # as the time allows
    assert main(["ask", "data?", "--reranker", str(folder / "nothing"), *flags]) == 1
    assert "There is no model" in capsys.readouterr().err
