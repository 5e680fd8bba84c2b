"""Time per question on an index: median and 95th percentile by mode.

    python benchmarks/speed.py INDEX QUESTIONS.jsonl

CPU time is the more reliable on a busy machine. QUESTIONS.jsonl is the queries.jsonl of a folder in
BEIR form, or any JSON lines with a "text".
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from qa_app.api import open_index
from qa_app.models import Mode

MOST = 200  # questions, for a tolerable run time
WARM = 5  # questions asked before timing, to fill caches


def shown(seconds: list[float]) -> str:
    median, slow = np.quantile(seconds, (0.5, 0.95)) * 1000
    return f"p50 {median:6.1f} ms, p95 {slow:6.1f} ms"


def main(index: str, questions: str) -> None:
    lines = Path(questions).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines if line.strip()][:MOST]
    with open_index(index) as opened:
        opened.warm()
        status = opened.status()
        print(f"{status['passages']:,} passages, {len(texts)} questions")
        for name, act in (("search", opened.search), ("ask", opened.ask)):
            for mode in (Mode.FAST, Mode.BEST):
                for text in texts[:WARM]:
                    act(text, mode=mode)
                seconds, of_processor = [], []
                for text in texts:
                    started, used = time.perf_counter(), time.process_time()
                    act(text, mode=mode)
                    seconds.append(time.perf_counter() - started)
                    of_processor.append(time.process_time() - used)
                print(
                    f"{name:<7} {mode:<5} {shown(seconds)}; CPU {shown(of_processor)}", flush=True
                )


if __name__ == "__main__":
    main(*sys.argv[1:])
