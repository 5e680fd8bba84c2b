"""The whole first build of a corpus against bare ``encode`` of the same passages, in one run.

    python benchmarks/build_pace.py REPORTS

The build is the command line's, in a process of its own, from its start to its end: Python and
torch are imported, the model is loaded, the files are read and cut, topics are found, and the index
is written. ``encode`` is sentence-transformers', with the same weights, dtype and threads and its
own defaults; importing and loading are not counted. Above 1, the build is the faster of the two.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from qa_app.embedding import load_model
from qa_app.model_files import find_folder
from qa_app.settings import DEFAULT_MODEL
from qa_app.store.documents import searchable_text
from qa_app.store.embedded.generation import open_generation

WARM = 64  # texts encoded before timing


def main(reports: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "qa_app", "build", "--json"]
        started = time.perf_counter()
        run = subprocess.run(
            [*command, "--corpus", reports, "--index", folder], check=True, stdout=subprocess.PIPE
        )
        building = time.perf_counter() - started
        passages = json.loads(run.stdout)["passages"]
        with open_generation(Path(folder), searchable=False) as generation:
            texts = [searchable_text(item) for item in generation.passages(range(passages))]
    model = load_model(find_folder(DEFAULT_MODEL))
    model.encode(texts[:WARM], show_progress_bar=False)
    started = time.perf_counter()
    model.encode(texts, show_progress_bar=False)
    encoding = time.perf_counter() - started
    print(
        f"{passages:,} passages: build {building:.1f} s ({passages / building:.0f} a second), "
        f"encode {encoding:.1f} s ({passages / encoding:.0f} a second), "
        f"ratio {encoding / building:.2f}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
