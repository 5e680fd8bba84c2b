"""What the reader's best score per passage would add to the ranking, by set.

    python benchmarks/reader_ranking.py EVAL_FOLDER [--queries 60]

The first passages of ``best`` are read, and the reader's score is added to theirs with a weight
that is chosen on the other sets. Prints a Markdown table of nDCG@10.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ablation import SETS

from qa_app.api import Index, encoder_for, reader_for
from qa_app.evaluation import read_set
from qa_app.evaluation.scoring import ndcg_at
from qa_app.evaluation.sets import index_rows
from qa_app.indexing import BuildProgress
from qa_app.settings import Settings

SEED = 20  # fixed, so that the same queries are sampled each time
DEPTH = 10  # of nDCG@10
READ = 16  # first passages that are read and reranked
WEIGHTS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3)  # tried; the first is no reader
_MOST = 15.0  # reader scores (logits) are clipped here: beyond it they are all near certain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds one folder a set")
    parser.add_argument("--queries", type=int, default=60, help="of each set")
    options = parser.parse_args()
    figures = {name: _set(options.folder / name, options.queries) for name in SETS}
    print("| set | best | with the reader, weight chosen on the others | weight |")
    print("|---|---|---|---|")
    rows = []
    for name, values in figures.items():
        others = np.mean([v for other, v in figures.items() if other != name], axis=0)
        chosen = int(np.argmax(others))
        rows.append((values[0], values[chosen]))
        print(f"| {name} | {values[0]:.3f} | {values[chosen]:.3f} | {WEIGHTS[chosen]} |")
    plain, read = np.mean(rows, axis=0)
    print(f"| mean | {plain:.3f} | {read:.3f} | |")


def _set(folder: Path, most: int) -> np.ndarray:
    """Return the set's mean nDCG@10 at each weight, shape (num_weights,)."""
    given, settings = read_set(folder), Settings()
    asked = [q for q in given.queries if any(g > 0 for g in given.judged.get(q.id, {}).values())]
    asked = random.Random(SEED).sample(asked, min(most, len(asked)))
    with tempfile.TemporaryDirectory(prefix="qa_app-ranking-") as temporary:
        root = Path(temporary)
        index_rows(given.rows, root / "index", encoder_for(settings), settings, _Silent())
        reader = reader_for(settings)
        assert reader is not None
        values = []
        with Index(root / "index", root, encoder_for(settings)) as index:
            for query in asked:
                found = index.search(query.text, READ, distinct=False)
                passages = [item.passage for item in found]
                spans = [reading.best() for reading in reader.read(query.text, passages)]
                read = np.array([span.score if span else -_MOST for span in spans])
                read = np.clip(read, -_MOST, _MOST) / _MOST
                score = np.array([item.score for item in found])
                paths = [passage.document for passage in passages]
                row = []
                for weight in WEIGHTS:
                    order = np.argsort(-(score / score.max() + weight * read), kind="stable")
                    ranked = [paths[place] for place in order]
                    row.append(ndcg_at(ranked, given.judged[query.id], DEPTH))
                values.append(row)
    return np.mean(values, axis=0)


class _Silent(BuildProgress):
    def stage(self, *_: Any) -> None: ...

    def advance(self, *_: Any) -> None: ...


if __name__ == "__main__":
    main()
