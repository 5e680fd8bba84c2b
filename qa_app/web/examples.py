"""Example questions, made from the words that recur in the corpus itself."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from qa_app.analysis import analyse
from qa_app.facets import Facets
from qa_app.models import Passage
from qa_app.store.generation import Generation
from qa_app.web.handlers import plural

_MOST_PASSAGES = 2_000
_PAIR = re.compile(r"(?<![\w-])(?=([^\W\d_]{3,})([ -])([^\W\d_]{3,})(?![\w-]))")
# A pair of words seen in fewer places says more about one passage than about the corpus.
_FEWEST_PLACES = 2


def make_examples(generation: Generation, facets: Facets) -> tuple[str, ...]:
    """Return a few questions that the reports can answer, best first."""
    step = max(1, generation.num_passages // _MOST_PASSAGES)
    passages = generation.passages(range(0, generation.num_passages, step)[:_MOST_PASSAGES])
    for facet in facets.names:
        values = generation.facet_values(facet)
        if facets.values(facet) and values:
            return facet_questions(passages, facet, facets.nouns(facet), values)
    return tuple(f"what is said about {phrase}?" for phrase in recurring_phrases(passages)[:3])


def facet_questions(
    passages: Sequence[Passage], facet: str, nouns: Sequence[str], values: Sequence[str]
) -> tuple[str, ...]:
    """Return "which <facet>s …" questions, and one about a single value."""
    name = next((noun for noun in nouns if noun == plural(facet)), nouns[0] if nouns else facet)
    skipped = {term for value in values for term in analyse(value)}
    phrases = recurring_phrases(passages, skipped, facet)[:2]
    about = [f"which {name} mention {phrase}?" for phrase in phrases]
    return (*about, f"what is said about {values[0]}?")


def recurring_phrases(
    passages: Iterable[Passage], skipped: Collection[str] = (), facet: str = ""
) -> list[str]:
    """Return pairs of words that recur in many places, most places first.

    Args:
        passages: where to look.
        skipped: terms that no phrase may hold.
        facet: what counts as a place is a value of it; else a section of a document.
    """
    places: dict[tuple[str, ...], set[object]] = defaultdict(set)
    spellings: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for passage in passages:
        found: set[object] = set(passage.tags.get(facet, ()))
        found = found or {(passage.document, passage.section)}
        for first, joint, second in _PAIR.findall(passage.text):
            terms = (*analyse(first), *analyse(second))
            if len(terms) == 2 and not set(terms) & set(skipped):
                places[terms] |= found
                spellings[terms][f"{_lower(first)}{joint}{_lower(second)}"] += 1
    wide = [terms for terms, where in places.items() if len(where) >= _FEWEST_PLACES]
    wide.sort(key=lambda terms: (-len(places[terms]), -spellings[terms].total(), terms))
    return [spellings[terms].most_common(1)[0][0] for terms in _distinct(wide)]


def _distinct(phrases: Iterable[tuple[str, ...]]) -> Iterable[tuple[str, ...]]:
    """Yield the phrases that share no term with one before."""
    used: set[str] = set()
    for terms in phrases:
        if not used.intersection(terms):
            used.update(terms)
            yield terms


def _lower(word: str) -> str:
    return word if word.isupper() else word.lower()
