"""How far one machine goes: an index of as many passages as wanted, made and measured.

    python benchmarks/scale.py make INDEX FOLDER 1000 10000 100000 1000000
    python benchmarks/scale.py measure FOLDER/1000000 QUESTIONS.jsonl
    python benchmarks/scale.py publish FOLDER/1000000
    python benchmarks/scale.py plot

INDEX is one of real reports. The first passages made are its own; the rest are resampled: each
report's sentences are shuffled among its passages, their vectors are drawn around the real ones
(noise of length 0.6), their token codes are the real ones'. So postings, vectors and bytes grow as
in a real index; the vocabulary does not, and other writers' reports would be more varied. Nothing
is embedded to make it; it is written by the product's own writer, with its reports as text files,
so that ``publish`` can run the product's build over them with new reports beside them. Figures go
to benchmarks/scale.json, from which ``plot`` draws docs/images/scale.svg.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa_app.api import build_index, open_index
from qa_app.embedding import SentenceTransformerEncoder
from qa_app.facets import DOCUMENT_FACET, FACETS_FILE, Facets
from qa_app.models import Block, BlockKind, Document, Mode, Sentence
from qa_app.store.documents import IndexedDocument, SourceStamp
from qa_app.store.embedded.generation import open_generation
from qa_app.store.embedded.publishing import build_lock
from qa_app.store.embedded.writer import EmbeddedWriter
from qa_app.store.protocol import Generation
from qa_app.text.analysis import analyser_for
from qa_app.topics.topic_builder import Themes, find_topics
from qa_app.topics.topic_store import TOPICS_FILE

FIGURES = Path(__file__).with_name("scale.json")
PLOT = Path(__file__).parent.parent / "docs" / "images" / "scale.svg"
SPREAD = 0.6  # length of the noise added to a unit vector, as in benchmarks/vectors.py
NEW = 1000  # passages published
MOST = 200  # questions
LONG_AGO = 1_600_000_000_000_000_000  # ns: the files are no newer than what the index says


def resampled(generation: Generation, path: str, number: int) -> IndexedDocument:
    """Return a report with its sentences shuffled among its passages; number 0 is the report."""
    document = generation.document(path)
    passages = generation.passages(generation.document_rows(path))
    generator = random.Random(f"{path} {number}")
    said = [p.slice(s.start, s.end).strip() for p in passages for s in p.sentences]
    if number:
        generator.shuffle(said)
    name = f"{Path(path).stem}-{number}.txt"
    parts, cut, start, words = [], [], 0, iter(said)
    for passage in passages:
        sentences, at = [], start
        for sentence in passage.sentences:
            text = next(words)
            parts.append(text + " ")
            sentences.append(Sentence(at, at + len(text), sentence.kind))
            at += len(text) + 1
        end = at - 1
        parts.append("\n")
        cut.append(
            replace(
                passage,
                id=f"{name}:{start}-{end}",
                document=name,
                title=f"{document.title} {number}",
                start=start,
                end=end,
                text="".join(parts[-1 - len(sentences) : -1])[:-1],
                sentences=tuple(sentences),
                page=None,
                page_breaks=(),
                lead_in=None,
                ocr_pages=frozenset(),
            )
        )
        start = at + 1
    text = "".join(parts)
    blocks = tuple(Block(p.start, p.end, BlockKind.PARAGRAPH) for p in cut)
    title = f"{document.title} {number}"
    made = Document(name, "text", title, text, blocks, metadata=document.metadata)
    content = text.encode()
    stamp = SourceStamp(len(content), LONG_AGO, hashlib.sha256(content).hexdigest())
    return IndexedDocument(made, stamp, tuple(cut))


def reports(generation: Generation, count: int) -> Iterator[tuple[int, range, IndexedDocument]]:
    """Yield reports of so many passages in all: copy, rows of the original, the report."""
    number = made = 0
    while made < count:
        for record in generation.documents:
            if made >= count:
                return
            item = resampled(generation, record.path, number)
            kept = item.passages[: count - made]
            made += len(kept)
            yield number, record.rows[: len(kept)], replace(item, passages=kept)
        number += 1


def drawn(centres: npt.NDArray[np.float32], number: int) -> npt.NDArray[np.float16]:
    if number:
        generator = np.random.default_rng(number)
        noise = generator.standard_normal(centres.shape, dtype=np.float32)
        centres = centres + SPREAD * noise / np.linalg.norm(noise, axis=1, keepdims=True)
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return centres.astype(np.float16)


def make(source: str, folder: str, *counts: str) -> None:
    encoder = SentenceTransformerEncoder()
    for count in map(int, counts):
        started = time.perf_counter()
        root = Path(folder) / str(count)
        corpus, index = root / "corpus", root / "index"
        corpus.mkdir(parents=True)
        index.mkdir()
        with (
            open_generation(Path(source), encoder.identity) as base,
            build_lock(index),
            EmbeddedWriter(index) as writer,
        ):
            text = (base.folder / FACETS_FILE).read_text(encoding="utf-8")
            (corpus / FACETS_FILE).write_text(text, encoding="utf-8")
            facets, vectors = Facets.load(corpus), base.vectors.embeddings
            embeddings = np.empty((count, vectors.shape[1]), dtype=np.float16)
            for number, rows, item in reports(base, count):
                path, first = corpus / item.document.path, writer.num_passages
                path.write_text(item.document.text, encoding="utf-8", newline="")
                os.utime(path, ns=(LONG_AGO, LONG_AGO))
                writer.add(item)
                centres = vectors[rows.start : rows.stop].astype(np.float32)
                embeddings[first : first + len(rows)] = drawn(centres, number)
                for row, codes in enumerate(base.tokens.codes(rows), start=first):
                    writer.add_tokens([row], codes)
            writer.tag_documents(DOCUMENT_FACET)
            print(f"{count:,} passages: {time.perf_counter() - started:.0f} s", flush=True)
            recipe, themes = base.manifest.recipe, Themes()
            given = encoder, facets, themes, analyser_for(recipe.language)
            writer.add_file(TOPICS_FILE, find_topics(writer, embeddings, *given).to_text())
            writer.add_file(FACETS_FILE, facets.source)
            print(f"  topics: {time.perf_counter() - started:.0f} s", flush=True)
            writer.finish(embeddings, encoder.identity, recipe, corpus)
        print(f"  written: {time.perf_counter() - started:.0f} s", flush=True)


def timed(act: Callable[[], Any]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def memory(name: str) -> int:
    """Return a line of this process's status in MB: RssAnon, RssFile (mapped files), VmHWM."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return round(int(re.findall(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[0]) / 1024)


