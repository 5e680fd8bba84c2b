"""A first build on two Dask workers against the same build at home, in one run.

    python benchmarks/on_workers.py REPORTS

Scheduler and workers (one thread each) run on this machine, so with two cores about 1.0 is the most
that can be expected: it shows what sending the work costs, not what more machines give. Each build
is the command line's, timed from start to end; the workers load the model within theirs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKERS = 2
PORT = "18786"  # not Dask's own, which may be in use
ADDRESS = f"tcp://127.0.0.1:{PORT}"


def main(reports: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = build(reports, f"{folder}/home")
        here = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
        dask = str(Path(sys.executable).with_name("dask"))
        commands = (
            [dask, "scheduler", *here, "--port", PORT],
            [dask, "worker", ADDRESS, *here, "--nworkers", str(WORKERS), "--nthreads", "1"],
        )
        running = [
            subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) for command in commands
        ]
        try:
            spread = build(reports, f"{folder}/spread", "--dask", ADDRESS)
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait()
    print(f"at home {home:.1f}, on {WORKERS} workers {spread:.1f}, ratio {spread / home:.2f}")


def build(reports: str, index: str, *flags: str) -> float:
    """Return the passages a second of a first build."""
    command = [sys.executable, "-m", "qa_app", "build", "--json", "--corpus", reports]
    started = time.perf_counter()
    run = subprocess.run([*command, "--index", index, *flags], check=True, stdout=subprocess.PIPE)
    return float(json.loads(run.stdout)["passages"] / (time.perf_counter() - started))


if __name__ == "__main__":
    main(*sys.argv[1:])
