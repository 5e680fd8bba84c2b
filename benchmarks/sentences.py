"""The check of a language model's sentences: what it keeps of true ones, and of false ones.

    python benchmarks/sentences.py REPORTS [--seed 5]

For 60 quotes of the reports, benchmarks/questions/sentences.jsonl has a true sentence in other
words and a false one of the same names (a generalisation, or an invention), both written by hand.
From the true ones are made: another's name or number in place of its own, a denial put in or taken
out, and a sentence that cites another's quote. Prints how well measures of support tell them apart,
and what is kept at several thresholds, the even quotes (on which it is chosen) and the odd apart.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from qa_app.api import encoder_for
from qa_app.loading.registry import SourceFile, load
from qa_app.models import Citation
from qa_app.reader import ExtractiveReader
from qa_app.settings import DEFAULT_LANGUAGE, Settings
from qa_app.synthesis import claims
from qa_app.synthesis.checking import LEAST_READ, LEAST_SUPPORT, Checker
from qa_app.synthesis.instructions import reads_as_instruction
from qa_app.synthesis.prompt import NumberedQuote, Written
from qa_app.text.analysis import analyser_for
from qa_app.text.sentences import split_sentences

_SET = Path(__file__).parent / "questions" / "sentences.jsonl"
# After one of these a "not" turns an English sentence into its contrary.
_VERB = re.compile(
    r"\b(is|are|was|were|has|have|will|should|must|can|may|would|did|does)\b(?! not)"
)
# Pairs of support and the reader's score that are tried; the first keeps what the rules keep.
_NO = -99.0
_LEAST = [
    (-1.0, _NO),
    *((n / 20, _NO) for n in range(4, 13)),
    *((-1.0, float(n)) for n in range(-12, 1, 2)),
]
_LEAST += [(0.3, -6.0), (0.35, -5.0), (0.4, -4.0), (0.4, -3.0), (LEAST_SUPPORT, LEAST_READ)]
_DENIAL = re.compile(r" (?:not|no longer|never|no)(?= )")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", type=Path, help="their folder; each is read anew")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    items = [json.loads(line) for line in _SET.read_text(encoding="utf-8").splitlines()]
    documents = [read(options.reports, item["document"]) for item in items]
    quotes = [
        quote(text, n, item) for n, (text, item) in enumerate(zip(documents, items, strict=True), 1)
    ]
    tables(measure(quotes, list(cases(items, random.Random(options.seed)))))
    alarms(documents)


def read(folder: Path, path: str) -> str:
    """Return the text of a report."""
    size = (folder / path).stat().st_size
    return load(SourceFile(path, folder / path, size, 0)).text


def quote(text: str, number: int, item: dict[str, Any]) -> NumberedQuote:
    """Return a quote by the words that it begins with, and its length."""
    start = re.search(r"\s+".join(map(re.escape, item["begins"].split())), text)
    assert start is not None, item["begins"]
    words = " ".join(text[start.start() :][:2000].split())[: item["length"]]
    return NumberedQuote(number, words, "", Citation(item["document"], "", None, (), 0, 0, ""))


def cases(items: list[dict[str, Any]], rng: random.Random) -> Iterator[tuple[str, int, str]]:
    """Yield kind, number of the cited quote, and sentence."""
    for number, item in enumerate(items, 1):
        true = item["true"]
        yield "true", number, true
        yield "invented", number, item["false"]
        other = rng.choice([each["true"] for each in items if each is not item])
        yield "another quote", number, other
        own, foreign = list(claims.names(true)), list(claims.names(other))
        if own and foreign:
            name = rng.choice(own)
            yield "swapped name", number, true.replace(name, rng.choice(foreign))
        if digits := re.findall(r"\d+", true):
            wrong = str(int(rng.choice(digits)) + rng.randint(1, 9))
            yield "swapped number", number, re.sub(r"\d+", wrong, true, count=1)
        if _DENIAL.search(true):
            yield "denial out", number, _DENIAL.sub("", true, count=1)
        elif _VERB.search(true):
            yield "denial in", number, _VERB.sub(r"\1 not", true, count=1)


def measure(quotes: list[NumberedQuote], every: list[tuple[str, int, str]]) -> list[dict[str, Any]]:
    """Return each case with the measures of its support and the fault that the rules find."""
    encoder, analyser = encoder_for(Settings()), analyser_for(DEFAULT_LANGUAGE)
    context = " ".join(item.text for item in quotes)
    reader = ExtractiveReader()
    checker = Checker(quotes, "", context, encoder, analyser, reader)
    found = []
    for kind, number, sentence in every:
        cited = quotes[number - 1]
        words = np.sort(checker.nearest(sentence, [cited.text]))
        vectors = encoder.encode_documents([sentence, cited.text])
        terms = set(analyser.terms(sentence))
        written = Written(sentence, (number,))
        found.append(
            {
                "kind": kind,
                "number": number,
                "sentence": sentence,
                "fault": next(checker._faults(written, [cited]), ""),
                "cosine": float(vectors[0] @ vectors[1]),
                "terms": len(terms.intersection(analyser.terms(cited.text))) / max(1, len(terms)),
                "reader": checker.read(reader, sentence, [cited.text]),
                "mean": float(words.mean()),
                "lowest": float(words[0]),
                "support": checker.support(sentence, [cited.text]),
            }
        )
    return found


def tables(found: list[dict[str, Any]]) -> None:
    """Print the AUROC of each measure by kind, then what is kept by threshold."""
    kinds = list(dict.fromkeys(case["kind"] for case in found))
    print("| AUROC against true |", " | ".join(kinds[1:]), "|")
    for name in ("cosine", "terms", "reader", "mean", "lowest", "support"):
        row = []
        for kind in kinds[1:]:
            some = [case for case in found if case["kind"] in ("true", kind)]
            is_true = [case["kind"] == "true" for case in some]
            row.append(f"{roc_auc_score(is_true, [case[name] for case in some]):.3f}")
        print(f"| {name} |", " | ".join(row), "|")
    for half in (0, 1):
        print(f"\n| support, reader; {('even', 'odd')[half]} quotes |", " | ".join(kinds), "|")
        for least in _LEAST:
            kept, total = defaultdict(int), defaultdict(int)
            for case in found:
                if case["number"] % 2 == half:
                    total[case["kind"]] += 1
                    kept[case["kind"]] += stands(case, *least)
            shares = (f"{kept[kind]}/{total[kind]}" for kind in kinds)
            print(f"| {least[0]:.2f}, {least[1]:.0f} |", " | ".join(shares), "|")
    for case in found:
        if (case["kind"] == "true") != stands(case, LEAST_SUPPORT, LEAST_READ):
            measured = f"{case['support']:.2f}, {case['reader']:.1f}"
            print(f"  {case['kind']} ({measured}): {case['sentence']} [{case['fault']}]")


def stands(case: dict[str, Any], support: float, reader: float) -> bool:
    """Tell whether a case is kept at these least values of support and the reader's score."""
    return not case["fault"] and case["support"] >= support and case["reader"] >= reader


def alarms(documents: list[str]) -> None:
    """Print the share of the reports' sentences that would not be sent, and the first of them."""
    spans = [(text, *span) for text in documents for span in split_sentences(text, 0, len(text))]
    held = [text[start:end] for text, start, end in spans if reads_as_instruction(text[start:end])]
    print(f"\nNot sent, as they read like an instruction: {len(held)} of {len(spans):,} sentences")
    for text in held[:20]:
        print("  ", " ".join(text.split())[:150])


if __name__ == "__main__":
    main()
