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
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware
from starlette.routing import Route

from qa_app.errors import ServeError
from qa_app.store.kept import own_folders
from qa_app.web.accounts import Accounts
from qa_app.web.draining import Drain, OpenWork
from qa_app.web.health import health_routes
from qa_app.web.page import OpenIndex, PageController
from qa_app.web.request_log import (
    RequestLog,
    Served,
    log_event,
    log_question,
    log_request,
    start_log,
)
from qa_app.web.security import (
    MAX_BODY_BYTES,
    STATIC_ROUTE,
    Guard,
    allowed_hosts,
    host_name,
    is_address,
    is_loopback,
)
from qa_app.web.sessions import Sessions, sign_in_route
from qa_app.web.trimming import trimmer
from qa_app.web.watcher import Watcher

if TYPE_CHECKING:
    from qa_app.api import Index
    from qa_app.settings import Settings
    from qa_app.synthesis import LanguageModel

_STATIC = Path(__file__).parent / "static"
# Questions answered at once; the others wait their turn. On two cores two at once gave 5.3 answers
# a second, and three 5.2 (benchmarks/RESULTS.md).
_AT_ONCE = min(4, max(2, os.cpu_count() or 2))
_MOST_WAITING = 128  # questions; whoever comes then is told that the server is busy
_ANY_HOST = frozenset({"0.0.0.0", "::"})  # listen on every network interface
_WARMING_SECONDS = 5.0  # between looks for a first index to load the models for
# An idle connection is kept for longer than clients and proxies keep theirs (nginx: 60 s): one that
# is closed just as the next question comes over it loses that question.
_IDLE_CONNECTION_SECONDS = 75
_CLOSING_SECONDS = 1  # for connections that a client holds open, once every answer is given
_THROTTLED = "After five failed attempts a name is closed for a minute."


@dataclass(frozen=True, slots=True)
class Operations:
    """What an administrator chooses when the page is served to a team.

    Attributes:
        auth: the accounts file; required where others can reach the page.
        idle_minutes: after which a session without a request ends.
        allow_hosts: names by which a proxy serves the page.
        log_json: write the log as JSON lines.
        log_questions: write the words of questions to the log too.
        metrics: serve /metrics.
    """

    auth: Path | None = None
    idle_minutes: float = 60.0
    allow_hosts: Sequence[str] = ()
    log_json: bool = False
    log_questions: bool = False
    metrics: bool = False


def serve(
    index: Index | None,
    host: str = "127.0.0.1",
    port: int = 7860,
    mcp: bool = False,
    *,
    operations: Operations | None = None,
    open_index: OpenIndex | None = None,
    uploads: Settings | None = None,
    watch: Settings | None = None,
    llm: LanguageModel | None = None,
    private_folders: Sequence[Path] = (),
) -> None:
    """Serve the page until SIGTERM or Ctrl+C; log its address to standard error when it is ready.

    The running questions are finished before it ends, within ``draining.LONGEST_SECONDS``.

    Args:
        index: None if nothing has been built yet.
        host, port: where to listen.
        mcp: offer the public functions as MCP tools too.
        operations: accounts, host names, log and metrics; required unless ``host`` is a loopback
            address.
        open_index: called on each request while there is no index, to pick up a first build.
        uploads: settings for the builds that follow uploads; None disables uploads.
        watch: settings for the builds that follow changes of the corpus; None disables them.
        llm: writes summaries of answers where users ask for them; None for none.
        private_folders: folders that Gradio's file routes may not read from, such as the corpus.

    Raises:
        ServeError: the port is taken, others could reach the page without a password, the
            accounts cannot be read, a host name is none, or the package for MCP is missing.
    """
    chosen = operations or Operations()
    _check(chosen, host, mcp)
    accounts = Accounts(chosen.auth) if chosen.auth is not None else None
    sessions = Sessions(accounts, chosen.idle_minutes * 60) if accounts is not None else None
    _check_port(host, port)
    page = PageController(index, open_index, uploads, watch, llm)
    page.has_logins = sessions is not None
    ending = _on_signals()
    _prepare_environment()
    from qa_app.web.components import lay_out

    work = OpenWork()
    routes, listeners = _observed(page, work, chosen)
    if accounts is not None and sessions is not None:
        routes.append(sign_in_route(accounts, sessions))
    blocks = lay_out(page).queue(
        max_size=_MOST_WAITING, default_concurrency_limit=_AT_ONCE, api_open=False
    )
    options = _launch_options(page, [Path.cwd(), *private_folders], mcp)
    options["app_kwargs"]["routes"] += routes
    options["app_kwargs"]["middleware"] = [
        Middleware(RequestLog, listeners=listeners),
        Middleware(Guard, **_guarded(page, host, mcp, chosen)),
        Middleware(Drain, work=work),
    ]
    blocks.launch(
        server_name=host,
        server_port=port,
        # Gradio only needs to know that there are sign-ins: the route above checks the passwords.
        auth=None if sessions is None else lambda _name, _password: False,
        auth_message=_THROTTLED,
        prevent_thread_lock=True,
        **options,
    )
    blocks.server.config.timeout_keep_alive = _IDLE_CONNECTION_SECONDS
    if sessions is not None:
        blocks.app.tokens = sessions
    start_log(chosen.log_json)
    # The server is already running, but its address is told only when the model is loaded, so that
    # the first questions do not wait for it.
    page.warm()
    log_event(f"qa_app is at {_address(host, port)}  (Ctrl+C ends it)")
    with contextlib.ExitStack() as watching:
        if watch and page.builds:
            own = own_folders(watch.index)
            watching.enter_context(Watcher(page.builds.corpus, page.builds.start, own))
        while not ending.wait(None if page.is_warm else _WARMING_SECONDS):
            page.warm()
    log_event("ending" if work.finish() else "ending, with questions unanswered")
    blocks.server.config.timeout_graceful_shutdown = _CLOSING_SECONDS
    blocks.close(verbose=False)


