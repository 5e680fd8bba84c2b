"""The sort of words that a question asks for, and whether a text has any."""

from __future__ import annotations

import pytest

from qa_app.kinds import AnswerKind, asked_kind, supplies


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
        ("What did the war cost?", AnswerKind.MONEY),
        ("How much does the trust charge?", AnswerKind.MONEY),
        ("What did the panel recommend?", AnswerKind.ADVICE),
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
        (AnswerKind.SHARE, "All went home.", 0.0),
        (AnswerKind.ADVICE, "The board should be closed.", 1.0),
        (AnswerKind.ADVICE, "The board was closed.", 0.0),
        (AnswerKind.NAME, "The chair resigned in May.", 0.0),
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


@pytest.mark.parametrize(
    ("text", "supplied"),
    [
        ("The trust employs 120 nurses.", 1.0),
        ("Its nurses number about 120.", 1.0),
        ("Six specialist nurses work there.", 1.0),
        ("The trust has 120 beds.", 0.5),
        ("Nurses of 18 years and over may apply.", 0.5),
        ("13.The nurses must apply.", 0.0),
        ("The nurses of paragraph 19(4)(b) may apply.", 0.0),
        ("The nurses saw COVID-19 come.", 0.0),
        ("The nurses were asked for their view.311", 0.0),
        ("The nurses met on 4 May 2021.", 0.0),
        ("Once the nurses had left, it closed.", 0.0),
    ],
)
def test_a_number_counts_what_stands_by_it(text: str, supplied: float) -> None:
    assert supplies(AnswerKind.NUMBER, text, "How many nurses does it employ?") == supplied


def test_the_years_of_the_question_are_no_number() -> None:
    question = "In 2020, how many nurses left?"

    assert supplies(AnswerKind.NUMBER, "In 2020, nurses left.", question) == 0.0
