"""The contents of the live generation, read once for each, and the input that views render."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa_app.citations import Facts
from qa_app.facets import Facets
from qa_app.models import Passage
from qa_app.retrieval.filters import BUILT_IN, FilterChoices
from qa_app.store.documents import DocumentRecord
from qa_app.store.protocol import Generation
from qa_app.text.analysis import Analyser
from qa_app.text.wording import plural
from qa_app.web.address import Address

if TYPE_CHECKING:
    from qa_app.api import Snapshot
    from qa_app.synthesis import LanguageModel

Terms = tuple[str, ...]
# Passages sampled for example questions: enough to find recurring phrases, read within a second.
_MOST_PASSAGES = 2_000
_MOST_EXAMPLES = 4  # questions on the front page
# Two words of three letters or more, joined by a space or hyphen. The lookahead lets pairs overlap.
_PAIR = re.compile(r"(?<![\w-])(?=([^\W\d_]{3,})([ -])([^\W\d_]{3,})(?![\w-]))")
# Second words of phrasal verbs: "set out" and "carried over" are no topics.
_PARTICLES = frozenset({"out", "up", "down", "off", "over", "away", "back", "through"})
# Places that a pair must occur in: one seen in a single place is not typical of the corpus.
_FEWEST_PLACES = 2


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A generation and its contents.

    Attributes:
        documents: records by path.
        facts: path of each document to its author, publisher and date, where known.
        choices: the available filters.
        examples: questions that the reports can answer.
    """

    snapshot: Snapshot
    documents: Mapping[str, DocumentRecord]
    facts: Facts
    choices: FilterChoices
    examples: tuple[str, ...]

    @property
    def facets(self) -> frozenset[str]:
        """Names of the facets that an answer can be filtered by."""
        return frozenset({*self.choices.values, *BUILT_IN})


@dataclass(frozen=True, slots=True)
class Visit:
    """The input for rendering a view of the left side.

    Attributes:
        address: the page's state, with no source open; its ``search`` goes into the root
            element's ``data-search``.
        stamp: goes into the root element's ``data-stamp``; a changed stamp tells the page's
            scripts that the content is new.
        uploads: whether reports may be added from the page.
        user: name of the signed-in user, or "" where there are no logins.
        llm: writes summaries of answers; None for none.
    """

    catalogue: Catalogue
    address: Address
    stamp: str
    uploads: bool = False
    user: str = ""
    llm: LanguageModel | None = None


def read_catalogue(snapshot: Snapshot) -> Catalogue:
    """Return the contents of a snapshot's generation."""
    return Catalogue(
        snapshot=snapshot,
        documents={document.path: document for document in snapshot.generation.documents},
        facts=snapshot.facts(),
        choices=snapshot.filters(),
        examples=make_examples(snapshot.generation, snapshot.retriever.facets),
    )


def make_examples(generation: Generation, facets: Facets) -> tuple[str, ...]:
    """Return a few questions that the reports can answer.

    Those about the first facet with listed values come first, then those about recurring phrases.
    """
    step = max(1, generation.num_passages // _MOST_PASSAGES)
    passages = generation.passages(range(0, generation.num_passages, step)[:_MOST_PASSAGES])
    analyser = generation.lexical.analyser
    questions: tuple[str, ...] = ()
    for facet in facets.names:
        values = generation.facet_values(facet)
        if facets.values(facet) and values and not questions:
            questions = facet_questions(passages, facet, facets.nouns(facet), values, analyser)
    about = [f"What is said about {phrase}?" for phrase in recurring_phrases(passages, analyser)]
    return (*questions, *about)[:_MOST_EXAMPLES]


def facet_questions(
    passages: Sequence[Passage],
    facet: str,
    nouns: Sequence[str],
    values: Sequence[str],
    analyser: Analyser,
) -> tuple[str, ...]:
    """Return up to two "Which <facet>s mention …?" questions, and one about the first value."""
    name = next((noun for noun in nouns if noun == plural(facet)), nouns[0] if nouns else facet)
    skipped = {term for value in values for term in analyser.terms(value)}
    phrases = recurring_phrases(passages, analyser, skipped, facet)[:2]
    about = [f"Which {name} mention {phrase}?" for phrase in phrases]
    return (*about, f"What is said about {values[0]}?")


def recurring_phrases(
    passages: Iterable[Passage],
    analyser: Analyser,
    skipped: Collection[str] = (),
    facet: str = "",
) -> list[str]:
    """Return pairs of words that occur in several places: those of headings first, then by count.

    A place is a value of ``facet``; without one, a section of a document. No two pairs share a
    term, and none has a term in ``skipped``.
    """
    places: dict[Terms, set[object]] = defaultdict(set)
    spellings: dict[Terms, Counter[str]] = defaultdict(Counter)
    in_headings: set[Terms] = set()
    for passage in passages:
        section = (passage.document, passage.section)
        here = passage.tags.get(facet, ()) if facet else (section,)
        for terms, spelling in _pairs(passage.text, analyser):
            places[terms].update(here)
            spellings[terms][spelling] += 1
        for heading in passage.section:
            in_headings.update(terms for terms, _ in _pairs(heading, analyser))
    wide = [terms for terms, where in places.items() if len(where) >= _FEWEST_PLACES]
    wide.sort(key=lambda terms: (terms not in in_headings, -spellings[terms].total(), terms))
    used = set(skipped)
    phrases = []
    for terms in wide:
        if not used.intersection(terms):
            used.update(terms)
            phrases.append(_usual(spellings[terms]))
    return phrases


def _pairs(text: str, analyser: Analyser) -> Iterable[tuple[Terms, str]]:
    for first, joint, second in _PAIR.findall(text):
        terms = (*analyser.terms(first), *analyser.terms(second))
        if len(terms) == 2 and second.lower() not in _PARTICLES:
            yield terms, f"{first}{joint}{second}"


def _usual(spellings: Counter[str]) -> str:
    """Return the most frequent spelling; on a tie one in lower case (no start of a sentence)."""
    return max(spellings, key=lambda spelling: (spellings[spelling], spelling.islower()))
