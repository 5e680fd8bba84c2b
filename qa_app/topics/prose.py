"""Prose told from lists of figures, and the sentences of a passage that are worth quoting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qa_app.analysis import Analyser
from qa_app.models import BlockKind, Passage
from qa_app.topics.words import FUNCTION, INNER

# Fewest words of prose, and least share of function words; then those of a bullet.
_PROSE, _BULLET = (8, 0.2), (4, 0.1)
# Most digits and points of either.
_FIGURES, _MOST_FIGURES = "0123456789.", 0.12
_LITTLE = FUNCTION | INNER
# What a sentence counts that has none of the terms.
_ANY = 0.1
# Words of a good quote.
_QUOTE_WORDS = (8, 45)


def is_prose(text: str, bullet: bool = False) -> bool:
    """Tell whether a text is made of sentences, and not a list of figures, pages or addresses.

    Args:
        text: a passage or a sentence.
        bullet: it may be a bullet, which has fewer words and fewer function words.
    """
    words = text.lower().split()
    figures = sum(map(text.count, _FIGURES))
    function = sum(map(_LITTLE.__contains__, words))
    least_words, least_function = _BULLET if bullet else _PROSE
    return (
        len(words) >= least_words
        and figures <= _MOST_FIGURES * len(text)
        and function >= least_function * len(words)
    )


def sentence_texts(passage: Passage) -> Iterator[tuple[int, str]]:
    """Yield the number and the words of each sentence that is not part of a table."""
    for place, sentence in enumerate(passage.sentences):
        if sentence.kind is not BlockKind.TABLE_ROW:
            yield place, passage.slice(sentence.start, sentence.end)


def quoted_sentence(passage: Passage, terms: Sequence[str], analyser: Analyser) -> int:
    """Return the number of the sentence that says most of what these terms say.

    A term counts by its rank; a sentence that is very short or long, or is a reference or a list of
    figures, counts less.
    """
    weights: dict[str, float] = {}
    for rank, term in enumerate(terms, start=1):
        for stem in analyser.terms(term):
            weights[stem] = max(weights.get(stem, 0.0), 1 / rank)
    best, most = 0, -1.0
    for place, text in sentence_texts(passage):
        score = _ANY + sum(weights.get(stem, 0.0) for stem in set(analyser.terms(text)))
        least, longest = _QUOTE_WORDS
        if not least <= len(text.split()) <= longest:
            score /= 2
        if not is_prose(text, bullet=True):
            score /= 4
        if score > most:
            best, most = place, score
    return best
