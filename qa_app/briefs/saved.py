"""Saved questions: asked again after each build, so that only what is new need be read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qa_app.api import Snapshot, open_from_settings
from qa_app.briefs.brief import FORMAT_VERSION, Pin, pin_everything
from qa_app.briefs.stored_file import StoredFile, briefs_folder, user_path
from qa_app.errors import BriefError, QueryError
from qa_app.retrieval.filters import Filters
from qa_app.settings import Settings
from qa_app.verification import plain

MOST_QUESTIONS = 100  # all of them are asked again after each build


@dataclass(frozen=True, slots=True)
class SavedQuestion:
    """A question, and what it found so far.

    Attributes:
        id: a number that is never given twice.
        filters: facet to the values kept to.
        seen: the evidence that was shown already (see ``hash_evidence``).
        new: the evidence that came since.
        generation: of the index that was last asked.
        trouble: why it could not be asked then, or "".
    """

    id: int
    question: str
    filters: Mapping[str, tuple[str, ...]]
    seen: tuple[str, ...] = ()
    new: tuple[Pin, ...] = ()
    generation: str = ""
    trouble: str = ""

    def found(self, pins: Sequence[Pin], generation: str, trouble: str = "") -> SavedQuestion:
        """Return the question with what it finds now; what was seen stays seen."""
        known = set(self.seen)
        new = tuple(pin for pin in pins if hash_evidence(pin) not in known)
        return replace(self, new=new, generation=generation, trouble=trouble)

    def shown(self) -> SavedQuestion:
        """Return the question with everything new counted as seen."""
        seen = dict.fromkeys((*self.seen, *(hash_evidence(pin) for pin in self.new)))
        return replace(self, seen=tuple(seen), new=())


@dataclass(frozen=True, slots=True)
class SavedQuestions:
    """All of a user's saved questions, in the order in which they were saved."""

    items: tuple[SavedQuestion, ...] = ()
    next_id: int = 1
    format_version: int = FORMAT_VERSION

    @property
    def with_news(self) -> tuple[SavedQuestion, ...]:
        """The questions that have new evidence."""
        return tuple(item for item in self.items if item.new)

    def is_stale(self, generation: str) -> bool:
        """Tell whether one of them was not asked of this generation yet."""
        return any(item.generation != generation for item in self.items)

    def adding(self, item: SavedQuestion) -> SavedQuestions:
        """Return them with one more; ``BriefError`` if it is there, or there are too many."""
        if any(item.question == o.question and item.filters == o.filters for o in self.items):
            raise BriefError("This question is saved already.", "See: qa-app saved list")
        if len(self.items) >= MOST_QUESTIONS:
            raise BriefError(
                f"There are {MOST_QUESTIONS} saved questions, and no room for more.",
                "Remove one: qa-app saved remove NUMBER",
            )
        item = replace(item, id=self.next_id)
        return replace(self, items=(*self.items, item), next_id=self.next_id + 1)

    def without(self, item_id: int) -> SavedQuestions:
        """Return them without one; ``BriefError`` if there is none of this number."""
        items = tuple(item for item in self.items if item.id != item_id)
        if len(items) == len(self.items):
            raise BriefError(
                f"There is no saved question {item_id}.", "Look up the numbers: qa-app saved list"
            )
        return replace(self, items=items)

    def shown(self, generations: Mapping[int, str]) -> SavedQuestions:
        """Return them with news counted as seen, where it is still the news that was shown.

        ``generations`` maps the number of each question to the generation that it was shown from.
        """
        items = (
            item.shown() if generations.get(item.id) == item.generation else item
            for item in self.items
        )
        return replace(self, items=tuple(items))

    def updated(self, asked: Mapping[int, SavedQuestion]) -> SavedQuestions:
        """Return them with what was found anew; what was seen or removed meanwhile stays so."""
        items = []
        for item in self.items:
            now = asked.get(item.id)
            items.append(item.found(now.new, now.generation, now.trouble) if now else item)
        return replace(self, items=tuple(items))


def open_saved(index: Path, user: str = "") -> StoredFile[SavedQuestions]:
    """Return a user's saved questions; without a name those of whoever uses this computer."""
    return StoredFile(user_path(index, "saved", user), SavedQuestions())


def save_question(
    file: StoredFile[SavedQuestions],
    snapshot: Snapshot,
    question: str,
    filters: Filters | None = None,
) -> SavedQuestions:
    """Save a question; what it finds now counts as seen. ``QueryError`` if it cannot be asked."""
    kept = {facet: tuple(values) for facet, values in (filters or {}).items()}
    item = _asked(snapshot, SavedQuestion(0, " ".join(question.split()), kept))
    if item.trouble:
        raise QueryError(item.trouble, "Save a question that can be asked.")
    return file.change(lambda saved: saved.adding(item.shown()))


def ask_again(file: StoredFile[SavedQuestions], snapshot: Snapshot) -> SavedQuestions:
    """Ask every saved question of a file again, and return them with what is new."""
    asked = {item.id: _asked(snapshot, item) for item in file.read().items}
    return file.change(lambda saved: saved.updated(asked))


def ask_after_build(settings: Settings, generation: str) -> tuple[SavedQuestion, ...]:
    """Ask everybody's saved questions of a generation that was just built; return those with news.

    Nothing is opened where none is saved, or all were asked of this generation already.
    """
    paths = sorted(briefs_folder(settings.index).glob("saved*.json"))
    files = [StoredFile(path, SavedQuestions()) for path in paths]
    stale = [file for file in files if file.read().is_stale(generation)]
    if not stale:
        return ()
    with open_from_settings(settings) as index:
        snapshot = index.snapshot()
        return tuple(item for file in stale for item in ask_again(file, snapshot).with_news)


def hash_evidence(pin: Pin) -> str:
    """Return what evidence is known by: its words, their document and whom they are about."""
    parts = (pin.quote.citation.document, pin.facet_value, plain(pin.quote.text))
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def _asked(snapshot: Snapshot, item: SavedQuestion) -> SavedQuestion:
    try:
        answer = snapshot.ask(item.question, filters=item.filters)
    except QueryError as exc:
        return replace(item, generation=snapshot.generation.name, trouble=exc.message)
    return item.found(pin_everything(snapshot, answer), answer.generation)
