"""How passage length, context and overlap affect whether the right page is found.

    python benchmarks/passages.py REPORTS EVAL_FOLDER WORK_FOLDER [--mode fast]

Two corpora are loaded and chunked by the product's code: the long reports of REPORTS that
benchmarks/questions/reports.csv asks about, and the pages of EVAL_FOLDER/conditionalqa, one HTML
file per page, with 400 of its questions. The indexes are kept in WORK_FOLDER for later runs.

Prints for each variant how often a right page is in the first passage, in the first five, and, as
longer passages show more text, in the first 5,000 characters. The first five are compared with
those of the product's own setting by the paired test of ``qa-app evaluate``.
"""

from __future__ import annotations

import argparse
import csv
import html
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from qa_app import indexing
from qa_app.api import Index, build_from_settings
from qa_app.chunking import TokenCounter
from qa_app.embedding import Encoder, SentenceTransformerEncoder
from qa_app.evaluation import read_set
from qa_app.evaluation.questions import Expected, read_expected, resolve
from qa_app.evaluation.scoring import paired_difference
from qa_app.models import Document, Mode, Passage, SearchResult
from qa_app.settings import Settings
from qa_app.store.embedded.records import RecordsWriter

QUESTIONS = Path(__file__).parent / "questions" / "reports.csv"
SAMPLE = 400  # questions of conditionalqa, for a tolerable run time
SEED = 7  # fixed, so that the same questions are sampled each time
DEPTH = 30  # passages asked for; enough for CHARACTERS if they average 167 characters or more
CHARACTERS = 5_000  # of text shown, to compare variants at equal reading effort
FIGURES = ("page at 1", "page in 5", "page in 5,000 characters")


@dataclass(frozen=True, slots=True)
class Variant:
    """A way of splitting documents into passages of at most ``tokens`` tokens.

    ``context`` adds title and section to the searched text; ``overlap`` repeats the last sentence
    of the previous passage.
    """

    name: str
    tokens: int
    context: bool = True
    overlap: bool = False


