"""Topics: the same for the same, steady under small changes, and named as an analyst would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conftest import FakeEncoder
from qa_app.errors import ConfigError, IndexNotFoundError
from qa_app.facets import Facet, Facets
from qa_app.models import BlockKind, Passage, Sentence
from qa_app.text.analysis import analyser_for
from qa_app.topics.clusters import count_topics, find_centres, nearest
from qa_app.topics.labels import GroupText, Name, choose_names
from qa_app.topics.phrases import find_phrases, is_prose, quoted_sentence
from qa_app.topics.topic_builder import Earlier, Themes, find_topics
from qa_app.topics.topic_store import Topics, read_topics, unique_id

ENGLISH = analyser_for("english")
SUBJECTS = (
    "The board reviews the audit of the committee",
    "The road safety scheme of the county is for cyclists",
    "The violence unit of the region is for knife crime",
    "The funding settlement of the office is for grants",
    "The housing policy of the district is for tenants",
    "The training course of the college is for recruits",
)


class Texts:
    """Passages of one sentence each, ten to a document."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._passages = [_passage(text, f"{row // 10}.txt") for row, text in enumerate(texts)]

    def outline(self) -> list[tuple[int, str]]:
        return [(row // 10, passage.text) for row, passage in enumerate(self._passages)]

    def titles(self) -> list[str]:
        return sorted({passage.title for passage in self._passages})

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        return tuple(self._passages[row] for row in rows)


def _passage(text: str, document: str = "a.txt", *sentences: Sentence) -> Passage:
    spans = sentences or (Sentence(0, len(text)),)
    return Passage("1", document, "Annual report", (), 0, len(text), text, spans)


def _corpus(numbers: Sequence[int]) -> tuple[Texts, np.ndarray]:
    """Return passage number n for each n: its subject is n modulo 6, its vector near that."""
    centres = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))[0][:6]
    texts, vectors = [], []
    for number in numbers:
        subject = number % 6
        texts.append(f"{SUBJECTS[subject]} and of many others in case {number}.")
        noise = np.random.default_rng(number).normal(size=16) * 0.09
        vectors.append(centres[subject] + noise)
    found = np.array(vectors)
    return Texts(texts), (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


def _find(numbers: Sequence[int], earlier: Earlier | None = None) -> Topics:
    return find_topics(*_corpus(numbers), FakeEncoder(), Facets(), Themes(), ENGLISH, earlier)


def _names(topics: Topics, numbers: Sequence[int]) -> dict[int, tuple[str, str]]:
    return {
        numbers[row]: (topic.id, topic.label)
        for topic in topics.topics
        for row in topic.members.rows.tolist()
    }


def test_the_same_corpus_gives_the_same_topics_to_the_last_byte() -> None:
    numbers = range(300)
    assert _find(numbers).to_text() == _find(numbers).to_text()


def test_topics_are_told_apart_and_named_by_their_words() -> None:
    topics = _find(range(300)).topics
    subjects = [{row % 6 for row in topic.members.rows.tolist()} for topic in topics]
    assert all(len(found) == 1 for found in subjects)
    labels = [t.label for found, t in zip(subjects, topics, strict=True) if found == {1}]
    assert any(label.startswith("road safety scheme") for label in labels)
    assert len({topic.label for topic in topics}) == len(topics)


def test_after_a_small_change_what_stayed_keeps_its_topic() -> None:
    before, after = list(range(300)), [n for n in range(315) if n % 20 != 7]
    first = _find(before)
    new = np.array([number >= 300 for number in after])
    second = _find(after, Earlier(first, new, removed=15))
    old_names, names = _names(first, before), _names(second, after)
    stayed = [number for number in after if number < 300]
    assert sum(names[n] == old_names[n] for n in stayed) >= 0.9 * len(stayed)
    assert second.grouping.changed == 14 + 15


def test_after_a_large_change_topics_that_stayed_keep_their_names() -> None:
    before, after = list(range(300)), list(range(600))
    first = _find(before)
    second = _find(after, Earlier(first, np.arange(600) >= 300, removed=0))
    assert second.grouping.changed == 0
    assert {topic.id for topic in first.topics} & {topic.id for topic in second.topics}


def test_what_is_new_and_fits_nowhere_becomes_a_topic_of_its_own() -> None:
    numbers = list(range(300))
    source, vectors = _corpus(numbers)
    first = find_topics(source, vectors, FakeEncoder(), Facets(), Themes(), ENGLISH)
    texts = [text for _, text in source.outline()]
    strange = np.zeros((20, 16), dtype=np.float16)
    strange[:] = np.linalg.qr(np.random.default_rng(1).normal(size=(16, 16)))[0][9]
    texts += [f"The flood defence of the river is for villages in {n}." for n in range(20)]
    second = find_topics(
        Texts(texts),
        np.vstack([vectors, strange]),
        FakeEncoder(),
        Facets(),
        Themes(),
        ENGLISH,
        Earlier(first, np.arange(320) >= 300, removed=0),
    )
    (topic,) = {t.id: t for t in second.topics if t.id not in {t.id for t in first.topics}}.values()
    assert sorted(topic.members.rows.tolist()) == list(range(300, 320))
    assert "flood defence" in topic.label


# Small corpora


def test_a_small_corpus_is_grouped_by_the_phrases_of_its_sentences() -> None:
    text = (
        "Road safety is a concern of the county. Violence is a concern of the region.\n"
        "A board for road safety is in the plan. Serious violence is in the data of the group."
    )
    spans, start = [], 0
    for sentence in text.replace("\n", " ").split(". "):
        spans.append(Sentence(start, start + len(sentence)))
        start += len(sentence) + 2
    source = Texts([text])
    source._passages = [_passage(text, "a.txt", *spans)]
    topics = find_topics(
        source, np.eye(1, 9, dtype=np.float16), FakeEncoder(), Facets(), Themes(), ENGLISH
    ).topics
    found = {topic.label: sorted(topic.members.sentences.tolist()) for topic in topics}
    assert found == {"road safety": [0, 2], "violence": [1, 3]}


@pytest.mark.parametrize("texts", [["Yes."], ["1 2 3", "4 5 6"], ["The board met."] * 3])
def test_texts_without_structure_are_no_error(texts: list[str]) -> None:
    vectors = FakeEncoder().encode_documents(texts)
    topics = find_topics(Texts(texts), vectors, FakeEncoder(), Facets(), Themes(), ENGLISH)
    assert len(topics.topics) <= 1 + len(texts) // 2
    assert sum(len(topic.members) for topic in topics.topics) in {0, len(texts)}


# Clusters


def test_the_number_of_topics_grows_slowly() -> None:
    assert [count_topics(n) for n in (1, 4, 25, 2_000, 17_000, 100_000)] == [1, 2, 6, 19, 35, 40]


def test_centres_are_unit_vectors_and_nearest_is_by_cosine() -> None:
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1], [0.1, 0.99]], dtype=np.float32)
    centres = find_centres(vectors, 2)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1, atol=1e-6)
    groups, cosines = nearest(vectors, centres)
    assert groups[0] == groups[1] != groups[2] == groups[3]
    np.testing.assert_allclose(cosines, (vectors @ centres.T).max(1), atol=1e-6)


