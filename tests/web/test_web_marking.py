from qa_app.highlighting.segments import Segment, mark_spans, overlap
from qa_app.text.analysis import analyser_for
from qa_app.web.rendering import Marker


def test_words_of_the_question_are_marked_in_any_form() -> None:
    marker = Marker("which forces improved data-sharing?", analyser_for("english"))
    assert marker.mark("Better use of shared data to improve; dated.") == (
        Segment("Better use of "),
        Segment("shared", marked=True),
        Segment(" "),
        Segment("data", marked=True),
        Segment(" to "),
        Segment("improve", marked=True),
        Segment("; dated."),
    )


def test_no_terms_mark_nothing() -> None:
    assert Marker("", analyser_for("english")).mark("Any words.") == (Segment("Any words."),)
    assert Marker("data", analyser_for("english")).mark("") == ()


def test_words_are_marked_by_the_stems_of_their_language() -> None:
    marker = Marker("Wie viele Häuser?", analyser_for("german"))
    assert Segment("Haus", marked=True) in marker.mark("Das Haus steht leer.")


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
