"""What is grouped into topics, and the groups: passages by k-means, or a few sentences by phrases.

The only module that imports sklearn, and it does so late.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from qa_app.arrays import FloatArray, HalfArray, IntArray
from qa_app.embedding import Encoder, unit_rows
from qa_app.models import Passage
from qa_app.text.analysis import Analyser
from qa_app.topics.labels import Excluded, greedy_cover
from qa_app.topics.phrases import find_phrases, is_prose, sentence_texts
from qa_app.topics.topic_store import (
    WHOLE,
    as_stored,
)

# Up to so many passages are grouped by their sentences: each of the few passages of a single
# report is about many things.
_SMALL = 150
# How much of a document's mean is taken away, and at how many passages half of that is. Otherwise
# each report would be a topic of its own.
_CENTRING, _FEW = 0.7, 20
# More than anybody reads through.
MOST_TOPICS = 40
# Groups grow with the corpus, slower than its square root: 6 for 25 units, 20 for 2,000, 35 for
# 17,000, 40 from 30,000 on.
_SCALE, _POWER = 2.5, 0.27
# Vectors that the groups are found in; the rest joins the nearest.
_SAMPLE = 10_000
# Small groups are found first and then joined, since joining keeps apart what differs and
# k-means alone would rather cut a large group in two.
_FINE = 6
# Rounds of k-means that even the joined groups out.
_EVENING = 10
# Any number: with it, the same vectors give the same groups.
_SEED = 20_240_229
# Vectors compared with the centres at once.
_BLOCK = 16_384
# What a sentence gains by the words of the phrase, where no other sentence has them.
_WORDS = 0.5
# A phrase that is a topic stands in so many sentences at least, in so large a part of them at most,
# and is of so many words at most.
_LEAST, _MOST, _LONGEST = 2, 0.4, 2
# Likeness that counts for nothing in the choice, and what a second word counts.
_FLOOR, _LONGER = 0.1, 1.2
# Likeness from which a sentence is about a phrase, and from which it may be if about no other.
_ABOUT, _NEAREST = 0.3, 0.1


class Source(Protocol):
    """Passages by row, as they are written into a generation."""

    def outline(self) -> list[tuple[int, str]]:
        """Return the number of each row's document and the passage's text."""
        ...

    def titles(self) -> list[str]:
        """Return the documents' titles."""
        ...

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is grouped.

    Attributes:
        rows, sentences: int64, where each stands; sentence -1 is the whole passage.
        documents: int64, number of each one's document.
        texts: the words of each.
        vectors: float32, shape (num_units, dim), unit rows, in which groups are found.
        raw: float32, alike, as the model gave them.
        hashes: of the sentences, where sentences are grouped.
    """

    rows: IntArray
    sentences: IntArray
    documents: IntArray
    texts: Sequence[str]
    vectors: FloatArray
    raw: FloatArray
    hashes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


def make_units(
    source: Source,
    embeddings: HalfArray | FloatArray,
    encoder: Encoder,
    known: Mapping[str, FloatArray],
) -> Units:
    """Return what is to be grouped: prose; tables of contents, references and the like are not.

    ``embeddings`` are the passages', shape (num_passages, dim), unit rows; ``known`` are vectors of
    sentences by their hash, which need not be made again.
    """
    outline = source.outline()
    prose = [row for row, (_, text) in enumerate(outline) if is_prose(text)]
    rows = np.array(prose or range(len(outline)), dtype=np.int64)
    if len(rows) <= _SMALL and (units := _sentences(source, rows, outline, encoder, known)):
        return units
    documents = np.array([outline[row][0] for row in rows], dtype=np.int64)
    raw = np.asarray(embeddings[rows], dtype=np.float32)
    return Units(
        rows,
        np.full(len(rows), WHOLE, dtype=np.int64),
        documents,
        [outline[row][1] for row in rows],
        _centred(raw, documents),
        raw,
    )


def _sentences(
    source: Source,
    rows: IntArray,
    outline: Sequence[tuple[int, str]],
    encoder: Encoder,
    known: Mapping[str, FloatArray],
) -> Units | None:
    found = [
        (row, place, outline[row][0], text)
        for row, passage in zip(rows.tolist(), source.passages(rows.tolist()), strict=True)
        for place, text in sentence_texts(passage)
        if is_prose(text, bullet=True)
    ]
    if not found:
        return None
    texts = [text for *_, text in found]
    places = np.array([where for *where, _ in found], dtype=np.int64)
    hashes = tuple(hashlib.sha256(text.encode(errors="replace")).hexdigest() for text in texts)
    new = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
    vectors = dict(known)
    if new:
        # As questions: models that tell the two apart want short texts compared so.
        made = as_stored(encoder.encode_queries(list(new.values())))
        vectors.update(zip(new, made, strict=True))
    stacked = np.stack([vectors[key] for key in hashes])
    return Units(places[:, 0], places[:, 1], places[:, 2], texts, stacked, stacked, hashes)


def _centred(vectors: FloatArray, documents: IntArray) -> FloatArray:
    """Return the vectors moved towards the middle by most of their document's mean."""
    numbers, which = np.unique(documents, return_inverse=True)
    if len(numbers) == 1:
        return vectors
    sizes = np.bincount(which).astype(np.float32)
    means = np.zeros((len(numbers), vectors.shape[1]), dtype=np.float32)
    np.add.at(means, which, vectors)
    means /= sizes[:, None]
    shifts = (means - vectors.mean(0)) * (_CENTRING * sizes / (sizes + _FEW))[:, None]
    return unit_rows(vectors - shifts[which])


