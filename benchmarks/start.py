"""Time to a cold answer beside the bare import of the libraries and the loading of the weights.

    python benchmarks/start.py INDEX

Seconds and peak memory, medians of alternating runs, each in a process of its own. The bare run
imports torch and sentence-transformers and loads the default model.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time

RUNS = 5
BARE = """
import torch
from sentence_transformers import SentenceTransformer
from qa_app.model_files import find_folder
SentenceTransformer(str(find_folder("all-MiniLM-L6-v2")), device="cpu", local_files_only=True)
"""


def run(arguments: list[str], until: str = "") -> tuple[float, float]:
    """Return seconds to the end, or to a line of standard error, and the most memory in MB."""
    started = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    for line in child.stderr:
        if until and re.search(until, line):
            break
    seconds = time.perf_counter() - started
    if until:
        child.terminate()
    _, _, usage = os.wait4(child.pid, 0)
    return seconds, usage.ru_maxrss / 1024


def main(index: str) -> None:
    at = ["--index", index]
    kinds = {
        "bare import and loading": (["-c", BARE], ""),
        "ask": (["-m", "qa_app", "ask", "Which forces improved data-sharing?", *at], ""),
        "serve, to its address": (["-m", "qa_app", "serve", "--port", "7871", *at], "http://"),
        "--help": (["-m", "qa_app", "--help"], ""),
        "status": (["-m", "qa_app", "status", *at], ""),
        "verify": (["-m", "qa_app", "verify", *at], ""),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(RUNS):
        for name, (arguments, until) in kinds.items():
            found[name].append(run(arguments, until))
    bare = statistics.median(seconds for seconds, _ in found["bare import and loading"])
    for name, runs in found.items():
        seconds, memory = (statistics.median(column) for column in zip(*runs, strict=True))
        print(f"{name:<24} {seconds:6.2f} s, {seconds / bare:5.2f} of bare, {memory:6.0f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
