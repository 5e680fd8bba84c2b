"""A summary of an answer's quotes by a language model that the user brings, checked by sentence.

    quotes ─▶ prompt ─▶ client ─▶ prompt ─▶ checking ─▶ Synthesis
              numbered  the model's          each sentence kept, or
              as data   server     reply     struck through with the reason

Off unless a server is named. The quotes remain the evidence: the summary only points to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_app.errors import LanguageModelError, QueryError
from qa_app.models import Answer, Verdict
from qa_app.synthesis.checking import CheckedSentence, Checker
from qa_app.synthesis.client import LanguageModel
from qa_app.synthesis.prompt import (
    SYSTEM,
    NumberedQuote,
    number_quotes,
    read_reply,
    user_message,
)

if TYPE_CHECKING:
    from qa_app.reader import Reader
    from qa_app.retrieval import Retriever

__all__ = ["CheckedSentence", "LanguageModel", "NumberedQuote", "Synthesis", "summarise"]


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Sentences that a language model wrote about an answer's quotes, each one checked.

    Attributes:
        model, url: who wrote them ("" if it was not named), and where question and quotes went.
        sentences: all that it wrote, in order.
        quotes: of the answer, by the numbers that the sentences cite.
    """

    model: str
    url: str
    sentences: tuple[CheckedSentence, ...]
    quotes: tuple[NumberedQuote, ...]

    @property
    def origin(self) -> str:
        """Who wrote it, which goes wherever it goes."""
        name = f" ({self.model})" if self.model else ""
        return f"Written by a language model{name}, checked against the quotes"

    @property
    def withheld(self) -> tuple[NumberedQuote, ...]:
        """The quotes that the model was not given."""
        return tuple(quote for quote in self.quotes if quote.withheld)


async def summarise(
    answer: Answer, llm: LanguageModel, retriever: Retriever, reader: Reader | None = None
) -> Synthesis:
    """Return a summary of an answer's quotes, each sentence checked against those it cites.

    Args:
        answer: made with this retriever.
        llm: is sent the question and the quotes.
        reader: takes part in the check; None to do without.

    Raises:
        QueryError: the reports do not answer the question, so there is nothing to summarise.
        ConfigError: the server is outside this machine and private networks.
        LanguageModelError: the server gives no usable reply; the answer stands as it was.
    """
    import anyio

    quotes = number_quotes(answer)
    if answer.verdict is not Verdict.ANSWERED or not quotes:
        raise QueryError("The reports do not say, so there is nothing to summarise.")
    if all(quote.withheld for quote in quotes):
        raise LanguageModelError("No quote can be sent: each reads like an instruction.")
    reply = await llm.complete(SYSTEM, user_message(answer.question, quotes))
    written = tuple(read_reply(reply))
    if not written:
        raise LanguageModelError(f"The language model at {llm.url} wrote nothing.")
    context = "\n".join(
        [*(quote.text for quote in quotes), *(item.passage.text for item in answer.passages)]
    )
    analyser = retriever.generation.lexical.analyser
    checker = Checker(quotes, answer.question, context, retriever.encoder, analyser, reader)

    def check() -> tuple[CheckedSentence, ...]:
        return tuple(map(checker.check, written))

    sentences = await anyio.to_thread.run_sync(check)
    return Synthesis(llm.model, llm.url, sentences, quotes)
