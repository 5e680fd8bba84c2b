"""Themes of the analyst's own, read from ``corpus/themes.toml``.

A passage joins a theme by what it means, or by one of the theme's words together with a meaning
that comes near.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_app.errors import ConfigError
from qa_app.facets import phrase_pattern
from qa_app.settings import read_tables

THEMES_FILE = "themes.toml"
# Cosine of a passage to the theme's sentence from which it belongs, and from which it does if it
# has one of the theme's words. See benchmarks/RESULTS.md for how they were found.
MEANING = 0.50
MEANING_WITH_WORD = 0.35


@dataclass(frozen=True, slots=True)
class Theme:
    """A row that the analyst controls.

    Attributes:
        name: for people.
        sentence: what it is about.
        words: words or phrases of which one makes it likelier.
    """

    name: str
    sentence: str
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is embedded."""
        return f"{self.name}: {self.sentence}"

    def pattern(self) -> re.Pattern[str] | None:
        """Return what finds one of the words in a text, in any case; None without words."""
        if not self.words:
            return None
        forms = "|".join(phrase_pattern(word) for word in self.words)
        return re.compile(rf"(?<!\w)(?:{forms})(?:s|es)?(?!\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes of a corpus.

    Attributes:
        source: the file that they were read from, as text, or "".
    """

    themes: tuple[Theme, ...] = ()
    source: str = ""

    @property
    def fingerprint(self) -> str:
        """Return a hash that changes when memberships may."""
        parts = [[theme.name, theme.sentence, theme.words] for theme in self.themes]
        return hashlib.sha256(json.dumps([MEANING, MEANING_WITH_WORD, parts]).encode()).hexdigest()

    @classmethod
    def load(cls, folder: Path) -> Themes:
        """Read ``themes.toml`` in a folder; without one, there are no themes.

        Raises:
            ConfigError: the file is not TOML, or not of the form that its README shows.
        """
        path = folder / THEMES_FILE
        found, text = read_tables(path, _FORM)
        return cls(tuple(_parse(path, name, table) for name, table in found.items()), text)


_FORM = (
    'Its form is: ["name of the theme"] with sentence = "What it is about." and, if you like, '
    'words = ["word", "two words"].'
)


def _parse(path: Path, name: str, table: Any) -> Theme:
    if not isinstance(table, dict) or not name.strip():
        raise ConfigError(f"{path}: {name!r} is not a table [{json.dumps(name)}].", _FORM)
    if unknown := sorted(set(table) - {"sentence", "words"}):
        raise ConfigError(f"{path}: [{name}] has an unknown key {unknown[0]!r}.", _FORM)
    sentence, words = table.get("sentence"), table.get("words", [])
    if not isinstance(sentence, str) or not sentence.strip():
        raise ConfigError(f"{path}: [{name}] has no sentence.", _FORM)
    if not isinstance(words, list) or not all(isinstance(x, str) and x.strip() for x in words):
        raise ConfigError(f"{path}: [{name}]: words must be a list of words.", _FORM)
    return Theme(
        name.strip(), " ".join(sentence.split()), tuple(" ".join(x.split()) for x in words)
    )
