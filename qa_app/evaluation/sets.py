"""Evaluation on a folder in BEIR form, through the same code that answers users.

Every row of ``corpus.jsonl`` becomes one passage of an ordinary index in a temporary folder, which
every query is asked of. A query's ``scope_doc`` is applied as a filter, and so is the removal of
the article that answers it (a filter on all other articles).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

import qa_app.evaluation.scoring as scoring
from qa_app.api import encoder_for, open_from_settings
from qa_app.embedding import Encoder
from qa_app.errors import CorpusError
from qa_app.evaluation.scoring import VERDICT, Evaluation, Run, Scored, Side
from qa_app.indexing import BuildProgress
from qa_app.models import (
    Answer,
    Block,
    BlockKind,
    Document,
    Finding,
    Mode,
    Passage,
    Sentence,
    Verdict,
)
from qa_app.settings import DEFAULT_LANGUAGE, Settings
from qa_app.store.contents import embed_contents, write_generation
from qa_app.store.documents import IndexedDocument, SourceStamp
from qa_app.store.manifest import Recipe
from qa_app.text.sentences import split_sentences

# Facets of the rows: the document that a query may be restricted to, and the article (the title).
SCOPE, ARTICLE = "scope", "article"

_HINT = "The folder holds corpus.jsonl, queries.jsonl and qrels.tsv (tabs), in BEIR form."
_RETRIEVAL = ("ndcg@10", "recall@10", "recall@100", "mrr@10")
# Passages asked for, as many as recall@100 needs.
_DEPTH = 100
# A retrieval question is missed if nothing relevant is among this many first passages.
_SHOWN = 10
_FIRST, _THIRD = "sentence_accuracy@1", "sentence_accuracy@3"
# Most queries asked again without the article that answers them, to test refusal: a share among
# them has a standard error of at most 2.2 percentage points, for a tolerable run time.
_REMOVALS = 500
# Arbitrary, but fixed: the same queries are sampled each time.
_SEED = 7
# Passages that an answer is made from, the default of ``qa-app ask``.
_PASSAGES = 8


class Task(StrEnum):
    """What is evaluated: the ranking of passages, or the answers."""

    RETRIEVAL = "retrieval"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Query:
    """A question of the set.

    Attributes:
        answers: texts that answer it, where the set gives them.
        context_id: id of the row that it was written for, where known.
        scope: the document that it is about, where the set names one.
        impossible: True if, according to the set, the corpus does not answer it.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    context_id: str | None = None
    scope: str | None = None
    impossible: bool = False


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """The content of a folder: rows, queries, and relevance grades by query and row id."""

    rows: tuple[Mapping[str, Any], ...]
    queries: tuple[Query, ...]
    judged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def relevant(self, query: Query) -> list[str]:
        """Return the ids of the rows that are relevant to a query."""
        return [row for row, gain in self.judged.get(query.id, {}).items() if gain > 0]

    def titles(self) -> dict[str, str]:
        """Return the title of each row by id, "" where it has none."""
        return {str(row["_id"]): str(row.get("title") or "") for row in self.rows}


def evaluate_folder(
    folder: Path,
    task: Task,
    modes: Sequence[Mode],
    scoped: bool,
    settings: Settings,
    progress: BuildProgress,
    encoder: Encoder | None = None,
) -> Evaluation:
    """Evaluate one folder.

    Args:
        folder: contains corpus.jsonl and queries.jsonl, and qrels.tsv for the retrieval task.
        modes: one, or two to compare.
        scoped: search only in the document that a query names.
        encoder: by default the one that the settings name.

    Raises:
        CorpusError: corpus.jsonl or queries.jsonl is missing, or a file has another form.
    """
    given = read_set(folder)
    encoder = encoder or encoder_for(settings)
    score = _score_retrieval if task is Task.RETRIEVAL else _score_answers
    with tempfile.TemporaryDirectory(prefix="qa_app-evaluate-") as temporary:
        root = Path(temporary)
        index_rows(given.rows, root / "index", encoder, settings, progress)
        own = replace(settings, index=root / "index", corpus=root)
        with open_from_settings(own, encoder) as index:
            sides = [Side(str(mode), index.snapshot(), mode) for mode in modes]
            runs = [score(given, side, scoped, progress) for side in sides]
    return scoring.evaluation_of(runs, sides)


