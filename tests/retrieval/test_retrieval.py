from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.errors import QueryError
from qa_app.models import Block, BlockKind, Document, MetadataField, Mode, Passage
from qa_app.retrieval import MAX_QUESTION_CHARACTERS, Retriever
from qa_app.retrieval.filters import FilterChoices, Filters, filter_choices, filter_rows
from qa_app.store.contents import GenerationContents, embed_contents, write_generation
from qa_app.store.documents import IndexedDocument, SourceStamp
from qa_app.store.embedded.generation import EmbeddedGeneration, open_generation
from qa_app.store.embedded.vectors import IVF, write_vectors
from qa_app.store.manifest import read_manifest
from qa_app.store.protocol import Generation

# One document a line: its path, format, date and force, and one passage a text.
REPORTS = (
    (
        "north.pdf",
        "pdf",
        "2019-11-04",
        "Humberside",
        ("data sharing board", "road safety", "zebra crossing"),
    ),
    ("south.docx", "docx", "2020", "Kent", ("data data violence", "funding of the board")),
    ("west.pdf", "pdf", "", "Surrey", ("violence", "road funding", "sharing of duplication")),
)


def document(
    path: str, kind: str, date: str, force: str, texts: tuple[str, ...]
) -> IndexedDocument:
    whole = "\n".join(texts)
    passages, start = [], 0
    for text in texts:
        end = start + len(text)
        tags = {"force": (force,), "document": (path,)}
        passages.append(
            Passage(f"{path}:{start}", path, "", (), start, end, text, (), page=1, tags=tags)
        )
        start = end + 1
    blocks = tuple(Block(p.start, p.end, BlockKind.PARAGRAPH) for p in passages)
    metadata = (MetadataField("date", date, "page 1"),) if date else ()
    found = Document(path, kind, path, whole, blocks, page_starts=(0,), metadata=metadata)
    return IndexedDocument(found, SourceStamp(1, 1, "0" * 64), tuple(passages))


@pytest.fixture
def generation(tmp_path: Path, encoder: FakeEncoder) -> Iterator[Generation]:
    documents = [document(*report) for report in REPORTS]
    write_generation(tmp_path, embed_contents(documents, encoder))
    with open_generation(tmp_path) as opened:
        yield opened


@pytest.fixture
def retriever(generation: Generation, encoder: FakeEncoder) -> Retriever:
    return Retriever(generation, encoder)


def test_dense_is_the_cosine(retriever: Retriever) -> None:
    best = retriever.rank("data", 2, mode=Mode.DENSE)
    assert [item.row for item in best] == [3, 0]
    # "data data violence" is (2, 1) / sqrt(5), "data sharing board" (1, 1, 1) / sqrt(3).
    np.testing.assert_allclose([item.score for item in best], [2 / 5**0.5, 1 / 3**0.5], atol=1e-3)


def test_lexical_is_bm25_and_leaves_out_passages_without_a_word(retriever: Retriever) -> None:
    best = retriever.rank("zebras on the road", 8, mode=Mode.LEXICAL)
    assert best[0].row == 2
    assert {item.row for item in best} == {1, 2, 6}
    every = np.arange(retriever.generation.num_passages)
    scores = retriever.generation.lexical.scores(["zebra", "road"]).at(every)
    assert [item.score for item in best] == [float(scores[item.row]) for item in best]


def test_best_and_fast_rank_alike_and_encode_no_passage(
    retriever: Retriever, encoder: FakeEncoder
) -> None:
    encoder.encoded.clear()
    best = retriever.rank("sharing of road data", 8, mode=Mode.BEST)
    assert best == retriever.rank("sharing of road data", 8, mode=Mode.FAST)
    assert encoder.encoded == []


@pytest.mark.parametrize("mode", [Mode.BEST, Mode.FAST])
def test_both_sides_are_heard(retriever: Retriever, mode: Mode) -> None:
    # The encoder knows no zebra, BM25 does; both know the board.
    assert retriever.rank("zebra", 3, mode=mode)[0].row == 2
    best = retriever.rank("sharing with the board", 8, mode=mode)
    assert best[0].row == 0
    assert set(best[0].scores) >= {"dense", "lexical"}
    assert [item.score for item in best] == sorted((item.score for item in best), reverse=True)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_question_of_stop_words_alone_is_answered(retriever: Retriever, mode: Mode) -> None:
    found = retriever.rank("what is it about?", 3, mode=mode)
    assert len(found) == (0 if mode is Mode.LEXICAL else 3)


