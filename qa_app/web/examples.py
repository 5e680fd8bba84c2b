"""Example questions, made from the words that recur in the corpus itself."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from qa_app.analysis import Analyser
from qa_app.facets import Facets
from qa_app.models import Passage
from qa_app.store.generation import Generation
from qa_app.text.wording import plural

Terms = tuple[str, ...]
_MOST_PASSAGES = 2_000
_MOST_EXAMPLES = 4
_PAIR = re.compile(r"(?<![\w-])(?=([^\W\d_]{3,})([ -])([^\W\d_]{3,})(?![\w-]))")
# "set out" and "carried over" name nothing.
_PARTICLES = frozenset({"out", "up", "down", "off", "over", "away", "back", "through"})
# A pair of words seen in fewer places says more about one passage than about the corpus.
_FEWEST_PLACES = 2


def make_examples(generation: Generation, facets: Facets) -> tuple[str, ...]:
    """Return a few questions that the reports can answer, best first."""
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
    """Return "which <facet>s …" questions, and one about a single value."""
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
    """Return pairs of words that recur in several places; those in headings first.

    Args:
        passages: where to look.
        analyser: of their language.
        skipped: terms that no phrase may hold.
        facet: what counts as a place is a value of it; without one, a section of a document.
    """
    places: dict[Terms, set[object]] = defaultdict(set)
    spellings: dict[Terms, Counter[str]] = defaultdict(Counter)
    in_headings: set[Terms] = set()
    for passage in passages:
        here: set[object] = {(passage.document, passage.section)}
        if facet:
            here = set(passage.tags.get(facet, ()))
        for terms, spelling in _pairs(passage.text, analyser):
            if not set(terms) & set(skipped):
                places[terms] |= here
                spellings[terms][spelling] += 1
        in_headings.update(
            terms for heading in passage.section for terms, _ in _pairs(heading, analyser)
        )
    wide = [terms for terms, where in places.items() if len(where) >= _FEWEST_PLACES]
    wide.sort(key=lambda terms: (terms not in in_headings, -spellings[terms].total(), terms))
    return [_usual(spellings[terms]) for terms in _distinct(wide)]


def _pairs(text: str, analyser: Analyser) -> Iterable[tuple[Terms, str]]:
    for first, joint, second in _PAIR.findall(text):
        terms = (*analyser.terms(first), *analyser.terms(second))
        if len(terms) == 2 and second.lower() not in _PARTICLES:
            yield terms, f"{first}{joint}{second}"


def _usual(spellings: Counter[str]) -> str:
    """Return the spelling seen most; of two, that without the capital of a sentence's beginning."""
    return max(spellings, key=lambda spelling: (spellings[spelling], spelling.islower()))


def _distinct(phrases: Iterable[Terms]) -> Iterable[Terms]:
    """Yield the phrases that share no term with one before."""
    used: set[str] = set()
    for terms in phrases:
        if not used.intersection(terms):
            used.update(terms)
            yield terms
