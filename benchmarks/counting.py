"""Ablation of the rules that read "how many …" questions: each one off, over known readings.

    python benchmarks/counting.py

Two sources: the sample report, and three short reports that are written here. A question is read
right if its mentions are counted by the words given, or its rows by their meaning, or nothing is
counted. The questions were written after the rules, which are not fitted on either source.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qa_app import build_index, open_index
from qa_app.answering import counting
from qa_app.api import Index

ROWS, NONE = "by meaning", "not at all"  # else the words that are counted
SAMPLE = {
    "How many reports mention community safety?": "community safety",
    "how many of the forces mention road safety": "road safety",
    "How many forces refer to serious violence?": "serious violence",
    "In how many areas is duplication mentioned?": "duplication",
    "How many forces use the word governance?": "governance",
    "Count the forces that mention boards or partnerships.": "boards or partnerships",
    "How many forces ever mention a roundtable at all?": "a roundtable",
    "How many areas specifically mention data?": "data",
    "In how many forces does funding appear?": "funding",
    "How many forces explicitly refer to violence against women and girls by name?": (
        "violence against women and girls"
    ),
    "How many forces never mention road safety?": "road safety",
    "How many forces share data?": ROWS,
    "How many forces are reducing duplication?": ROWS,
    "How many PCCs are tackling serious violence?": ROWS,
    "What number of areas work with partners on road safety?": ROWS,
    "Tell me the number of forces planning a new board.": ROWS,
    "How many forces have a violence reduction partnership?": ROWS,
    "How many forces do not share data?": NONE,
    "How many forces lack a partnership board?": NONE,
    "How many forces failed to improve governance?": NONE,
    "How many forces have more than one board?": NONE,
    "How many rural forces share data?": NONE,
    "How many forces in the north share data?": NONE,
    "How many forces across the county share data?": NONE,
    "How many reports from 2023 discuss data-sharing?": NONE,
    "How many reports published since 2020 discuss partnerships?": NONE,
    "How many reports were written on serious violence?": NONE,
    "How many reports did the PCC commission?": NONE,
    "How many forces are there?": NONE,
    "How many times do the forces mention data?": NONE,
    "How many boards does Surrey have?": NONE,
    "How many forces mention data but not violence?": NONE,
    "How many forces mention only road safety?": NONE,
}
FACETS = (
    '[town]\nnouns = ["town", "towns"]\n[town.values]\n"Ashby" = []\n"Corfe" = []\n"Dalby" = []\n'
)
REPORTS = {
    "facets.toml": FACETS,
    "ashby.md": (
        "# Ashby\n\nAshby opened a library. Its buses run late. The parks are well kept. "
        "Ashby gained a skate park.\n"
    ),
    "corfe.md": (
        "# Corfe\n\nCorfe opened a library. Its school has no kitchen. Roads were mended.\n"
    ),
    "dalby.md": "# Dalby\n\nDalby closed its pool. The Care Quality Board (CQB) came in May.\n",
    "review.md": (
        "# Review\n\nIn the spring of 2024, inspectors visited 43 towns. "
        "Flooding hit twelve of the towns in the winter. Each visit took two days. "
        "In that year 19 towns gained a skate park.\n"
    ),
}
WRITTEN = {
    "How many towns did the inspectors visit?": NONE,
    "How many towns were hit by flooding?": NONE,
    "How many towns gained a skate park?": NONE,
    "How many towns opened a library?": ROWS,
    "How many towns mention a library?": "a library",
    "In how many towns are parks mentioned?": "parks",
    "How many reports mention buses or roads?": "buses or roads",
    "How many towns refer to the Care Quality Board?": "the Care Quality Board",
    "How many towns have not opened a library?": NONE,
    "How many towns within the county opened a library?": NONE,
    "How many reports do not mention parks?": "parks",
    "How many reports were checked by the inspectors?": NONE,
}
# Of some, how many values are to be counted, all with strong evidence.
FOUND = {
    "How many reports mention buses or roads?": 2,
    "How many reports do not mention parks?": 2,
    "How many towns opened a library?": 2,
    "How many towns mention a library?": 2,
    "How many towns refer to the Care Quality Board?": 1,
    "Count the forces that mention boards or partnerships.": 4,
    "How many forces are reducing duplication?": 2,
    "How many forces have a violence reduction partnership?": 1,
    "What number of areas work with partners on road safety?": 1,
    "Tell me the number of forces planning a new board.": 1,
}
OFF = re.compile("(?!)")
RULES = (
    "_MENTION", "_MENTIONED", "_FILLER", "_OR", "_TOO_MUCH", "_NARROWED", "_NEGATION", "_OBJECT",
    "_HOW_MANY", "_states_number",
)  # fmt: skip


def main() -> None:
    """Build both indexes, and print a line for all rules and one for each rule that is off."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        corpus = root / "written"
        corpus.mkdir()
        for name, text in REPORTS.items():
            (corpus / name).write_text(text, encoding="utf-8")
        build_index("corpus", root / "sample-index")
        build_index(corpus, root / "written-index")
        with open_index(root / "sample-index") as sample, open_index(root / "written-index") as own:
            for rule in ("", *RULES):
                with _without(rule):
                    wrong = {
                        "sample": (len(SAMPLE), list(_wrong(sample, SAMPLE))),
                        "written": (len(WRITTEN), list(_wrong(own, WRITTEN))),
                    }
                figures = (f"{name} {n - len(some)} of {n}" for name, (n, some) in wrong.items())
                print(f"{rule or 'all rules'}: {', '.join(figures)}")
                for _, some in wrong.values():
                    for line in some:
                        print(f"    {line}")


@contextmanager
def _without(rule: str) -> Iterator[None]:
    """Switch one rule off; the function that looks for a stated number finds none then."""
    kept: Any = getattr(counting, rule, None)
    if rule:
        setattr(counting, rule, OFF if isinstance(kept, re.Pattern) else lambda *_: False)
    try:
        yield
    finally:
        if rule:
            setattr(counting, rule, kept)


def _wrong(index: Index, questions: dict[str, str]) -> Iterator[str]:
    for question, expected in questions.items():
        answer = index.ask(question)
        count = answer.count
        read = NONE if count is None else count.words or ROWS
        if read != expected:
            yield f"{question} Counted {read}, not {expected}."
        elif count is not None and question in FOUND:
            wanted = FOUND[question]
            if (count.strong, count.found) != (wanted, wanted):
                yield f"{question} Found {count.found}, {count.strong} strong, not {wanted}."


if __name__ == "__main__":
    main()
