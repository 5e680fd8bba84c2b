"""Names and passwords for a page that others can reach."""

from __future__ import annotations

import hmac
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.requests import Request

from qa_app.errors import ServeError

_MOST_FAILURES = 5
_WINDOW_SECONDS = 60.0
_FORM = "Its lines are name:password; lines that begin with # are left out."


class Accounts:
    """Checks names and passwords; five failures in a minute close a name for that minute."""

    def __init__(
        self, passwords: Mapping[str, str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._passwords = dict(passwords)
        self._clock = clock
        self._failures: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_MOST_FAILURES))
        self._lock = threading.Lock()

    def check(self, name: str, password: str) -> bool:
        """Tell whether the password is the name's."""
        # Unknown names share one count, so that guessing names cannot fill the memory.
        key = name if name in self._passwords else ""
        expected = self._passwords.get(name, "")
        right = hmac.compare_digest(password.encode(), expected.encode()) and key != ""
        now = self._clock()
        with self._lock:
            failures = self._failures[key]
            closed = len(failures) == _MOST_FAILURES and now - failures[0] < _WINDOW_SECONDS
            if closed:
                return False
            if not right:
                failures.append(now)
            return right


def signed_in(request: Request) -> str | None:
    """Return whose session of Gradio's login a request comes with; "" where none is asked for."""
    app = request.app
    if app.auth is None:
        return ""
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    users = (app.tokens.get(request.cookies.get(name)) for name in names)
    return next((user for user in users if user is not None), None)


def read_accounts(path: Path) -> Accounts:
    """Read the accounts from a file of ``name:password`` lines.

    Raises:
        ServeError: the file cannot be read, or a line is of another form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise ServeError(f"{path} cannot be read: {exc}", _FORM) from exc
    passwords: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, password = line.partition(":")
        if not (name.strip() and colon and password):
            raise ServeError(f"{path}, line {number}: no name and password.", _FORM)
        passwords[name.strip()] = password
    if not passwords:
        raise ServeError(f"{path} names nobody.", _FORM)
    return Accounts(passwords)
