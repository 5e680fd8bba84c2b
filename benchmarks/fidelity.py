"""Word recall of the PDF loader against Poppler's pdftotext, and accuracy of sentence boxes.

    python benchmarks/fidelity.py FOLDER [FOLDER …] [--table] [--boxes 1000]

Word recall of a file is the share of the words found by pdftotext (letters and digits, lower case,
counted with repetition) that the loaded document has too. Files in which pdftotext finds fewer than
20 words, and those that the loader refuses, are reported separately.

With --boxes N, N random sentences of each folder are checked: the text that PDFium finds inside a
sentence's boxes must equal the sentence, apart from white space, non-printing characters, and
PDFium's own codes for hyphens at line ends.
"""

from __future__ import annotations

import argparse
import ctypes
import random
import re
import resource
import statistics
import subprocess
import tempfile
import unicodedata
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from qa_app.chunking import chunk
from qa_app.loading import SourceFile, load_many, scan
from qa_app.loading.pages import Box, Rectangle, boxes, read_rectangle
from qa_app.loading.pdf.glyphs import open_page
from qa_app.models import Document, Failure

WORD = re.compile(r"[^\W_]+")  # letters and digits
FEWEST_WORDS = 20  # with fewer, recall says little (scanned pages, for example)
MOST_BYTES = 100 * 2**20  # of pdftotext's output
MOST_SECONDS = 30  # for pdftotext to read one file
SEED = 1  # fixed, so that the same sentences are sampled each time
STEPS = 1_000_000  # integer steps across a page's width and height, for PDFium's conversion


def count_words(text: str) -> Counter[str]:
    letters = unicodedata.normalize("NFKC", text.replace("\u00ad", ""))
    return Counter(WORD.findall(letters.lower()))


def read_reference(path: Path) -> str:
    # Even a small file can make pdftotext write without end, hence the limits.
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


def measure(
    files: list[SourceFile],
) -> tuple[list[tuple[float, int, str, list[str]]], list[Document]]:
    rows = []
    documents = []
    refused = []
    few = 0
    for source, outcome in load_many(files):
        if isinstance(outcome, Document):
            documents.append(outcome)
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
    return sorted(rows), documents


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--table", action="store_true", help="print a row a file")
    parser.add_argument("--boxes", type=int, default=0, help="look so many sentences up")
    arguments = parser.parse_args()
    everything: list[float] = []
    for folder in arguments.folders:
        found = scan(folder).files
        rows, documents = measure([file for file in found if file.path.lower().endswith(".pdf")])
        if arguments.table:
            for share, total, path, missing in rows:
                print(f"{share:.4f} {total:7d} {path}  {' '.join(missing)}")
        summarise(str(folder), [row[0] for row in rows])
        everything += [row[0] for row in rows]
        if arguments.boxes:
            count_boxed(folder, documents, arguments.boxes)
    summarise("all", everything)


def count_boxed(folder: Path, documents: list[Document], most: int) -> None:
    sentences = [
        (document, sentence)
        for document in documents
        for passage in chunk(document, lambda texts: [len(text.split()) for text in texts])
        for sentence in passage.sentences
    ]
    chosen = random.Random(SEED).sample(sentences, min(most, len(sentences)))
    missed: Counter[str] = Counter()
    for document, sentence in sorted(chosen, key=lambda pair: pair[0].path):
        path = folder / document.path
        found = boxes(document, path, sentence.start, sentence.end)
        if bare(read_boxes(path, found)) != bare(document.text[sentence.start : sentence.end]):
            missed[document.path] += 1
    print(f"{folder}: words in boxes right for {len(chosen) - missed.total()} of {len(chosen)}")
    for name, times in missed.most_common():
        print(f"    wrong {times} times: {name}")


def bare(words: str) -> str:
    seen = (c for c in words.replace("\x02", "-").replace("\ufffe", "-") if c.isprintable())
    return "".join("".join(unicodedata.normalize("NFKC", c).split()) for c in seen)


def read_boxes(path: Path, found: list[Box]) -> str:
    words = []
    with pdfium.PdfDocument(path) as pdf:
        for number, group in groupby(found, lambda box: box.page):
            with open_page(pdf, number - 1) as (page, textpage):
                for box in group:
                    corners = [to_page(page, x, y) for x, y in ((box.x0, box.y0), (box.x1, box.y1))]
                    (left, right), (bottom, top) = map(sorted, zip(*corners, strict=True))
                    words.append(read_rectangle(textpage, Rectangle(left, bottom, right, top)))
    return "".join(words)


def to_page(page: Any, x: float, y: float) -> tuple[float, float]:
    across, up = ctypes.c_double(), ctypes.c_double()
    place = (0, 0, STEPS, STEPS, 0, round(x * STEPS), round(y * STEPS))
    pdfium_c.FPDF_DeviceToPage(page, *place, across, up)
    return across.value, up.value


def summarise(name: str, shares: list[float]) -> None:
    tenth = statistics.quantiles(shares, n=10)[0] if len(shares) > 1 else min(shares)
    median = statistics.median(shares)
    print(f"{name}: {len(shares)} PDFs, median {median:.4f}, tenth percentile {tenth:.4f}")


if __name__ == "__main__":
    main()