def read_set(folder: Path) -> EvaluationSet:
    """Read a folder in BEIR form; ``CorpusError`` if a file is missing or has another form.

    Without qrels.tsv there are no judgements.
    """
    rows = tuple(_read_jsonl(folder / "corpus.jsonl"))
    queries = tuple(_query(item) for item in _read_jsonl(folder / "queries.jsonl"))
    return EvaluationSet(rows, queries, _read_judgements(folder / "qrels.tsv"))


def index_rows(
    rows: Sequence[Mapping[str, Any]],
    index: Path,
    encoder: Encoder,
    settings: Settings,
    progress: BuildProgress,
) -> None:
    """Write an index with one passage per row."""
    documents = [_indexed(row) for row in rows]
    progress.stage("Embedding", len(documents))
    recipe = Recipe(language=settings.language or DEFAULT_LANGUAGE)
    write_generation(index, embed_contents(documents, encoder, progress.advance, recipe))


def _read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                item = json.loads(line)
                for key in ("_id", "text"):
                    if key not in item:
                        raise CorpusError(f"{path}, line {number} has no {key!r}.", _HINT)
                yield item
    except (OSError, ValueError) as exc:
        raise CorpusError(f"{path} cannot be read: {exc}", _HINT) from exc


def _query(item: Mapping[str, Any]) -> Query:
    answers = item.get("answers") or ()
    return Query(
        id=item["_id"],
        text=item["text"].strip(),
        answers=tuple(answer["text"] for answer in answers if answer.get("text")),
        context_id=item.get("context_id"),
        scope=item.get("scope_doc"),
        impossible=bool(item.get("is_impossible")),
    )


def _read_judgements(path: Path) -> dict[str, dict[str, float]]:
    judged: dict[str, dict[str, float]] = {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines[1:], start=2):  # after the header
        if not line.strip():
            continue
        try:
            query, row, score = line.split("\t")
            judged.setdefault(query, {})[row] = float(score)
        except ValueError as exc:
            raise CorpusError(f"{path}, line {number} is not query, row and score.", _HINT) from exc
    return judged


def _indexed(row: Mapping[str, Any]) -> IndexedDocument:
    text, title, path = str(row["text"]), str(row.get("title") or ""), str(row["_id"])
    end = len(text.rstrip())
    start = min(len(text) - len(text.lstrip()), end)
    blocks = (Block(start, end, BlockKind.PARAGRAPH),) if start < end else ()
    document = Document(path=path, format="text", title=title, text=text, blocks=blocks)
    passage = Passage(
        id=path,
        document=path,
        title=title,
        section=(),
        start=start,
        end=end,
        text=text[start:end],
        sentences=tuple(Sentence(*span) for span in split_sentences(text, start, end)),
        tags={ARTICLE: (title,)} | ({SCOPE: (str(row["doc"]),)} if row.get("doc") else {}),
    )
    return IndexedDocument(document, SourceStamp(0, 0, ""), (passage,))


def _filters(query: Query, scoped: bool) -> dict[str, list[str]]:
    """Return the filter for the document that a query names; none unless ``scoped``."""
    return {SCOPE: [query.scope]} if scoped and query.scope else {}


