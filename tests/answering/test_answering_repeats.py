"""The same sentence in several reports is one finding, with the newest report's citation first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import FakeEncoder
from qa_app.answering.features import Evidence
from qa_app.answering.quotes import group_sentences
from qa_app.api import Index, build_index, open_index
from qa_app.models import Mode, Passage, Sentence
from qa_app.output.terminal import answer_text

Corpus = Callable[[dict[str, str]], Path]
LONG = "Every board should publish its data sharing agreement on funding."
SHORT = "We accept this."
FILES = {
    "inquiry.txt": f"{LONG}\n",
    "response.txt": f"{LONG} The Department accepts this recommendation in full.\n",
    "summary.txt": f"Road safety is described elsewhere.\n\n{LONG}\n",
    "metadata.toml": '["inquiry.txt"]\ndate = "2019"\n["summary.txt"]\ndate = "2021-03"\n',
}


def sentence(document: str, text: str, score: float = 0.0) -> Evidence:
    spans = (Sentence(0, len(text)),)
    passage = Passage(f"{document}:{text}", document, "", (), 0, len(text), text, spans)
    return Evidence(passage, spans[0], {"late": score})


def documents(groups: list[list[Evidence]]) -> list[list[str]]:
    return [[item.passage.document for item in group] for group in groups]


def test_the_newest_stands_first_with_the_scores_of_the_best() -> None:
    evidence = [sentence("old", LONG, 0.9), sentence("new", f"5. {LONG}", 0.7)]
    (group,) = group_sentences(evidence, {}, {"old": "2019", "new": "2021-03"})
    assert [(item.passage.document, item.scores) for item in group] == [
        ("new", {"late": 0.9}),
        ("old", {"late": 0.9}),
    ]
    assert documents(group_sentences(evidence, {}, {})) == [["old", "new"]]
    assert documents(group_sentences(evidence, {}, {"old": "2019"})) == [["old", "new"]]


def test_of_several_in_one_document_the_best_stays_first() -> None:
    evidence = [sentence("old", LONG), sentence("old", f"7. {LONG}"), sentence("new", LONG)]
    dates = {"old": "2019", "new": "2021"}
    assert documents(group_sentences(evidence, {}, dates)) == [["old", "old", "new"]]


def test_a_few_words_are_the_same_only_where_the_passage_is() -> None:
    evidence = [sentence("a", SHORT), sentence("b", SHORT)]
    assert documents(group_sentences(evidence, {}, {})) == [["a"], ["b"]]
    repeats = {evidence[0].passage.id: [sentence("c", SHORT).passage]}
    assert documents(group_sentences(evidence, repeats, {})) == [["a", "c"], ["b"]]


@pytest.fixture
def index(write_corpus: Corpus, encoder: FakeEncoder, tmp_path: Path) -> Index:
    corpus = write_corpus(FILES)
    build_index(corpus, tmp_path / "index", encoder=encoder)
    return open_index(tmp_path / "index", corpus, encoder=encoder, reader="none")


@pytest.mark.parametrize("mode", list(Mode))
def test_an_answer_says_it_once(index: Index, mode: Mode) -> None:
    answer = index.ask("Which data sharing agreement should every board publish?", mode=mode)
    quotes = [item for item in answer.findings or answer.near_misses if item.quote.endswith(LONG)]
    assert [item.citation.document for item in quotes] == ["summary.txt"]
    # The one from 2019, and the one without a date behind it.
    assert [place.document for place in quotes[0].also_in] == ["inquiry.txt", "response.txt"]
    for place in (quotes[0].citation, *quotes[0].also_in):
        text = index.snapshot().document(place.document).text
        assert text[place.start : place.end].endswith(LONG)
    if answer.findings:
        assert "[Also in" in answer_text(answer)
