"""The language of a corpus, from its build to its questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import FakeEncoder
from qa_app.api import build_from_settings, open_from_settings
from qa_app.errors import ConfigError
from qa_app.models import Mode
from qa_app.settings import Settings

Corpus = Callable[[dict[str, str]], Path]
FRENCH = {
    "un.txt": "Les polices municipales partagent leurs données.\n",
    "deux.txt": "La sécurité routière est une priorité régionale.\n",
}
WELSH = {
    "un.txt": "Mae'r heddlu yn rhannu data.\n",
    "dau.txt": "Mae diogelwch ar y ffyrdd yn flaenoriaeth.\n",
}


def search(settings: Settings, encoder: FakeEncoder, question: str) -> list[str]:
    with open_from_settings(Settings(index=settings.index), encoder) as index:
        found = index.search(question, mode=Mode.LEXICAL)
    return [result.citation.document for result in found]


def test_a_french_corpus_is_stemmed_in_french(
    write_corpus: Corpus, tmp_path: Path, encoder: FakeEncoder
) -> None:
    settings = Settings(write_corpus(FRENCH), tmp_path / "index", language="french")
    build_from_settings(settings, encoder=encoder)
    # "municipales" has the stem "municipal" in French, and in English "municip" is that of this:
    assert search(settings, encoder, "municipal") == ["un.txt"]
    # The index holds on to it: the next build has nothing to do.
    again = build_from_settings(Settings(settings.corpus, settings.index), encoder=encoder)
    assert again.generation == "000001"
    english = Settings(settings.corpus, settings.index, language="english")
    assert build_from_settings(english, encoder=encoder).generation == "000002"
    assert search(settings, encoder, "municipal") == []


def test_a_language_without_a_stemmer_is_taken_word_for_word(
    write_corpus: Corpus, tmp_path: Path, encoder: FakeEncoder
) -> None:
    settings = Settings(write_corpus(WELSH), tmp_path / "index", language="none")
    build_from_settings(settings, encoder=encoder)
    assert search(settings, encoder, "Rhannu data gan yr HEDDLU") == ["un.txt"]
    assert search(settings, encoder, "yn y") == ["dau.txt", "un.txt"]  # no stop words either
    assert search(settings, encoder, "rhann") == []


def test_an_unknown_language_is_refused_before_anything_is_read(
    write_corpus: Corpus, tmp_path: Path, encoder: FakeEncoder
) -> None:
    settings = Settings(write_corpus(WELSH), tmp_path / "index", language="welsh")
    with pytest.raises(ConfigError, match="no stemmer for the language 'welsh'") as caught:
        build_from_settings(settings, encoder=encoder)
    for name in ("english", "french", "none"):
        assert name in caught.value.hint
    assert encoder.encoded == []