def _score_retrieval(
    given: EvaluationSet, side: Side, scoped: bool, progress: BuildProgress
) -> Run:
    titles = given.titles()
    asked = [query for query in given.queries if given.relevant(query)]
    scored = []
    for query in scoring.each(asked, progress, "Asking"):
        # Repeated rows are not merged, since each row is judged separately.
        found = side.snapshot.search(
            query.text, _DEPTH, _filters(query, scoped), side.mode, distinct=False
        )
        ranked = [result.passage.document for result in found]
        relevant = given.relevant(query)
        ranks = [rank for rank, row in enumerate(ranked, start=1) if row in relevant]
        figures = (
            scoring.ndcg_at(ranked, given.judged[query.id], 10),
            scoring.recall_at(ranks, len(relevant), 10),
            scoring.recall_at(ranks, len(relevant), 100),
            scoring.reciprocal_rank_at(ranks, 10),
        )
        item = Scored(
            id=query.id,
            question=query.text,
            expected=tuple(f"{row} {titles.get(row, '')}".rstrip() for row in relevant),
            figures=dict(zip(_RETRIEVAL, figures, strict=True)),
            missed=not ranks or ranks[0] > _SHOWN,
            rank=ranks[0] if ranks else None,
            came=scoring.quotes_of(found),
        )
        scored.append(item)
    return Run(tuple(scored), {**scoring.mean_figures(scored, _RETRIEVAL), "queries": len(scored)})


def _score_answers(given: EvaluationSet, side: Side, scoped: bool, progress: BuildProgress) -> Run:
    """Ask every query, and a sample of them again without the article that answers them."""
    asked = [
        (query, side.snapshot.ask(query.text, _PASSAGES, _filters(query, scoped), side.mode))
        for query in scoring.each(given.queries, progress, "Asking")
    ]
    scored = tuple(_score_answer(query, answer) for query, answer in asked)
    kept = [answer for query, answer in asked if not query.impossible]
    impossible = [answer for query, answer in asked if query.impossible]
    by_removal = scoring.score_refusal(kept, _ask_without_article(given, side, progress))
    figures = {
        **scoring.mean_figures(scored, (_FIRST, _THIRD, VERDICT)),
        "refusal": scoring.score_refusal(kept, impossible) if impossible else by_removal,
        "refusal_article_removed": by_removal,
        "queries": len(scored),
    }
    return Run(scored, figures)


def _score_answer(query: Query, answer: Answer) -> Scored:
    refused = answer.verdict is Verdict.NOT_FOUND
    figures = {VERDICT: float(refused == query.impossible)}
    rank = None
    if query.answers and not query.impossible:
        quotes = enumerate(answer.findings or answer.near_misses, start=1)
        rank = next((number for number, finding in quotes if _holds(query, finding)), None)
        figures[_FIRST] = float(rank == 1)
        figures[_THIRD] = float(rank is not None and rank <= 3)
    return Scored(
        id=query.id,
        question=query.text,
        expected=query.answers,
        figures=figures,
        missed=not figures[VERDICT] or not figures.get(_THIRD, 1.0),
        rank=rank,
        verdict=answer.verdict,
        came=scoring.quotes_of(answer),
    )


def _holds(query: Query, finding: Finding) -> bool:
    """Tell whether a quote contains an expected answer and comes from the query's row, if known."""
    places = {place.document for place in (finding.citation, *finding.also_in)}
    if query.context_id is not None and query.context_id not in places:
        return False
    quote = _folded(finding.quote)
    return any(_folded(words) in quote for words in query.answers)


def _ask_without_article(given: EvaluationSet, side: Side, progress: BuildProgress) -> list[Answer]:
    """Return the answers to a sample of questions, each asked without the article that answers it.

    Empty if there are fewer than two articles, or no suitable questions.
    """
    titles = given.titles()
    everything = sorted(set(titles.values()))
    known = [
        query for query in given.queries if not query.impossible and query.context_id in titles
    ]
    if len(everything) < 2 or not known:
        return []
    order = np.random.default_rng(_SEED).permutation(len(known))[:_REMOVALS]
    answers = []
    for query in scoring.each(
        [known[n] for n in order], progress, "Asking with the article removed"
    ):
        rest = [title for title in everything if title != titles[str(query.context_id)]]
        answers.append(side.snapshot.ask(query.text, _PASSAGES, {ARTICLE: rest}, side.mode))
    return answers


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
