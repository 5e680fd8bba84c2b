"""What every store promises of one generation: all of it comes back, and searches are exact.

Each test runs once for each kind of store, through its protocol alone. Builds and generations are
in test_contract_builds.py, questions in test_contract_answers.py.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from conftest import ROOT, FakeEncoder
from qa_app import loading
from qa_app.api import build_from_settings
from qa_app.arrays import FloatArray, HalfArray, RowArray
from qa_app.chunking import chunk
from qa_app.errors import IndexNotFoundError, QueryError
from qa_app.facets import Facets
from qa_app.models import (
    Block,
    BlockKind,
    Document,
    Failure,
    LeadIn,
    MetadataField,
    ModelIdentity,
    Passage,
    Sentence,
    SourceRun,
)
from qa_app.settings import Location, Settings
from qa_app.store.bm25 import K1, B
from qa_app.store.contents import GenerationContents, write_generation
from qa_app.store.documents import (
    IndexedDocument,
    SourceStamp,
    hash_text,
    searchable_text,
)
from qa_app.store.opening import open_store
from qa_app.store.protocol import Generation
from qa_app.text.analysis import analyser_for
from support.store_samples import make_contents, make_document
from support.web_pdf import make_pdf

# Documents


def _full_document() -> IndexedDocument:
    """A document with something in every field; 🚓 is one character."""
    text = "Roads 🚓\n3.1 We found:\n- Safety rose.\n- Funding fell."
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
        page_breaks=(22,),
        ocr_pages=frozenset({2, 3, 7}),
    )
    stamp = SourceStamp(99, 1234567890123456789, "a" * 64, True, (("title", "Roads"),))
    return IndexedDocument(document, stamp, (passage,))


def test_everything_written_comes_back_equal(location: Location, tmp_path: Path) -> None:
    item, plain = _full_document(), make_document("z.txt", ["Data sharing.", "Road safety."])
    contents = dataclasses.replace(
        make_contents(item, plain),
        corpus=tmp_path / "reports",
        failures=(Failure("x.doc", "old", "convert it"), Failure("\udce9.doc", "half a name")),
        warnings=(Failure("2024/roads.pdf", "page 3 has no text"),),
    )
    assert write_generation(location, contents) == "000001"

    with open_store(location).open(FakeEncoder().identity) as generation:
        assert generation.document("2024/roads.pdf") == item.document
        assert generation.document("z.txt") == plain.document
        assert generation.passages(range(3)) == item.passages + plain.passages
        assert generation.passages(np.array([2, 0, 2])) == (
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
        assert generation.dates == {"2024/roads.pdf": "2024"}
        assert generation.document_sha256("2024/roads.pdf") == "a" * 64
        assert generation.row_of("2024/roads.pdf:8-52") == 0
        texts = map(searchable_text, item.passages + plain.passages)
        assert generation.content_hashes() == list(map(hash_text, texts))
        manifest = generation.manifest
        assert (manifest.documents, generation.num_passages) == (2, 3)
        assert manifest.failures == contents.failures
        assert manifest.warnings == contents.warnings
        assert manifest.recipe == contents.recipe
        assert manifest.corpus_folder(location) == tmp_path / "reports"


def test_a_lead_in_outside_its_passage_comes_back(location: Location) -> None:
    plain = make_document("a.txt", ["Roads 🚓.", "We found:", "Safety rose."])
    lead = plain.passages[1]
    item = dataclasses.replace(
        plain.passages[2], lead_in=LeadIn(lead.start, lead.end, lead.text, 1)
    )
    sentence = Sentence(item.start, item.end, BlockKind.LIST_ITEM, (lead.start, lead.end))
    item = dataclasses.replace(item, sentences=(sentence,))
    document = dataclasses.replace(plain.document, page_starts=(0,))
    whole = IndexedDocument(document, plain.source, (*plain.passages[:2], item))
    write_generation(location, make_contents(whole))
    with open_store(location).open() as generation:
        assert generation.passages(range(3)) == whole.passages
        longer = generation.stretch(generation.passage(0), lead.end)
        assert longer.text == document.text[: lead.end]


FACETS = """
[place]
nouns = ["place", "places"]
[place.values]
"Carrowby" = []
"Eastmarch" = []
"""


def test_a_corpus_comes_back_as_it_is_read_and_cut(location: Location, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for report in (ROOT / "tests" / "quality" / "corpus").glob("[ce]*.md"):
        (corpus / report.name).write_bytes(report.read_bytes())
    (corpus / "two pages.pdf").write_bytes(make_pdf(["Road safety rose.", "Funding (it) fell."]))
    (corpus / "𝒜 🚓 letters.txt").write_text(
        "Straße 🚓 𝒜\n\nWe found in Eastmarch:\n\n"
        + "".join(
            f"- The board {n} met in 𝔈{n}; it’s naïve, “quoted” and \u200bjoined.\n"
            for n in range(99)
        ),
        encoding="utf-8",
    )
    (corpus / "long.txt").write_text("Data sharing 🚓 went on and on. " * 3000, encoding="utf-8")
    (corpus / "metadata.toml").write_text('["long.txt"]\ndate = 2024-05-01\ntitle = "It\'s 100%"\n')
    (corpus / "facets.toml").write_text(FACETS)
    encoder, facets = FakeEncoder(), Facets.load(corpus)
    build_from_settings(Settings(corpus=corpus, index=location), encoder=encoder)

    read = dict(loading.load_many(loading.scan(corpus).files, False))
    found = sorted(read.items(), key=lambda item: item[0].path)
    with open_store(location).open(encoder.identity) as generation:
        assert [record.path for record in generation.documents] == [s.path for s, _ in found]
        names, row = set(), 0
        for source, document in found:
            assert generation.document(source.path) == document
            cut = chunk(document, encoder.count_tokens, 200)
            assert generation.document_rows(source.path) == range(row, row + len(cut))
            passages = generation.passages(range(row, row + len(cut)))
            (name,) = {value for passage in passages for value in passage.tags["document"]}
            tagged = [
                dataclasses.replace(item, tags={**facets.tag(item), "document": (name,)})
                for item in cut
            ]
            assert list(passages) == tagged
            names.add(name)
            row += len(cut)
        assert row == generation.num_passages
        assert any(passage.lead_in for passage in generation.passages(range(row)))
        assert set(generation.facet_values("document")) == names
        assert generation.facet_values("place") == ("Carrowby", "Eastmarch")
        assert generation.dates["long.txt"] == "2024-05-01"
        assert generation.document("two pages.pdf").page_starts != ()


def test_rows_are_found_by_tag(location: Location) -> None:
    kent = make_document("a.txt", ["One.", "Two."], {"force": ("Kent",), "year": ("2023",)})
    both = make_document("b.txt", ["Three."], {"force": ("Surrey", "Kent"), "o'%": ('"é🚓\\',)})
    write_generation(location, make_contents(kent, both))
    with open_store(location).open() as generation:
        assert generation.facets() == ("force", "o'%", "year")
        assert generation.facet_values("force") == ("Kent", "Surrey")
        assert generation.facet_values("colour") == ()
        assert generation.facet_counts["force"] == {"Kent": 3, "Surrey": 1}
        assert generation.rows_tagged("force", "Kent").tolist() == [0, 1, 2]
        assert generation.rows_tagged("force", "Surrey").tolist() == [2]
        assert generation.rows_tagged("o'%", '"é🚓\\').tolist() == [2]
        for facet, value in (("force", "Mars"), ("force", "kent"), ("colour", "Kent")):
            assert generation.rows_tagged(facet, value).dtype == np.int64
            assert generation.rows_tagged(facet, value).tolist() == []


def test_unknown_rows_and_documents_are_named(location: Location) -> None:
    write_generation(location, make_contents(make_document("a.txt", ["One."])))
    with open_store(location).open() as generation:
        for rows in ([0, 7], [-1], [2**40]):
            with pytest.raises(IndexError, match=f"row {rows[-1]}"):
                generation.passages(rows)
        with pytest.raises(QueryError, match=r"no document 'b\.txt'"):
            generation.document("b.txt")
        assert generation.document_rows("b.txt") == range(0)
        assert generation.document_sha256("b.txt") == ""
        assert generation.row_of("a.txt:0-5") is None
        assert generation.passages([]) == ()


def test_many_passages_at_once(location: Location) -> None:
    # More than one query of any engine takes as parameters.
    item = make_document("a.txt", [f"Paragraph {number}." for number in range(2500)])
    write_generation(location, make_contents(item))
    rows = list(range(2499, -1, -1))
    with open_store(location).open() as generation:
        texts = [passage.text for passage in generation.passages(rows)]
    assert texts == [f"Paragraph {row}." for row in rows]


# The writer


def _titled(path: str, title: str, *paragraphs: str) -> IndexedDocument:
    item = make_document(path, paragraphs)
    passages = tuple(dataclasses.replace(passage, title=title) for passage in item.passages)
    return IndexedDocument(dataclasses.replace(item.document, title=title), item.source, passages)


def test_the_writer_gives_back_what_it_was_given(location: Location) -> None:
    first = make_document("a/b.txt", ["Road 🚓.", "Same."], {"document": ("Own",), "x": ("1",)})
    second = _titled("b.txt", "a/b.txt", "Same.")
    passages, store = first.passages + second.passages, open_store(location)
    texts = list(map(searchable_text, passages))
    with store.lock(), store.writer() as writer:
        for number, item in enumerate((first, second)):
            assert writer.num_passages == 2 * number
            writer.add(item)
        assert writer.hashes == list(map(hash_text, texts))
        assert list(writer.texts()) == texts
        assert list(writer.texts([2, 0])) == [texts[2], texts[0]]
        assert writer.passages([1, 0]) == (passages[1], passages[0])
        assert writer.outline() == [(0, "Road 🚓."), (0, "Same."), (1, "Same.")]
        assert writer.titles() == ["a/b.txt", "a/b.txt"]
        writer.tag_documents("document")
        writer.add_file("notes.txt", "é🚓\n")
        writer.add_file("empty.txt", "")
        given = make_contents(first, second)
        writer.finish(given.embeddings, given.model, given.recipe)
    with store.open() as generation:
        one, other = generation.facet_values("document")
        assert [p.tags for p in generation.passages(range(3))] == [
            {"document": (one,), "x": ("1",)},
            {"document": (one,), "x": ("1",)},
            {"document": (other,)},
        ]
        assert generation.rows_tagged("document", one).tolist() == [0, 1]
        assert generation.rows_tagged("document", "Own").tolist() == []
        assert generation.file("notes.txt") == "é🚓\n"
        assert generation.file("empty.txt") == generation.file("none.txt") == ""


def test_the_rows_of_stored_texts(location: Location) -> None:
    item, again = make_document("a.txt", ["Same.", "Other."]), _titled("b.txt", "a.txt", "Same.")
    write_generation(location, make_contents(item, again))
    with open_store(location).open(searchable=False) as generation:
        same, other, _ = generation.content_hashes()
        places, rows = generation.stored_rows([hash_text("?"), other, same, b"\0" * 32, same])
        assert (places.tolist(), rows.tolist()) == ([1, 2, 4], [1, 0, 0])
        assert (places.dtype, rows.dtype) == (np.int64, np.int64)
        places, rows = generation.stored_rows([])
        assert (places.tolist(), rows.tolist()) == ([], [])


def _misquoted(item: IndexedDocument) -> Sequence[IndexedDocument]:
    wrong = dataclasses.replace(item.passages[0], text="Own.")
    return [dataclasses.replace(item, passages=(wrong, item.passages[1]))]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_misquoted, "not the words of a"),
        (lambda item: [dataclasses.replace(item, passages=item.passages * 2)], r"a\.txt"),
        (lambda item: [item, dataclasses.replace(item, passages=())], r"a\.txt"),
        (lambda _: [], "there are 0 passages"),
    ],
)
def test_what_cannot_be_quoted_is_refused_and_nothing_is_written(
    location: Location,
    spoil: Callable[[IndexedDocument], Sequence[IndexedDocument]],
    reason: str,
) -> None:
    item = make_document("a.txt", ["One.", "Two."])
    contents = dataclasses.replace(make_contents(item), documents=spoil(item), tokens=())
    with pytest.raises(ValueError, match=reason):
        write_generation(location, contents)
    with pytest.raises(IndexNotFoundError):
        open_store(location).open()


def test_embeddings_must_fit_the_passages(location: Location) -> None:
    contents = make_contents(make_document("a.txt", ["One.", "Two."]))
    short = dataclasses.replace(contents, embeddings=contents.embeddings[:1])
    with pytest.raises(ValueError, match=r"\(1, 9\); there are 2 passages"):
        write_generation(location, short)


# Vectors

DIMENSION = 16
GENERATOR = np.random.default_rng(1)


def _unit(count: int) -> FloatArray:
    rows = GENERATOR.standard_normal((count, DIMENSION))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


# Rows 20 to 24 and 70 are equal, so that there are ties. Kept as the store keeps them.
VECTORS: HalfArray = _unit(200).astype(np.float16)
VECTORS[[20, 21, 22, 23, 24, 70]] = VECTORS[20]
QUERIES = np.concatenate([_unit(5), VECTORS[20:21].astype(np.float32)])
COSINES = QUERIES @ VECTORS.astype(np.float32).T
TEXTS = (
    "data sharing improved",
    "data data and more data, at length, in a longer text",
    "road safety",
    "the",
    "Straße 🚓 road, it's O'Brien's re-offending at 3.12",
    "data sharing improved",
)
# The texts of the first rows, then rows that differ in one number.
WORDS = (*TEXTS, *(f"number {n} of the board" for n in range(len(TEXTS), len(VECTORS))))
CODES = [GENERATOR.integers(0, 256, (row % 4, 3), dtype=np.uint8) for row in range(len(VECTORS))]


@pytest.fixture(scope="module")
def sample(new_location: Callable[[], Location]) -> Iterator[Generation]:
    """A generation of 200 passages with the vectors, words and codes above."""
    model = ModelIdentity("random", "0" * 64, DIMENSION, 256)
    documents = [
        make_document("a.txt", WORDS[:50]),
        make_document("b.txt", WORDS[50:]),
    ]
    place = new_location()
    write_generation(place, GenerationContents(documents, VECTORS, model, tokens=CODES))
    with open_store(place).open(model) as generation:
        yield generation


SOME = np.array([3, 20, 22, 23, 24, 70, 71, 150, 199])


@pytest.mark.parametrize("top_k", [1, 3, 100, 200, 1000])
@pytest.mark.parametrize("rows", [None, SOME, np.arange(100, 200)], ids=["all", "some", "half"])
def test_a_search_equals_comparing_every_vector(
    sample: Generation, top_k: int, rows: RowArray | None
) -> None:
    among = np.arange(len(VECTORS)) if rows is None else rows
    scores, found = sample.vectors.search(QUERIES, top_k, rows)
    exact = COSINES[:, among]
    truth = among[np.argsort(-exact, axis=1, kind="stable")[:, :top_k]]
    assert found.tolist() == truth.tolist()
    assert (scores.dtype, found.dtype) == (np.float32, np.int64)
    np.testing.assert_allclose(scores, np.take_along_axis(COSINES, truth, axis=1), atol=1e-6)


def test_equal_vectors_stand_in_the_order_of_rows(sample: Generation) -> None:
    scores, found = sample.vectors.search(QUERIES[-1:], 4)
    assert found.tolist() == [[20, 21, 22, 23]]
    assert len(set(scores[0].tolist())) == 1


def test_a_search_among_no_rows_finds_none(sample: Generation) -> None:
    scores, found = sample.vectors.search(QUERIES, 3, np.empty(0, dtype=np.int64))
    assert scores.shape == found.shape == (len(QUERIES), 0)


def test_scores_stand_in_the_order_of_the_rows_given(sample: Generation) -> None:
    rows = np.array([70, 3, 199, 3])
    scores = sample.vectors.scores(QUERIES, rows)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, COSINES[:, rows], atol=1e-6)
    assert sample.vectors.scores(QUERIES, np.empty(0, dtype=np.int64)).shape == (len(QUERIES), 0)


def test_stored_vectors_are_the_ones_written(sample: Generation) -> None:
    rows = np.array([199, 0, 20, 0])
    found = sample.stored_vectors(rows)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, VECTORS[rows])
    assert sample.stored_vectors(rows[:0]).shape == (0, DIMENSION)


def test_questions_of_another_shape_are_refused(sample: Generation) -> None:
    with pytest.raises(ValueError, match="top_k is 0"):
        sample.vectors.search(QUERIES, 0)
    with pytest.raises(ValueError, match=r"\(1, 3\); the vectors have 16"):
        sample.vectors.search(np.zeros((1, 3), dtype=np.float32), 1)


# BM25

ENGLISH = analyser_for("english")
PATHS = ["a.txt"] * 50 + ["b.txt"] * 150
TERMS = [
    Counter(ENGLISH.terms(f"{path} > Findings\n{words}"))
    for path, words in zip(PATHS, WORDS, strict=True)
]
EVERY = np.arange(len(WORDS))


def _idf(term: str) -> float:
    frequency = sum(term in passage for passage in TERMS)
    return math.log(1 + (len(TERMS) - frequency + 0.5) / (frequency + 0.5))


def _bm25(weights: Mapping[str, float]) -> FloatArray:
    """BM25 as the docstring of ``qa_app.store.bm25`` has it, passage by passage."""
    mean = sum(map(Counter.total, TERMS)) / len(TERMS)
    scores = []
    for passage in TERMS:
        norm = K1 * (1 - B + B * passage.total() / mean)
        parts = (w * _idf(t) * passage[t] / (passage[t] + norm) for t, w in weights.items())
        scores.append(sum(parts))
    return np.array(scores, dtype=np.float32)


WEIGHTS = [
    {"data": 1},
    {"data": 1, "share": 1},
    {"safeti": 1, "data": 2},
    {"strass": 1, "re-offend": 1, "reoffend": 1, "3.12": 1, "o'brien": 1},
    {"data": 0.5, "road": 2.25, "number": 0.001},
    {"board": 1, "b": 1, "find": 1},
    {"unknown": 1, "data": 1},
    {"unknown": 3},
    {},
]


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_lexical_scores_are_bm25(sample: Generation, weights: dict[str, float]) -> None:
    expected, scores = _bm25(weights), sample.lexical.scores(weights)
    assert scores.at(EVERY).dtype == np.float32
    np.testing.assert_allclose(scores.at(EVERY), expected, rtol=2e-6)
    np.testing.assert_allclose(scores.at(SOME[::-1]), expected[SOME[::-1]], rtol=2e-6)
    assert scores.at(SOME[:0]).shape == (0,)
    for rows in (None, SOME, np.arange(0, 200, 2), SOME[:0]):
        among = EVERY if rows is None else rows
        # Rounded: passages with the same words have the same score in any order of addition.
        ranked = among[np.argsort(-expected[among].round(5), kind="stable")]
        ranked = ranked[expected[ranked] > 0]
        for top_k in (1, 7, 500):
            best = scores.best(top_k, rows)
            assert best.dtype == np.int64
            assert best.tolist() == ranked[:top_k].tolist()


def test_a_repeated_term_counts_each_time(sample: Generation) -> None:
    listed = sample.lexical.scores(["data", "road", "data"]).at(EVERY)
    np.testing.assert_allclose(listed, _bm25({"data": 2, "road": 1}), rtol=2e-6)


def test_terms_of_the_passages_are_known(sample: Generation) -> None:
    lexical = sample.lexical
    assert lexical.analyser.language == "english"
    assert all(term in lexical for passage in TERMS for term in passage)
    assert not any(term in lexical for term in ("unknown", "", "the", "Data", "dat%", "'"))
    for term in ("data", "board", "3.12", "find", "unknown"):
        assert lexical.idf(iter([term, "road"]))[term] == pytest.approx(_idf(term))
    assert lexical.max_score(["data", "unknown", "data"]) == pytest.approx(
        2 * _idf("data") + _idf("unknown")
    )


@pytest.mark.parametrize(
    "terms", [["data"], ["data", "share"], ["find"], ["road", "data"], ["data", "unknown"], []]
)
def test_rows_with_all_of_the_terms(sample: Generation, terms: list[str]) -> None:
    having = [row for row, found in enumerate(TERMS) if terms and all(t in found for t in terms)]
    rows = sample.lexical.rows_with(iter(terms))
    assert (rows.dtype, rows.tolist()) == (np.int64, having)


def test_passages_without_terms(location: Location) -> None:
    plain = make_document("a.txt", ["the", "of"])
    bare = [dataclasses.replace(passage, title="", section=()) for passage in plain.passages]
    write_generation(location, make_contents(dataclasses.replace(plain, passages=tuple(bare))))
    with open_store(location).open() as generation:
        scores = generation.lexical.scores(["data"])
        assert scores.at(np.arange(2)).tolist() == [0.0, 0.0]
        assert scores.best(5).tolist() == []
        assert generation.lexical.max_score(["data"]) > 0


# Tokens


def test_token_codes_are_the_ones_written(sample: Generation) -> None:
    assert sample.tokens.dimension == 24  # three bytes: not that of the passages
    assert len(sample.tokens.codes([])) == 0
    for rows in (list(range(200)), np.array([199, 0, 7, 7])):
        found = sample.tokens.codes(rows)
        assert [codes.tolist() for codes in found] == [CODES[row].tolist() for row in rows]


def test_token_codes_of_one_text_are_shared_and_taken_over(location: Location) -> None:
    first, store = make_document("a.txt", ["One.", "Two.", "Three."]), open_store(location)
    given = make_contents(first)
    codes = [np.array([[7, 1], [8, 2]], dtype=np.uint8), np.array([[9, 3]], dtype=np.uint8)]
    with store.lock(), store.writer() as writer:
        writer.add(first)
        writer.add_tokens([2, 0], codes[0])
        writer.finish(given.embeddings, given.model, given.recipe)
    with store.open() as generation:
        assert generation.tokens.dimension == 9
        assert [len(found) for found in generation.tokens.codes([0, 1, 2])] == [2, 0, 2]
    second = make_document("b.txt", ["One.", "Two.", "Three."])
    with store.lock(), store.open(searchable=False) as previous, store.writer() as writer:
        writer.add(second)
        writer.copy_tokens(previous, np.array([0, 2]), np.array([2, 2]))
        writer.add_tokens([1], codes[1])
        writer.finish(given.embeddings, given.model, given.recipe)
    with store.open() as generation:
        found = generation.tokens.codes([0, 1, 2])
        assert [item.tolist() for item in found] == [codes[n].tolist() for n in (0, 1, 0)]


def test_an_index_without_tokens(location: Location) -> None:
    contents = make_contents(make_document("a.txt", ["One.", "Two."]))
    write_generation(location, dataclasses.replace(contents, tokens=()))
    with open_store(location).open() as generation:
        assert generation.tokens.dimension == 9
        assert [len(codes) for codes in generation.tokens.codes([1, 0])] == [0, 0]


# Threads


def test_a_generation_serves_several_threads(sample: Generation) -> None:
    def use(number: int) -> list[object]:
        rows = [number, number + 50]
        return [
            sample.passages(rows),
            sample.vectors.search(QUERIES, 9)[1].tolist(),
            sample.lexical.scores({"data": 1, "board": 2}).best(9).tolist(),
            [codes.tolist() for codes in sample.tokens.codes(rows)],
            sample.document("b.txt").text,
            sample.rows_tagged("none", "none").tolist(),
        ]

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(use, range(40)))
    assert together == [use(number) for number in range(40)]
