"""Lay out the texts that questions were written about as one corpus, and name its documents.

    python -m training.sources DATA CORPUS
    qa-app build --corpus CORPUS --index INDEX

DATA is the folder of given sets (reports/, which-departments/, eval/). A document is named in
questions by its path under reports/, or as "policy:Spokane", "gov.uk:divorce", "committee:train0".
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import defaultdict
from pathlib import Path

# Starts of paths of documents used to measure the reader, which no training question may be about.
KEPT_FOR_MEASURING = (
    "other/us-federal/DHS2020",
    "uk/approved-documents/Text-Approved_Document_H",
    "uk/inquiries-pdf/Report1.pdf",
    "uk/iraq-inquiry/1972-section-15-2",
    "uk/leveson-inquiry-html/A-chapter4",
    "uk/leveson-inquiry-html/C-chapter2",
    "uk/leveson-inquiry-html/C-chapter3",
    "uk/leveson-inquiry-html/E-chapter2",
    "uk/leveson-inquiry-html/E-chapter5",
    "uk/leveson-inquiry-html/G-chapter1",
    "uk/nhs/Blood-glucose",
    "uk/service-manual/phases",
)
# Folders of sources that are not reports, with the prefixes of their documents' names.
_NAMED = {"policy": "policy:", "gov.uk": "gov.uk:", "committee": "committee:"}


def document_name(path: str) -> str:
    """Return a document's name in questions, given its path in the corpus."""
    folder, _, rest = path.partition("/")
    if folder in _NAMED:
        return _NAMED[folder] + rest.rpartition(".")[0]
    return path


def document_path(name: str) -> str:
    """Return a document's path in the corpus, given its name in questions."""
    folder, colon, rest = name.partition(":")
    if not colon:
        return name
    return f"{folder}/{rest}.txt"


def is_kept_for_measuring(name: str) -> bool:
    """Tell whether a document must not be trained on."""
    return name.startswith(KEPT_FOR_MEASURING)


def lay_out(data: Path, corpus: Path) -> int:
    """Write the corpus and return the number of its files."""
    shutil.copytree(data / "reports", corpus, ignore=shutil.ignore_patterns("MANIFEST.tsv"))
    _write_policies(data / "which-departments" / "docs", corpus / "policy")
    _write_rows(data / "eval" / "conditionalqa", corpus / "gov.uk", "{title}")
    _write_rows(data / "eval" / "qmsum-committee", corpus / "committee", "{title}")
    return sum(path.is_file() for path in corpus.rglob("*"))


def _write_policies(folder: Path, into: Path) -> None:
    into.mkdir()
    for path in sorted(folder.glob("*.txt")):
        shutil.copyfile(path, into / path.name)


def _write_rows(folder: Path, into: Path, heading: str) -> None:
    """Write a set's rows as one text file per document, in their order."""
    into.mkdir()
    texts: dict[str, list[str]] = defaultdict(list)
    titles: dict[str, str] = {}
    for line in (folder / "corpus.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        name = row["doc"].rpartition("/")[2]
        titles.setdefault(name, heading.format(title=row["title"]))
        texts[name].append(row["text"])
    for name, rows in texts.items():
        (into / f"{name}.txt").write_text("\n\n".join([titles[name], *rows]) + "\n", "utf-8")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("corpus", type=Path)
    given = parser.parse_args()
    print(f"{lay_out(given.data, given.corpus)} files in {given.corpus}")


if __name__ == "__main__":
    main()
