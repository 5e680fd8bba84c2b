"""Find hard negatives: passages that rank high for a question and do not answer it.

    python -m training.negatives --data DATA --index INDEX --out negatives.jsonl

Each answerable question is searched for in its own document, with the product's own search, and up
to four passages without the answering words are kept. Questions that the file already holds are
skipped, so that a later run adds only new ones.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qa_app import open_index
from qa_app.reader import header
from training.examples import Example, read_lines, twins
from training.questions import load_questions
from training.sources import document_path

SEED = 20
_ASKED = 8  # passages retrieved for each question


def hard_negatives(examples: Sequence[Example], path: Path, most: int) -> list[Example]:
    """Return unanswerable examples from a file written by ``main``, up to ``most`` a question.

    Empty if there is no such file.
    """
    if not path.exists():
        return []
    found = {row["question"]: row["passages"] for row in read_lines(path)}
    return [
        replace(
            item,
            source=item.source + "-ranked",
            header=header(title, section),
            passage=text,
            start=-1,
            end=-1,
        )
        for item in examples
        if item.answerable
        for title, section, text in found.get(item.question, ())[:most]
    ]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--questions", type=Path, default=Path("training/questions"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--most", type=int, default=1_000_000, help="questions to ask in one run")
    given = parser.parse_args()
    examples = twins(read_lines(given.data / "reader/reports.jsonl"))
    examples += twins(load_questions(given.questions, given.index), "own")
    done = {row["question"] for row in read_lines(given.out)} if given.out.exists() else set()
    asked = [item for item in examples if item.answerable and item.question not in done]
    random.Random(SEED).shuffle(asked)
    asked = asked[: given.most]
    with open_index(given.index) as index, given.out.open("a", encoding="utf-8") as out:
        for n, item in enumerate(asked, 1):
            kept = []
            words = item.passage[item.start : item.end].lower()
            filters = {"document": [document_path(item.group)]}
            for result in index.search(item.question, _ASKED, filters):
                passage = result.passage
                if words in passage.text.lower() or passage.text in item.passage:
                    continue
                kept.append([passage.title, list(passage.section), passage.text])
            row = {"question": item.question, "passages": kept[:4]}
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            if n % 200 == 0:
                print(f"{n:,} of {len(asked):,}", flush=True)


if __name__ == "__main__":
    main()
