"""Many ask at once: a real ``serve`` process, asked over its HTTP API, with the reader on.

    python benchmarks/crowd.py INDEX CORPUS [--askers 1 8] [--seconds 30] [--servers 2]

Each asker puts one question of benchmarks/questions/reports.csv after the other, each by
``/gradio_api/call/v2/ask``; an answer counts if its stream ends with ``event: complete``. Refused
with status 503 is "busy", after which the asker waits a second; all else is an error. After each
crowd one question is asked alone, to see whether the server has recovered. Memory is the server's
own (RssAnon; files mapped into it are told apart), each half minute; "growth" is the slope over the
second half. "Processor" is the server's time for each answer (Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import os
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from support.web_serving import running

QUESTIONS = Path(__file__).parent / "questions" / "reports.csv"
BUSY = 503
PATIENCE = httpx.Timeout(300, connect=60)
HALF_MINUTE = 30
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


async def crowd(address: str, process: int, askers: int, seconds: float) -> None:
    """Ask for so long, and print how it went."""
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

    async def watch(until: float) -> list[tuple[float, float]]:
        seen = []
        while (now := time.perf_counter()) < until:
            seen.append((now, resources(process).own))
            if len(seen) % HALF_MINUTE == 0:
                print(f"  {len(seen)} s: {seen[-1][1]:.0f} MB", flush=True)
            await asyncio.sleep(1)
        return seen

    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        for _ in range(WARM):
            await ask(client, next(questions))
        before, started = resources(process), time.perf_counter()
        until = started + seconds
        seen, *_ = await asyncio.gather(watch(until), *(one(client, until) for _ in range(askers)))
        lasted, after = time.perf_counter() - started, resources(process)
        again = time.perf_counter()
        alone = await ask(client, next(questions))
        again = time.perf_counter() - again
    middle, slow = np.quantile(taken, (0.5, 0.99)) if taken else (0, 0)
    when, own = np.array(seen[len(seen) // 2 :]).T
    growth = 60 * np.polyfit(when, own, 1)[0]
    print(
        f"{askers} askers, {lasted:.0f} s: {dict(ended.most_common(4))}; "
        f"{ended['answered'] / lasted:.2f} answers a second, p50 {middle:.2f} s, "
        f"p99 {slow:.2f} s; memory {before.own:.0f} to {after.own:.0f} MB and {after.files:.0f} MB "
        f"of files, growth {growth:.1f} MB a minute; processor "
        f"{(after.processor - before.processor) / max(len(taken), 1):.2f} s; "
        f"one more, alone: {alone} in {again:.1f} s",
        flush=True,
    )


class Resources(NamedTuple):
    """What a process uses: memory of its own and of mapped files, MB; processor time, s."""

    own: float
    files: float
    processor: float


def resources(process: int) -> Resources:
    """Return what a process uses (Linux; else zeros)."""
    folder = Path("/proc") / str(process)
    try:
        lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        own, files = (int(lines[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile"))
        # After the name in brackets; user and system time are the 14th and 15th of all fields.
        times = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
    except OSError:
        return Resources(0, 0, 0)
    return Resources(own, files, sum(map(int, times)) / os.sysconf("SC_CLK_TCK"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("index", help="folder, or postgresql://…")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--askers", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--servers", type=int, default=1, help="processes that share the askers")
    options = parser.parse_args()

    async def share(askers: int) -> None:
        each = (askers // len(servers), options.seconds)
        await asyncio.gather(*(crowd(one.url, one.process.pid, *each) for one in servers))

    with ExitStack() as stack:
        serving = (running(options.index, options.corpus) for _ in range(options.servers))
        servers = [stack.enter_context(one) for one in serving]
        for askers in options.askers:
            asyncio.run(share(askers))


if __name__ == "__main__":
    main()
