"""How well a sentence bears on a question: measured, not judged.

Every measure is in [0, 1] or a cosine, and comparable between questions:

* ``late``: each word of the question against the nearest token of the sentence, mean cosine
  (Khattab and Zaharia, ColBERT, 2020); ``weakest``: the mean over the worst third of the words,
  so that one missing word shows. In the best mode only.
* ``lexical``: BM25 of the sentence as a share of the most that the question's words can give.
* ``covered``: share of the question's idf that the sentence has, with its headings and lead-in.
* ``dense``: cosine of the passage. ``share``: the passage's BM25 as a share of the possible.
* ``passage``: the passage's fused score over the best passage's.
* ``absent``: 1 if the question asks for a date, number, sum or share and the passage has none.
* ``kind``: 1 if the sentence has the sort of words asked for, 0.5 where any would do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qa_app.analysis import analyse
from qa_app.answering.acronyms import expand
from qa_app.answering.reading import Reading
from qa_app.embedding import Encoder, FloatArray
from qa_app.models import Passage, Sentence
from qa_app.questions import CERTAIN_KINDS, supplies
from qa_app.retrieval import Ranked
from qa_app.store.lexical import K1, B, Lexical
from qa_app.store.vectors import RowArray

# Terms of an ordinary sentence: what BM25 measures a sentence's length by.
_USUAL_TERMS = 14
_MOST_WORDS = 60  # of a sentence that is encoded; a table's row may be pages long


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a ranked passage, and how well it bears on the question."""

    passage: Passage
    sentence: Sentence
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The sentence's words."""
        return self.passage.slice(self.sentence.start, self.sentence.end)


class Measure:
    """Measures sentences against one question."""

    def __init__(self, reading: Reading, lexical: Lexical) -> None:
        self._reading = reading
        self._language = lexical.language
        self._idf = {term: lexical.idf(term) for term in reading.terms}
        self._possible = sum(self._idf.values()) or 1.0
        short = lexical.max_score(reading.short_terms) or 1.0
        self._shares = [(reading.terms, self._possible), (reading.short_terms, short)]
        self._lexical = lexical

    def shares(self, rows: RowArray) -> FloatArray:
        """Return each passage's BM25 as a share of the possible, float32, shape (len(rows),)."""
        found = [self._lexical.scores(terms)[rows] / most for terms, most in self._shares if terms]
        return np.max(found, axis=0) if found else np.zeros(len(rows), dtype=np.float32)

    def words(
        self, ranked: Sequence[Ranked], passages: Sequence[Passage], best: float
    ) -> list[Evidence]:
        """Return every sentence of the passages with the measures that need no model.

        Args:
            ranked: the passages' scores, in the same order, with "dense" and "share".
            best: the best passage's fused score.
        """
        found = []
        for item, passage in zip(ranked, passages, strict=True):
            of_passage = {
                "dense": item.scores["dense"],
                "share": item.scores["share"],
                "passage": item.score / best if best > 0 else 0.0,
                "absent": self._absent(passage),
            }
            around = set(self._analyse(passage.context))
            for sentence in passage.sentences:
                scores = of_passage | self._of_sentence(passage, sentence, around)
                found.append(Evidence(passage, sentence, scores))
        return found

    def _absent(self, passage: Passage) -> float:
        kind = self._reading.kind
        if kind not in CERTAIN_KINDS:
            return 0.0
        text = f"{passage.context}\n{passage.text}"
        return 1.0 - supplies(kind, text, self._reading.question)

    def _of_sentence(
        self, passage: Passage, sentence: Sentence, around: set[str]
    ) -> dict[str, float]:
        text = passage.slice(sentence.start, sentence.end)
        counts = Counter(self._analyse(text))
        lead_in = set(self._analyse(_lead_in(passage, sentence)))
        norm = K1 * (1 - B + B * sum(counts.values()) / _USUAL_TERMS)
        lexical = sum(
            idf * counts[term] / (counts[term] + norm)
            for term, idf in self._idf.items()
            if term in counts
        )
        covered = sum(
            idf
            for term, idf in self._idf.items()
            if term in counts or term in around or term in lead_in
        )
        return {
            "lexical": lexical / self._possible,
            "covered": covered / self._possible,
            "kind": supplies(self._reading.kind, text, self._reading.question),
        }

    def _analyse(self, text: str) -> list[str]:
        return analyse(expand(text, self._reading.acronyms), self._language)

    def tokens(self, evidence: Sequence[Evidence], encoder: Encoder) -> list[Evidence]:
        """Return the same sentences with the measures of late interaction."""
        if not evidence:
            return []
        question = question_tokens(self._reading.text, encoder)
        vectors = encoder.encode_tokens(
            [expand(_in_context(item), self._reading.acronyms) for item in evidence]
        )
        return [
            Evidence(item.passage, item.sentence, {**item.scores, **_late(question, tokens)})
            for item, tokens in zip(evidence, vectors, strict=True)
        ]


def question_tokens(text: str, encoder: Encoder) -> FloatArray:
    """Return the vectors of the question's tokens, the model's own marks at both ends left out."""
    vectors = encoder.encode_tokens([text], queries=True)[0]
    return vectors[1:-1] if len(vectors) == encoder.count_tokens([text])[0] + 2 else vectors


def preselect(evidence: Iterable[Evidence], most: int) -> list[Evidence]:
    """Return the sentences that are worth the model's time, best first."""
    return sorted(
        evidence,
        key=lambda item: (
            -item.scores["lexical"] - 0.5 * item.scores["passage"],
            item.passage.id,
            item.sentence.start,
        ),
    )[:most]


def _late(question: FloatArray, sentence: FloatArray) -> dict[str, float]:
    nearest = np.sort((question @ sentence.T).max(axis=1))
    return {
        "late": float(nearest.mean()),
        "weakest": float(nearest[: max(1, len(nearest) // 3)].mean()),
    }


def _lead_in(passage: Passage, sentence: Sentence) -> str:
    return passage.slice(*sentence.lead_in) if sentence.lead_in else ""


def _in_context(item: Evidence) -> str:
    """Return the sentence behind its innermost heading, as a reader meets it."""
    heading = item.passage.section[-1] if item.passage.section else item.passage.title
    text = f"{_lead_in(item.passage, item.sentence)} {item.text}"
    words = text.split()[:_MOST_WORDS]
    return f"{heading}: {' '.join(words)}" if heading else " ".join(words)
