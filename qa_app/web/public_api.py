"""The functions of the HTTP API; they return the same JSON as the command line's ``--json``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from qa_app.citations import parse_place
from qa_app.errors import QAAppError, QueryError
from qa_app.grids.grid_runner import ask_grid
from qa_app.models import Mode, Place, to_json
from qa_app.output.contract import answer_json, grid_json, search_json
from qa_app.web.page import PageController

_MOST_PASSAGES = 100  # the largest top_k: bounds the work and the size of one response
_MOST_REJECTED = 50  # as many as a link of the page may hold, and bounds the work too
# Of a grid: they bound one request to a minute or two.
_MOST_QUESTIONS, _MOST_CELLS = 30, 1_500
PublicFunction = Callable[..., dict[str, Any]]


def public_functions(page: PageController) -> dict[str, PublicFunction]:
    """Return the public functions by name; their docstrings are the API's documentation."""

    def ask(
        question: str,
        top_k: int = 8,
        filters: dict[str, list[str]] | None = None,
        mode: str = "best",
        rejecting: list[str] | None = None,
        after: str = "",
    ) -> dict[str, Any]:
        """Answer a question from the reports, in their own words, each with its citation.

        Args:
            question: in plain words, at most 4,000 characters.
            top_k: most passages to return, 1 to 100.
            filters: facet, "document", "type" or "date" to the values to keep to.
            mode: "best", "fast", "dense" or "lexical".
            rejecting: citations to answer without, as "DOCUMENT@START-END".
            after: the question asked before, for a follow-up such as "and in Surrey?".
        """
        with _errors_told():
            left_out = _places(rejecting or [])
            answer = page.snapshot().ask(
                question, _checked(top_k), filters, _mode(mode), left_out, after
            )
            return answer_json(page.told(answer))

    def search(
        query: str = "",
        top_k: int = 8,
        filters: dict[str, list[str]] | None = None,
        mode: str = "best",
        like: str = "",
    ) -> dict[str, Any]:
        """List the passages of the reports nearest to a query, best first, with citations.

        Args:
            query: in plain words, at most 4,000 characters.
            top_k: most passages to return, 1 to 100.
            filters: facet, "document", "type" or "date" to the values to keep to.
            mode: "best", "fast", "dense" or "lexical".
            like: a citation, as "DOCUMENT@START-END": list passages like it, in place of a query.
        """
        with _errors_told():
            snapshot = page.snapshot()
            if like:
                results = snapshot.search_like(parse_place(like), _checked(top_k), filters)
            else:
                results = snapshot.search(query, _checked(top_k), filters, _mode(mode))
            return search_json(query, results, snapshot.generation.name, like)

    def topics(facet: str = "", themes: bool = False) -> dict[str, Any]:
        """Say what the reports are about: topics, and how many quotes each has for each value.

        Args:
            facet: "document", "date" (years of the reports), "type" or a facet of the corpus; empty
                for the corpus's own first.
            themes: the themes that the corpus's owner wrote down, in place of the topics found.
        """
        with _errors_told():
            found: dict[str, Any] = to_json(page.snapshot().topics(facet, themes))
            return found

    def grid(
        questions: list[str],
        facet: str,
        filters: dict[str, list[str]] | None = None,
    ) -> dict[str, Any]:
        """Ask several questions of each value of a facet: a table of quotes with their citations.

        Args:
            questions: in plain words, at most 30, and 1,500 cells; it takes seconds for each.
            facet: "document", "date" (years of the reports), "type" or a facet of the corpus.
            filters: facet, "document", "type" or "date" to the values to keep to.
        """
        with _errors_told():
            if not isinstance(questions, list) or not all(isinstance(q, str) for q in questions):
                raise QueryError("The questions are no list of texts.", 'As: ["Who pays?"].')
            if len(questions) > _MOST_QUESTIONS:
                raise QueryError(
                    f"There are {len(questions)} questions; {_MOST_QUESTIONS} are the most.",
                    "Ask them in several requests.",
                )
            snapshot = page.snapshot()
            found = ask_grid(snapshot, questions, facet, filters, most_cells=_MOST_CELLS)
            return grid_json(found)

    def status() -> dict[str, Any]:
        """Say what is indexed, with which model, when, and which files could not be read."""
        with _errors_told():
            told = page.snapshot().status()
        # Gradio's Python client treats any object with a "path" as a file to download.
        for kind in ("failures", "warnings"):
            told[kind] = [{"file": item.pop("path"), **item} for item in told[kind]]
        return told

    return {"ask": ask, "search": search, "topics": topics, "grid": grid, "status": status}


def _checked(top_k: int) -> int:
    if not 1 <= top_k <= _MOST_PASSAGES:
        raise QueryError(f"top_k is {top_k}.", f"Give a number from 1 to {_MOST_PASSAGES}.")
    return top_k


def _places(rejecting: list[str]) -> list[Place]:
    if len(rejecting) > _MOST_REJECTED:
        raise QueryError(
            f"{len(rejecting)} passages were rejected; the most is {_MOST_REJECTED}.",
            "Ask another question.",
        )
    return [parse_place(str(place)) for place in rejecting]


def _mode(name: str) -> Mode:
    try:
        return Mode(name)
    except ValueError as exc:
        modes = ", ".join(str(mode) for mode in Mode)
        raise QueryError(f"There is no mode {name!r}.", f"Modes are: {modes}.") from exc


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except QAAppError as exc:
        raise gr.Error(exc.full_message, print_exception=False) from exc
