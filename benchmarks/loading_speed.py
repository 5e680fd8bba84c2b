"""Time of loading and chunking, against pdftotext and plain BeautifulSoup.

    python benchmarks/loading_speed.py FOLDER [--rounds 3] [--profile]

Both sides read the same files, one at a time, in alternating rounds; the fastest round of each
counts. The reference reads PDFs with Poppler's pdftotext and HTML with BeautifulSoup and lxml, and
skips other files. Ours loads every file in a worker process and splits it into passages, with
tokens counted by the default model's tokenizer; nothing is embedded.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bs4 import BeautifulSoup
from fidelity import read_reference

from qa_app.chunking import chunk
from qa_app.embedding import SentenceTransformerEncoder
from qa_app.errors import LoadError
from qa_app.loading import SourceFile, load, load_many, scan
from qa_app.models import Document

HTML = (".html", ".htm", ".xhtml")


def read_plainly(sources: Sequence[SourceFile]) -> None:
    for source in sources:
        if source.path.lower().endswith(".pdf"):
            read_reference(source.absolute)
        elif source.path.lower().endswith(HTML):
            BeautifulSoup(source.absolute.read_bytes(), "lxml").get_text(" ")


def spend(work: Callable[[], None]) -> tuple[float, float]:
    """Return the wall-clock and processor seconds of a function, child processes included."""
    start, used = time.perf_counter(), _processor_seconds()
    work()
    return time.perf_counter() - start, _processor_seconds() - used


def _processor_seconds() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def profile(sources: Sequence[SourceFile]) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    for source in sources:
        try:
            load(source)
        except LoadError as exc:
            print(f"{source.path}: {exc.message}")
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="say where the time goes instead")
    arguments = parser.parse_args()
    sources = scan(arguments.folder).files
    if arguments.profile:
        profile(sources)
        return
    encoder = SentenceTransformerEncoder()
    encoder.count_tokens(["the tokenizer is loaded"])

    def read_wholly() -> None:
        for _, outcome in load_many(sources, jobs=1):
            if isinstance(outcome, Document):
                chunk(outcome, encoder.count_tokens)

    plain, whole = [], []
    for number in range(arguments.rounds):
        plain.append(spend(lambda: read_plainly(sources)))
        whole.append(spend(read_wholly))
        print(f"round {number + 1}: reference {plain[-1][0]:.1f} s, ours {whole[-1][0]:.1f} s")
    for i, name in enumerate(("by the clock", "of processor time")):
        reference, ours = (min(times[i] for times in side) for side in (plain, whole))
        print(f"{name}: reference {reference:.1f} s, ours {ours:.1f} s: {ours / reference:.2f}")


if __name__ == "__main__":
    main()
