"""Features of a sentence with regard to a question, which ``model`` turns into a probability.

A feature is in [0, 1] or a cosine unless stated otherwise, and comparable between questions:

* ``answer``: the reader's logit for the best span in the sentence less its logit for no answer in
  the passage, clipped to ±15; ``behind``: the highest ``answer`` of all sentences less this one;
  ``rank``: number of passages with sentences ranked above this one. In a "which …" question the
  last two count within one value.
* ``late``: MaxSim (Khattab and Zaharia, ColBERT, 2020): for each token of the question the highest
  cosine with a token of the sentence, its lead-in, title or headings; mean weighted by idf.
  ``weakest``: the same with the sentence and its lead-in alone, mean over the lowest third of the
  tokens, so that one missing word lowers it.
* ``covered``: share of the question's idf covered by the sentence, its lead-in, title and headings.
* ``passage``: the passage's fused score divided by the best passage's.
* ``size``: log10 of the number of passages searched, up to 3.5: among many, one is near by chance
  sooner. Of rows it is not measured.
* ``misdated``: 1 if the question asks about a year that is not in the sentence, its lead-in, title
  or headings, and these name another year or the passage lacks the year too; else 0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qa_app.answering.acronyms import expand, shorten
from qa_app.answering.question import ParsedQuestion, light_terms
from qa_app.models import Passage, Sentence
from qa_app.reader import PassageReading, Reader
from qa_app.retrieval import Ranked, Retriever
from qa_app.retrieval.late import PassageTokens, QuestionTokens
from qa_app.text.dates import years_asked, years_in

# Headings of sections whose entries only point to other texts, and so are no evidence.
_REFERENCES = re.compile(r"\W*(?:\d+\W+)?(?:references|bibliography|works cited)\W*", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){6}")  # dot leaders of a list of contents
_ADDRESS = re.compile(r"\b(?:https?://|www\.)\S+")  # web addresses
_WORD = re.compile(r"[^\W\d_]{2,}")  # two or more letters
# A sentence with a web address and fewer other words than this only names the address.
_LEAST_WORDS = 6
# The reader's logits are clipped to ±15: larger ones mean certainty all the same.
_MOST = 15.0
# Intercept and slope, by ``covered``, of the estimates for sentences without stored tokens: least
# squares over the sentences of xquad-en that have tokens (correlations 0.69 and 0.51).
_GUESSES = {"late": (0.19, 0.52), "weakest": (0.13, 0.27)}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence of a ranked passage, with its features.

    Attributes:
        scores: the features, by name.
        span: the answering words found by the reader, as character offsets in the document; None
            if no reader has read the sentence.
    """

    passage: Passage
    sentence: Sentence
    scores: Mapping[str, float] = field(default_factory=dict)
    span: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """The sentence's text."""
        return self.passage.slice(self.sentence.start, self.sentence.end)


