"""What a question asks for, and whether words can supply it."""

from __future__ import annotations

import pytest

from qa_app.questions import AnswerKind, FacetNounPattern, asked_kind, supplies


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When were the studies carried out?", AnswerKind.TIME),
        ("In what year did it open?", AnswerKind.TIME),
        ("How many boards are there?", AnswerKind.NUMBER),
        ("What is the population of Redford?", AnswerKind.NUMBER),
        ("What is the minimum clear width of a stair?", AnswerKind.NUMBER),
        ("What age must they be?", AnswerKind.NUMBER),
        ("How much did it cost?", AnswerKind.MONEY),
        ("What percentage was spent?", AnswerKind.SHARE),
        ("Who chairs the board?", AnswerKind.NAME),
        ("Where is the office?", AnswerKind.NAME),
        ("How long does a trial last?", AnswerKind.DURATION),
        ("How long is the needle?", AnswerKind.DURATION),
        ("How often is it tested?", AnswerKind.FREQUENCY),
        ("When is a board quorate?", AnswerKind.ANY),
        ("What is a user story?", AnswerKind.DEFINITION),
        ("What are user stories?", AnswerKind.DEFINITION),
        ("What is the purpose of the board?", AnswerKind.ANY),
        ("Why was it closed?", AnswerKind.REASON),
        ("What does CSP stand for?", AnswerKind.MEANING),
        ("What replaced the partnerships?", AnswerKind.ANY),
    ],
)
def test_a_question_asks_for_a_kind_of_words(question: str, kind: AnswerKind) -> None:
    assert asked_kind(question) is kind


@pytest.mark.parametrize(
    ("kind", "text", "supplied"),
    [
        (AnswerKind.TIME, "Conducted between September and December 2024.", 1.0),
        (AnswerKind.TIME, "Conducted with care.", 0.0),
        (AnswerKind.NUMBER, "It has over fifty boards.", 1.0),
        (AnswerKind.NUMBER, "It has boards.", 0.0),
        (AnswerKind.MONEY, "It cost £3.", 1.0),
        (AnswerKind.NAME, "The chair is Jane Smith.", 1.0),
        (AnswerKind.NAME, "The chair resigned.", 0.0),
        (AnswerKind.DURATION, "It lasts six to eight weeks.", 1.0),
        (AnswerKind.DURATION, "It is short.", 0.0),
        (AnswerKind.FREQUENCY, "It is tested twice a day.", 1.0),
        (AnswerKind.SHARE, "One in five left.", 1.0),
        (AnswerKind.ANY, "Anything.", 0.5),
    ],
)
def test_words_supply_a_kind(kind: AnswerKind, text: str, supplied: float) -> None:
    assert supplies(kind, text, "Which is it?") == supplied


@pytest.mark.parametrize(
    ("text", "supplied"),
    [
        ("A user story is a promise to talk.", 1.0),
        ("User stories (US) are cards.", 1.0),
        ("These are called “user stories”.", 1.0),
        ("User stories: cards on a wall.", 1.0),
        ("Write a user story first.", 0.0),
    ],
)
def test_a_definition_defines_what_was_asked(text: str, supplied: float) -> None:
    assert supplies(AnswerKind.DEFINITION, text, "What is a user story?") == supplied


def test_words_of_the_question_supply_nothing() -> None:
    assert (
        supplies(AnswerKind.TIME, "The 2024 review was long.", "When was the 2024 review?") == 0.0
    )


def test_a_facet_without_plain_nouns_is_named_by_its_question_word_alone() -> None:
    pattern = FacetNounPattern("place", ["where"])

    assert pattern.read("which place is it?") is None
    found = pattern.read("Where is it?")
    assert found is not None
    assert (found.start, found.end, found.soft) == (0, 5, True)
