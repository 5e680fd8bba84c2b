"""How many of a PDF's words the loader keeps, against Poppler's pdftotext.

    python benchmarks/fidelity.py FOLDER [FOLDER …] [--table]

Word recall of a file: of the words that pdftotext finds (letters and digits, lower case, each as
often as it occurs), the share that the loaded document has too. Files in which pdftotext finds
fewer than 20 words, or which the loader refuses, are counted apart.
"""

from __future__ import annotations

import argparse
import re
import resource
import statistics
import subprocess
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

from qa_app.loading import SourceFile, load_many, scan
from qa_app.models import Failure

WORD = re.compile(r"[^\W_]+")
FEWEST_WORDS = 20
MOST_BYTES = 100 * 2**20
MOST_SECONDS = 30


def count_words(text: str) -> Counter[str]:
    letters = unicodedata.normalize("NFKC", text.replace("\u00ad", ""))
    return Counter(WORD.findall(letters.lower()))


def read_reference(path: Path) -> str:
    # A small file can make it write without end, hence the limits.
    with tempfile.TemporaryFile() as output:
        command = ["pdftotext", "-enc", "UTF-8", str(path), "-"]
        limit = (MOST_BYTES, MOST_BYTES)
        try:
            subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=MOST_SECONDS,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit),
            )
        except subprocess.TimeoutExpired:
            return ""
        output.seek(0)
        return output.read().decode("utf-8", "replace")


def recall(reference: Counter[str], found: Counter[str]) -> float:
    return (reference & found).total() / reference.total()


def measure(files: list[SourceFile]) -> list[tuple[float, int, str, list[str]]]:
    rows = []
    refused = []
    few = 0
    for source, outcome in load_many(files):
        reference = count_words(read_reference(source.absolute))
        if reference.total() < FEWEST_WORDS:
            few += 1
            continue
        if isinstance(outcome, Failure):
            refused.append(f"{source.path}: {outcome.reason} ({reference.total()} words)")
            continue
        found = count_words(outcome.text)
        missing = [word for word, _ in (reference - found).most_common(8)]
        rows.append((recall(reference, found), reference.total(), source.path, missing))
    print(f"{few} files with fewer than {FEWEST_WORDS} words by pdftotext are left out")
    for line in refused:
        print(f"refused: {line}")
    return sorted(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--table", action="store_true", help="print a row a file")
    arguments = parser.parse_args()
    everything: list[float] = []
    for folder in arguments.folders:
        found = scan(folder).files
        rows = measure([file for file in found if file.path.lower().endswith(".pdf")])
        if arguments.table:
            for share, total, path, missing in rows:
                print(f"{share:.4f} {total:7d} {path}  {' '.join(missing)}")
        summarise(str(folder), [row[0] for row in rows])
        everything += [row[0] for row in rows]
    summarise("all", everything)


def summarise(name: str, shares: list[float]) -> None:
    tenth = statistics.quantiles(shares, n=10)[0] if len(shares) > 1 else min(shares)
    median = statistics.median(shares)
    print(f"{name}: {len(shares)} PDFs, median {median:.4f}, tenth percentile {tenth:.4f}")


if __name__ == "__main__":
    main()
