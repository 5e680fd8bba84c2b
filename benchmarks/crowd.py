"""Many ask at once: a real ``serve`` process, asked over its HTTP API, with the reader on.

    python benchmarks/crowd.py INDEX CORPUS [--askers 1 8] [--seconds 30]

Each asker puts one question of benchmarks/questions/reports.csv after the other, each by
``/gradio_api/call/v2/ask``; an answer counts if its stream ends with ``event: complete``. Refused
with status 503 is "busy", after which the asker waits a second; all else is an error. After each
crowd one question is asked alone, to see whether the server has recovered.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from support.web_serving import serving

QUESTIONS = Path(__file__).parent / "questions" / "reports.csv"
BUSY = 503
PATIENCE = httpx.Timeout(300, connect=60)
WARM = 4  # questions asked before timing


async def ask(client: httpx.AsyncClient, question: str) -> str:
    """Return "answered", "busy" or what went wrong."""
    try:
        asked = await client.post("/gradio_api/call/v2/ask", json={"question": question})
        if asked.status_code == BUSY:
            return "busy"
        asked.raise_for_status()
        answer = await client.get(f"/gradio_api/call/ask/{asked.json()['event_id']}")
    except httpx.HTTPError as exc:
        return repr(exc)
    done = "event: complete" in answer.text
    return "answered" if done else answer.text[:100]


async def crowd(address: str, askers: int, seconds: float) -> tuple[Counter[str], list[float]]:
    """Return how many questions ended how, and the seconds of those answered."""
    with QUESTIONS.open(encoding="utf-8", newline="") as file:
        questions = itertools.cycle([row["question"] for row in csv.DictReader(file)])
    ended: Counter[str] = Counter()
    taken: list[float] = []
    limits = httpx.Limits(max_connections=None)

    async def one(client: httpx.AsyncClient, until: float) -> None:
        while (started := time.perf_counter()) < until:
            outcome = await ask(client, next(questions))
            ended[outcome] += 1
            if outcome == "answered":
                taken.append(time.perf_counter() - started)
            else:
                await asyncio.sleep(1)

    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        for _ in range(WARM):
            await ask(client, next(questions))
        before, started = memory(address), time.perf_counter()
        await asyncio.gather(*(one(client, started + seconds) for _ in range(askers)))
        lasted = time.perf_counter() - started
        again = time.perf_counter()
        alone = await ask(client, next(questions))
        again = time.perf_counter() - again
    middle, slow = np.quantile(taken, (0.5, 0.99)) if taken else (0, 0)
    print(
        f"{askers} askers, {lasted:.0f} s: {dict(ended.most_common(4))}; "
        f"{ended['answered'] / lasted:.2f} answers a second, p50 {middle:.2f} s, "
        f"p99 {slow:.2f} s; memory {before:.0f} to {memory(address):.0f} MB; "
        f"one more, alone: {alone} in {again:.1f} s",
        flush=True,
    )
    return ended, taken


def memory(address: str) -> float:
    """Return the resident megabytes of the process that serves this port (Linux; else 0)."""
    port = address.rstrip("/").rpartition(":")[2]
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().split(b"\0")
            if b"serve" in words and port.encode() in words:
                lines = (status.parent / "status").read_text().splitlines()
                return sum(int(x.split()[1]) for x in lines if x.startswith("VmRSS")) / 1024
        except OSError:
            continue  # it has just ended, or is another user's
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--askers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with serving(options.index, options.corpus) as address:
        for askers in options.askers:
            asyncio.run(crowd(address, askers, options.seconds))


if __name__ == "__main__":
    main()
