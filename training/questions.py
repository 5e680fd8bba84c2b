"""Loads the questions written for this project, with offsets of their passages and answers.

    {"id", "question", "type", "twin", "document", "passage": [start, end], "span", "start"}

``passage`` and ``start`` are character offsets in the document's extracted text; a near miss has
neither ``span`` nor ``start``. The texts are not in this repository: passages are looked up in an
index of the corpus made by ``training.sources``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.sources import document_path


def load_questions(folder: Path, index: Path) -> Iterator[dict[str, Any]]:
    """Yield the questions of every file with the texts of their passages.

    Questions whose document is not in the index, or whose answer is not at its offset there, are
    left out.
    """
    database = sqlite3.connect(f"file:{records_file(index)}?mode=ro", uri=True)
    documents = {
        path: (text, title)
        for path, text, title in database.execute("SELECT path, text, title FROM documents")
    }
    sections = {
        (path, start): json.loads(section)
        for path, start, section in database.execute(
            "SELECT d.path, p.start, p.section FROM passages p "
            "JOIN documents d ON d.id = p.document"
        )
    }
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            row = json.loads(line)
            name = document_path(row["document"])
            if name not in documents:
                continue
            text, title = documents[name]
            first, last = row["passage"]
            context = text[first:last]
            answers = []
            if "span" in row:
                start = row["start"] - first
                if context[start : start + len(row["span"])] != row["span"]:
                    continue
                answers = [{"text": row["span"], "answer_start": start}]
            yield {
                **row,
                "title": title,
                "section": sections.get((name, first), []),
                "context": context,
                "answers": answers,
            }


def records_file(index: Path) -> Path:
    """Return the file of documents and passages of an index's newest generation.

    Raises:
        SystemExit: there is no generation.
    """
    folders = sorted((index / "generations").glob("[0-9]*"))
    if not folders:
        raise SystemExit(f"{index} holds no index: build one of training.sources' corpus first")
    return folders[-1] / "passages.sqlite"
