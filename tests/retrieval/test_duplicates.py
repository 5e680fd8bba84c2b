"""Recycled wording: what is the same words, and what only looks like them."""

from __future__ import annotations

import pytest

from qa_app.retrieval.duplicates import group_repeats, wording

PLAIN = "Boards should review the skills of their members every 2 years."


@pytest.mark.parametrize(
    "text",
    [
        "Boards should review the skills of their members every 2 years",
        "8.24. Boards should review the skills of their members every 2 years (paragraph 7.17).",
        "12) Boards should review the skills of their members every 2 years. (Paragraphs 3 and 4)",
        "3.5 “Boards should review the skills of their members every 2 years.”",
        # As PDF files have it: words run together, torn apart, broken over lines.
        "B oards shouldreview the skills\nof their mem\u00adbers every 2 years.",
        "BOARDS SHOULD REVIEW THE SKILLS OF THEIR MEMBERS EVERY 2 YEARS",
    ],
)
def test_numbering_spacing_and_capitals_do_not_matter(text: str) -> None:
    assert (
        wording(text)
        == wording(PLAIN)
        == ("boardsshouldreviewtheskillsoftheirmembersevery|2|years")
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("every 2 years", "every 3 years"),
        ("a rise of 1.5", "a rise of 15"),
        ("a rise of 5", "a rise of -5"),
        ("rows 1 2", "rows 12"),
        ("15% of them", "15 of them"),
        ("£5 each", "$5 each"),
        ("They should act", "They will act"),
        ("They do act", "They do not act"),
        ("3.5 million", "4.5 million"),
        ("45 Officers", "57 Officers"),
        ("It fell (2019)", "It fell (2020)"),
    ],
)
def test_what_says_another_thing_is_not_alike(one: str, other: str) -> None:
    assert wording(one) != wording(other)
    assert group_repeats([one, other]) == [[0], [1]]


def test_each_group_is_led_by_its_first() -> None:
    response = f"{PLAIN} The Government accepts this, and will write to every board by June."
    other = "Boards should review their budget every year."
    assert group_repeats([response, other, f"5. {PLAIN}", PLAIN, other]) == [[0, 2, 3], [1, 4]]
    # The longer one says more than the shorter one above it.
    assert group_repeats([PLAIN, response]) == [[0], [1]]


def test_a_line_inside_a_long_passage_is_no_repeat_of_it() -> None:
    assert group_repeats([" ".join(f"word{n}" for n in range(40)), "word7 word8"]) == [[0], [1]]


def test_texts_without_words_are_not_alike() -> None:
    assert group_repeats(["—", "…", ""]) == [[0], [1], [2]]
