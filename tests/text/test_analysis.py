from __future__ import annotations

import pytest

from qa_app.errors import ConfigError
from qa_app.text.analysis import analyser_for

ENGLISH = analyser_for("english")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Which boards improved data-sharing?", ["board", "improv", "data", "share"]),
        ("data sharing", ["data", "share"]),
        ("multi-agency follow-up", ["multi", "agenc", "follow", "up"]),
        ("see paragraph 3.12.", ["see", "paragraph", "3.12"]),
        ("1,250,000 in 2019/20", ["1250000", "2019", "20"]),
        ("sections 1,2", ["section", "1", "2"]),
        ("the U.S. and the US", ["us", "us"]),
        ("the board’s report", ["board", "report"]),
        ("O’Brien O'Brien", ["obrien", "obrien"]),
        ("they don’t know", ["know"]),
        ("Siân, Sian", ["sian", "sian"]),
        ("sharing¹² ﬁndings", ["share", "find"]),
        ("snake_case co\u00adoperation", ["snake", "case", "cooper"]),
        ("It is the IT team", ["IT", "team"]),
        ("WHO IS IT FOR", []),
        ("ended.Then began", ["end", "began"]),
        ("", []),
        ("?!\x00", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert ENGLISH.terms(text) == terms


def test_a_short_prefix_matches_with_and_without_its_hyphen() -> None:
    assert "reoffend" in ENGLISH.terms("re-offending")
    assert ENGLISH.terms("reoffending") == ["reoffend"]
    assert ENGLISH.terms("re offending") == ["re", "offend"]
    assert {"re", "offend"} <= set(ENGLISH.terms("re-offending"))


def test_words_whose_marks_are_not_letters_stay_whole() -> None:
    assert len(analyser_for("hindi").terms("हिन्दी में")) == 2


def test_another_language_has_its_own_stems() -> None:
    assert analyser_for("german").terms("die Häuser") == ["die", "haus"]


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="'klingon'") as caught:
        analyser_for("klingon").terms("text")
    assert "english" in caught.value.hint
