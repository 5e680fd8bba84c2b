"""Comparison of topics with BERTopic's, from the same passages and vectors, in one run.

    python benchmarks/topics.py PEER_PYTHON INDEX …

Each INDEX is one of ours; PEER_PYTHON is the interpreter of an environment with bertopic. Prints
Markdown: mean coherence of topics (NPMI of ten terms, by presence in passages), the share of
passages that contain a part of their topic's label, and processor time relative to ours. A peer's
label is its first three terms; words match by stem. Leaving passages without a topic raises the
share within topics, so the share of all passages is printed too, and a row for our topics limited
to as many passages as the peer placed, those nearest to their topics.

With --steadiness, prints instead how many passages keep their topic after a small change.
"""

from __future__ import annotations

import argparse
import copy
import functools
import itertools
import json
import math
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.api import encoder_for
from qa_app.facets import FACETS_FILE, Facets
from qa_app.models import Passage
from qa_app.settings import Settings
from qa_app.store.embedded.generation import open_generation
from qa_app.store.protocol import Generation
from qa_app.text.analysis import analyser_for
from qa_app.topics.topic_builder import Earlier, Themes, find_topics
from qa_app.topics.topic_store import Topics

_TERMS, _LABEL = 10, 3  # terms of a topic that are scored; terms that form a peer's label
_WORD = re.compile(r"\w+")  # a word of a passage or term

# Script for the peer's environment: reads passages and vectors, writes terms and members.
_PEER = """
import json, sys, time
import numpy as np
from bertopic import BERTopic
from sklearn.feature_extraction.text import CountVectorizer
folder, number = sys.argv[1], int(sys.argv[2])
texts = json.load(open(folder + "/texts.json"))
vectors = np.load(folder + "/vectors.npy")
def fit(most):
    model = BERTopic(vectorizer_model=CountVectorizer(stop_words="english"))
    return model, model.fit_transform(texts[:most], vectors[:most])[0]
def told(model, groups, seconds):
    topics = {}
    for row, group in enumerate(groups):
        if group >= 0:
            topics.setdefault(int(group), []).append(row)
    return {"seconds": seconds, "topics": [
        {"terms": [term for term, _ in model.get_topic(group) if term][:10], "rows": rows}
        for group, rows in sorted(topics.items())
    ]}
fit(400)  # compiles what is compiled at the first use
started = time.process_time()
model, groups = fit(len(texts))
found = [told(model, groups, time.process_time() - started)]
model.reduce_topics(texts, nr_topics=number + 1)
found.append(told(model, model.topics_, time.process_time() - started))
json.dump(found, open(folder + "/out.json", "w"))
"""


