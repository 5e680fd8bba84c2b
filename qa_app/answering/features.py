"""How well a sentence bears on a question: measured, not judged.

A measure is in [0, 1] or a cosine where nothing else is said, and comparable between questions:

* ``late``: each word of the question against the nearest token of the sentence, its title or its
  headings, mean cosine by the words' rarity (Khattab and Zaharia, ColBERT, 2020); ``words``: the
  same of the sentence alone, all words alike; ``weakest``: of that the mean over the worst third
  of the words, so that one missing word shows.
* ``lexical``: BM25 of the sentence as a share of the most that the question's words can give.
* ``covered``: share of the question's idf that the sentence has, with its headings and lead-in.
* ``dense``: cosine of the passage. ``share``: the passage's BM25 as a share of the possible.
* ``size``: log10 of the number of passages searched, up to a most: among many, one is sooner near
  by chance.
* ``passage``: the passage's fused score over the best passage's.
* ``misdated``: 1 if the question asks about a year that the passage does not name, or the sentence
  names another instead.
* ``unnamed``: number of the question's names and numbers that the passage does not have.
* ``asked``: number of the question's terms; ``length``: natural logarithm of one more than the
  number of the sentence's. Few words are sooner found by chance, and so are any in a long sentence.
* ``answer``: how much likelier the reader thinks that words of the sentence answer than that
  nothing in its passage does, in logits; ``behind``: how far that is behind the best of all
  sentences that were read; ``rank``: how many passages with sentences were found before its own;
  both within one value of a "which …" question.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qa_app.answering.acronyms import expand, shorten
from qa_app.answering.model import guess_late
from qa_app.answering.question import ParsedQuestion, light_terms
from qa_app.dates import years_asked, years_in
from qa_app.embedding import FloatArray
from qa_app.models import Passage, Sentence
from qa_app.reader import PassageReading, Reader
from qa_app.retrieval import Ranked, Retriever
from qa_app.retrieval.late import PassageTokens, QuestionTokens
from qa_app.store.lexical import K1, B
from qa_app.store.vectors import RowArray

# A question, an entry of a list of contents or of references, or a web address with its name, only
# points to what is said.
_REFERENCES = re.compile(r"\W*(?:\d+\W+)?(?:references|bibliography|works cited)\W*", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){6}")
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+")
_WORD = re.compile(r"[^\W\d_]{2,}")
# A web address with fewer words beside it is only named.
_LEAST_WORDS = 6
# Logits beyond this say no more than "surely".
_MOST = 15.0
# Terms of an ordinary sentence: what BM25 measures a sentence's length by.
_USUAL_TERMS = 14


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a ranked passage, and how well it bears on the question.

    Attributes:
        span: where the reader found the words that answer, in the document's text; None where
            no reader has read it.
    """

    passage: Passage
    sentence: Sentence
    scores: Mapping[str, float] = field(default_factory=dict)
    span: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """The sentence's words."""
        return self.passage.slice(self.sentence.start, self.sentence.end)


