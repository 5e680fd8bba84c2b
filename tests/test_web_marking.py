from qa_app.web.marking import Segment, mark_spans, mark_words, overlap, question_terms


def test_words_of_the_question_are_marked_in_any_form() -> None:
    terms = question_terms("which forces improved data-sharing?")
    assert mark_words("Better use of shared data to improve; dated.", terms) == (
        Segment("Better use of "),
        Segment("shared", marked=True),
        Segment(" "),
        Segment("data", marked=True),
        Segment(" to "),
        Segment("improve", marked=True),
        Segment("; dated."),
    )


def test_no_terms_mark_nothing() -> None:
    assert mark_words("Any words.", frozenset()) == (Segment("Any words."),)
    assert mark_words("", {"data"}) == ()


def test_spans_at_both_ends() -> None:
    assert mark_spans("abcd", [(0, 1), (3, 4)]) == (
        Segment("a", marked=True),
        Segment("bc"),
        Segment("d", marked=True),
    )


def test_overlap_counts_from_the_start_of_the_window() -> None:
    assert overlap([(5, 12), (20, 30)], 10, 20) == [(0, 2)]
    assert overlap([(5, 25)], 10, 20) == [(0, 10)]
    assert overlap([(0, 10), (20, 21)], 10, 20) == []
