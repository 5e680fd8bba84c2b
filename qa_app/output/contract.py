"""The JSON results of the commands, the same from the command line and the HTTP API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qa_app.models import Answer, BuildReport, SearchResult, to_json

if TYPE_CHECKING:
    from qa_app.evaluation import Evaluation
    from qa_app.grids.grid import Cell, Grid
    from qa_app.verification import VerifyReport


def build_json(report: BuildReport) -> dict[str, Any]:
    """Return the JSON of a build."""
    return {
        "generation": report.generation,
        "documents": {
            "added": report.added,
            "changed": report.changed,
            "removed": report.removed,
            "unchanged": report.unchanged,
            "failed": len(report.failures),
        },
        "failures": to_json(report.failures),
        "warnings": to_json(report.warnings),
        "passages": report.passages,
        "embedded": report.embedded,
        "reused": report.reused,
        "seconds": round(report.seconds, 3),
        "passages_per_second": round(report.passages_per_second, 1),
    }


def search_json(
    query: str, results: Sequence[SearchResult], generation: str, like: str | None = None
) -> dict[str, Any]:
    """Return the JSON of a search, or of the passages ``like`` a quote."""
    return {
        "query": query,
        **({"like": like} if like else {}),
        "passages": [_result_json(result) for result in results],
        "reranked": reranked(results),
        "generation": generation,
    }


def answer_json(answer: Answer, check: VerifyReport | None = None) -> dict[str, Any]:
    """Return the JSON of an answer, with the result of checking its quotes if they were checked."""
    checked = {} if check is None else {"verified": not check.bad, "bad": to_json(check.bad)}
    passages = [_result_json(item) for item in answer.passages]
    return {**to_json(answer), "passages": passages, **checked}


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the JSON of an evaluation: metrics, misses, and the comparison if there is one."""
    found = {**to_json(evaluation.figures), "misses": to_json(evaluation.misses)}
    if evaluation.comparison is not None:
        found["comparison"] = to_json(evaluation.comparison)
    return found


def grid_json(grid: Grid) -> dict[str, Any]:
    """Return the JSON of a grid; of its cells those that have a quote, news or a mark."""
    rows = [{"id": row.id, "question": row.question, "asked": bool(row.stamp)} for row in grid.rows]
    return {
        "name": grid.name,
        "facet": grid.facet,
        "filters": to_json(grid.filters),
        "values": list(grid.columns),
        "questions": [row.question for row in grid.rows],
        "rows": rows,
        "cells": [
            {"row": row.id, "question": row.question, **_cell_json(cell)}
            for row, cell in grid.cells
        ],
        "generation": max((row.generation for row in grid.rows), default=""),
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    first = cell.quotes[0] if cell.quotes else None
    return {
        "value": cell.value,
        "support": first and str(first.support),
        "quote": first and first.text,
        "citation": to_json(first and first.citation),
        "quotes": to_json(cell.quotes),
        "new": cell.is_new,
        "mark": to_json(cell.mark and cell.mark.judgement),
        "note": cell.mark.note if cell.mark else "",
        "changed_since_marked": cell.changed_since_marked,
    }


def reranked(results: Sequence[SearchResult]) -> int:
    """Return how many passages were reranked; 0 without a reranker."""
    return int(results[0].scores.get("reranked", 0)) if results else 0


def _result_json(result: SearchResult) -> dict[str, Any]:
    return {
        "rank": result.rank,
        "score": result.score,
        "text": result.passage.text,
        "citation": to_json(result.citation),
        "also_in": to_json(result.also_in),
        "tags": to_json(result.passage.tags),
        "scores": to_json(result.scores),
    }
