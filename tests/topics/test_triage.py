"""Topics by facet, read from a built index: counts, cells, comparisons, what is new."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import FakeEncoder
from qa_app.api import Index, build_index, open_index
from qa_app.errors import IndexNotFoundError, QueryError
from qa_app.models import to_json
from qa_app.output import terminal
from qa_app.store.manifest import read_current, read_manifest
from qa_app.topics.topic_queries import Trend
from qa_app.topics.topic_store import TOPICS_FILE, read_topics

FACETS = '[town]\nnouns = ["town"]\n[town.values]\n"Anytown" = ["Any"]\n"Otherton" = []\n'
THEMES = '["safer roads"]\nsentence = "Road safety."\n'
REPORT = """# Review of two towns

## Anytown

- Road safety is a concern of the town.
- Funding for road safety comes from the county.

## Otherton

- Violence is a concern of the town.
- Funding for violence reduction is in the plan.
"""
Write = Callable[[dict[str, str]], Path]


@pytest.fixture
def index(write_corpus: Write, tmp_path: Path, encoder: FakeEncoder) -> Index:
    corpus = write_corpus({"a.md": REPORT, "facets.toml": FACETS, "themes.toml": THEMES})
    build_index(corpus, tmp_path / "index", encoder=encoder)
    return open_index(tmp_path / "index", encoder=encoder, reader="none")


def test_the_matrix_counts_quotes_by_topic_and_value(index: Index) -> None:
    report = index.snapshot().topics("town")
    assert report.matrix.columns == ("Anytown", "Otherton")
    rows = dict(zip(report.matrix.rows, report.matrix.counts, strict=True))
    assert rows == {"road-safety": (2, 0), "violence": (0, 2)}
    assert report.matrix.row_totals == (2, 2)
    assert report.matrix.column_totals == (2, 2)
    assert report.matrix.strengths[0][1] == 0.0
    found = to_json(report)
    assert {"id", "label", "terms", "passages"} <= found["topics"][0].keys()
    assert {"rows", "columns", "counts"} <= found["matrix"].keys()
    assert found["generation"] == "000001"
    json.dumps(found)


def test_the_corpus_own_facet_is_the_default(index: Index) -> None:
    assert index.snapshot().topics().matrix.facet == "town"
    assert index.snapshot().topics("type").matrix.columns == ("markdown",)
    with pytest.raises(QueryError, match="no facet 'colour'") as caught:
        index.snapshot().topics("colour")
    assert "town" in caught.value.hint


def test_a_cell_has_its_quotes_word_for_word_with_where_they_stand(index: Index) -> None:
    cell = index.snapshot().triage.cell("Road safety", "town", "Any")
    assert (cell.value, cell.total) == ("Anytown", 2)
    for excerpt in cell.excerpts:
        citation = excerpt.citation
        text = index.snapshot().document(citation.document).text
        assert text[citation.start : citation.end] == excerpt.quote
    assert index.snapshot().triage.cell("road-safety", "town", "Otherton").excerpts == ()
    assert index.snapshot().triage.cell("road-safety", most=1).total == 2
    with pytest.raises(QueryError, match="no topic 'boats'"):
        index.snapshot().triage.cell("boats")
    with pytest.raises(QueryError, match="No passage has the town 'Nowhere'"):
        index.snapshot().triage.cell("road-safety", "town", "Nowhere")


def test_what_people_read_of_topics(index: Index) -> None:
    triage = index.snapshot().triage
    lines = terminal.topics_text(index.snapshot().topics("town")).splitlines()
    assert lines[0] == "road safety   [road-safety]   2 quotes"
    assert lines[-4].split() == ["Anytown", "Otherton", "total"]
    assert lines[-3].split() == ["road", "safety", "2", "2"]
    text = terminal.cell_text(triage.cell("violence", "town", "Otherton", most=1))
    assert text.splitlines()[0] == "violence, Otherton: 2 quotes"
    assert text.splitlines()[-1] == "… and 1 more (--most N)"
    rows = triage.compare(["Anytown", "Otherton"], "town", "violence")
    assert terminal.comparison_text(rows).startswith("violence, Anytown: nothing found\nviolence, ")


def test_two_values_side_by_side(index: Index) -> None:
    rows = index.snapshot().triage.compare(["Anytown", "Otherton"], "town")
    totals = {cells[0].topic: tuple(cell.total for cell in cells) for cells in rows}
    assert totals == {"road-safety": (2, 0), "violence": (0, 2)}
    ((first, _),) = index.snapshot().triage.compare(["Anytown", "Otherton"], topic="violence")
    assert first.total == 0


def test_themes_are_rows_of_ones_own(index: Index) -> None:
    report = index.snapshot().topics("town", themes=True)
    assert report.matrix.labels == ("safer roads",)
    assert report.matrix.counts == ((2,),)
    assert report.matrix.columns == ("Anytown",)


def test_changed_themes_count_at_the_next_build_and_only_they_are_embedded(
    index: Index, tmp_path: Path, encoder: FakeEncoder
) -> None:
    encoder.encoded.clear()
    (index.corpus / "themes.toml").write_text('[money]\nsentence = "Funding."\n')
    report = build_index(index.corpus, tmp_path / "index", encoder=encoder)
    assert (report.generation, report.embedded) == ("000002", 0)
    assert encoder.encoded == []
    assert index.snapshot().topics(themes=True).matrix.labels == ("money",)
    assert build_index(index.corpus, tmp_path / "index", encoder=encoder).generation == "000002"


def test_what_is_new_since_the_build_before(
    index: Index, tmp_path: Path, encoder: FakeEncoder
) -> None:
    with pytest.raises(IndexNotFoundError, match="no earlier generation"):
        index.snapshot().topic_changes()
    (index.corpus / "b.md").write_text("# News\n\nRoad safety is a concern of Otherton too.\n")
    build_index(index.corpus, tmp_path / "index", encoder=encoder)
    changes = {change.id: change for change in index.snapshot().topic_changes("1")}
    roads = changes["road-safety"]
    assert (roads.trend, roads.before, roads.now, roads.new) == (Trend.GREW, 2, 3, 1)
    assert [excerpt.citation.document for excerpt in roads.excerpts] == ["b.md"]
    assert changes["violence"].trend is Trend.SAME
    with pytest.raises(IndexNotFoundError, match="7 is not kept"):
        index.snapshot().topic_changes("7")


def test_topics_keep_their_names_when_everything_is_read_anew(
    index: Index, tmp_path: Path, encoder: FakeEncoder
) -> None:
    (index.corpus / "b.md").write_text("# News\n\nRoad safety is a concern of Otherton too.\n")
    build_index(index.corpus, tmp_path / "index", rebuild=True, encoder=encoder)
    stored = (tmp_path / "index" / "generations" / "000002" / TOPICS_FILE).read_text("utf-8")
    grouping = read_topics(stored, "000002").grouping
    assert grouping.changed == 1  # passage, since the topics were found


def test_an_old_index_says_that_a_build_makes_topics_and_it_does(
    index: Index, tmp_path: Path, encoder: FakeEncoder
) -> None:
    _forget_topics(tmp_path / "index")
    with open_index(tmp_path / "index", encoder=encoder, reader="none") as old:
        with pytest.raises(IndexNotFoundError, match="has no topics") as caught:
            old.snapshot().topics()
        assert caught.value.hint.endswith("qa-app build")
    encoder.encoded.clear()
    report = build_index(index.corpus, tmp_path / "index", encoder=encoder)
    assert (report.generation, report.embedded, encoder.encoded) == ("000002", 0, [])
    assert len(index.snapshot().topics().topics) == 2


def _forget_topics(index: Path) -> None:
    """Make the live generation one of a program that knew no topics."""
    import hashlib

    name = read_current(index).name
    assert "topics.json" in read_manifest(index).files
    path = index / "generations" / name / "manifest.json"
    found = json.loads(path.read_bytes())
    del found["files"]["topics.json"]
    del found["recipe"]["topics"]
    (path.parent / "topics.json").unlink()
    path.write_text(json.dumps(found))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (index / "CURRENT").write_text(f"{name} {digest}\n")
