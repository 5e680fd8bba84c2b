from __future__ import annotations

import pytest

from qa_app.synthesis import claims
from qa_app.text.analysis import analyser_for

ENGLISH = analyser_for("english")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The board of Kent Police met.", ["Kent", "Police"]),
        ("Surrey’s board met.", ["Surrey"]),
        ("However, the board met.", []),
        ("Crime has ended.", ["Crime"]),
        ("Officers met the PCC about COVID-19.", ["PCC", "COVID-19"]),
        ("The board met in March at a.example/b.", ["March", "a.example/b"]),
        ("Two boards met.", []),
    ],
)
def test_names(text: str, found: list[str]) -> None:
    assert list(claims.names(text)) == found


def test_a_word_in_small_letters_elsewhere_is_no_name_for_being_first() -> None:
    assert list(claims.names("Crime in Kent ended.", {"crime"})) == ["Kent"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("£5m and £5 million", {"5 million pounds"}),
        ("five million pounds", {"5 million pounds"}),
        ("20%, 20 per cent and twenty percent", {"20 %"}),
        ("twenty-five of 1,000 forces", {"25", "1000"}),
        ("10-15 days, COVID-19 and A4", {"10", "15"}),
        ("no one and one another", set()),
        ("half the forces, a dozen", {"1/2", "12"}),
        ("2003 to 2005", {"2003", "2004", "2005"}),
        ("between 3.5 and 4.", {"3.5", "4"}),
    ],
)
def test_quantities(text: str, found: set[str]) -> None:
    assert claims.quantities(text) == found


def test_denials() -> None:
    quote = "The board did not share data, but it met."
    assert claims.denial_lost("The board shared data.", quote, ENGLISH)
    assert not claims.denial_lost("The board failed to share data.", quote, ENGLISH)
    assert not claims.denial_lost("The board met.", quote, ENGLISH)
    assert claims.denial_added("The board didn’t meet.", "The board met.")
    assert not claims.denial_added("The board did not share.", "The board failed to share.")


def test_what_turns_a_quote_round() -> None:
    assert claims.opposite("Crime decreased.", "Crime increased.", ENGLISH) == (
        "decreas",
        "increas",
    )
    assert claims.opposite("Crime increased.", "Crime increased.", ENGLISH) is None
    assert claims.sweeping("All boards met.", "A board met.") == "all"
    assert claims.sweeping("All boards met.", "Each board met.") == ""


def test_quoted_speech_is_evidence_only_for_who_says_so() -> None:
    quote = "The chair said: “Data sharing has failed in each of the regions.”"
    assert claims.evidence(quote, "Data sharing has failed.") == "The chair said:  … "
    assert claims.evidence(quote, "The chair said that data sharing has failed.") == quote