def _check(chosen: Operations, host: str, mcp: bool) -> None:
    for name in chosen.allow_hosts:
        if host_name(name) != name.lower():
            raise ServeError(f"{name!r} is no host name.", "As: --allow-host reports.example.org")
    if chosen.auth is None and (chosen.allow_hosts or not is_loopback(host)):
        raise ServeError(
            f"At {(*chosen.allow_hosts, host)[0]} others could read the reports unasked.",
            "Add a user (qa-app user add NAME) and give --auth accounts, or leave the host away.",
        )
    if not chosen.idle_minutes > 0:
        raise ServeError("Sessions would end at once.", "Give --idle the minutes, as 60.")
    if mcp and importlib.util.find_spec("mcp") is None:
        raise ServeError("MCP needs a package that is missing.", 'Install it: pip install "mcp<2"')


def _observed(
    page: PageController, work: OpenWork, chosen: Operations
) -> tuple[list[Route], list[Callable[[Served], None]]]:
    """Return the routes that say how the server does, and who is told of each request."""
    routes = health_routes(page, work)
    listeners: list[Callable[[Served], None]] = [log_request]
    page.listeners.append(trimmer())
    if chosen.log_questions:
        page.listeners.append(log_question)
    if chosen.metrics:
        from qa_app.web.metrics import Metrics

        metrics = Metrics(page)
        routes.append(metrics.route())
        listeners.append(metrics.count_request)
        page.listeners.append(metrics.count_answer)
    return routes, listeners


def _on_signals() -> threading.Event:
    """Return an event that SIGTERM or Ctrl+C sets; the second signal ends the process at once."""
    ending = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ending.set()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ending


def _guarded(page: PageController, host: str, mcp: bool, chosen: Operations) -> dict[str, Any]:
    own_names = (socket.gethostname(), socket.getfqdn()) if host in _ANY_HOST else ()
    return {
        "hosts": allowed_hosts(host, (*own_names, *chosen.allow_hosts)),
        "any_address": not is_loopback(host),
        "mcp": mcp,
        "uploads": page.takes_uploads,
        "metrics": chosen.metrics,
    }


def _launch_options(
    page: PageController, private_folders: Sequence[Path], mcp: bool
) -> dict[str, Any]:
    import gradio as gr
    from starlette.routing import Mount
    from starlette.staticfiles import StaticFiles

    from qa_app.web.routes import page_routes

    return {
        "share": False,
        "quiet": True,
        "show_error": False,
        "allowed_paths": [],
        "blocked_paths": [str(folder.resolve()) for folder in private_folders],
        "max_file_size": MAX_BODY_BYTES,
        # Every call of the HTTP API is a session to Gradio, which keeps 10,000; there is no state.
        "state_session_capacity": _MOST_WAITING,
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
