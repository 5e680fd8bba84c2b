from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_app.text.sentences import split_sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text, 0, len(text))]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One thing. Another thing.", ["One thing.", "Another thing."]),
        ("Dr. Smith met Mr. J. R. Jones.", ["Dr. Smith met Mr. J. R. Jones."]),
        ("It cost £1.2 million. Why? It did!", ["It cost £1.2 million.", "Why?", "It did!"]),
        ("See p. 4. No. 5 is e.g. Not this.", ["See p. 4.", "No. 5 is e.g. Not this."]),
        (
            "The U.S. Government. The U.S. The end.",
            ["The U.S. Government.", "The U.S.", "The end."],
        ),
        ("See para. (4) and No. A5. The end.", ["See para. (4) and No. A5.", "The end."]),
        (
            "President Chester A.\nArthur signed. It held.",
            ["President Chester A.\nArthur signed.", "It held."],
        ),
        ("It said “stop.” Then it went.", ["It said “stop.”", "Then it went."]),
        ("It ended.12 The next.[3] Another.", ["It ended.12", "The next.[3]", "Another."]),
        ("It grew in 2024. 35 left.", ["It grew in 2024.", "35 left."]),
        ("1. The board met. 3.12 The next.", ["1. The board met.", "3.12 The next."]),
        ("Visit gov.uk. or not", ["Visit gov.uk. or not"]),
        ("これは。そして！次", ["これは。", "そして！", "次"]),
        ("one\ntwo. Three\n\n- four\n- five", ["one\ntwo.", "Three", "- four", "- five"]),
        ("  \n ", []),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


def test_spans_are_offsets_into_the_whole_text() -> None:
    text = "Before. One. Two. After."
    assert split_sentences(text, 8, 17) == [(8, 12), (13, 17)]


@given(st.text(alphabet="ab A.?!1\n-(”"))
def test_every_character_but_white_space_is_in_one_sentence(text: str) -> None:
    spans = split_sentences(text, 0, len(text))
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all(text[a:b] == text[a:b].strip() != "" for a, b in spans)
