"""Choice of the cosine thresholds for themes, on judged sets with their queries as themes.

    python benchmarks/themes.py EVAL_FOLDER [--sets orsharc cisi …]

The words of such a theme are the query's three rarest terms. For each pair of thresholds (cosine
alone; cosine with a word), prints the mean F1 over queries, and precision and recall over all
pairs of query and passage.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.api import encoder_for
from qa_app.settings import Settings
from qa_app.text.analysis import analyser_for

# Thresholds that are tried: cosine alone, and cosine with a word.
_PAIRS = [(0.45, 0.30), (0.45, 0.45), (0.50, 0.35), (0.50, 0.40), (0.50, 0.50), (0.55, 0.40)]
_MOST_QUERIES = 400  # of a set, for a tolerable run time
_WORDS = 3  # rarest terms of a query, which serve as the theme's words


def main() -> None:
    """Print one line per set and pair of thresholds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", default=["orsharc", "qmsum-committee", "cisi"])
    options = parser.parse_args()
    for name in options.sets:
        score(options.folder / name)


def score(folder: Path) -> None:
    """Print the metrics of one set."""
    rows, queries = _lines(folder / "corpus.jsonl"), _lines(folder / "queries.jsonl")
    relevant: dict[str, set[str]] = defaultdict(set)
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines():
        query, row, grade = line.split("\t")
        if grade.isdigit() and int(grade):
            relevant[query].add(row)
    queries = [query for query in queries if relevant[query["_id"]]][:_MOST_QUERIES]
    texts = [f"{row['title']}\n{row['text']}".strip() for row in rows]
    encoder = encoder_for(Settings())
    cosines = encoder.encode_queries([q["text"] for q in queries]) @ (
        encoder.encode_documents(texts).T
    )
    stems = [set(analyser_for("english").terms(text)) for text in texts]
    seen = Counter(stem for own in stems for stem in own)
    gold = np.array([[row["_id"] in relevant[q["_id"]] for row in rows] for q in queries])
    words = np.array([_with_word(query["text"], stems, seen) for query in queries])
    for alone, with_word in _PAIRS:
        found = (cosines >= alone) | ((cosines >= with_word) & words)
        hits = (found & gold).sum(1)
        f1 = (2 * hits / (found.sum(1) + gold.sum(1))).mean()
        precision, recall = hits.sum() / max(found.sum(), 1), hits.sum() / gold.sum()
        figures = f"F1 {f1:.3f}  precision {precision:.3f}  recall {recall:.3f}"
        print(f"{folder.name:16} {alone:.2f} {with_word:.2f}  {figures}", flush=True)


def _with_word(query: str, stems: list[set[str]], seen: Counter[str]) -> list[bool]:
    known = sorted(
        {stem for stem in analyser_for("english").terms(query) if seen[stem]},
        key=lambda s: (seen[s], s),
    )
    return [not own.isdisjoint(known[:_WORDS]) for own in stems]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
