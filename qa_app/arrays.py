"""The types of numpy arrays, once for all modules."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]  # vectors, scores
HalfArray = npt.NDArray[np.float16]  # vectors as they are stored
RowArray = npt.NDArray[np.int64]  # positions of passages in an index
IntArray = npt.NDArray[np.int64]  # any other whole numbers
SpanArray = npt.NDArray[np.int32]  # where tokens stand in a text
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.uint8]  # the signs of token vectors, one bit a dimension
