"""Topics of a small corpus: the phrases that its sentences are most about.

In a few dozen sentences no clusters can be told from chance, but a phrase that some of them share
can be: those are chosen that together come nearest to all sentences (facility location, by the
greedy algorithm, which comes within 1 - 1/e of the best choice). A sentence may be about several.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from qa_app.analysis import Analyser
from qa_app.embedding import Encoder
from qa_app.topics.phrases import GroupText, Phrase, find_phrases
from qa_app.topics.stored import FloatArray, as_stored

# What a sentence gains by the words of the phrase, where no other sentence has them.
_WORDS = 0.5
# A phrase stands in so many sentences at least, and in so large a part of them at most.
_LEAST, _MOST = 2, 0.4
_LONGEST = 2
# Likeness that counts for nothing in the choice, and what a second word counts.
_FLOOR, _LONGER = 0.1, 1.2
# Likeness from which a sentence is about a phrase, and from which it may be if about no other.
_ABOUT, _NEAREST = 0.3, 0.1


def choose_exemplars(
    texts: Sequence[str],
    vectors: FloatArray,
    number: int,
    encoder: Encoder,
    excluded: Callable[[Phrase], bool],
    analyser: Analyser,
) -> tuple[list[str], FloatArray]:
    """Return phrases of sentences and their vectors, at most ``number``, the best first.

    ``vectors`` are the sentences', float32, shape (num_texts, dim), unit rows.
    """
    usable = [
        phrase
        for phrase in find_phrases([GroupText(text, 0, 0) for text in texts], analyser)
        if _LEAST <= len(phrase.places) <= max(_LEAST, _MOST * len(texts))
        and phrase.words <= _LONGEST
        and not excluded(phrase)
    ]
    if not usable:
        return [], vectors[:0]
    phrases = [phrase.text for phrase in usable]
    centres = as_stored(encoder.encode_queries(phrases))
    weights = np.array([_LONGER if each.words > 1 else 1.0 for each in usable], dtype=np.float32)
    gains = weights * (likeness(texts, vectors, phrases, centres, analyser) - _FLOOR)
    nearest = np.zeros(len(texts), dtype=np.float32)
    chosen: list[int] = []
    for _ in range(min(number, len(phrases))):
        totals = np.maximum(gains, nearest[:, None]).sum(0)
        totals[chosen] = -1.0
        best = int(totals.argmax())
        if totals[best] <= nearest.sum():
            break
        chosen.append(best)
        nearest = np.maximum(nearest, gains[:, best])
    return [phrases[place] for place in chosen], centres[chosen]


def likeness(
    texts: Sequence[str],
    vectors: FloatArray,
    phrases: Sequence[str],
    centres: FloatArray,
    analyser: Analyser,
) -> FloatArray:
    """Return how near each text is to each phrase, float32, shape (num_texts, num_phrases).

    The cosine above the phrase's mean over all texts, and more for its words, the rarer they are.
    """
    cosines = vectors @ centres.T
    cosines -= cosines.mean(0)
    stems = [set(analyser.terms(text)) for text in texts]
    wanted = [set(analyser.terms(phrase)) for phrase in phrases]
    seen = Counter(stem for own in stems for stem in own)
    most = max(math.log(len(texts)), 1.0)
    rarity = {
        stem: math.log(len(texts) / max(seen[stem], 1)) / most for words in wanted for stem in words
    }
    shared = [
        [sum(rarity[stem] for stem in own & words) / max(len(words), 1) for words in wanted]
        for own in stems
    ]
    return np.asarray(cosines + _WORDS * np.array(shared), dtype=np.float32)


def about(scores: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which text is about which phrase, bool, of the shape of ``scores``."""
    best = scores.max(1, keepdims=True)
    return np.asarray((scores >= _ABOUT) | ((scores == best) & (scores >= _NEAREST)))
