"""Saved questions, which are asked again after each build to show only new evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from qa_app.api import Snapshot, open_from_settings
from qa_app.briefs.brief import FORMAT_VERSION, Pin, pin_everything
from qa_app.briefs.stored_file import StoredFile, own_name, owned
from qa_app.errors import BriefError, QueryError
from qa_app.retrieval.filters import Filters
from qa_app.settings import Location, Settings
from qa_app.store.kept import kept_files
from qa_app.verification import plain

MOST_QUESTIONS = 100  # limits the time of a build, after which all of them are asked again


@dataclass(frozen=True, slots=True)
class SavedQuestion:
    """A question and the evidence that it has found so far.

    Attributes:
        id: unique among a user's questions, never reused.
        filters: facet to allowed values.
        seen: hashes of the evidence already shown (see ``hash_evidence``).
        new: evidence that has not been shown yet.
        generation: name of the index generation that was last asked.
        trouble: why the question could not be asked then, or "".
    """

    id: int
    question: str
    filters: Mapping[str, tuple[str, ...]]
    seen: tuple[str, ...] = ()
    new: tuple[Pin, ...] = ()
    generation: str = ""
    trouble: str = ""

    def found(self, pins: Sequence[Pin], generation: str, trouble: str = "") -> SavedQuestion:
        """Return the question with the ``pins`` not seen before as its new evidence."""
        known = set(self.seen)
        new = tuple(pin for pin in pins if hash_evidence(pin) not in known)
        return replace(self, new=new, generation=generation, trouble=trouble)

    def shown(self) -> SavedQuestion:
        """Return the question with all new evidence marked as seen."""
        seen = dict.fromkeys((*self.seen, *(hash_evidence(pin) for pin in self.new)))
        return replace(self, seen=tuple(seen), new=())


@dataclass(frozen=True, slots=True)
class SavedQuestions:
    """All saved questions of a user, in the order of saving."""

    items: tuple[SavedQuestion, ...] = ()
    next_id: int = 1
    format_version: int = FORMAT_VERSION

    @property
    def with_news(self) -> tuple[SavedQuestion, ...]:
        """The questions that have new evidence."""
        return tuple(item for item in self.items if item.new)

    def is_stale(self, generation: str) -> bool:
        """Tell whether any question has not been asked of this generation yet."""
        return any(item.generation != generation for item in self.items)

    def adding(self, item: SavedQuestion) -> SavedQuestions:
        """Return the questions with one more, under a new id.

        ``BriefError`` if the same question with the same filters is saved already, or if there are
        100 questions.
        """
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
        """Return the questions without one; ``BriefError`` if there is none with this id."""
        items = tuple(item for item in self.items if item.id != item_id)
        if len(items) == len(self.items):
            raise BriefError(
                f"There is no saved question {item_id}.", "Look up the numbers: qa-app saved list"
            )
        return replace(self, items=items)

    def shown(self, generations: Mapping[int, str]) -> SavedQuestions:
        """Return the questions with new evidence marked as seen, if it is what the user was shown.

        ``generations`` maps question ids to the generation that was displayed; a question that has
        since been asked of another generation keeps its new evidence.
        """
        items = (
            item.shown() if generations.get(item.id) == item.generation else item
            for item in self.items
        )
        return replace(self, items=tuple(items))

    def carried(self, before: str, now: str) -> SavedQuestions:
        """Return the questions for a copy of their index, whose generations have other names.

        Generation ``before`` is ``now`` there. What was asked of others counts as not asked yet.
        """
        items = (
            replace(item, generation=now if item.generation == before else "")
            for item in self.items
        )
        return replace(self, items=tuple(items))

    def updated(self, asked: Mapping[int, SavedQuestion]) -> SavedQuestions:
        """Return the questions with the results in ``asked``, by id.

        Questions removed in the meantime stay removed, and evidence seen in the meantime stays
        seen.
        """
        items = []
        for item in self.items:
            now = asked.get(item.id)
            items.append(item.found(now.new, now.generation, now.trouble) if now else item)
        return replace(self, items=tuple(items))


def open_saved(index: Location, user: str = "") -> StoredFile[SavedQuestions]:
    """Return the file of a user's saved questions; without a name, of this computer's user."""
    name, words = f"{own_name('saved', user)}.json", owned("The list of saved questions", user)
    return StoredFile(kept_files(index), name, words, SavedQuestions())


def save_question(
    file: StoredFile[SavedQuestions],
    snapshot: Snapshot,
    question: str,
    filters: Filters | None = None,
) -> SavedQuestions:
    """Save a question, with its current evidence marked as seen.

    Raises:
        QueryError: it cannot be asked.
        BriefError: it is saved already, there are too many, or the file cannot be changed.
    """
    kept = {facet: tuple(values) for facet, values in (filters or {}).items()}
    item = _asked(snapshot, SavedQuestion(0, " ".join(question.split()), kept))
    if item.trouble:
        raise QueryError(item.trouble, "Save a question that can be asked.")
    return file.change(lambda saved: saved.adding(item.shown()))


def ask_again(file: StoredFile[SavedQuestions], snapshot: Snapshot) -> SavedQuestions:
    """Ask every saved question of a file again, store the results and return them."""
    asked = {item.id: _asked(snapshot, item) for item in file.read().items}
    return file.change(lambda saved: saved.updated(asked))


def ask_after_build(settings: Settings, generation: str) -> tuple[SavedQuestion, ...]:
    """Ask all users' saved questions of a newly built generation; return those with new evidence.

    The index is opened only if a question has not been asked of this generation yet.
    """
    kept = kept_files(settings.index)
    stale = []
    for name, content in kept.contents("saved").items():
        file = StoredFile(kept, name, name, SavedQuestions())
        if file.parse(content).is_stale(generation):
            stale.append(file)
    if not stale:
        return ()
    with open_from_settings(settings) as index:
        snapshot = index.snapshot()
        return tuple(item for file in stale for item in ask_again(file, snapshot).with_news)


def hash_evidence(pin: Pin) -> str:
    """Return a SHA-256 that identifies evidence, over document, facet value and quote.

    White space in the quote makes no difference.
    """
    parts = (pin.quote.citation.document, pin.facet_value, plain(pin.quote.text))
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()


def _asked(snapshot: Snapshot, item: SavedQuestion) -> SavedQuestion:
    try:
        answer = snapshot.ask(item.question, filters=item.filters)
    except QueryError as exc:
        return replace(item, generation=snapshot.generation.name, trouble=exc.message)
    return item.found(pin_everything(snapshot, answer), answer.generation)
