"""What every store promises of questions: the same answers, to the letter; see test_contract.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import ROOT, FakeEncoder
from qa_app.api import (
    Index,
    build_from_settings,
    build_index,
    corpus_of,
    open_from_settings,
)
from qa_app.models import Mode, Place, Verdict, to_json
from qa_app.output.contract import answer_json, search_json
from qa_app.settings import Location, Settings
from qa_app.store.documents import IndexedDocument
from qa_app.store.opening import open_store

REPORTS = {
    "2023/kent.md": "# Data sharing in Kent\n\nKent began data sharing with its board.\n\n"
    "## Violence\n\nThe board funds work against violence:\n\n- a unit 🚓;\n- road safety.\n",
    "kent.txt": "Funding\n\nThe funding of road safety doubled in Kent.\n",
    "surrey.html": "<html><head><title>Roads in Surrey</title></head><body><h1>Roads</h1>"
    "<p>Surrey has a road safety board, and no duplication of funding.</p></body></html>",
    "essex.md": "# Essex\n\nEssex stopped sharing data on violence. The board agreed.\n",
    "facets.toml": '[force]\nnouns = ["force", "forces"]\n[force.values]\n'
    '"Essex" = []\n"Kent" = ["Kentish"]\n"Surrey" = []\n"Dorset" = []\n',
    "metadata.toml": '["2023/kent.md"]\ndate = 2023-05-01\n["essex.md"]\ndate = 2024\n'
    '["surrey.html"]\ndate = "2021-02"\n',
    "themes.toml": '["safety"]\nsentence = "Road safety."\nwords = ["road safety"]\n',
}
QUESTIONS = (
    "Who funds work against violence?",
    "Which forces share data?",
    "Which reports mention road safety?",
    "How many forces have a board?",
    "Which forces buy tea?",
    "What is the price of tea in Lisbon?",
    "the and of",
)
FILTERS: tuple[dict[str, list[str]], ...] = (
    {},
    {"force": ["Kentish"]},
    {"force": ["Essex", "Surrey"]},
    {"document": ["kent.txt"]},
    {"type": ["markdown"]},
    {"date": ["2023..2024"]},
    {"force": ["Kent"], "date": ["2024"]},
)


def _write_corpus(folder: Path) -> Path:
    for name, text in REPORTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _write_corpus(tmp_path_factory.mktemp("answers") / "corpus")


@pytest.fixture(scope="module")
def index(new_location: Callable[[], Location], corpus: Path) -> Iterator[Index]:
    settings = Settings(corpus=corpus, index=new_location(), reader="none")
    build_from_settings(settings, encoder=FakeEncoder())
    with open_from_settings(settings, FakeEncoder()) as opened:
        yield opened


@pytest.fixture(scope="module")
def embedded(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The same corpus in a folder, which the other stores are compared with."""
    folder = tmp_path_factory.mktemp("answers") / "index"
    build_index(corpus, folder, encoder=FakeEncoder())
    settings = Settings(corpus=corpus, index=folder, reader="none")
    with open_from_settings(settings, FakeEncoder()) as opened:
        yield opened


# A whole round


def test_a_fact_is_quoted_with_its_source(index: Index) -> None:
    answer = index.ask("Who funds work against violence?")
    quotes = [*answer.findings, *answer.near_misses]
    assert quotes[0].citation.document == "2023/kent.md"
    for quote in quotes:
        text = index.snapshot().document(quote.citation.document).text
        assert text[quote.citation.start : quote.citation.end] == quote.quote
    assert index.snapshot().verify(answer).bad == ()


def test_which_has_a_row_for_each_value(index: Index) -> None:
    answer = index.ask("Which forces share data?")
    assert {row.facet_value for row in answer.findings} <= {"Essex", "Kent", "Surrey"}
    coverage = answer.coverage
    assert coverage is not None
    assert coverage.facet == "force"
    assert sorted(coverage.with_evidence + coverage.without_evidence) == ["Essex", "Kent", "Surrey"]
    assert coverage.not_in_corpus_values == ("Dorset",)


def test_what_the_reports_do_not_say_is_refused(index: Index) -> None:
    nowhere = {"force": ["Kent"], "date": ["2024"]}
    for question, filters in (("Which forces buy tea?", {}), ("Who funds the board?", nowhere)):
        answer = index.ask(question, filters=filters)
        assert (answer.verdict, answer.findings) == (Verdict.NOT_FOUND, ())