class FeatureExtractor:
    """Measures sentences against one question.

    Args:
        evenness: added to each term's idf: of a few pages, most terms are on all or on none, so
            that what was asked is better told by all the terms alike.
    """

    def __init__(self, parsed: ParsedQuestion, retriever: Retriever, evenness: float = 0.0) -> None:
        lexical = retriever.generation.lexical
        self._parsed = parsed
        self._analyser = lexical.analyser
        self._light = light_terms(self._analyser)
        self._idf = {term: evenness + lexical.idf(term) for term in parsed.terms}
        self._possible = sum(self._idf.values()) or 1.0
        short = lexical.max_score(parsed.short_terms) or 1.0
        long = lexical.max_score(parsed.terms) or 1.0
        self._shares = [(parsed.terms, long), (parsed.short_terms, short)]
        self._names = [names for word in _names(parsed.text) if (names := self._terms(word))]
        self._years = years_asked(parsed.question)
        self._lexical = lexical
        self._reader = retriever.tokens
        self._long = self._reader.question(parsed.text, self._light, evenness)
        self._short = self._long
        if parsed.short_text:
            self._short = self._reader.question(parsed.short_text, self._light, evenness)

    def shares(self, rows: RowArray) -> FloatArray:
        """Return each passage's BM25 as a share of the possible, float32, shape (len(rows),)."""
        found = [self._lexical.scores(terms)[rows] / most for terms, most in self._shares if terms]
        return np.max(found, axis=0) if found else np.zeros(len(rows), dtype=np.float32)

    def sentences(
        self, ranked: Sequence[Ranked], passages: Sequence[Passage], best: float
    ) -> list[list[Evidence]]:
        """Return every sentence of each passage, measured; those that only point are left out.

        Args:
            ranked: the passages' scores, in the same order, with those that are theirs.
            best: the best passage's fused score.
        """
        found = []
        tokens = self._reader.passages([item.row for item in ranked], passages)
        for item, passage, vectors in zip(ranked, passages, tokens, strict=True):
            of_passage = {
                **item.scores,
                "passage": item.score / best if best > 0 else 0.0,
            }
            acronyms = self._parsed.acronyms.within(passage.document)
            around = set(self._analyse(passage.context, acronyms))
            points = passage.section and _REFERENCES.fullmatch(passage.section[-1])
            of_passage["unnamed"] = self._unnamed(passage, around, acronyms)
            late = self._late(passage, vectors, acronyms)
            found.append(
                [
                    Evidence(
                        passage,
                        sentence,
                        of_passage
                        | self._of_sentence(passage, sentence, around, acronyms)
                        | nearest,
                    )
                    for sentence, nearest in zip(passage.sentences, late, strict=True)
                    if not points and not _only_points(passage.slice(sentence.start, sentence.end))
                ]
            )
        return found

    def _of_sentence(
        self, passage: Passage, sentence: Sentence, around: set[str], acronyms: Mapping[str, str]
    ) -> dict[str, float]:
        text = passage.slice(sentence.start, sentence.end)
        counts = Counter(self._analyse(text, acronyms))
        lead_text = _lead_in(passage, sentence)
        lead_in = set(self._analyse(lead_text, acronyms))
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
        # What is read of the sentence's tokens takes the place of the guess.
        return guess_late(covered / self._possible) | {
            "lexical": lexical / self._possible,
            "covered": covered / self._possible,
            "asked": float(len(self._idf)),
            "length": math.log1p(len(counts)),
            "misdated": self._misdated(passage, f"{lead_text} {text}"),
        }

    def _unnamed(self, passage: Passage, around: set[str], acronyms: Mapping[str, str]) -> float:
        if not self._names:
            return 0.0
        has = around.union(self._analyse(passage.text, acronyms))
        return float(sum(has.isdisjoint(names) for names in self._names))

    def _misdated(self, passage: Passage, said: str) -> float:
        if not self._years:
            return 0.0
        around = years_in(passage.context)
        near = around | years_in(said)
        if self._years <= near:
            return 0.0
        return float(bool(near - self._years) or not self._years <= around | years_in(passage.text))

    def _terms(self, word: str) -> set[str]:
        return set(self._analyser.terms(word)) - self._light

    def _analyse(self, text: str, acronyms: Mapping[str, str]) -> list[str]:
        return self._analyser.terms(expand(text, acronyms))

    def _late(
        self, passage: Passage, tokens: PassageTokens, acronyms: Mapping[str, str]
    ) -> list[dict[str, float]]:
        """Return each sentence's late interaction; none for what the model's limit cut off."""
        read = {id(form): _Nearest(form, tokens) for form in (self._long, self._short)}
        found = []
        for sentence in passage.sentences:
            form = self._form(passage.slice(sentence.start, sentence.end), acronyms)
            spans = [(sentence.start, sentence.end)]
            if sentence.lead_in is not None:
                spans.append(sentence.lead_in)
            inside = [(start - passage.start, end - passage.start) for start, end in spans]
            found.append(read[id(form)].measures(inside))
        return found

    def _form(self, text: str, acronyms: Mapping[str, str]) -> QuestionTokens:
        """Return the question with its acronyms spelt out where the text does, else with them.

        Words of a long form that stand there by themselves are no evidence of it. Where the
        acronyms mean something else, it is spelt out too.
        """
        if acronyms and (expand(text, acronyms) != text or shorten(text, acronyms) == text):
            return self._short
        return self._long


