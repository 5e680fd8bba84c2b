"""Compares the answers of two checkouts of the program, before and after a change of its code.

    python benchmarks/same_answers.py BEFORE AFTER CORPUS QUESTIONS [CORPUS QUESTIONS …]

BEFORE and AFTER are source trees. Each indexes every corpus in a separate process and answers the
first 300 questions of the file given after the corpus: plain text with one per line, or JSON lines
with a "text" or a "question". All that ``search`` and ``ask`` return must be exactly equal, except
timings. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

MOST_SHOWN = 10  # differences named for each corpus
_TIMINGS = "timings_ms"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("sets", nargs="+", type=Path, metavar="CORPUS QUESTIONS")
    parser.add_argument("--most", type=int, default=300, help="questions of each set")
    options = parser.parse_args()
    if len(options.sets) % 2:
        parser.error("each corpus needs a file of questions")
    differs = False
    for corpus, file in zip(options.sets[::2], options.sets[1::2], strict=True):
        questions = read_questions(file)[: options.most]
        before = answers_of(options.before, corpus, questions)
        after = answers_of(options.after, corpus, questions)
        differs |= report(f"{corpus}, {len(questions)} questions", questions, before, after)
    return int(differs)


def read_questions(file: Path) -> list[str]:
    lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    found = [json.loads(line) if line.startswith("{") else {"text": line} for line in lines if line]
    return [item.get("text") or item["question"] for item in found]


def answers_of(tree: Path, corpus: Path, questions: list[str]) -> list[dict[str, Any]]:
    """Return the results of ``search`` and ``ask`` of a source tree's program for each question."""
    with tempfile.TemporaryDirectory(prefix="qa_app-same-") as folder:
        given = json.dumps([str(tree.resolve()), str(corpus.resolve()), questions])
        # Run in an empty folder, so that neither tree's qa_app.toml is read.
        run = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), "--answer"],
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(tree.resolve())},
        )
    found: list[dict[str, Any]] = json.loads(run.stdout)
    return found


def answer() -> None:
    """Index a corpus and answer its questions with the program on PYTHONPATH (child process).

    Reads tree, corpus and questions as JSON from standard input, and writes JSON to the output.
    """
    import qa_app
    from qa_app import build_index, open_index

    tree, corpus, questions = json.load(sys.stdin)
    if not Path(str(qa_app.__file__)).is_relative_to(tree):
        raise SystemExit(f"{qa_app.__file__} is not the program of {tree}")
    build_index(corpus, "index")
    with open_index("index") as index:
        found = [{"search": index.search(text), "ask": index.ask(text)} for text in questions]
    json.dump(found, sys.stdout, default=as_json)


def as_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: getattr(value, name) for name in names if name != _TIMINGS}
    if isinstance(value, Mapping):
        return dict(value)
    return sorted(value) if isinstance(value, set | frozenset) else str(value)


def report(
    name: str, questions: list[str], before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> bool:
    """Print how many answers are equal and where the others first differ; True if any differ."""
    print(f"{name}:")
    shown = []
    for kind in ("search", "ask"):
        found = zip(questions, before, after, strict=True)
        differing = [
            (text, next(differences(old[kind], new[kind]), "another shape"))
            for text, old, new in found
            if old[kind] != new[kind]
        ]
        print(f"  {kind:<6} {len(questions) - len(differing)} the same, {len(differing)} not")
        shown += [f"  {kind}: {text}\n    {where}" for text, where in differing[:MOST_SHOWN]]
    print("\n".join(shown), end="\n" if shown else "", flush=True)
    return bool(shown)


def differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Yield each difference between two answers, such as "[0].score: 0.5, now 0.6"."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from differences(old.get(key), new.get(key), f"{path}.{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{path}[{place}]")
    elif old != new:
        yield f"{path or 'all'}: {str(old)[:200]}, now {str(new)[:200]}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--answer"]:
        answer()
    else:
        sys.exit(main())