@pytest.mark.parametrize("mode", list(Mode))
def test_filters_keep_their_rows_only(retriever: Retriever, mode: Mode) -> None:
    rows = retriever.rows({"force": ["Kent", "Surrey"], "type": ["pdf"]})
    assert rows is not None
    assert rows.tolist() == [5, 6, 7]
    found = {item.row for item in retriever.rank("road violence sharing", 8, rows, mode)}
    assert found == {5, 6, 7}


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        (None, None),
        ({}, None),
        ({"force": ["Kent"]}, [3, 4]),
        ({"force": ["kent", "Surrey"]}, [3, 4, 5, 6, 7]),
        ({"force": "Kent"}, [3, 4]),
        ({"force": []}, None),
        ({"document": ["west.pdf"]}, [5, 6, 7]),
        ({"type": ["docx"]}, [3, 4]),
        ({"type": [".DOCX"], "force": ["Surrey"]}, []),
        # The third document has no date: no filter by date keeps it.
        ({"date": ["2019"]}, [0, 1, 2]),
        ({"date": ["2019-11-04"]}, [0, 1, 2]),
        ({"date": ["2019..2020"]}, [0, 1, 2, 3, 4]),
        ({"date": ["2019", "2020"]}, [0, 1, 2, 3, 4]),
        ({"date": ["..2019-12"]}, [0, 1, 2]),
        # "2020" may be any day of that year.
        ({"date": ["2020-06.."]}, [3, 4]),
        ({"date": ["2020-06.."], "type": ["pdf"]}, []),
    ],
)
def test_filter_rows(retriever: Retriever, filters: Filters | None, rows: list[int] | None) -> None:
    found = retriever.rows(filters)
    assert (None if found is None else found.tolist()) == rows


@pytest.mark.parametrize(
    ("filters", "named"),
    [
        ({"forse": ["Kent"]}, "date, document, force, type"),
        ({"force": ["Atlantis"]}, "Humberside, Kent, Surrey"),
        ({"document": ["east.pdf"]}, "north.pdf"),
        ({"type": ["html"]}, "docx, pdf"),
        ({"date": ["soon"]}, "2019..2024"),
        ({"date": [2019]}, '{"date": ["one", "two"]}'),
        ({"force": None}, '{"force": ["one", "two"]}'),
        (["force"], "type"),
        ({"date": ["2021.."]}, "2019-11-04 to 2020-12-31"),
    ],
)
def test_a_filter_that_names_nothing_says_what_there_is(
    retriever: Retriever, filters: Filters, named: str
) -> None:
    with pytest.raises(QueryError) as caught:
        retriever.search("data", filters=filters)
    assert named in caught.value.hint


def test_no_rows_no_results(retriever: Retriever) -> None:
    assert retriever.search("data", filters={"type": ["docx"], "force": ["Surrey"]}) == ()


def test_a_type_is_a_format_or_a_file_ending(tmp_path: Path, encoder: FakeEncoder) -> None:
    report = document("notes.md", "markdown", "", "Kent", ("data",))
    write_generation(tmp_path, embed_contents([report], encoder))
    with open_generation(tmp_path) as opened:
        retriever = Retriever(opened, encoder)
        for name in ("markdown", "md", ".MD"):
            rows = retriever.rows({"type": [name]})
            assert rows is not None
            assert rows.tolist() == [0]


def test_what_there_is_to_filter_by(generation: Generation) -> None:
    assert filter_choices(generation) == FilterChoices(
        values={
            "document": {"north.pdf": 3, "west.pdf": 3, "south.docx": 2},
            "force": {"Humberside": 3, "Surrey": 3, "Kent": 2},
            "type": {"pdf": 6, "docx": 2},
        },
        earliest="2019-11-04",
        latest="2020-12-31",
        undated=1,
    )


