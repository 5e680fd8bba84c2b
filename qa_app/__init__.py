"""Cited answers from a folder of reports, in the reports' own words.

from qa_app import build_index, open_index

build_index("corpus", "index")
answer = open_index("index").ask("which reports mention data-sharing?")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qa_app.version import __version__

if TYPE_CHECKING:
    from qa_app.api import Index, build_index, open_index
    from qa_app.grids.grid_runner import ask_grid

__all__ = ["Index", "__version__", "ask_grid", "build_index", "open_index"]


def __getattr__(name: str) -> Any:
    # Late, so that `import qa_app` and the command line's start stay light.
    if name == "ask_grid":
        from qa_app.grids.grid_runner import ask_grid

        return ask_grid
    if name in __all__:
        from qa_app import api

        return getattr(api, name)
    raise AttributeError(f"module 'qa_app' has no attribute {name!r}")