OWN = Variant("200 tokens", 200)
VARIANTS = (
    Variant("100 tokens", 100),
    Variant("150 tokens", 150),
    OWN,
    Variant("250 tokens", 250),
    Variant("200 tokens, no title and section", 200, context=False),
    Variant("200 tokens, last sentence repeated", 200, overlap=True),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reports", type=Path)
    parser.add_argument("eval", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--mode", choices=[str(mode) for mode in Mode], default=str(Mode.FAST))
    parser.add_argument("--name", action="append", help="only these variants, beside the own one")
    parser.add_argument("--corpus", choices=["reports", "conditionalqa"], help="only this one")
    options = parser.parse_args()
    encoder = SentenceTransformerEncoder()
    corpora = {
        "reports": (QUESTIONS, copy_reports(options.reports, options.work / "reports")),
        "conditionalqa": write_pages(options.eval / "conditionalqa", options.work),
    }
    variants = [item for item in VARIANTS if not options.name or item.name in options.name]
    for name, (questions, corpus) in corpora.items():
        if options.corpus not in {None, name}:
            continue
        print(f"\n{name}, {options.mode}\n")
        print("| | passages | " + " | ".join(FIGURES) + " | page in 5 against the own setting |")
        print("|---" * (len(FIGURES) + 3) + "|")
        own: list[float] = []
        for variant in [OWN, *(item for item in variants if item is not OWN)]:
            index = options.work / f"{name}-{variant.name}".replace(" ", "-").replace(",", "")
            with build(corpus, index, variant, encoder) as opened:
                scores = score(opened, questions, Mode(options.mode))
                passages = opened.status()["passages"]
            own = own or scores[FIGURES[1]]
            print(row(variant, passages, scores, own), flush=True)


def row(variant: Variant, passages: int, scores: dict[str, list[float]], own: list[float]) -> str:
    found = paired_difference(own, scores[FIGURES[1]])
    low, high = found.interval
    compared = f"{found.mean:+.3f} ({low:+.3f} to {high:+.3f}), p {found.p_value:.2f}"
    cells = [f"{np.mean(scores[name]):.3f}" for name in FIGURES]
    return "| " + " | ".join((variant.name, f"{passages:,}", *cells, compared)) + " |"


def score(index: Index, questions: Path, mode: Mode) -> dict[str, list[float]]:
    """Return for each figure a list over questions: 1.0 where a right page was found, else 0.0."""
    known = index.snapshot().generation.documents
    scores: dict[str, list[float]] = {name: [] for name in FIGURES}
    for item in resolve(questions, read_expected(questions), known):
        found = index.search(item.question, DEPTH, mode=mode)
        scores[FIGURES[0]].append(any_right(item, found[:1]))
        scores[FIGURES[1]].append(any_right(item, found[:5]))
        ends = np.cumsum([len(result.passage.text) for result in found])
        scores[FIGURES[2]].append(any_right(item, found[: int((ends <= CHARACTERS).sum())]))
    return scores


def any_right(item: Expected, results: Sequence[SearchResult]) -> float:
    return float(any(target.is_met_by(result) for target in item.targets for result in results))


@contextmanager
def build(corpus: Path, index: Path, variant: Variant, encoder: Encoder) -> Iterator[Index]:
    """Build the index of a variant, or update the existing one, and open it."""
    settings = Settings(corpus=corpus, index=index, passage_tokens=variant.tokens)
    texts, cut = RecordsWriter.texts, indexing.chunk
    try:
        if not variant.context:
            RecordsWriter.texts = without_context(texts)
        if variant.overlap:
            indexing.chunk = with_overlap(cut)
        build_from_settings(settings, encoder=encoder)
    finally:
        RecordsWriter.texts, indexing.chunk = texts, cut
    with Index(index, corpus, encoder) as opened:
        yield opened


def without_context(texts: Callable[..., Iterator[str]]) -> Callable[..., Iterator[str]]:
    """Return a replacement for ``RecordsWriter.texts`` that drops the line of title and section."""

    def bare(self: RecordsWriter, rows: Sequence[int] | None = None) -> Iterator[str]:
        for text in texts(self, rows):
            yield text.partition("\n")[2]

    return bare


def with_overlap(cut: Callable[..., tuple[Passage, ...]]) -> Callable[..., tuple[Passage, ...]]:
    """Return a chunker that starts each passage with the previous one's last sentence.

    Not across sections.
    """

    def overlapping(
        document: Document, count_tokens: TokenCounter, max_tokens: int
    ) -> tuple[Passage, ...]:
        passages = cut(document, count_tokens, max_tokens)
        found = list(passages[:1])
        for before, passage in pairwise(passages):
            sentence = before.sentences[-1] if before.sentences else None
            if sentence is None or before.section != passage.section:
                found.append(passage)
                continue
            start = sentence.start
            found.append(
                replace(
                    passage,
                    id=f"{document.path}:{start}-{passage.end}",
                    start=start,
                    text=document.text[start : passage.end],
                    sentences=(sentence, *passage.sentences),
                )
            )
        return tuple(found)

    return overlapping


def copy_reports(reports: Path, corpus: Path) -> Path:
    """Copy the reports that the questions name, and return the folder."""
    corpus.mkdir(parents=True, exist_ok=True)
    names = {target.document for item in read_expected(QUESTIONS) for target in item.targets}
    for name in names:
        [source] = reports.rglob(name)
        if not (corpus / name).exists():
            shutil.copy2(source, corpus / name)
    return corpus


def write_pages(folder: Path, work: Path) -> tuple[Path, Path]:
    """Write a set's pages as HTML and a sample of its questions as CSV.

    Return the paths of the CSV and of the folder of pages.
    """
    given = read_set(folder)
    corpus = work / "pages"
    corpus.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for item in given.rows:
        rows.setdefault(item["doc"], []).append(item["text"])
        titles[item["doc"]] = item["title"]
    for page, texts in rows.items():
        body = "\n".join(f"<p>{html.escape(text)}</p>" for text in texts)
        title = html.escape(titles[page])
        path = corpus / file_name(page)
        if not path.exists():
            path.write_text(
                f"<html><head><title>{title}</title></head><body><h1>{title}</h1>\n{body}\n"
                "</body></html>\n",
                encoding="utf-8",
            )
    asked = [query for query in given.queries if query.scope in rows and not query.impossible]
    order = np.random.default_rng(SEED).permutation(len(asked))[:SAMPLE]
    questions = work / "conditionalqa.csv"
    with questions.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["question", "document"])
        for number in sorted(order):
            query = asked[number]
            lines.writerow([query.text, file_name(query.scope or "")])
    return questions, corpus


def file_name(page: str) -> str:
    return page.rstrip("/").rpartition("/")[2] + ".html"


if __name__ == "__main__":
    main()
