"""Checks sentences of a language model against the quotes that they cite.

A sentence is kept if it cites quotes that the model was given, if its names, quantities, denials
and sweeping words are theirs or the question's, and if each of its words comes near to one of
theirs in meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qa_app.arrays import FloatArray
from qa_app.embedding import Encoder
from qa_app.models import Passage
from qa_app.reader import Reader
from qa_app.synthesis import claims
from qa_app.synthesis.instructions import reads_as_instruction
from qa_app.synthesis.prompt import NumberedQuote, Written
from qa_app.text.analysis import Analyser
from qa_app.text.wording import listed

# Least support of a kept sentence, chosen by benchmarks/sentences.py (benchmarks/RESULTS.md).
LEAST_SUPPORT = 0.35
# Least score of the reader, chosen there too.
LEAST_READ = -3.0
_LOWER = re.compile(r"\b[a-z]{2,}\b")  # a word in small letters, which is not a name


@dataclass(frozen=True, slots=True)
class CheckedSentence:
    """A sentence and whether its quotes bear it out.

    Attributes:
        citations: numbers of the quotes that it cites, as written, each once.
        kept: whether it stands; if not, it is shown struck through with its ``reason``.
        support: of its words by the quotes' words, in [-1, 1]; None if an earlier check failed.
    """

    text: str
    citations: tuple[int, ...]
    kept: bool
    reason: str = ""
    support: float | None = None


class Checker:
    """Checks sentences against the quotes of one answer.

    Args:
        quotes: all of the answer, numbered.
        question: its names and numbers may stand in any sentence.
        context: text of the answer's passages; a word in small letters there is no name.
        reader: None to do without its score.
    """

    def __init__(
        self,
        quotes: Sequence[NumberedQuote],
        question: str,
        context: str,
        encoder: Encoder,
        analyser: Analyser,
        reader: Reader | None = None,
    ) -> None:
        self._quotes: Mapping[int, NumberedQuote] = {quote.number: quote for quote in quotes}
        self._question = question
        self._ordinary = frozenset(_LOWER.findall(context))
        self._encoder = encoder
        self._analyser = analyser
        self._reader = reader

    def check(self, written: Written) -> CheckedSentence:
        """Return the sentence with the verdict."""
        cited = [self._quotes[n] for n in written.citations if n in self._quotes]
        reason = next(self._faults(written, cited), "")
        support = None
        if not reason:
            quotes = [claims.evidence(item.text, written.text) for item in cited]
            literal = any(written.text.rstrip(".") in quote for quote in quotes)
            support = 1.0 if literal else self.support(written.text, quotes)
            if support < LEAST_SUPPORT or not (literal or self.reads(written.text, quotes)):
                reason = f"{_name(cited)} does not bear it out"
        return CheckedSentence(written.text, written.citations, not reason, reason, support)

    def _faults(self, written: Written, cited: Sequence[NumberedQuote]) -> Iterator[str]:
        if not written.citations:
            yield "it cites no quote"
        for number in written.citations:
            if number not in self._quotes:
                yield f"there is no quote {number}"
            elif self._quotes[number].withheld:
                yield f"quote {number} was not given to the model"
        if reads_as_instruction(written.text):
            yield "it reads like an instruction"
        yield from self._unfounded(written.text, cited)

    def _unfounded(self, text: str, cited: Sequence[NumberedQuote]) -> Iterator[str]:
        quote = "\n".join(claims.evidence(item.text, text) for item in cited)
        allowed = "\n".join([*(item.about for item in cited), quote, self._question])
        terms, where = set(self._analyser.terms(allowed)), _name(cited)
        for name in claims.names(text, self._ordinary):
            if not terms.issuperset(self._analyser.terms(name)):
                yield f"“{name}” is not in {where}"
        for quantity in sorted(claims.quantities(text) - claims.quantities(allowed)):
            yield f"the number “{quantity}” is not in {where}"
        if word := claims.sweeping(text, allowed):
            yield f"{where} does not say “{word}”"
        if claims.denial_added(text, quote):
            yield f"it denies what {where} does not"
        if claims.denial_lost(text, quote, self._analyser):
            yield f"it leaves out what {where} denies"
        if pair := claims.opposite(text, quote, self._analyser):
            yield f"it turns “{pair[1]}” of {where} round"

    def support(self, text: str, quotes: Sequence[str]) -> float:
        """Return how well the words of a sentence are borne out by those of quotes.

        The highest cosine of each of its words with a word of theirs (MaxSim, by the encoder's
        token vectors); of these the mean of the lowest quarter.
        """
        nearest = self.nearest(text, quotes)
        weakest = np.sort(nearest)[: max(1, len(nearest) // 4)]
        return float(weakest.mean()) if len(nearest) else 0.0

    def reads(self, text: str, quotes: Sequence[str]) -> bool:
        """Tell whether the reader finds a sentence's words answered in a quote; true without it."""
        return self._reader is None or self.read(self._reader, text, quotes) >= LEAST_READ

    def read(self, reader: Reader, text: str, quotes: Sequence[str]) -> float:
        """Return the reader's score of the best quote as an answer to the sentence, a logit."""
        passages = [Passage("", "", "", (), 0, len(quote), quote, ()) for quote in quotes]
        spans = (reading.best() for reading in reader.read(text, passages))
        return max((span.score for span in spans if span), default=0.0)

    def nearest(self, text: str, quotes: Sequence[str]) -> FloatArray:
        """Return the highest cosine of each content word of a sentence, float32, shape (words,)."""
        vectors: dict[int, FloatArray] = {}

        def keep(place: int, _: FloatArray, tokens: FloatArray) -> None:
            vectors[place] = tokens

        self._encoder.encode_documents([text, *quotes], keep=keep)
        if not vectors:  # an encoder without token vectors: nothing is borne out
            return np.zeros(0, dtype=np.float32)
        theirs = np.concatenate([vectors[place] for place in range(1, len(quotes) + 1)])
        best = (vectors[0] @ theirs.T).max(axis=1)
        spans = self._encoder.token_spans([text])[0][: len(best)]
        found = []
        for word in re.finditer(r"\S+", text):
            if self._analyser.terms(word.group()):
                inside = (spans[:, 0] >= word.start()) & (spans[:, 1] <= word.end())
                own = best[: len(spans)][inside & (spans[:, 0] < spans[:, 1])]
                # A word beyond the encoder's limit has no tokens, and so no support.
                found.append(own.min() if len(own) else 0.0)
        return np.array(found, dtype=np.float32)


def _name(cited: Sequence[NumberedQuote]) -> str:
    numbers = [str(item.number) for item in cited]
    return f"quote {numbers[0]}" if len(numbers) == 1 else f"quotes {listed(numbers)}"
