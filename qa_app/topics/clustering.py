"""Vectors to groups. The only module that imports sklearn, and it does so late."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qa_app.embedding import unit_rows

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

MOST_TOPICS = 40
# Groups grow with the corpus, slower than its square root: 6 for 25 units, 20 for 2,000, 35 for
# 17,000, 40 from 30,000 on.
_SCALE, _POWER = 2.5, 0.27
# Vectors that the groups are found in; the rest joins the nearest.
_SAMPLE = 10_000
# Small groups are found first and then joined, since joining keeps apart what differs and
# k-means alone would rather cut a large group in two.
_FINE = 6
_EVENING = 10
_SEED = 20_240_229
_BLOCK = 16_384


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
        groups = np.arange(len(chosen))
        if len(chosen) > 4 * _FINE * number:
            coarse = MiniBatchKMeans(
                _FINE * number,
                random_state=_SEED,
                n_init=1,
                init_size=max(1000, 4 * _FINE * number),
                batch_size=4096,
                max_iter=40,
            ).fit(chosen)
            groups, chosen_centres = coarse.labels_, coarse.cluster_centers_
            kept = np.unique(groups)
            joined = _join(AgglomerativeClustering, chosen_centres[kept], number)
            groups = joined[np.searchsorted(kept, groups)]
        else:
            groups = _join(AgglomerativeClustering, chosen, number)
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


def _join(method: type, vectors: FloatArray, number: int) -> IntArray:
    if len(vectors) <= number:
        return np.arange(len(vectors))
    labels: IntArray = method(n_clusters=number, linkage="ward").fit_predict(vectors)
    return labels
