"""Figures of merit against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from qa_app.metrics import auroc, ndcg_at, recall_at, reciprocal_rank_at

JUDGED = {"a": 2.0, "b": 1.0, "c": 0.0, "d": 1.0}


def test_ndcg_by_hand() -> None:
    # Gains 0, 2, 1 against the ideal 2, 1, 1.
    found = (2 / math.log2(3) + 1 / 2) / (2 + 1 / math.log2(3) + 1 / 2)
    assert ndcg_at(["c", "a", "b"], JUDGED, 10) == pytest.approx(found)
    assert ndcg_at(["a", "b", "d"], JUDGED, 10) == 1.0
    assert ndcg_at(["a"], {"x": 0.0}, 10) == 0.0


def test_depth_cuts_both_lists() -> None:
    assert ndcg_at(["c", "a"], JUDGED, 1) == 0.0
    assert ndcg_at(["a", "c"], JUDGED, 1) == 1.0


def test_recall_and_reciprocal_rank_by_hand() -> None:
    ranked = ["c", "b", "x", "a"]
    assert recall_at(ranked, JUDGED, 2) == pytest.approx(1 / 3)
    assert recall_at(ranked, JUDGED, 10) == pytest.approx(2 / 3)
    assert reciprocal_rank_at(ranked, JUDGED, 10) == 0.5
    assert reciprocal_rank_at(ranked, JUDGED, 1) == 0.0


def test_auroc_by_hand() -> None:
    assert auroc([3.0, 2.0], [1.0, 2.0]) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert auroc([1.0], [0.0]) == 1.0
    assert math.isnan(auroc([], [1.0]))
