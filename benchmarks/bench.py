"""Has anything become slower? Ratios of the times of the program and the bare model, side by side.

    make bench              compare with the committed ratios; exit 1 if one fell by over 15 %
    make bench WRITE=1      keep what was measured as the new ratios

Both sides of a ratio are measured in turn within one run, so that a slower or busier machine slows
both; still, measure on a quiet one. A ratio is the bare model's time over the program's: higher is
better. Over the lines of the sample report, shuffled into forty; in about two minutes.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from qa_app.api import build_index, open_index
from qa_app.arrays import FloatArray
from qa_app.embedding import SentenceTransformerEncoder, load_model
from qa_app.model_files import find_folder
from qa_app.models import Mode
from qa_app.settings import DEFAULT_MODEL

ROOT = Path(__file__).resolve().parent.parent
KEPT = Path(__file__).with_name("ratios.json")
MOST_FALL = 0.15
REPORTS = 40
BUILDS = 3
STARTS = 7
PLACES = ("Surrey", "Humberside", "Merseyside", "Lincolnshire", "Kent", "Dorset")
MATTERS = ("data sharing", "road safety", "violence against women", "the partnership board")
# More than the encoder keeps the vectors of, so that each is encoded anew.
QUESTIONS = [f"What did {place} do about {matter}?" for matter in MATTERS for place in PLACES]
# What a cold question cannot do without.
BARE_START = "import torch"

Times = dict[str, list[float]]


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


class Recording(SentenceTransformerEncoder):
    """The program's encoder, which remembers the texts that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def encode_documents(self, texts: Sequence[str], *rest: Any, **more: Any) -> FloatArray:
        self.texts.extend(texts)
        return super().encode_documents(texts, *rest, **more)


def write_corpus(corpus: Path) -> None:
    corpus.mkdir()
    shutil.copy(ROOT / "corpus" / "facets.toml", corpus)
    (report,) = (ROOT / "corpus").glob("*.txt")
    lines = report.read_text(encoding="utf-8").splitlines()
    for number in range(REPORTS):
        random.Random(number).shuffle(lines)
        path = corpus / f"report{number}.txt"
        path.write_text("\n".join(lines), encoding="utf-8")


def builds(folder: Path, bare: Any, times: Times) -> None:
    write_corpus(folder / "corpus")
    encoder = Recording()
    encoder.encode_documents(["warm"])
    for number in range(BUILDS):
        index = folder / f"index{number}"
        encoder.texts.clear()
        times["build"].append(
            timed(lambda index=index: build_index(folder / "corpus", index, encoder=encoder))
        )
        texts = list(encoder.texts)
        times["encoding the passages"].append(timed(lambda texts=texts: bare.encode(texts)))


def questions(folder: Path, bare: Any, times: Times) -> None:
    encoder = SentenceTransformerEncoder()
    with open_index(folder / "index0", encoder=encoder) as index:
        index.warm()
        for number, question in enumerate(QUESTIONS):
            found = {
                "encoding a question": timed(lambda q=question: bare.encode([f"{q} So?"])),
                "search": timed(lambda q=question: index.search(q, mode=Mode.BEST)),
                "ask fast": timed(lambda q=question: index.ask(f"{q} Now?", mode=Mode.FAST)),
                "ask": timed(lambda q=question: index.ask(f"{q} Then?", mode=Mode.BEST)),
            }
            if number >= len(PLACES):  # the first fill caches
                for name, seconds in found.items():
                    times[name].append(seconds)


def starts(folder: Path, times: Times) -> None:
    qa_app = ["-m", "qa_app"]
    index = ["--index", str(folder / "index0")]
    commands: dict[str, Sequence[str]] = {
        "importing torch": ["-c", BARE_START],
        "ask from cold": [*qa_app, "ask", QUESTIONS[0], *index],
        "starting Python": ["-c", "import argparse, json, pathlib"],
        "status": [*qa_app, "status", *index],
    }
    for _ in range(STARTS):
        for name, command in commands.items():
            line = [sys.executable, *command]
            times[name].append(
                timed(lambda line=line: subprocess.run(line, check=True, capture_output=True))
            )


# Each of the program's times with the one that it is measured against.
AGAINST = {
    "build": "encoding the passages",
    "search": "encoding a question",
    "ask fast": "encoding a question",
    "ask": "encoding a question",
    "ask from cold": "importing torch",
    "status": "starting Python",
}


def main(write: bool) -> int:
    times: Times = defaultdict(list)
    # By its own library, whose pace no change of this program alters.
    bare = load_model(find_folder(DEFAULT_MODEL))
    bare.encode(["warm"])
    with tempfile.TemporaryDirectory() as folder:
        builds(Path(folder), bare, times)
        questions(Path(folder), bare, times)
        starts(Path(folder), times)
    ratios = {
        name: round(median(times[bare]) / median(times[name]), 3) for name, bare in AGAINST.items()
    }
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    fallen = 0
    for name, ratio in ratios.items():
        before = kept.get(name, ratio)
        has_fallen = ratio < before * (1 - MOST_FALL)
        fallen += has_fallen
        print(
            f"{name:<14} {ratio:6.3f} of {AGAINST[name]:<22} was {before:6.3f} "
            f"{ratio / before - 1:+5.0%}  ({median(times[name]) * 1000:,.0f} ms)"
            f"{'  SLOWER' if has_fallen else ''}"
        )
    if write:
        KEPT.write_text(json.dumps(ratios, indent=1) + "\n", encoding="utf-8")
        return 0
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main("--write" in sys.argv[1:]))