class FeatureExtractor:
    """Computes the features of sentences for one question, except the reader's.

    Args:
        evenness: added to each term's idf, so that terms weigh more equally: in a corpus of few
            pages idf says little about a term.
    """

    def __init__(self, parsed: ParsedQuestion, retriever: Retriever, evenness: float = 0.0) -> None:
        lexical = retriever.generation.lexical
        self._parsed = parsed
        self._analyser = lexical.analyser
        self._idf = {term: evenness + idf for term, idf in lexical.idf(parsed.terms).items()}
        self._possible = sum(self._idf.values()) or 1.0
        self._years = years_asked(parsed.question)
        self._tokens = retriever.tokens
        light = light_terms(self._analyser)
        self._long = self._tokens.question(parsed.text, light, evenness)
        self._short = self._long
        if parsed.short_text:
            self._short = self._tokens.question(parsed.short_text, light, evenness)

    def sentences(
        self,
        ranked: Sequence[Ranked],
        passages: Sequence[Passage],
        best: float,
        of_all: Mapping[str, float] | None = None,
    ) -> list[list[Evidence]]:
        """Return the sentences of each passage with their features.

        Questions, entries of contents and references, and bare web addresses are left out.

        Args:
            ranked: the passages' rows and scores.
            passages: in the same order.
            best: the best passage's fused score.
            of_all: features that all of the sentences have.
        """
        tokens = self._tokens.passages([item.row for item in ranked], passages)
        found = []
        for item, passage, vectors in zip(ranked, passages, tokens, strict=True):
            acronyms = self._parsed.acronyms.within(passage.document)
            around = set(self._terms(passage.context, acronyms))
            of_passage = {**(of_all or {}), "passage": item.score / best if best > 0 else 0.0}
            points = passage.section and _REFERENCES.fullmatch(passage.section[-1])
            similar = self._similarities(passage, vectors, acronyms)
            found.append(
                [
                    Evidence(
                        passage,
                        sentence,
                        of_passage | self._of_sentence(passage, sentence, around, acronyms) | near,
                    )
                    for sentence, near in zip(passage.sentences, similar, strict=True)
                    if not points and not _only_points(passage.slice(sentence.start, sentence.end))
                ]
            )
        return found

    def _of_sentence(
        self, passage: Passage, sentence: Sentence, around: set[str], acronyms: Mapping[str, str]
    ) -> dict[str, float]:
        text = passage.slice(sentence.start, sentence.end)
        lead_in = passage.slice(*sentence.lead_in) if sentence.lead_in else ""
        has = around.union(self._terms(f"{lead_in} {text}", acronyms))
        covered = sum(idf for term, idf in self._idf.items() if term in has) / self._possible
        # ``sentences`` overwrites the estimates where the sentence has stored tokens.
        guess = {name: base + slope * covered for name, (base, slope) in _GUESSES.items()}
        return guess | {
            "covered": covered,
            "misdated": self._misdated(passage, f"{lead_in} {text}"),
        }

    def _misdated(self, passage: Passage, said: str) -> float:
        if not self._years:
            return 0.0
        around = years_in(passage.context)
        near = around | years_in(said)
        if self._years <= near:
            return 0.0
        return float(bool(near - self._years) or not self._years <= around | years_in(passage.text))

    def _terms(self, text: str, acronyms: Mapping[str, str]) -> list[str]:
        return self._analyser.terms(expand(text, acronyms))

    def _similarities(
        self, passage: Passage, tokens: PassageTokens, acronyms: Mapping[str, str]
    ) -> list[dict[str, float]]:
        """Return each sentence's MaxSim features; empty if the encoder's limit cut it off."""
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
        """Return the form of the question to compare with a text.

        Acronyms are spelt out only if the text spells them out and does not use them in short:
        otherwise single words of a long form, which are no evidence of it, would match. If none of
        the question's acronyms has its meaning in the document, they are spelt out as well.
        """
        if acronyms and (expand(text, acronyms) != text or shorten(text, acronyms) == text):
            return self._short
        return self._long


class _Nearest:
    """Cosines of a passage's tokens with those of a question."""

    def __init__(self, asked: QuestionTokens, tokens: PassageTokens) -> None:
        counted = asked.weights > 0
        self._rarity = asked.rarity[counted]
        self._tokens = tokens
        self._cosines = asked.vectors[counted] @ tokens.vectors.T
        context = tokens.context
        self._around = self._cosines[:, context].max(axis=1, initial=-1.0)

    def measures(self, spans: Sequence[tuple[int, int]]) -> dict[str, float]:
        """Return ``late`` and ``weakest`` for these spans of the passage; empty without tokens."""
        inside = np.any([self._tokens.within(start, end) for start, end in spans], axis=0)
        if not inside.any():
            return {}
        nearest = self._cosines[:, inside].max(axis=1)
        ascending = np.sort(nearest)
        return {
            "late": float(self._rarity @ np.maximum(nearest, self._around)),
            "weakest": float(ascending[: max(1, len(ascending) // 3)].mean()),
        }


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
    """Return the sentences with the reader's features added and their answer spans.

    Args:
        of_passages: the sentences of each passage, the best passage first.
        values: the facet value that each passage is read for in a "which …" question; ``rank`` and
            ``behind`` count within each value.
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
    # The sentence is beyond the reader's token limit.
    score = -_MOST if span is None else max(-_MOST, min(_MOST, span.score))
    return replace(
        item,
        scores={**item.scores, "answer": score, "rank": float(rank)},
        span=None if span is None else (begin + span.start, begin + span.end),
    )