class _Nearest:
    """How near a passage's tokens come to those of a question."""

    def __init__(self, asked: QuestionTokens, tokens: PassageTokens) -> None:
        counted = asked.weights > 0
        self._rarity = asked.rarity[counted]
        self._tokens = tokens
        self._cosines = asked.vectors[counted] @ tokens.vectors.T
        context = tokens.context
        self._around = self._cosines[:, context].max(axis=1, initial=-1.0)

    def measures(self, spans: Sequence[tuple[int, int]]) -> dict[str, float]:
        """Return the measures of what stands at these spans of the passage's text, if anything."""
        inside = np.any([self._tokens.within(start, end) for start, end in spans], axis=0)
        if not inside.any():
            return {}
        nearest = self._cosines[:, inside].max(axis=1)
        ascending = np.sort(nearest)
        return {
            "late": float(self._rarity @ np.maximum(nearest, self._around)),
            "words": float(nearest.mean()),
            "weakest": float(ascending[: max(1, len(ascending) // 3)].mean()),
        }


def _names(question: str) -> list[str]:
    """Return the words that begin with a capital letter or a digit, the first word left out."""
    firsts = [(word, next(filter(str.isalnum, word), "")) for word in question.split()[1:]]
    return [word for word, first in firsts if first.isupper() or first.isdigit()]


def _lead_in(passage: Passage, sentence: Sentence) -> str:
    return passage.slice(*sentence.lead_in) if sentence.lead_in else ""


def _only_points(text: str) -> bool:
    """Tell whether a sentence is a question, an entry of contents, or little but web addresses."""
    said = _ADDRESS.sub(" ", text)
    points = said != text and len(_WORD.findall(said)) < _LEAST_WORDS
    return points or bool(_LEADERS.search(text)) or text.rstrip(" \"'”’)").endswith("?")


def read_sentences(
    reader: Reader,
    question: str,
    of_passages: Sequence[Sequence[Evidence]],
    values: Sequence[str] = (),
) -> list[list[Evidence]]:
    """Return the sentences with their spans, and with the reader's scores among theirs.

    Args:
        of_passages: the sentences of each passage, the best passage first.
        values: whom each passage is read for, in a "which …" question; ranks and what is behind
            the best count within each of them.
    """
    whose = values or [""] * len(of_passages)
    places = [place for place, sentences in enumerate(of_passages) if sentences]
    passages = [of_passages[place][0].passage for place in places]
    read = reader.read(question, passages, [whose[place] for place in places])
    found: list[list[Evidence]] = [[] for _ in of_passages]
    ranks: Counter[str] = Counter()
    best: dict[str, float] = {}
    for place, reading in zip(places, read, strict=True):
        value = whose[place]
        found[place] = [_read(item, reading, ranks[value]) for item in of_passages[place]]
        ranks[value] += 1
        top = max(item.scores["answer"] for item in found[place])
        best[value] = max(top, best.get(value, top))
    return [
        [
            replace(item, scores={**item.scores, "behind": best[value] - item.scores["answer"]})
            for item in sentences
        ]
        for value, sentences in zip(whose, found, strict=True)
    ]


def _read(item: Evidence, reading: PassageReading, rank: int) -> Evidence:
    begin = item.passage.start
    span = reading.best(item.sentence.start - begin, item.sentence.end - begin)
    # A sentence behind what the reader takes in has not been read.
    score = -_MOST if span is None else max(-_MOST, min(_MOST, span.score))
    return replace(
        item,
        scores={**item.scores, "answer": score, "rank": float(rank)},
        span=None if span is None else (begin + span.start, begin + span.end),
    )
