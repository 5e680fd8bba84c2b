"""Grouping of text units into topics: passages by k-means, or few sentences by shared phrases.

sklearn is imported inside the function that needs it, to keep the program's start fast.
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

# Up to this many passages, sentences are grouped instead: in a corpus as small as a single report,
# each passage covers several subjects.
_SMALL = 150
# Share of a document's mean offset that is subtracted, and the number of passages at which half of
# that share applies. Without it each report would become a topic of its own.
_CENTRING, _FEW = 0.7, 20
# Upper limit on topics: a longer list would not be read through.
MOST_TOPICS = 40
# Number of topics = _SCALE * units ** _POWER: 6 for 25 units, 19 for 2,000, 35 for 17,000, and the
# maximum of 40 from about 29,000.
_SCALE, _POWER = 2.5, 0.27
# Most vectors that are clustered; the others are assigned to the nearest centre.
_SAMPLE = 10_000
# Small k-means clusters per topic, which Ward's method then merges: k-means alone tends to split
# large groups instead of separating small distinct ones.
_FINE = 6
# k-means iterations that balance the sizes of the merged groups.
_EVENING = 10
# Arbitrary, but fixed: the same vectors give the same groups.
_SEED = 20_240_229
# Vectors moved, or multiplied with the centres, at once; limits memory.
_BLOCK = 16_384
# Weight of word overlap beside the cosine: the bonus for all words of a phrase that no other
# sentence has.
_WORDS = 0.5
# A phrase may become a topic if it occurs in at least _LEAST sentences, in at most the share _MOST
# of them, and has at most _LONGEST words.
_LEAST, _MOST, _LONGEST = 2, 0.4, 2
# Similarity subtracted as noise when phrases are chosen, and the factor for two-word phrases.
_FLOOR, _LONGER = 0.1, 1.2
# Similarity from which a sentence belongs to a phrase, and from which it belongs to its best phrase
# if no other qualifies.
_ABOUT, _NEAREST = 0.3, 0.1


class Source(Protocol):
    """Access to passages by row number in the generation."""

    def outline(self) -> list[tuple[int, str]]:
        """Return for each row the number of its document and the passage's text."""
        ...

    def titles(self) -> list[str]:
        """Return the documents' titles."""
        ...

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """The text units that are grouped: whole passages, or sentences in a small corpus.

    Attributes:
        rows, sentences: int64, passage row and sentence number; sentence -1 is the whole passage.
        documents: int64, number of each unit's document.
        vectors: float32, shape (num_units, dim), unit rows; used for clustering.
        raw: float32, same shape, the model's embeddings before centring by document.
        hashes: SHA-256 of each sentence's text where sentences are grouped, else empty.
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
    told: Sequence[bool | None] = (),
) -> Units:
    """Return the prose of a corpus as units; tables of contents, references and so on are left out.

    Where no passage is prose, all passages are used. ``embeddings`` are the passages' vectors,
    shape (num_passages, dim), unit rows; ``known`` maps sentence hashes to vectors that are reused;
    ``told`` says of each passage whether it is prose, None where that is to be found out.
    """
    outline = source.outline()
    told = told or [None] * len(outline)
    prose = [
        row
        for row, ((_, text), is_known) in enumerate(zip(outline, told, strict=True))
        if (is_prose(text) if is_known is None else is_known)
    ]
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
        # Encoded as queries: models with separate encodings use that one for short texts.
        made = as_stored(encoder.encode_queries(list(new.values())))
        vectors.update(zip(new, made, strict=True))
    stacked = np.stack([vectors[key] for key in hashes])
    return Units(places[:, 0], places[:, 1], places[:, 2], texts, stacked, stacked, hashes)


def _centred(vectors: FloatArray, documents: IntArray) -> FloatArray:
    """Return the vectors with most of their document's offset from the overall mean removed.

    Unit rows again; unchanged if there is only one document.
    """
    numbers, which = np.unique(documents, return_inverse=True)
    if len(numbers) == 1:
        return vectors
    sizes = np.bincount(which).astype(np.float32)
    # The units of a document stand together.
    means = np.add.reduceat(vectors, np.flatnonzero(np.diff(which, prepend=-1)))
    means /= sizes[:, None]
    shifts = (means - vectors.mean(0)) * (_CENTRING * sizes / (sizes + _FEW))[:, None]
    moved = np.empty_like(vectors)
    for start in range(0, len(vectors), _BLOCK):
        some = slice(start, start + _BLOCK)
        moved[some] = unit_rows(vectors[some] - shifts[which[some]])
    return moved


def count_topics(units: int) -> int:
    """Return the number of topics for this many units: 5 to 40, or half the units below ten."""
    if units < 10:
        return units // 2 if units > 1 else units
    return max(5, min(MOST_TOPICS, round(float(_SCALE * units**_POWER))))


def find_centres(vectors: FloatArray, number: int) -> FloatArray:
    """Return cluster centres, bit for bit the same for the same vectors.

    Ward's method merges small clusters from mini-batch k-means (or the vectors themselves, if they
    are few); k-means then refines the merged centres.

    Args:
        vectors: float32, shape (num_units, dim), unit rows.
        number: clusters wanted, at least 1.

    Returns:
        float32, shape (k, dim), unit rows; k is at most ``number``.
    """
    from sklearn.cluster import AgglomerativeClustering, KMeans, MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    step = max(1, -(-len(vectors) // _SAMPLE))
    chosen = vectors[::step]
    number = min(number, len(np.unique(chosen, axis=0)))
    # One thread: with several, the order of additions and so the last bits would vary.
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
        # Merging leaves a few large groups and many small ones; this balances them.
        evened = KMeans(len(centres), init=centres, n_init=1, max_iter=_EVENING).fit(chosen)
    return unit_rows(evened.cluster_centers_)


def nearest(vectors: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """Return the number of each vector's nearest centre (int64) and its cosine to it (float32)."""
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
    """Return up to ``number`` phrases that serve as topics and their vectors, best first.

    A few dozen sentences are too few for clustering, but phrases that several of them share are
    reliable. Chosen greedily to maximise the summed similarity of each sentence to its best phrase.
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
    """Return the similarity of each text to each phrase, float32, shape (num_texts, num_phrases).

    The cosine less the phrase's mean cosine over all texts, plus a bonus for shared words that is
    higher for rarer words.
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
    """Return which text belongs to which phrase, bool, shaped like ``scores``.

    ``scores`` come from ``likeness``. A text belongs to every phrase with a high score, and to its
    best phrase from a lower score on.
    """
    best = scores.max(1, keepdims=True)
    return np.asarray((scores >= _ABOUT) | ((scores == best) & (scores >= _NEAREST)))
