"""Figures of merit against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from qa_app.evaluation.scoring import (
    auroc,
    bootstrap_interval,
    ndcg_at,
    paired_difference,
    randomisation_p_value,
    recall_at,
    reciprocal_rank_at,
)

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
    ranks = [2, 4]  # of three relevant items, one was not found
    assert recall_at(ranks, 3, 2) == pytest.approx(1 / 3)
    assert recall_at(ranks, 3, 10) == pytest.approx(2 / 3)
    assert reciprocal_rank_at(ranks, 10) == 0.5
    assert reciprocal_rank_at(ranks, 1) == reciprocal_rank_at([], 10) == 0.0


def test_auroc_by_hand() -> None:
    assert auroc([3.0, 2.0], [1.0, 2.0]) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert auroc([1.0], [0.0]) == 1.0
    assert math.isnan(auroc([], [1.0]))


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        ([1.0, 1.0, 1.0], 2 / 8),
        # Sums of four signs that are at least 2 from 0: 1 + 4 + 4 + 1 of 16.
        ([1.0, 1.0, 1.0, -1.0], 10 / 16),
        # ±0.3 ± 0.1: two of four are as far as 0.4; rounding must not lose one.
        ([0.1, 0.3], 2 / 4),
        ([0.0, 0.0, 0.5], 1.0),
        ([0.0, 0.0], 1.0),
        ([0.1] * 14, 2 / 2**14),
        # More than 14: by chance, and of 10,000 draws none is as far.
        ([0.1] * 40, 1 / 10_001),
    ],
)
def test_randomisation_by_hand(differences: list[float], p_value: float) -> None:
    assert randomisation_p_value(differences) == pytest.approx(p_value)


def test_drawn_patterns_come_near_the_exact_share() -> None:
    # 15 signs, 11 up and 4 down: a sum of 7 or more, or -7 or less, is binomial.
    exact = 2 * sum(math.comb(15, k) for k in range(11, 16)) / 2**15
    drawn = randomisation_p_value([1.0] * 11 + [-1.0] * 4)
    assert drawn == pytest.approx(exact, abs=0.015)
    assert drawn == randomisation_p_value([1.0] * 11 + [-1.0] * 4)


def test_bootstrap_by_hand() -> None:
    assert bootstrap_interval([0.25]) == bootstrap_interval([0.25, 0.25, 0.25]) == (0.25, 0.25)
    # A resample of (0, 1) has mean 0 or 1 a quarter of the time each.
    assert bootstrap_interval([0.0, 1.0]) == (0.0, 1.0)
    # 400 values of standard deviation 0.5: half an interval is 1.96 × 0.5 / 20.
    low, high = bootstrap_interval([0.0, 1.0] * 200)
    assert (low, high) == (pytest.approx(0.451, abs=0.004), pytest.approx(0.549, abs=0.004))


def test_many_questions_are_drawn_in_parts() -> None:
    low, high = bootstrap_interval([0.5] * 3_001)
    assert (low, high) == (0.5, 0.5)
    assert randomisation_p_value([0.5] * 3_001) == pytest.approx(1 / 10_001)


def test_a_paired_difference_by_hand() -> None:
    found = paired_difference([1.0, 0.5, 0.0, 1.0], [1.0, 1.0, 1.0, 0.5])
    assert found.mean == 0.25
    assert (found.better, found.worse, found.tied) == (2, 1, 1)
    # Sums of ±0.5 ± 1 ± 0.5 at least 1 from 0: 6 of 8.
    assert found.p_value == 6 / 8
    assert found.interval[0] < 0.25 < found.interval[1]
    with pytest.raises(ValueError, match="2 and 1 scores"):
        paired_difference([1.0, 0.0], [1.0])