def forget_pages(folder: Path) -> None:
    """Ask the system to drop a folder's files from the page cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def milliseconds(seconds: list[float]) -> float:
    return round(1000 * statistics.median(seconds), 1)


def shared(found: list[npt.NDArray[np.int64]], truth: list[npt.NDArray[np.int64]]) -> float:
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)]
    return round(sum(hits) / sum(map(len, truth)), 4)


def measure(folder: str, questions: str) -> None:
    index = Path(folder) / "index"
    lines = Path(questions).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines if line.strip()]
    texts = list(dict.fromkeys(texts))[:MOST]
    forget_pages(index)
    opened_cold = timed(lambda: open_index(index).close())
    opened_warm = min(timed(lambda: open_index(index).close()) for _ in range(3))
    with open_index(index) as opened:
        opened.warm()
        snapshot = opened.snapshot()
        generation, retriever = snapshot.generation, snapshot.retriever
        times: dict[str, list[float]] = {"encode": [], "search": [], "ask": []}
        # By turns, each with questions of its own: a question's vector is kept once encoded.
        acts: dict[str, Callable[[str], Any]] = {
            "encode": lambda text: opened._encoder.encode_queries([text]),
            "search": lambda text: opened.search(text, mode=Mode.FAST),
            "ask": lambda text: opened.ask(text, mode=Mode.FAST),
        }
        for place, text in enumerate(texts):
            name = list(acts)[place % 3]
            times[name].append(timed(partial(acts[name], text)))
        figures = {
            "passages": generation.num_passages,
            "open_s": round(opened_warm, 2),
            "open_cold_s": round(opened_cold, 2),
            **{f"{name}_ms": milliseconds(found[5:]) for name, found in times.items()},
            "own_memory_mb": memory("RssAnon"),
            "mapped_mb": memory("RssFile"),
            "peak_mb": memory("VmHWM"),
            "disk_mb": round(sum(s.size for s in generation.manifest.files.values()) / 1e6),
            "vectors": generation.manifest.vectors.kind,
        }
        every = np.arange(generation.num_passages)  # given rows are searched exactly
        queries = [opened._encoder.encode_queries([text]) for text in texts]
        near = [generation.vectors.search(query, 10)[1][0] for query in queries]
        exact = [generation.vectors.search(query, 10, every)[1][0] for query in queries]
        figures["dense_recall_at_10"] = shared(near, exact)

        def top(text: str, rows: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
            found = retriever.rank(text, 10, rows, Mode.FAST)
            return np.array([item.row for item in found])

        approximate = [top(text, None) for text in texts]
        figures["top_10_as_exact"] = shared(approximate, [top(text, every) for text in texts])
    keep(folder, figures)


def publish(folder: str) -> None:
    """Add reports of 1,000 new passages to the corpus and time the product's build."""
    root = Path(folder)
    corpus, index, encoder = root / "corpus", root / "index", SentenceTransformerEncoder()
    encoder.load()
    # A quarter more, since the product cuts the text into fewer, longer passages.
    left, place = NEW * 5 // 4, int(time.time())
    with open_generation(index) as generation:
        paths = [record.path for record in generation.documents]
        texts = []
        for path in random.Random(place).sample(paths, len(paths)):
            if left > 0:
                item = resampled(generation, path, place)
                parts = [passage.text for passage in item.passages[:left]]
                texts.append(("\n\n".join(parts), item.document.path))
                left -= len(parts)
    for text, name in texts:
        (corpus / name).write_text(text, encoding="utf-8")
    seconds: dict[str, float] = {}
    clock = [time.perf_counter()]

    class Stages:
        last = "comparing"

        def stage(self, name: str, _total: int) -> None:
            now = time.perf_counter()
            seconds[self.last] = round(seconds.get(self.last, 0) + now - clock[0], 1)
            clock[0], self.last = now, name

        def advance(self, steps: int, label: str = "") -> None: ...

        def close(self) -> None:
            self.stage("", 0)

    report = build_index(corpus, index, encoder=encoder, progress=Stages())
    print(seconds, f"{report.embedded} embedded, {report.reused} reused")
    parts = {"publish_s": round(report.seconds, 1), "publish_new": report.embedded}
    keep(folder, {**parts, "publish_peak_mb": memory("VmHWM"), "stages": seconds})