def count_topics(units: int) -> int:
    """Return how many groups suit this many vectors: 5 to 40, fewer under ten."""
    if units < 10:
        return units // 2 if units > 1 else units
    return max(5, min(MOST_TOPICS, round(float(_SCALE * units**_POWER))))


def find_centres(vectors: FloatArray, number: int) -> FloatArray:
    """Return centres of groups, the same for the same vectors to the last bit.

    k-means into many small groups, whose centres Ward's method joins.

    Args:
        vectors: float32, shape (num_units, dim), unit rows.
        number: of groups, at least 1.

    Returns:
        float32, shape (k, dim), unit rows; k is at most ``number``.
    """
    from sklearn.cluster import AgglomerativeClustering, KMeans, MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    step = max(1, -(-len(vectors) // _SAMPLE))
    chosen = vectors[::step]
    number = min(number, len(np.unique(chosen, axis=0)))
    # With threads the order of additions, and so the last bits, would be left to chance.
    with threadpool_limits(limits=1):
        small, groups = chosen, np.arange(len(chosen))
        if len(chosen) > 4 * _FINE * number:
            coarse = MiniBatchKMeans(
                _FINE * number,
                random_state=_SEED,
                n_init=1,
                init_size=max(1000, 4 * _FINE * number),
                batch_size=4096,
                max_iter=40,
            ).fit(chosen)
            kept, groups = np.unique(coarse.labels_, return_inverse=True)
            small = coarse.cluster_centers_[kept]
        if len(small) > number:
            ward = AgglomerativeClustering(n_clusters=number, linkage="ward")
            groups = ward.fit_predict(small)[groups]
        centres = np.stack([chosen[groups == group].mean(0) for group in np.unique(groups)])
        # Joining leaves a few large groups and many small ones; this evens them out.
        evened = KMeans(len(centres), init=centres, n_init=1, max_iter=_EVENING).fit(chosen)
    return unit_rows(evened.cluster_centers_)


def nearest(vectors: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return each vector's nearest centre, and its cosine to it."""
    groups = np.empty(len(vectors), dtype=np.int64)
    cosines = np.empty(len(vectors), dtype=np.float32)
    for start in range(0, len(vectors), _BLOCK):
        likeness = vectors[start : start + _BLOCK] @ centres.T
        groups[start : start + _BLOCK] = likeness.argmax(1)
        cosines[start : start + _BLOCK] = likeness.max(1)
    return groups, cosines


def choose_phrases(
    texts: Sequence[str],
    vectors: FloatArray,
    number: int,
    encoder: Encoder,
    excluded: Excluded,
    analyser: Analyser,
) -> tuple[list[str], FloatArray]:
    """Return the phrases that sentences are most about and their vectors, the best first.

    In a few dozen sentences no clusters can be told from chance, but a phrase that some of them
    share can be: at most ``number`` are chosen, which together come nearest to all sentences.
    ``vectors`` are the sentences', float32, shape (num_texts, dim), unit rows.
    """
    usable = [
        phrase
        for phrase in find_phrases(texts, analyser)
        if _LEAST <= len(phrase.places) <= max(_LEAST, _MOST * len(texts))
        and phrase.words <= _LONGEST
        and not excluded(phrase.text, 1)
    ]
    if not usable:
        return [], vectors[:0]
    phrases = [phrase.text for phrase in usable]
    centres = as_stored(encoder.encode_queries(phrases))
    weights = np.array([_LONGER if each.words > 1 else 1.0 for each in usable], dtype=np.float32)
    gains = weights * (likeness(texts, vectors, phrases, centres, analyser) - _FLOOR)
    chosen = greedy_cover(gains, number)
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
