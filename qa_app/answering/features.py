"""How well a sentence bears on a question, as numbers that ``model`` turns into a chance.

A feature is in [0, 1] or a cosine where nothing else is said, and comparable between questions:

* ``answer``: how much likelier the reader thinks that words of the sentence answer than that
  nothing in its passage does, in logits; ``behind``: how far that is behind the best of all
  sentences that were read; ``rank``: how many passages with sentences were found before its own;
  both within one value of a "which …" question.
* ``late``: MaxSim (Khattab and Zaharia, ColBERT, 2020): each word of the question against the
  nearest token of the sentence, its title or its headings, mean cosine by the words' rarity;
  ``weakest``: of the sentence alone, the mean over the worst third of the words, so that one
  missing word shows.
* ``covered``: share of the question's idf that the sentence has, with its headings and lead-in.
* ``passage``: the passage's fused score over the best passage's.
* ``misdated``: 1 if the question asks about a year that the passage does not name, or the sentence
  names another instead.
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
# Similarities of a sentence without stored tokens, by what it covers: least squares over the
# sentences of xquad-en that have some (correlations 0.69 and 0.51).
_GUESSES = {"late": (0.19, 0.52), "weakest": (0.13, 0.27)}


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
        self._idf = {term: evenness + lexical.idf(term) for term in parsed.terms}
        self._possible = sum(self._idf.values()) or 1.0
        self._years = years_asked(parsed.question)
        self._tokens = retriever.tokens
        light = light_terms(self._analyser)
        self._long = self._tokens.question(parsed.text, light, evenness)
        self._short = self._long
        if parsed.short_text:
            self._short = self._tokens.question(parsed.short_text, light, evenness)

    def sentences(
        self, ranked: Sequence[Ranked], passages: Sequence[Passage], best: float
    ) -> list[list[Evidence]]:
        """Return every sentence of each passage, measured; those that only point are left out.

        Args:
            ranked: the passages' scores, in the same order.
            passages: their texts.
            best: the best passage's fused score.
        """
        tokens = self._tokens.passages([item.row for item in ranked], passages)
        found = []
        for item, passage, vectors in zip(ranked, passages, tokens, strict=True):
            acronyms = self._parsed.acronyms.within(passage.document)
            around = set(self._terms(passage.context, acronyms))
            of_passage = {"passage": item.score / best if best > 0 else 0.0}
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
        # What is read of the sentence's tokens takes the place of the guess.
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
        """Return each sentence's similarities; none for what the encoder's limit cut off."""
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
