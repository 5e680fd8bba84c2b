"""A folder in BEIR form as read: rows, queries and judgements."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa_app.errors import CorpusError

_HINT = "The folder holds corpus.jsonl, queries.jsonl and qrels.tsv (tabs), in BEIR form."


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
