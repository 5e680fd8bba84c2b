"""Training examples: a question, a passage with its headings, and the answering words.

The public sets and the questions written for this project are converted to one form here.
``training/README.md`` describes every source.
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qa_app.reader import header
from training.sources import is_kept_for_measuring

# Every third article of squad2-half is held out for measuring and calibration.
SQUAD_PARTS = 3
_LONGEST_CONTEXT = 1_400  # characters: more than a passage of an index has


@dataclass(frozen=True, slots=True)
class Example:
    """A question and a passage.

    Attributes:
        source: name of the set.
        group: document or article of the passage, by which examples are held out.
        pair: key shared by an answerable question and its near misses: another question over the
            same passage, or the same question over other passages; "" if it has none.
        header: title and headings, put before the passage.
        start, end: character offsets of the answer in ``passage``; -1 without one.
        kind: type of question, "" where not known.
        paraphrase: the answering sentence has few words of the question.
    """

    source: str
    group: str
    question: str
    header: str
    passage: str
    start: int = -1
    end: int = -1
    pair: str = ""
    kind: str = ""
    paraphrase: bool = False

    @property
    def answerable(self) -> bool:
        """Whether the passage answers the question."""
        return self.start >= 0


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSON lines file."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


def twins(rows: Iterable[dict[str, Any]], source: str = "twins") -> list[Example]:
    """Return examples of the questions written for this project.

    Documents kept for measuring are left out.

    Args:
        rows: with "context", "answers", "twin" and others; for a "which …" question also "value",
            the facet value that the passage is read for.
    """
    found = []
    for row in rows:
        if is_kept_for_measuring(row["document"]):
            continue
        answers = row["answers"]
        start = answers[0]["answer_start"] if answers else -1
        found.append(
            Example(
                source,
                row["document"],
                row["question"],
                header(row["title"], row["section"], row.get("value", "")),
                row["context"],
                start,
                start + len(answers[0]["text"]) if answers else -1,
                f"{source}:{row['twin']}",
                row["type"],
                bool(row.get("paraphrase")),
            )
        )
    return found


def squad2_half(folder: Path) -> tuple[list[Example], list[Example]]:
    """Return the questions of two thirds of the articles, and those of the third held out.

    Paragraphs that are in xquad-en too, which is never trained on, are left out of the first.
    """
    shared = {row["text"].strip() for row in read_lines(folder.parent / "xquad-en/corpus.jsonl")}
    contexts = {row["_id"]: row for row in read_lines(folder / "corpus.jsonl")}
    articles = sorted({row["doc"] for row in contexts.values()})
    back = set(articles[::SQUAD_PARTS])
    learn, held = [], []
    for row in read_lines(folder / "queries.jsonl"):
        context = contexts[row["context_id"]]
        if context["text"].strip() in shared and context["doc"] not in back:
            continue
        example = _with_answer("squad2-half", context["doc"], row["text"], context, row["answers"])
        (held if context["doc"] in back else learn).append(example)
    return learn, held


def policyqa(folder: Path, most: int, rng: random.Random) -> list[Example]:
    """Return up to ``most`` questions about privacy policies, which repeat from site to site."""
    contexts = {row["_id"]: row for row in read_lines(folder / "corpus.jsonl")}
    rows = list(read_lines(folder / "queries.jsonl"))
    return [
        _with_answer(
            "policyqa", row["scope_doc"], row["text"], contexts[row["context_id"]], row["answers"]
        )
        for row in rng.sample(rows, min(most, len(rows)))
    ]


def clapnq(folder: Path) -> list[Example]:
    """Return questions answered by a whole sentence, and the unanswerable ones."""
    contexts = {row["_id"]: row for row in read_lines(folder / "corpus.jsonl")}
    found = []
    for row in read_lines(folder / "queries.jsonl"):
        context = contexts[row["context_id"]]
        plain = {"title": context["title"], "text": context["text"]}
        sentences = [s for a in row.get("answers", ()) for s in a.get("selected_sentences", ())]
        place = context["text"].find(sentences[0]) if sentences else -1
        if row["is_impossible"]:
            found.append(_with_answer("clapnq", context["title"], row["text"], plain, []))
        elif place >= 0:
            answer = {"text": sentences[0], "answer_start": place}
            found.append(_with_answer("clapnq", context["title"], row["text"], plain, [answer]))
    return found


def general(path: Path, most: int, rng: random.Random) -> list[Example]:
    """Return up to ``most`` questions of a set in the form of SQuAD: question, context, answers."""
    rows = list(read_lines(path))
    rows = rng.sample(rows, min(most, len(rows)))
    found = []
    for row in rows:
        context = {"title": row["title"], "text": row["context"]}
        group = row["title"] or row["context"][:80]
        found.append(_with_answer(path.stem, group, row["question"], context, row["answers"]))
    return found


def qamr(path: Path, most: int, rng: random.Random) -> list[Example]:
    """Return up to ``most`` questions about single sentences, as passages of up to five sentences.

    The other sentences are from the same document, in random order.
    """
    rows = list(read_lines(path))
    documents: dict[str, dict[str, str]] = defaultdict(dict)
    for row in rows:
        documents[":".join(row["title"].split(":")[:-2])][row["title"]] = row["context"]
    found = []
    for row in rng.sample(rows, min(most, len(rows))):
        name = ":".join(row["title"].split(":")[:-2])
        others = [text for title, text in documents[name].items() if title != row["title"]]
        around = rng.sample(others, min(len(others), rng.randint(1, 4)))
        cut = rng.randint(0, len(around))
        before = " ".join(around[:cut])
        after = " ".join(around[cut:])
        lead = before + " " if before else ""
        text = f"{lead}{row['context']} {after}".strip()
        answer = dict(row["answers"][0])
        answer["answer_start"] += len(lead)
        context = {"title": "", "text": text}
        found.append(_with_answer("qamr", name, row["question"], context, [answer]))
    return found


def without_answer(example: Example) -> Example | None:
    """Return the question over its passage without the answering sentence.

    None if the rest is under 80 characters or still contains the answer.
    """
    text, start, end = example.passage, example.start, example.end
    before = max(text.rfind(mark, 0, start) for mark in (". ", ".\n", "\n", "? ", "; "))
    after = [text.find(mark, end) for mark in (". ", ".\n", "\n", "? ")]
    after = [place for place in after if place >= 0]
    kept = (text[: before + 1] + " " + (text[min(after) + 1 :] if after else "")).strip()
    if len(kept) < 80 or text[start:end].lower() in kept.lower():
        return None
    return replace(example, passage=kept, start=-1, end=-1, pair="", source=example.source + "-cut")


def with_other_passage(
    examples: Sequence[Example], rng: random.Random, share: float
) -> list[Example]:
    """Return a share of the answerable questions over another passage of their group.

    Passages that contain the answer are left out.
    """
    passages: dict[str, list[Example]] = defaultdict(list)
    for item in examples:
        passages[item.group].append(item)
    found = []
    for item in examples:
        if not item.answerable or rng.random() > share:
            continue
        other = rng.choice(passages[item.group])
        words = item.passage[item.start : item.end].lower()
        if other.passage == item.passage or words in other.passage.lower():
            continue
        found.append(
            replace(item, passage=other.passage, header=other.header, start=-1, end=-1, pair="",
                    source=item.source + "-other")
        )  # fmt: skip
    return found


def _with_answer(
    source: str,
    group: str,
    question: str,
    context: dict[str, Any],
    answers: Sequence[dict[str, Any]],
) -> Example:
    """Return an example whose passage is cut to whole sentences around its answer."""
    text = context["text"]
    start = answers[0]["answer_start"] if answers else -1
    end = start + len(answers[0]["text"]) if answers else -1
    if answers and text[start:end] != answers[0]["text"]:
        start = text.find(answers[0]["text"])
        end = start + len(answers[0]["text"])
    first, last = _stretch(text, start, end)
    if start >= 0:
        start, end = start - first, end - first
    title = context.get("title", "")
    # Titles in qamr are numbers; those in fairytale give the story away.
    shown = "" if source in ("qamr", "fairytale") else header(title)
    return Example(source, group, question, shown, text[first:last], start, end)


def _stretch(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the bounds of about ``_LONGEST_CONTEXT`` characters around the answer.

    Without an answer (``start`` -1) they are the text's first sentences.
    """
    if len(text) <= _LONGEST_CONTEXT:
        return 0, len(text)
    if start < 0:
        return 0, _ends_before(text, _LONGEST_CONTEXT)
    begins = [0, *(found.end() for found in re.finditer(r"[.?!]\s+", text))]
    room = max(_LONGEST_CONTEXT - (end - start), 200)
    # The position of the answer varies with the text's length, so that it is not always the middle.
    lead = room * (len(text) % 97) // 97
    first = max((at for at in begins if at <= max(start - lead, 0)), default=0)
    last = min(len(text), max(first + _LONGEST_CONTEXT, end + 1))
    return first, max(end, _ends_before(text, last))


def _ends_before(text: str, most: int) -> int:
    """Return the end of the last sentence that ends before ``most``; ``most`` if there is none."""
    place = max(text.rfind(mark, 0, most) for mark in (". ", "? ", "! ", ".\n"))
    return place + 1 if place > 0 else min(most, len(text))
