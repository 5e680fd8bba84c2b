"""Builds the page and serves it: ``serve(open_index("index"), "127.0.0.1", 7860)``.

Gradio is imported inside functions: it reads environment variables on import, which
``_prepare_environment`` has to set first.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_app.briefs.stored_file import briefs_folder
from qa_app.errors import ServeError
from qa_app.web.page import OpenIndex, PageController
from qa_app.web.security import (
    MAX_BODY_BYTES,
    STATIC_ROUTE,
    Guard,
    allowed_hosts,
    is_address,
    is_loopback,
    read_accounts,
)
from qa_app.web.watcher import Watcher

if TYPE_CHECKING:
    from qa_app.api import Index
    from qa_app.settings import Settings
    from qa_app.synthesis import LanguageModel

_STATIC = Path(__file__).parent / "static"
# Questions answered at once; the others wait their turn. On two cores, two at once gave 3.7 answers
# a second and four 3.1 (benchmarks/RESULTS.md).
_AT_ONCE = min(4, max(2, os.cpu_count() or 2))
_ANY_HOST = frozenset({"0.0.0.0", "::"})  # listen on every network interface


def serve(
    index: Index | None,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: Path | None = None,
    mcp: bool = False,
    *,
    open_index: OpenIndex | None = None,
    uploads: Settings | None = None,
    watch: Settings | None = None,
    llm: LanguageModel | None = None,
    private_folders: Sequence[Path] = (),
) -> None:
    """Serve the page until interrupted; print its address to standard error when it is ready.

    Args:
        index: None if nothing has been built yet.
        host, port: where to listen.
        auth: file of ``name:password`` lines; required unless ``host`` is a loopback address.
        mcp: offer the public functions as MCP tools too.
        open_index: called on each request while there is no index, to pick up a first build.
        uploads: settings for the builds that follow uploads; None disables uploads.
        watch: settings for the builds that follow changes of the corpus; None disables them.
        llm: writes summaries of answers where users ask for them; None for none.
        private_folders: folders that Gradio's file routes may not read from, such as the corpus.

    Raises:
        ServeError: the port is taken, others could reach the page without a password, the
            accounts cannot be read, or the package for MCP is missing.
    """
    if not is_loopback(host) and auth is None:
        raise ServeError(
            f"On {host} others could read the reports without a password.",
            "Give --auth FILE with name:password lines, or leave --host away.",
        )
    if mcp and importlib.util.find_spec("mcp") is None:
        raise ServeError("MCP needs a package that is missing.", 'Install it: pip install "mcp<2"')
    accounts = read_accounts(auth) if auth is not None else None
    _check_port(host, port)
    page = PageController(index, open_index, uploads, watch, llm)
    _prepare_environment()
    from qa_app.web.components import lay_out

    blocks = lay_out(page).queue(max_size=128, default_concurrency_limit=_AT_ONCE, api_open=False)
    blocks.launch(
        server_name=host,
        server_port=port,
        auth=accounts.check if accounts else None,
        prevent_thread_lock=True,
        **_launch_options(page, host, [Path.cwd(), *private_folders], mcp),
    )
    # The server is already running, but its address is printed only when the model is loaded, so
    # that the first questions do not wait for it.
    page.warm()
    sys.stderr.write(f"qa_app is at {_address(host, port)}  (Ctrl+C ends it)\n")
    sys.stderr.flush()
    with contextlib.ExitStack() as running:
        if watch and page.builds:
            own = (watch.index, briefs_folder(watch.index))
            running.enter_context(Watcher(page.builds.corpus, page.builds.start, own))
        blocks.block_thread()


def _launch_options(
    page: PageController, host: str, private_folders: Sequence[Path], mcp: bool
) -> dict[str, Any]:
    import gradio as gr
    from starlette.middleware import Middleware
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    from qa_app.web.routes import page_routes

    own_names = (socket.gethostname(), socket.getfqdn()) if host in _ANY_HOST else ()
    guard = Middleware(
        Guard,
        hosts=allowed_hosts(host, own_names),
        any_address=not is_loopback(host),
        mcp=mcp,
        uploads=page.takes_uploads,
    )
    return {
        "share": False,
        "quiet": True,
        "show_error": False,
        "allowed_paths": [],
        "blocked_paths": [str(folder.resolve()) for folder in private_folders],
        "max_file_size": MAX_BODY_BYTES,
        "strict_cors": True,
        "ssr_mode": False,
        "pwa": False,
        "enable_monitoring": False,
        "run_history": False,
        "mcp_server": mcp,
        "footer_links": [],
        "favicon_path": str(_STATIC / "favicon.svg"),
        # Gradio's default fonts would be loaded from the web; the styles are in static/*.css.
        "theme": gr.themes.Base(
            primary_hue="slate",
            neutral_hue="slate",
            font=gr.themes.Font("sans-serif"),
            font_mono=gr.themes.Font("monospace"),
        ),
        # Linked, since Gradio rewrites the selectors of a stylesheet that is passed to it.
        "head": "".join(
            f'<link rel="stylesheet" href=".{STATIC_ROUTE}/{name}.css">'
            for name in ("desk", "brief", "grid", "lead", "summary")
        ),
        "app_kwargs": {
            "docs_url": None,
            "redoc_url": None,
            "openapi_url": None,
            "middleware": [guard],
            "routes": [Mount(STATIC_ROUTE, StaticFiles(directory=_STATIC)), *page_routes(page)],
        },
    }


def _prepare_environment() -> None:
    # GRADIO_* variables set in the user's shell could expose the page, as by sharing it.
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    folder = tempfile.mkdtemp(prefix="qa_app-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": folder,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as exc:
            raise ServeError(
                f"The page cannot be served at {_address(host, port)}: {exc.strerror}.",
                f"End what runs there, or choose another port: --port {port + 1}",
            ) from exc


def _address(host: str, port: int) -> str:
    shown = f"[{host}]" if is_address(host) and ":" in host else host
    return f"http://{shown}:{port}/"