@pytest.mark.parametrize(
    ("filters", "documents"),
    [
        ({}, {"2023/kent.md", "kent.txt", "surrey.html", "essex.md"}),
        ({"force": ["Kentish"]}, {"2023/kent.md", "kent.txt"}),
        ({"force": ["Essex", "Surrey"]}, {"essex.md", "surrey.html"}),
        ({"document": ["kent.txt"]}, {"kent.txt"}),
        ({"type": ["markdown"]}, {"2023/kent.md", "essex.md"}),
        ({"date": ["2023..2024"]}, {"2023/kent.md", "essex.md"}),
        ({"force": ["Kent"], "date": ["2024"]}, set()),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_filters_are_exact_in_every_mode(
    index: Index, filters: dict[str, list[str]], documents: set[str], mode: Mode
) -> None:
    question = "data sharing, road safety and the funding of the board"
    found = index.search(question, 50, filters, mode, distinct=False)
    assert {result.passage.document for result in found} == documents
    assert [result.rank for result in found] == list(range(1, len(found) + 1))
    if documents:
        assert found[0].score >= found[-1].score
        assert len(index.search(question, 1, filters, mode)) == 1


def test_filters_topics_and_status_count_every_passage(index: Index) -> None:
    snapshot = index.snapshot()
    choices = snapshot.filters()
    assert choices.values["type"] == {"markdown": 3, "html": 1, "text": 1}
    assert dict(choices.values["force"]) == {"Kent": 3, "Essex": 1, "Surrey": 1}
    assert (choices.earliest, choices.latest, choices.undated) == ("2021-02-01", "2024-12-31", 1)
    assert snapshot.facts()["2023/kent.md"] == {"date": "2023-05-01"}
    status = snapshot.status()
    assert (status["documents"], status["passages"], status["failures"]) == (4, 5, [])
    assert status["model"]["name"] == "fake"
    for facet in ("", "force", "document", "type", "date"):
        report = snapshot.topics(facet)
        assert report.generation == "000001"
        assert len(report.topics) == len(report.matrix.rows)
    (theme,) = snapshot.topics("force", themes=True).topics
    assert (theme.label, theme.passages > 0) == ("safety", True)


def test_an_index_is_verified_against_its_reports(index: Index) -> None:
    report = index.verify()
    assert (report.bad, report.passages) == ((), 5)
    assert report.files > 4
    assert corpus_of(Settings(index=index.path)).resolve() == index.corpus.resolve()


# The same as the folder's


def _same(ours: Any, theirs: Any, where: str = "") -> None:
    """Assert that two JSON values are equal, numbers within 1e-5."""
    assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        assert list(ours) == list(theirs), where
        for key in ours:
            _same(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), where
        for place, pair in enumerate(zip(ours, theirs, strict=True)):
            _same(*pair, f"{where}[{place}]")
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs, abs=1e-5), where
    else:
        assert ours == theirs, where


def _asked(index: Index, question: str, **given: Any) -> Any:
    found = answer_json(index.ask(question, **given))
    found.pop("timings_ms")
    return json.loads(json.dumps(found))


def _searched(index: Index, question: str, **given: Any) -> Any:
    found = index.search(question, **given)
    return json.loads(json.dumps(search_json(question, found, index.snapshot().generation.name)))


@pytest.mark.parametrize("mode", Mode)
def test_answers_are_those_of_the_folder(index: Index, embedded: Index, mode: Mode) -> None:
    for question in QUESTIONS:
        for filters in FILTERS:
            given = {"filters": filters, "mode": mode, "top_k": 3}
            where = f"{question} {filters}"
            _same(
                _searched(index, question, **given), _searched(embedded, question, **given), where
            )
            _same(_asked(index, question, **given), _asked(embedded, question, **given), where)


def test_what_else_is_asked_is_that_of_the_folder(index: Index, embedded: Index) -> None:
    found = []
    for each in (index, embedded):
        snapshot = each.snapshot()
        place = snapshot.search("road safety in Kent")[0].citation.place
        found.append(
            to_json(
                [
                    snapshot.search_like(place, 3),
                    snapshot.ask("What of road safety?", rejecting=[place]).findings,
                    snapshot.ask("and in Surrey?", after="Who funds road safety in Kent?").read_as,
                    snapshot.quote(Place(place.document, place.start, place.end)),
                    snapshot.filters(),
                    snapshot.facts(),
                    snapshot.topics("force").topics,
                    snapshot.topics("force", themes=True).topics,
                    {k: v for k, v in snapshot.status().items() if k not in {"created", "vectors"}},
                ]
            )
        )
    _same(*found)


# With the real model


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The sample report in a folder, with the real model and reader."""
    folder = tmp_path_factory.mktemp("answers") / "report"
    build_index(ROOT / "corpus", folder)
    with open_from_settings(Settings(index=folder)) as opened:
        yield opened


@pytest.mark.model
def test_answers_about_the_sample_report_are_those_of_the_folder(
    report: Index, location: Location
) -> None:
    # Copied through the protocol, so that nothing is embedded twice.
    store = open_store(location)
    source = report.snapshot().generation
    every = np.arange(source.num_passages)
    with store.lock(), store.writer() as writer:
        for record in source.documents:
            passages = source.passages(record.rows)
            writer.add(IndexedDocument(source.document(record.path), record.source, passages))
        for name in ("topics.json", "facets.toml"):
            writer.add_file(name, source.file(name))
        writer.copy_tokens(source, every, every)
        manifest = source.manifest
        vectors = source.stored_vectors(every)
        writer.finish(vectors, manifest.model, manifest.recipe, ROOT / "corpus")
    with open_from_settings(Settings(index=location)) as index:
        for question in (
            "which forces improved data-sharing?",
            "What did Merseyside do about data-sharing?",
            "How many forces mention road safety?",
            "Who chairs the violence reduction partnership?",
            "What is the capital of Mongolia?",
        ):
            _same(_asked(index, question), _asked(report, question), question)
        for mode in Mode:
            given = {"mode": mode, "filters": {"force": ["Surrey", "Humberside"]}, "top_k": 20}
            ours, theirs = (
                _searched(each, "serious violence", **given) for each in (index, report)
            )
            _same(ours, theirs, mode)