def test_alike_vectors_are_one_group() -> None:
    assert len(find_centres(np.ones((5, 2), dtype=np.float32) / np.sqrt(2).astype("f4"), 3)) == 1


# Phrases and names


def _phrases(*texts: str) -> list[str]:
    return [phrase.text for phrase in find_phrases(texts, ENGLISH)]


def test_a_phrase_is_noun_like_and_spelt_as_in_the_texts() -> None:
    found = _phrases(
        "The Data-Sharing Board will improve the use of force quickly: see www.board.org/data.",
        "It is for the Data-Sharing Board to reduce the use of force, in section-3 and COVID-19.",
        "The force of the council is in the minutes. That’s the Data-Sharing Board.",
    )
    assert set(found) == {"COVID-19", "Data-Sharing Board", "council", "force", "minutes"}


def test_a_phrase_that_only_stands_in_a_longer_one_is_left_out() -> None:
    assert _phrases("The Tax Credit Office.", "A Tax Credit Office.") == ["Tax Credit Office"]
    assert _phrases("The Tax Credit Office.", "A Tax.") == ["Tax", "Tax Credit Office"]


def _label(*texts: str, of: tuple[Name | None, ...] = (None, None)) -> list[str]:
    """Return the labels of two groups, the texts of the second beginning with "Other"."""
    grouped = [GroupText(text, int(text.startswith("Other")), n) for n, text in enumerate(texts)]
    names = choose_names(grouped, of, lambda phrase, _: phrase == "Surrey", ENGLISH)
    return [name.label for name in names]


def test_a_label_is_what_covers_most_texts_and_has_no_word_twice() -> None:
    labels = _label(
        "A board for road safety in Surrey.",
        "The road safety of cyclists.",
        "A bridge in Surrey, for safety.",
        "The bridge is high.",
        "Other knives.",
        "Other knives of a gang.",
    )
    # "safety" is in three texts of four, "bridge" in the last; no word for what they cover.
    assert labels[0].split(", ")[:2] == ["safety", "bridge"]
    assert labels[1].startswith("knives")


def test_no_two_labels_begin_alike_and_a_kept_one_stays() -> None:
    texts = ("A bridge is high.", "The bridge of the road.", "Other bridge of the river.")
    kept = Name("kept", "old bridge, wall", ("kept",))
    assert not _label(*texts)[1].startswith("bridge")
    names = _label(*texts, of=(None, kept))
    assert names[1] == "old bridge, wall"
    assert not names[0].startswith("bridge")


