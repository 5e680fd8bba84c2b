"""Scores the program on a folder in BEIR form, through the same code that answers users.

Every row of ``corpus.jsonl`` becomes one passage of an ordinary index in a temporary folder, and
every query is asked of it. ``scope_doc`` of a query is an ordinary filter, and so is the set of
articles that is left when the one that answers is taken away.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.api import Index, encoder_for
from qa_app.embedding import Encoder
from qa_app.errors import CorpusError
from qa_app.indexing import BuildProgress
from qa_app.metrics import auroc, ndcg_at, recall_at, reciprocal_rank_at
from qa_app.models import Answer, Block, BlockKind, Document, Mode, Passage, Sentence, Verdict
from qa_app.sentences import split_sentences
from qa_app.settings import Settings
from qa_app.store.manifest import Recipe
from qa_app.store.records import SourceStamp, searchable_text
from qa_app.store.writer import GenerationContents, IndexedDocument, write_generation

_HINT = "The folder holds corpus.jsonl, queries.jsonl and qrels.tsv (tabs), in BEIR form."
_SCOPE = "scope"
_ARTICLE = "article"
# As deep as recall@100 looks.
_DEPTH = 100
# Queries whose article is taken away to see whether the program then refuses: enough for a
# standard error of about one point, few enough to wait for.
_REMOVALS = 500
_SEED = 7


class Task(StrEnum):
    """What is scored."""

    RETRIEVAL = "retrieval"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Query:
    """A question of the set.

    Attributes:
        answers: words that answer it, where the set gives them.
        context_id: the row that it was written on, where known.
        scope: the document that it is about, where the set names one.
        impossible: the set says that the corpus does not answer it.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    context_id: str | None = None
    scope: str | None = None
    impossible: bool = False


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A folder as read: rows, queries, and judgements by query and row."""

    rows: tuple[Mapping[str, Any], ...]
    queries: tuple[Query, ...]
    judged: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def evaluate(
    folder: Path,
    task: Task,
    mode: Mode,
    scoped: bool,
    settings: Settings,
    progress: BuildProgress,
    encoder: Encoder | None = None,
) -> dict[str, Any]:
    """Return the figures of one folder.

    Args:
        folder: holds corpus.jsonl and queries.jsonl, and qrels.tsv for the retrieval task.
        scoped: search only in the document that a query names.

    Raises:
        CorpusError: a file of the folder is missing or not in this form.
    """
    given = read_set(folder)
    with tempfile.TemporaryDirectory(prefix="qa_app-evaluate-") as temporary:
        root = Path(temporary)
        (root / "corpus").mkdir()
        encoder = encoder or encoder_for(settings)
        _index_rows(given.rows, root / "index", encoder, settings, progress)
        with Index(root / "index", root / "corpus", encoder) as index:
            if task is Task.RETRIEVAL:
                return _score_retrieval(given, index, mode, scoped, progress)
            return _score_answers(given, index, mode, scoped, progress)


def read_set(folder: Path) -> EvaluationSet:
    """Read a folder in BEIR form; ``CorpusError`` names what is missing or wrong."""
    rows = tuple(_read_jsonl(folder / "corpus.jsonl", ("_id", "text")))
    queries = tuple(_query(item) for item in _read_jsonl(folder / "queries.jsonl", ("_id", "text")))
    return EvaluationSet(rows, queries, _read_judgements(folder / "qrels.tsv"))


def _read_judgements(path: Path) -> dict[str, dict[str, float]]:
    judged: dict[str, dict[str, float]] = {}
    if not path.exists():
        return judged
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if number == 1 or not line.strip():
            continue
        try:
            query, row, score = line.split("\t")
            judged.setdefault(query, {})[row] = float(score)
        except ValueError as exc:
            raise CorpusError(f"{path}, line {number} is not query, row and score.", _HINT) from exc
    return judged


def _read_jsonl(path: Path, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                item = json.loads(line)
                missing = [key for key in keys if key not in item]
                if missing:
                    raise CorpusError(f"{path}, line {number} has no {missing[0]!r}.", _HINT)
                yield item
    except (OSError, ValueError) as exc:
        raise CorpusError(f"{path} cannot be read: {exc}", _HINT) from exc


def _query(item: Mapping[str, Any]) -> Query:
    answers = item.get("answers") or ()
    scenario = item.get("scenario") or ""
    return Query(
        id=item["_id"],
        text=f"{scenario} {item['text']}".strip(),
        answers=tuple(answer["text"] for answer in answers if answer.get("text")),
        context_id=item.get("context_id"),
        scope=item.get("scope_doc"),
        impossible=bool(item.get("is_impossible")),
    )


def _index_rows(
    rows: Sequence[Mapping[str, Any]],
    index: Path,
    encoder: Encoder,
    settings: Settings,
    progress: BuildProgress,
) -> None:
    documents = [_indexed(row) for row in rows]
    texts = [searchable_text(passage) for item in documents for passage in item.passages]
    progress.stage("Embedding", len(texts))
    embeddings = encoder.encode_documents(texts, progress.advance)
    recipe = Recipe(language=settings.language)
    write_generation(index, GenerationContents(documents, embeddings, encoder.identity, recipe))


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
    tags = {_ARTICLE: (title,)} | ({_SCOPE: (str(row["doc"]),)} if row.get("doc") else {})
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


def _filters(query: Query, scoped: bool) -> dict[str, list[str]]:
    return {_SCOPE: [query.scope]} if scoped and query.scope else {}


def _score_retrieval(
    given: EvaluationSet, index: Index, mode: Mode, scoped: bool, progress: BuildProgress
) -> dict[str, Any]:
    figures: dict[str, list[float]] = {
        name: [] for name in ("ndcg@10", "recall@10", "recall@100", "mrr@10")
    }
    asked = [
        query
        for query in given.queries
        if any(v > 0 for v in given.judged.get(query.id, {}).values())
    ]
    progress.stage("Asking", len(asked))
    for query in asked:
        found = index.search(query.text, _DEPTH, _filters(query, scoped), mode)
        ranked = [result.passage.document for result in found]
        judged = given.judged[query.id]
        figures["ndcg@10"].append(ndcg_at(ranked, judged, 10))
        figures["recall@10"].append(recall_at(ranked, judged, 10))
        figures["recall@100"].append(recall_at(ranked, judged, 100))
        figures["mrr@10"].append(reciprocal_rank_at(ranked, judged, 10))
        progress.advance(1)
    return {name: _mean(values) for name, values in figures.items()} | {"queries": len(asked)}


def _score_answers(
    given: EvaluationSet, index: Index, mode: Mode, scoped: bool, progress: BuildProgress
) -> dict[str, Any]:
    progress.stage("Asking", len(given.queries))
    answered: list[tuple[Query, Answer]] = []
    for query in given.queries:
        answered.append((query, index.ask(query.text, 8, _filters(query, scoped), mode)))
        progress.advance(1)
    possible = [(query, answer) for query, answer in answered if not query.impossible]
    impossible = [answer for query, answer in answered if query.impossible]
    removed = _ask_without_article(given, index, mode, progress)
    spans = [(query, answer) for query, answer in possible if query.answers]
    figures: dict[str, Any] = {
        "sentence_accuracy@1": _mean([_is_right(query, answer, 1) for query, answer in spans]),
        "sentence_accuracy@3": _mean([_is_right(query, answer, 3) for query, answer in spans]),
    }
    kept = [answer for _, answer in possible]
    by_removal = _score_refusal(kept, removed)
    figures["refusal"] = _score_refusal(kept, impossible) if impossible else by_removal
    figures["refusal_article_removed"] = by_removal
    return figures | {"queries": len(answered)}


def _ask_without_article(
    given: EvaluationSet, index: Index, mode: Mode, progress: BuildProgress
) -> list[Answer]:
    """Ask a sample of the questions of an index without the article that answers them."""
    titles = {str(row["_id"]): str(row.get("title") or "") for row in given.rows}
    everything = sorted(set(titles.values()))
    known = [
        query for query in given.queries if not query.impossible and query.context_id in titles
    ]
    if len(everything) < 2 or not known:
        return []
    order = np.random.default_rng(_SEED).permutation(len(known))[:_REMOVALS]
    progress.stage("Asking with the article removed", len(order))
    answers = []
    for number in order:
        query = known[number]
        article = titles[str(query.context_id)]
        rest = [title for title in everything if title != article]
        answers.append(index.ask(query.text, 8, {_ARTICLE: rest}, mode))
        progress.advance(1)
    return answers


def _is_right(query: Query, answer: Answer, depth: int) -> float:
    """Tell whether one of the first quotes holds the answer's words, from the right row."""
    for finding in (answer.findings or answer.near_misses)[:depth]:
        if query.context_id is not None and finding.citation.document != query.context_id:
            continue
        quote = _folded(finding.quote)
        if any(_folded(words) in quote for words in query.answers):
            return 1.0
    return 0.0


def _score_refusal(possible: Sequence[Answer], refusable: Sequence[Answer]) -> dict[str, float]:
    """Score the refusals: right when it is the second kind of question that is refused."""
    wrongly = sum(answer.verdict is Verdict.NOT_FOUND for answer in possible)
    rightly = sum(answer.verdict is Verdict.NOT_FOUND for answer in refusable)
    return {
        "auroc": auroc(
            [answer.confidence for answer in possible], [answer.confidence for answer in refusable]
        ),
        "precision": rightly / (rightly + wrongly) if rightly + wrongly else 0.0,
        "recall": rightly / len(refusable) if refusable else 0.0,
        "false_refusals": wrongly / len(possible) if possible else 0.0,
    }


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else 0.0
