"""Runs one system over prepared sets and writes what it found and what that cost.

    python worker.py ADAPTER WEIGHTS OUTPUT SET.json …

An adapter is a module beside this file with a class ``System(weights)``: ``PACKAGES``,
``index(rows)`` and ``search(query, depth)``, which returns positions of rows, best first. Costs are
processor time of the whole process: on a shared machine that says more than the clock.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

DEPTH = 10


def main() -> None:
    adapter, weights, output, *sets = sys.argv[1:]
    module = importlib.import_module(adapter)
    results: dict[str, Any] = {"sets": {}, "peak_mb": 0.0}
    if Path(output).exists():
        results = json.loads(Path(output).read_text(encoding="utf-8"))
    results["versions"] = [
        f"{package} {importlib.metadata.version(package)}" for package in module.System.PACKAGES
    ]
    for path in map(Path, sets):
        if path.stem in results["sets"]:
            continue
        results["sets"][path.stem] = run(module.System(weights), path)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        results["peak_mb"] = max(results["peak_mb"], peak)
        Path(output).write_text(json.dumps(results), encoding="utf-8")
        print(f"  {path.stem} done", file=sys.stderr, flush=True)


def run(system: Any, path: Path) -> dict[str, Any]:
    given = json.loads(path.read_text(encoding="utf-8"))
    started = time.process_time()
    system.index(given["rows"])
    build_seconds = time.process_time() - started
    system.search(given["queries"][0], DEPTH)  # what is loaded late is loaded now
    ranked, query_ms = [], []
    for query in given["queries"]:
        started = time.process_time()
        ranked.append([int(row) for row in system.search(query, DEPTH)])
        query_ms.append((time.process_time() - started) * 1000)
    return {"ranked": ranked, "build_seconds": build_seconds, "query_ms": query_ms}


if __name__ == "__main__":
    main()