class Texts:
    """An index's passages, held in memory."""

    def __init__(self, generation: Generation) -> None:
        self._passages = generation.passages(range(generation.num_passages))
        numbers = {record.path: n for n, record in enumerate(generation.documents)}
        self._outline = [(numbers[p.document], p.text) for p in self._passages]
        self._titles = [record.title for record in generation.documents]

    def only(self, rows: Any) -> Texts:
        """Return the same with only the passages of these rows."""
        chosen = copy.copy(self)
        chosen._passages = self.passages(rows)
        chosen._outline = [self._outline[row] for row in rows]
        return chosen

    def outline(self) -> list[tuple[int, str]]:
        return self._outline

    def titles(self) -> list[str]:
        return self._titles

    def passages(self, rows: Any) -> tuple[Passage, ...]:
        return tuple(self._passages[row] for row in rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer_python")
    parser.add_argument("indexes", nargs="+", type=Path)
    parser.add_argument("--steadiness", action="store_true", help="only after a small change")
    options = parser.parse_args()
    if options.steadiness:
        for index in options.indexes:
            steadiness(index)
        return
    print("| set | program | topics | placed | NPMI | label: of a topic | of all | time |")
    print("|---|---|---|---|---|---|---|---|")
    for index in options.indexes:
        compare(index, options.peer_python)


def compare(index: Path, peer_python: str) -> None:
    """Print the table rows of one index."""
    with open_generation(index) as generation:
        texts = Texts(generation)
        vectors = generation.stored_vectors(np.arange(generation.num_passages))
        facets = Facets.parse(generation.file(FACETS_FILE))
    ours = own_topics(index, texts, vectors, facets)
    rows = sorted({row for topic in ours["topics"] for row in topic["rows"]})
    peers = peer_topics(peer_python, texts, vectors, rows, len(ours["topics"]))
    placed = sum(len(topic["rows"]) for topic in peers[0]["topics"])
    found = dict(zip(("BERTopic", "BERTopic, reduced to as many"), peers, strict=True))
    found = {"qa_app": ours, f"qa_app, the nearest {placed:,}": _nearest(ours, placed)} | found
    plain = [f" {' '.join(_WORD.findall(text.lower()))} " for _, text in texts.outline()]
    stemmed = [_stemmed(text) for _, text in texts.outline()]
    for name, result in found.items():
        topics = result["topics"]
        covered = sum(len(topic["rows"]) for topic in topics) / len(rows)
        coherence = statistics.mean(npmi(topic["terms"], plain, rows) for topic in topics)
        labelled = [labelled_rows(topic, stemmed) for topic in topics]
        pairs = zip(labelled, topics, strict=True)
        overlap = statistics.mean(some / len(topic["rows"]) for some, topic in pairs)
        ratio = result["seconds"] / ours["seconds"]
        print(
            f"| {index.name} | {name} | {len(topics)} | {covered:.2f} | {coherence:.3f} | "
            f"{overlap:.2f} | {sum(labelled) / len(rows):.2f} | {ratio:.1f} |",
            flush=True,
        )


def _nearest(found: dict[str, Any], placed: int) -> dict[str, Any]:
    """Return the topics limited to ``placed`` passages, those nearest to their centres."""
    strengths = sorted((s for topic in found["topics"] for s in topic["strengths"]), reverse=True)
    least = strengths[placed - 1]
    kept = [
        topic | {"rows": topic["rows"][: sum(s >= least for s in topic["strengths"])]}
        for topic in found["topics"]
    ]
    return found | {"topics": [topic for topic in kept if topic["rows"]]}


def steadiness(index: Path) -> None:
    """Print the share of passages that keep their topic when 5 % are removed and 5 % added.

    Also prints whether a second run on the same passages gives the same topics.
    """
    with open_generation(index) as generation:
        texts = Texts(generation)
        vectors = generation.stored_vectors(np.arange(generation.num_passages))
        facets = Facets.parse(generation.file(FACETS_FILE))
    mixed = np.random.default_rng(3).permutation(len(vectors))
    few = len(mixed) // 20
    before, after = np.sort(mixed[few:]), np.sort(np.r_[mixed[:few], mixed[2 * few :]])
    encoder = encoder_for(Settings(index=index))

    def find(rows: Any, earlier: Earlier | None = None) -> Topics:
        return find_topics(
            texts.only(rows),
            vectors[rows],
            encoder,
            facets,
            Themes(),
            analyser_for("english"),
            earlier,
        )

    def names(topics: Topics, rows: Any) -> dict[int, str]:
        return {
            int(rows[row]): topic.id + topic.label
            for topic in topics.topics
            for row in topic.members.rows.tolist()
        }

    first = find(before)
    second = find(after, Earlier(first, ~np.isin(after, before), few))
    same = find(before).to_text() == first.to_text()
    old, new = names(first, before), names(second, after)
    stayed = [row for row in old if row in new]
    kept = statistics.mean(old[row] == new[row] for row in stayed)
    print(f"{index.name}: found twice alike: {same}; kept their topic: {kept:.4f}", flush=True)


def own_topics(index: Path, texts: Texts, vectors: Any, facets: Facets) -> dict[str, Any]:
    """Return our topics and the processor time they took."""
    encoder = encoder_for(Settings(index=index))
    # A first run loads the libraries, which is not to be timed.
    find_topics(texts, vectors, encoder, facets, Themes(), analyser_for("english"))
    started = time.process_time()
    topics = find_topics(texts, vectors, encoder, facets, Themes(), analyser_for("english")).topics
    seconds = time.process_time() - started
    return {
        "seconds": seconds,
        "topics": [
            {
                "terms": topic.terms,
                "label": topic.label.split(", "),
                "rows": topic.members.rows.tolist(),
                "strengths": topic.members.strengths.tolist(),
            }
            for topic in topics
        ],
    }


def peer_topics(
    python: str, texts: Texts, vectors: Any, rows: list[int], number: int
) -> list[dict[str, Any]]:
    """Return BERTopic's topics, as found and reduced to ``number``, for the passages ``rows``."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = [texts.outline()[row][1] for row in rows]
        Path(folder, "texts.json").write_text(json.dumps(chosen), encoding="utf-8")
        np.save(Path(folder, "vectors.npy"), vectors[rows].astype(np.float32))
        subprocess.run([python, "-c", _PEER, folder, str(number)], check=True)
        results: list[dict[str, Any]] = json.loads(Path(folder, "out.json").read_text())
    for result in results:
        for topic in result["topics"]:
            topic["rows"] = [rows[row] for row in topic["rows"]]
    return results


def npmi(terms: list[str], plain: list[str], rows: list[int]) -> float:
    """Return the mean normalised pointwise mutual information over pairs of a topic's terms.

    Bouma (2009): ln(p(a, b) / (p(a) p(b))) / -ln p(a, b), by presence in a passage; -1 for two that
    never occur together. Pairs that are both in every passage are left out.
    """
    where = []
    for term in terms[:_TERMS]:
        needle = f" {' '.join(_WORD.findall(term.lower()))} "
        where.append({row for row in rows if needle in plain[row]})
    values = []
    for first, second in itertools.combinations(where, 2):
        both = len(first & second) / len(rows)
        if not both:
            values.append(-1.0)
        elif both < 1:
            chance = len(first) * len(second) / len(rows) ** 2
            values.append(math.log(both / chance) / -math.log(both))
    return statistics.mean(values) if values else 0.0


def labelled_rows(topic: dict[str, Any], stemmed: list[str]) -> int:
    """Return how many of a topic's passages contain at least one of the label's parts."""
    parts = [_stemmed(part) for part in topic.get("label") or topic["terms"][:_LABEL]]
    return sum(any(part in stemmed[row] for part in parts) for row in topic["rows"])


def _stemmed(text: str) -> str:
    return f" {' '.join(_stem(word) for word in _WORD.findall(text.lower()))} "


@functools.cache
def _stem(word: str) -> str:
    return next(iter(analyser_for("english").terms(word)), word)


if __name__ == "__main__":
    main()
