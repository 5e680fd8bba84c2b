"""Scores the program on a folder in BEIR form, through the same code that answers users.

Every row of ``corpus.jsonl`` becomes one passage of an ordinary index in a temporary folder, and
every query is asked of it. ``scope_doc`` of a query is an ordinary filter, and so is the set of
articles that is left when the one that answers is taken away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from qa_app.api import Index, encoder_for, reader_for, reranker_for
from qa_app.embedding import Encoder
from qa_app.evaluation.answers import ARTICLE, SCOPE, filters_of, score_answers
from qa_app.evaluation.scoring import (
    Evaluation,
    Run,
    Scored,
    evaluation_of,
    mean_figures,
    quotes_of,
)
from qa_app.evaluation.sets import EvaluationSet, Query, read_set
from qa_app.indexing import BuildProgress
from qa_app.metrics import ndcg_at, recall_at, reciprocal_rank_at
from qa_app.models import Block, BlockKind, Document, Mode, Passage, Sentence
from qa_app.sentences import split_sentences
from qa_app.settings import DEFAULT_LANGUAGE, Settings
from qa_app.store.manifest import Recipe
from qa_app.store.records import SourceStamp
from qa_app.store.writer import IndexedDocument, embed_contents, write_generation

_FIGURES = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
# As deep as recall@100 looks.
_DEPTH = 100
# A question is missed where nothing relevant is among the first ten.
_SHOWN = 10


class Task(StrEnum):
    """What is scored."""

    RETRIEVAL = "retrieval"
    ANSWERS = "answers"


def evaluate_folder(
    folder: Path,
    task: Task,
    modes: Sequence[Mode],
    scoped: bool,
    settings: Settings,
    progress: BuildProgress,
    encoder: Encoder | None = None,
) -> Evaluation:
    """Return the figures of one folder.

    Args:
        folder: holds corpus.jsonl and queries.jsonl, and qrels.tsv for the retrieval task.
        modes: one, or two to compare.
        scoped: search only in the document that a query names.

    Raises:
        CorpusError: a file of the folder is missing or not in this form.
    """
    given = read_set(folder)
    with tempfile.TemporaryDirectory(prefix="qa_app-evaluate-") as temporary:
        root = Path(temporary)
        (root / "corpus").mkdir()
        encoder = encoder or encoder_for(settings)
        index_rows(given.rows, root / "index", encoder, settings, progress)
        score = _score_retrieval if task is Task.RETRIEVAL else score_answers
        reranker = reranker_for(settings)
        reader = reader_for(settings)
        with Index(root / "index", root / "corpus", encoder, reranker, reader) as index:
            runs = [score(given, index, mode, scoped, progress) for mode in modes]
    return evaluation_of(runs, modes)


def index_rows(
    rows: Sequence[Mapping[str, Any]],
    index: Path,
    encoder: Encoder,
    settings: Settings,
    progress: BuildProgress,
) -> None:
    """Write an index with a passage a row."""
    documents = [_indexed(row) for row in rows]
    progress.stage("Embedding", len(documents))
    recipe = Recipe(language=settings.language or DEFAULT_LANGUAGE)
    write_generation(index, embed_contents(documents, encoder, progress.advance, recipe))


def _indexed(row: Mapping[str, Any]) -> IndexedDocument:
    text, title = str(row["text"]), str(row.get("title") or "")
    start, end = len(text) - len(text.lstrip()), len(text.rstrip())
    start = min(start, end)
    path = str(row["_id"])
    document = Document(
        path=path,
        format="text",
        title=title,
        text=text,
        blocks=(Block(start, end, BlockKind.PARAGRAPH),) if start < end else (),
    )
    tags = {ARTICLE: (title,)} | ({SCOPE: (str(row["doc"]),)} if row.get("doc") else {})
    passage = Passage(
        id=path,
        document=path,
        title=title,
        section=(),
        start=start,
        end=end,
        text=text[start:end],
        sentences=tuple(Sentence(*span) for span in split_sentences(text, start, end)),
        tags=tags,
    )
    return IndexedDocument(document, SourceStamp(0, 0, ""), (passage,))


def _score_retrieval(
    given: EvaluationSet, index: Index, mode: Mode, scoped: bool, progress: BuildProgress
) -> Run:
    titles = {str(row["_id"]): str(row.get("title") or "") for row in given.rows}
    asked = [query for query in given.queries if _relevant(given, query)]
    progress.stage("Asking", len(asked))
    scored = []
    for query in asked:
        # Rows that repeat one another are judged one by one.
        found = index.search(query.text, _DEPTH, filters_of(query, scoped), mode, distinct=False)
        ranked = [result.passage.document for result in found]
        judged, relevant = given.judged[query.id], _relevant(given, query)
        ranks = [rank for rank, row in enumerate(ranked, start=1) if row in relevant]
        item = Scored(
            id=query.id,
            question=query.text,
            expected=tuple(f"{row} {titles.get(row, '')}".rstrip() for row in relevant),
            figures={
                "ndcg@10": ndcg_at(ranked, judged, 10),
                "recall@10": recall_at(ranked, judged, 10),
                "recall@100": recall_at(ranked, judged, 100),
                "mrr@10": reciprocal_rank_at(ranked, judged, 10),
            },
            missed=not ranks or ranks[0] > _SHOWN,
            rank=ranks[0] if ranks else None,
            came=quotes_of(found),
        )
        scored.append(item)
        progress.advance(1)
    return Run(tuple(scored), {**mean_figures(scored, _FIGURES), "queries": len(scored)})


def _relevant(given: EvaluationSet, query: Query) -> list[str]:
    return [row for row, gain in given.judged.get(query.id, {}).items() if gain > 0]
