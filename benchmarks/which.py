"""F1 of the rows of answers to "which …?" questions with known answers.

    python benchmarks/which.py INDEX QUESTIONS [--mode MODE] [--show]

QUESTIONS is JSON lines with ``_id``, ``text``, ``facet`` and ``gold``, which maps values to true,
false or null (not scored). Questions about documents are asked only of the documents in ``gold``.
``questions/which-reports.jsonl`` is for an index of the 78 reports.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from qa_app import open_index
from qa_app.facets import DOCUMENT_FACET
from qa_app.models import Answer, Mode


def f1(answer: Answer, gold: Mapping[str, bool | None]) -> tuple[float, list[str], list[str]]:
    """Return the F1 of an answer's rows, and the values of wrong and of missing rows."""
    # Documents are identified by path in the questions, but by title in the rows.
    rows = {name for row in answer.findings for name in (row.facet_value, row.citation.document)}
    wrong = [value for value, said in gold.items() if said is False and value in rows]
    missing = [value for value, said in gold.items() if said and value not in rows]
    right = sum(bool(said) for said in gold.values()) - len(missing)
    size = 2 * right + len(wrong) + len(missing)
    return 2 * right / size if size else 1.0, wrong, missing


def main() -> None:
    """Print each question's F1, their mean, and the median time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--mode", type=Mode, default=Mode.BEST)
    parser.add_argument("--show", action="store_true", help="name rows that are wrong or missing")
    options = parser.parse_args()
    scores, seconds = [], []
    with open_index(options.index) as index:
        index.warm()
        for line in options.questions.read_text(encoding="utf-8").splitlines():
            asked = json.loads(line)
            gold = {value.replace("_", " "): said for value, said in asked["gold"].items()}
            filters = None
            if asked["facet"] == DOCUMENT_FACET:
                gold = asked["gold"]
                filters = {DOCUMENT_FACET: list(gold)}
            started = time.perf_counter()
            answer = index.ask(asked["text"], filters=filters, mode=options.mode)
            seconds.append(time.perf_counter() - started)
            score, wrong, missing = f1(answer, gold)
            scores.append(score)
            print(f"{score:.2f}  {asked['text']}")
            for name, values in (("wrong", wrong), ("missing", missing)):
                if options.show and values:
                    print(f"      {name}: {', '.join(values)}")
    print(f"macro F1 {statistics.mean(scores):.3f}, median {statistics.median(seconds):.2f} s")


if __name__ == "__main__":
    main()
