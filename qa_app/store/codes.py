"""Token vectors as codes: one bit per dimension, its sign.

That is enough to find the token of a passage nearest to one of the question's, in 1/32 of the space
of float32. Nothing is trained: the codes depend only on the passage's text and the model, so later
builds can reuse them.
"""

from __future__ import annotations

import numpy as np

from qa_app.arrays import CodeArray, FloatArray


def pack(vectors: FloatArray) -> CodeArray:
    """Return the signs as bits (1 if above 0), uint8, shape (tokens, ceil(dimension / 8))."""
    return np.packbits(vectors > 0, axis=1)


def unpack(codes: CodeArray, dimension: int) -> FloatArray:
    """Return unit vectors with these signs, float32, shape (tokens, dimension)."""
    signs = np.unpackbits(codes, axis=1, count=dimension).astype(np.float32)
    signs *= 2
    signs -= 1
    signs /= np.sqrt(dimension, dtype=np.float32)
    return signs
