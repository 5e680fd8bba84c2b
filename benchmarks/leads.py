"""What "Not this" does to the ranking, by the weight of the negative feedback; "More like this".

    python benchmarks/leads.py EVAL_FOLDER [NAME …] [--most 200] [--seed 0]

For each question whose first passage is wrong, that passage is rejected and the question asked
again, up to three times, as a user would who goes on until the first passage is right. Prints
Markdown tables: how often the first is right after one, two and three rejections; how often the
first right passage stands higher or lower than if wrong ones were only left out (weight 0); and how
often a right passage was lost as a near duplicate of a wrong one. With --senses, two questions are
joined into one of two senses, and a passage that is right for the first is rejected: how does the
first passage that is right for the second stand? With --like, the share of a question's other right
passages among the eight most like one of them, by the weight of BM25 against the cosine.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from ablation import indexed

from qa_app.arrays import RowArray
from qa_app.citations import cite_whole
from qa_app.embedding import SentenceTransformerEncoder
from qa_app.evaluation import EvaluationSet, read_set
from qa_app.models import Place
from qa_app.retrieval import Ranked, Retriever, fusion, leads

SETS = ("orsharc", "qmsum-committee", "cisi", "cranfield", "xquad-en", "policyqa", "clapnq")
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.75)
LEXICAL_WEIGHTS = (0.0, 0.2, 0.45, 0.7, 1.0)
ROUNDS = 3
DEPTH = 20  # a right passage below it counts as standing here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds one folder a set")
    parser.add_argument("sets", nargs="*", default=SETS, metavar="NAME")
    parser.add_argument("--most", type=int, default=200, help="questions drawn from each set")
    parser.add_argument("--senses", action="store_true", help="join two questions into one")
    parser.add_argument("--like", action="store_true", help='measure "More like this"')
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    encoder = SentenceTransformerEncoder()
    total: Counter[tuple[float, str]] = Counter()
    for name in options.sets:
        given = read_set(options.folder / name)
        with indexed(given, encoder) as generation:
            if options.like:
                shares = measure_like(
                    given, Retriever(generation, encoder), options.most, options.seed
                )
                print(name, shares, flush=True)
                continue
            measured = measure_senses if options.senses else measure
            found = measured(given, Retriever(generation, encoder), options.most, options.seed)
        print(f"\n{name}\n\n{table(found)}", flush=True)
        total += found
    if not options.like:
        print(f"\nall\n\n{table(total)}")


def measure(
    given: EvaluationSet, retriever: Retriever, most: int, seed: int
) -> Counter[tuple[float, str]]:
    """Return how often what happened, by weight and name."""
    asked = [query for query in given.queries if given.relevant(query)]
    order = np.random.default_rng(seed).permutation(len(asked))[:most]
    found: Counter[tuple[float, str]] = Counter()
    kept = leads.REJECTED_WEIGHT
    for query in (asked[place] for place in order):
        right = set(given.relevant(query))
        top = retriever.rank(query.text, DEPTH)
        if _place(retriever, top, right) == 1:
            continue
        before: dict[int, int] = {}
        for weight in WEIGHTS:
            leads.REJECTED_WEIGHT = weight
            found[weight, "questions"] += 1
            ranked, rejected, places = top, list[int](), list[Place]()
            for number in range(1, ROUNDS + 1):
                first = retriever.generation.passage(ranked[0].row)
                rejected.append(ranked[0].row)
                places.append(cite_whole(first).place)
                asking = retriever.without(places)
                rows = asking.rows(None)
                ranked = asking.rank(query.text, DEPTH, rows)
                place = _place(asking, ranked, right)
                if number == 1:
                    before.setdefault(1, place)
                    found[weight, "higher"] += place < before[1]
                    found[weight, "lower"] += place > before[1]
                    found[weight, "lost"] += rows is not None and _lost(
                        asking, rows, rejected, right
                    )
                if place == 1:
                    found[weight, f"right after {number}"] += 1
                    break
        leads.REJECTED_WEIGHT = kept
    return found


def measure_senses(
    given: EvaluationSet, retriever: Retriever, most: int, seed: int
) -> Counter[tuple[float, str]]:
    """Return the same for joined questions, with one rejection."""
    asked = [query for query in given.queries if given.relevant(query)]
    order = np.random.default_rng(seed).permutation(len(asked))[: 2 * most]
    found: Counter[tuple[float, str]] = Counter()
    kept = leads.REJECTED_WEIGHT
    for one, other in zip(order[::2], order[1::2], strict=False):
        text = f"{asked[one].text} {asked[other].text}"
        rejected, right = set(given.relevant(asked[one])), set(given.relevant(asked[other]))
        top = retriever.rank(text, DEPTH)
        first = retriever.generation.passage(top[0].row)
        if first.document not in rejected - right:
            continue
        before = DEPTH
        for weight in WEIGHTS:
            leads.REJECTED_WEIGHT = weight
            asking = retriever.without([cite_whole(first).place])
            place = _place(asking, asking.rank(text, DEPTH, asking.rows(None)), right)
            before = place if weight == 0 else before
            found[weight, "questions"] += 1
            found[weight, "right after 1"] += place == 1
            found[weight, "higher"] += place < before
            found[weight, "lower"] += place > before
        leads.REJECTED_WEIGHT = kept
    return found


def measure_like(
    given: EvaluationSet, retriever: Retriever, most: int, seed: int
) -> dict[float, float]:
    """Return the mean recall at 8 of the other right passages, by the weight of BM25."""
    generator = np.random.default_rng(seed)
    asked = [query for query in given.queries if len(given.relevant(query)) > 1]
    kept, recalls = fusion.LEXICAL_WEIGHT, dict[float, list[float]]()
    for place in generator.permutation(len(asked))[:most]:
        right = sorted(given.relevant(asked[place]))
        start = right.pop(int(generator.integers(len(right))))
        (row,) = retriever.generation.document_rows(start)
        like = cite_whole(retriever.generation.passage(row)).place
        for weight in LEXICAL_WEIGHTS:
            fusion.LEXICAL_WEIGHT = weight
            found = {result.passage.document for result in retriever.search_like(like)}
            share = len(found.intersection(right)) / min(len(right), 8)
            recalls.setdefault(weight, []).append(share)
    fusion.LEXICAL_WEIGHT = kept
    return {weight: round(float(np.mean(values)), 3) for weight, values in recalls.items()}


def _place(retriever: Retriever, ranked: list[Ranked], right: set[str]) -> int:
    passages = retriever.generation.passages([item.row for item in ranked])
    places = (n for n, item in enumerate(passages, start=1) if item.document in right)
    return next(places, DEPTH)


def _lost(retriever: Retriever, rows: RowArray, rejected: list[int], right: set[str]) -> bool:
    every = np.arange(retriever.generation.num_passages)
    gone = np.setdiff1d(np.setdiff1d(every, rows), rejected)
    return any(item.document in right for item in retriever.generation.passages(gone))


def table(found: Counter[tuple[float, str]]) -> str:
    """Return the shares as a Markdown table, a row a weight."""
    rounds = [f"right after {number}" for number in range(1, ROUNDS + 1)]
    lines = ["| weight | wrong first | " + " | ".join(rounds) + " | higher | lower | lost |"]
    lines.append("|---" * (len(rounds) + 5) + "|")
    for weight in WEIGHTS:
        count = found[weight, "questions"] or 1
        sums = np.cumsum([found[weight, name] for name in rounds])
        others = [found[weight, name] for name in ("higher", "lower", "lost")]
        cells = [f"{value / count:.3f}" for value in (*sums, *others)]
        lines.append(f"| {weight} | {count} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