def keep(folder: str, figures: dict[str, Any]) -> None:
    print(json.dumps(figures, indent=1))
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    size = Path(folder).name
    kept[size] = kept.get(size, {}) | figures
    ordered = dict(sorted(kept.items(), key=lambda item: int(item[0])))
    FIGURES.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


# Panels of the plot: title, lowest and highest decade of its axis, and the lines with their keys.
PANELS: tuple[tuple[str, int, int, dict[str, str]], ...] = (
    (
        "milliseconds a question",
        0,
        3,
        {"ask": "ask_ms", "search": "search_ms", "encode": "encode_ms"},
    ),
    ("seconds", -2, 3, {"publish": "publish_s", "open": "open_s"}),
    (
        "MB of disk and memory",
        0,
        4,
        {"disk": "disk_mb", "mapped": "mapped_mb", "own": "own_memory_mb"},
    ),
)
STYLE = (
    "text{font:12px sans-serif;fill:#333}.grid{stroke:#ccc}"
    ".l0{stroke:#b3460f;fill:#b3460f}.l1{stroke:#1f6f4a;fill:#1f6f4a}.l2{stroke:#2458a6;fill:#2458a6}"
    "polyline.l0,polyline.l1,polyline.l2{fill:none;stroke-width:2}text{stroke:none!important}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.grid{stroke:#555}"
    ".l0{stroke:#ff9a5c;fill:#ff9a5c}.l1{stroke:#6fd3a1;fill:#6fd3a1}.l2{stroke:#8ab8ff;fill:#8ab8ff}}"
)


def plot() -> None:
    kept = list(json.loads(FIGURES.read_text(encoding="utf-8")).items())
    shapes, top, deep = [], 30, 200
    for number, (title, low, high, lines) in enumerate(PANELS):
        left, wide = 45 + 300 * number, 190

        def across(count: str, left: int = left, wide: int = wide) -> float:
            return left + wide * (np.log10(int(count)) - 3) / 3

        def down(value: float, low: int = low, high: int = high) -> float:
            return top + deep * (high - np.log10(value)) / (high - low)

        shapes.append(f'<text x="{left}" y="16">{title}</text>')
        for decade in range(low, high + 1):
            y = down(10.0**decade)
            shapes.append(f'<path class="grid" d="M{left} {y:.0f}h{wide}"/>')
            shapes.append(
                f'<text x="{left - 5}" y="{y + 4:.0f}" text-anchor="end">{10.0**decade:g}</text>'
            )
        for place, name in enumerate(("1 k", "10 k", "100 k", "1 M")):
            x = left + wide * place / 3
            shapes.append(
                f'<text x="{x:.0f}" y="{top + deep + 18}" text-anchor="middle">{name}</text>'
            )
        lowest = 1000.0  # names that would stand in each other's way move up
        for style, (name, key) in enumerate(lines.items()):
            found = [(across(count), down(one[key])) for count, one in kept if key in one]
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in found)
            shapes.append(f'<polyline class="l{style}" points="{points}"/>')
            shapes += [
                f'<circle class="l{style}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in found
            ]
            y = found[-1][1] + 4
            if abs(y - lowest) < 13:
                y = lowest + 13
            lowest = y
            x = left + wide + 7
            shapes.append(f'<text class="l{style}" x="{x}" y="{y:.0f}">{name}</text>')
    described = "Time, memory and disk by number of passages, both axes logarithmic"
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 260" role="img">'
    body = "\n".join([head, f"<title>{described}</title>", f"<style>{STYLE}</style>", *shapes])
    PLOT.write_text(f"{body}\n</svg>\n", encoding="utf-8")


if __name__ == "__main__":
    {"make": make, "measure": measure, "publish": publish, "plot": plot}[sys.argv[1]](*sys.argv[2:])
