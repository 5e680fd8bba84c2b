"""Questions that ask for the values of a facet."""

from __future__ import annotations

from qa_app.questions import FacetNounPattern


def test_a_facet_without_plain_nouns_is_named_by_its_question_word_alone() -> None:
    pattern = FacetNounPattern("place", ["where"])

    assert pattern.read("which place is it?") is None
    found = pattern.read("Where is it?")
    assert found is not None
    assert (found.start, found.end, found.soft) == (0, 5, True)