def test_values_of_facets_and_titles_name_no_topic() -> None:
    texts = [
        f"The Surrey Annual report of Surrey is for road safety in case {n}." for n in range(9)
    ]
    facets = Facets([Facet("town", ("town",), {"Surrey": ()})])
    vectors = FakeEncoder().encode_documents(texts)
    topics = find_topics(Texts(texts), vectors, FakeEncoder(), facets, Themes(), ENGLISH).topics
    said = " ".join(term for topic in topics for term in (topic.label, *topic.terms))
    assert "road safety" in said
    assert "Surrey" not in said
    assert "Annual report" not in said


def test_ids_are_readable_and_differ() -> None:
    assert unique_id("Serious violence, knives", []) == "serious-violence"
    assert unique_id("Serious violence", ["serious-violence"]) == "serious-violence-2"
    assert unique_id("…", []) == "topic"


def test_prose_is_told_from_lists_of_figures() -> None:
    assert is_prose("The board of the county meets in the hall every month.")
    assert not is_prose(
        "Contents 1. Introduction ........ 3 2. Method ........ 5 3. Results .... 9"
    )
    assert not is_prose("Smith J, Jones K. Journal Medicine 2014; 12(3): 345-349. London: Press")
    assert is_prose("Improved data-sharing to support decision-making", bullet=True)


def test_the_quoted_sentence_is_the_one_with_the_terms() -> None:
    text = "It was a long day for all. Road safety is a concern of the whole county now."
    passage = _passage(text, "a.txt", Sentence(0, 26), Sentence(27, len(text)))
    assert quoted_sentence(passage, ["road safety"], ENGLISH) == 1
    table = replace(passage.sentences[1], kind=BlockKind.TABLE_ROW)
    assert (
        quoted_sentence(_passage(text, "a.txt", Sentence(0, 26), table), ["road safety"], ENGLISH)
        == 0
    )
    note = "212. pp3-9, Road safety hearing, Transcript-19-March-2012.pdf."
    found = _passage(f"{note} {text}", "a.txt", Sentence(0, 62), Sentence(63, 89))
    assert quoted_sentence(found, ["road safety hearing", "transcript"], ENGLISH) == 0
    assert quoted_sentence(found, ["bridge"], ENGLISH) == 1


# Themes


def test_a_passage_joins_a_theme_by_meaning_or_by_word(tmp_path: Path) -> None:
    (tmp_path / "themes.toml").write_text(
        '["Safer roads"]\nsentence = "Road safety."\nwords = ["cycle path"]\n'
        '[money]\nsentence = "Funding."\n'
    )
    texts = [
        "The road safety plan of the county is in the report.",  # (road, safety): cosine 1
        "The road board data and funding data for the cycle-paths.",  # 1/√7 · 1/√2: a word too
        "The road board data and funding data for the villages.",
        "The funding of the office is for a year.",
    ]
    themes = Themes.load(tmp_path)
    vectors = FakeEncoder().encode_documents(texts)
    roads, money = find_topics(
        Texts(texts), vectors, FakeEncoder(), Facets(), themes, ENGLISH
    ).themes
    assert (roads.id, roads.label, roads.terms) == ("safer-roads", "Safer roads", ("cycle path",))
    assert roads.members.rows.tolist() == [0]
    assert money.members.rows.tolist() == [3]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = 1", "is not a table"),
        ('["a"]\nwords = []', "has no sentence"),
        ('["a"]\nsentence = "b"\nwords = "c"', "must be a list"),
        ('["a"]\nsentence = "b"\ncolour = "c"', "unknown key 'colour'"),
        ("[", "cannot be read"),
    ],
)
def test_a_wrong_themes_file_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "themes.toml").write_text(text)
    with pytest.raises(ConfigError, match=reason) as caught:
        Themes.load(tmp_path)
    assert "sentence =" in caught.value.hint


def test_without_a_file_there_are_no_themes(tmp_path: Path) -> None:
    assert Themes.load(tmp_path).themes == ()
    (tmp_path / "themes.toml").write_text('["a"]\nsentence = "b"\n')
    assert Themes.load(tmp_path).fingerprint != Themes().fingerprint


# Stored


def test_topics_come_back_as_they_were() -> None:
    topics = _find(range(300))
    assert read_topics(topics.to_text(), "000001").to_text() == topics.to_text()


def test_an_index_without_topics_says_how_to_get_them() -> None:
    with pytest.raises(IndexNotFoundError, match="has no topics") as caught:
        read_topics("", "000001")
    assert caught.value.hint.endswith("qa-app build")
    with pytest.raises(IndexNotFoundError, match="has no topics"):
        read_topics('{"version": "0"}', "000001")
