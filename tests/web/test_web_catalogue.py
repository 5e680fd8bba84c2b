from dataclasses import replace

from qa_app.models import Passage
from qa_app.text.analysis import analyser_for
from qa_app.web.catalogue import facet_questions, recurring_phrases

ENGLISH = analyser_for("english")


def passage(section: str, text: str, **tags: tuple[str, ...]) -> Passage:
    return Passage(section, "a.txt", "A", (section,), 0, len(text), text, (), tags=tags)


NORTH = passage("North", "Community Safety came first; shared data came last.", region=("North",))
SOUTH = passage("South", "In the south, community safety and NHS data.", region=("South",))
EAST = passage("East", "Shared Data, community safety, and the data-sharing boards.")


def test_phrases_of_most_places_come_first_and_share_no_word() -> None:
    assert recurring_phrases([NORTH, SOUTH, EAST], ENGLISH) == ["community safety", "shared data"]


def test_a_phrase_of_one_place_says_nothing_about_the_corpus() -> None:
    assert recurring_phrases([NORTH, replace(NORTH, id="2")], ENGLISH) == []


def test_questions_use_the_facets_noun_and_a_value() -> None:
    questions = facet_questions(
        [NORTH, SOUTH, EAST], "region", ("area", "region", "regions"), ("North", "South"), ENGLISH
    )
    # Only one of the two passages with shared data is a region's.
    assert questions == ("Which regions mention community safety?", "What is said about North?")


def test_names_keep_their_capitals_and_verbs_are_no_topics() -> None:
    texts = (
        "The Post Office set out why.",
        "THE POST OFFICE SET OUT HOW.",
        "A Post Office, set out",
    )
    passages = [passage(str(n), text) for n, text in enumerate(texts)]
    assert recurring_phrases(passages, ENGLISH) == ["Post Office"]


def test_values_are_no_topics() -> None:
    texts = ("North board meets.", "The north board met.")
    passages = [passage(str(n), text) for n, text in enumerate(texts)]
    assert recurring_phrases(passages, ENGLISH) == ["north board"]
    assert facet_questions(passages, "region", (), ("North",), ENGLISH) == (
        "What is said about North?",
    )