@pytest.mark.parametrize("share", [1, 10, 100, 1000])
def test_a_filter_is_exact_under_an_approximate_index(
    tmp_path: Path, encoder: FakeEncoder, share: int
) -> None:
    """One passage in ``share`` is kept; its best are those that comparing them all finds."""
    generator = np.random.default_rng(share)
    embeddings = generator.standard_normal((4_000, encoder.identity.dimension))
    embeddings = (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).astype(np.float16)
    report = document("a.txt", "text", "", "Kent", ("data",) * 4_000)
    kept = set(generator.permutation(4_000)[: 4_000 // share].tolist())
    tagged = tuple(
        replace(passage, tags={"force": ("Surrey",) if row in kept else ("Kent",)})
        for row, passage in enumerate(report.passages)
    )
    contents = GenerationContents([replace(report, passages=tagged)], embeddings, encoder.identity)
    name = write_generation(tmp_path, contents)
    folder = tmp_path / "generations" / name
    description = write_vectors(folder, embeddings, flat_limit=100)
    assert description.kind == IVF
    manifest = replace(read_manifest(tmp_path), vectors=description)
    with EmbeddedGeneration(folder, manifest) as generation:
        found = Retriever(generation, encoder).search(
            "data road", 20, {"force": ["Surrey"]}, Mode.DENSE, distinct=False
        )
    rows = np.array(sorted(kept))
    cosines = embeddings[rows].astype(np.float32) @ encoder.encode_queries(["data road"])[0]
    best = np.argsort(-cosines, kind="stable")[:20]
    assert [item.passage.start // 5 for item in found] == rows[best].tolist()
    np.testing.assert_allclose([item.score for item in found], cosines[best], atol=1e-6)


@pytest.mark.parametrize(
    "question", ["", "  \n", "data\x00", "x" * (MAX_QUESTION_CHARACTERS + 1), "y" * 10_000]
)
def test_questions_that_cannot_be_asked(retriever: Retriever, question: str) -> None:
    with pytest.raises(QueryError) as caught:
        retriever.search(question)
    assert caught.value.hint


def test_top_k_must_be_positive(retriever: Retriever) -> None:
    with pytest.raises(QueryError):
        retriever.search("data", top_k=0)


@pytest.mark.parametrize("mode", list(Mode))
def test_results_are_the_ranked_passages_with_citations(retriever: Retriever, mode: Mode) -> None:
    results = retriever.search("data sharing", 2, mode=mode)
    ranked = retriever.rank("data sharing", 2, mode=mode)
    assert [result.rank for result in results] == [1, 2]
    assert [result.score for result in results] == [item.score for item in ranked]
    for result in results:
        whole = retriever.generation.document(result.citation.document).text
        words = whole[result.citation.start : result.citation.end]
        assert words == result.passage.text
        assert result.citation.label.endswith("p. 1")


RECOMMENDATION = "5. Boards should fund data sharing. (Paragraph 12)"
RESPONSE = "Boards should fund data sharing. We accept this."
RECYCLED = (
    ("inquiry.pdf", "pdf", "2019", "Kent", (RECOMMENDATION, "road safety and data")),
    ("response.pdf", "pdf", "2020", "Kent", (RESPONSE, "data on violence")),
    ("summary.pdf", "pdf", "2021", "Kent", ("Boards should fund data sharing", "funding of data")),
)


@pytest.fixture
def recycled(tmp_path: Path, encoder: FakeEncoder) -> Iterator[Retriever]:
    documents = [document(*report) for report in RECYCLED]
    write_generation(tmp_path, embed_contents(documents, encoder))
    with open_generation(tmp_path) as opened:
        yield Retriever(opened, encoder)


@pytest.mark.parametrize("mode", [Mode.BEST, Mode.FAST, Mode.LEXICAL])
def test_a_wording_is_shown_once_and_says_where_else(recycled: Retriever, mode: Mode) -> None:
    results = recycled.search("fund data sharing, accept", 3, mode=mode)
    assert [result.rank for result in results] == [1, 2, 3]  # full, though two were taken out
    assert results[0].passage.text == RESPONSE
    assert {place.document for place in results[0].also_in} == {"inquiry.pdf", "summary.pdf"}
    for place in results[0].also_in:
        text = recycled.generation.document(place.document).text
        assert "Boards should fund data sharing" in text[place.start : place.end]
    assert results[1].also_in == results[2].also_in == ()


def test_what_says_more_than_the_one_above_stays(recycled: Retriever) -> None:
    # All three are the same vector: they stand in the order of their rows.
    results = recycled.search("data sharing", 2, mode=Mode.DENSE)
    assert [result.citation.document for result in results] == ["inquiry.pdf", "response.pdf"]
    assert [place.document for place in results[0].also_in] == ["summary.pdf"]


@pytest.mark.parametrize("mode", list(Mode))
def test_every_passage_can_be_had(recycled: Retriever, mode: Mode) -> None:
    results = recycled.search("data", 6, mode=mode, distinct=False)
    ranked = recycled.rank("data", 6, mode=mode)
    assert [(item.score, item.also_in) for item in results] == [(item.score, ()) for item in ranked]


def test_repeats_stay_inside_the_filter(recycled: Retriever) -> None:
    results = recycled.search("fund data sharing accept", 6, {"date": ["2020.."]}, Mode.DENSE)
    assert {c.document for result in results for c in result.also_in} == {"summary.pdf"}


def test_an_alias_filters_as_its_value(generation: Generation) -> None:
    from qa_app.facets import Facet, Facets

    facets = Facets([Facet("force", ("force",), {"Humberside": ("Humber",), "Kent": ()})])
    found = filter_rows(generation, {"force": ["Humber"]}, facets)
    assert found is not None
    assert found.tolist() == [0, 1, 2]
