"""Signing in: attempts are throttled, and a session ends when it is idle or old."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from qa_app.web.accounts import MOST_CHARACTERS, Accounts

LONGEST_HOURS = 12.0  # of a session, however busy; NIST SP 800-63B's for a password alone
# Failed attempts within the window that close the door. A name is closed to one address after a
# few, so that a stranger elsewhere cannot lock a user out, and to everybody after many.
_WINDOW_SECONDS = 60.0
_MOST_OF_NAME_FROM_ADDRESS = 5
_MOST_FROM_ADDRESS = 20
_MOST_OF_NAME = 25
_BUCKETS = 16_384  # bounds the memory of the throttle, at some 10 MB when all are full
_MOST_WAITING = 8  # for the one password that is checked at a time: at most 3 s
_MOST_SESSIONS = 50  # of one user; the oldest ends
_IPV6_NETWORK = 64  # bits that one customer has; the rest of an address they choose freely
REFUSED = "Wrong name or password, or too many attempts: wait a minute, then try again."
BUSY = "Too many people are signing in at this moment. Try again."


class Throttle:
    """Counts attempts that may be guesses. Safe to use from several threads.

    Known and unknown names are counted alike, in a table of fixed size, so that neither the memory
    nor the answers tell more than that there were many attempts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._attempts: dict[int, deque[float]] = defaultdict(deque)
        self._lock = threading.Lock()

    def admits(self, name: str, address: str) -> bool:
        """Count an attempt as failed and return True, or return False if there were too many.

        Counted before the password is checked, so that many at once are many attempts.
        """
        now = self._clock()
        limits = _limits(name, address)
        with self._lock:
            for key in limits:
                attempts = self._attempts[key]
                while attempts and now - attempts[0] >= _WINDOW_SECONDS:
                    attempts.popleft()
            if any(len(self._attempts[key]) >= most for key, most in limits.items()):
                return False
            for key in limits:
                self._attempts[key].append(now)
            return True

    def forgive(self, name: str, address: str) -> None:
        """Take back the last attempt: it was no guess."""
        with self._lock:
            for key in _limits(name, address):
                if self._attempts[key]:
                    self._attempts[key].pop()


def _limits(name: str, address: str) -> dict[int, int]:
    # Python's hash of a text has a secret of the process, so nobody can aim at a name's bucket.
    network = _network(address)
    return {
        hash(("both", name, network)) % _BUCKETS: _MOST_OF_NAME_FROM_ADDRESS,
        hash(("name", name)) % _BUCKETS: _MOST_OF_NAME,
        hash(("address", network)) % _BUCKETS: _MOST_FROM_ADDRESS,
    }


def _network(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((int(found), _IPV6_NETWORK), strict=False))


@dataclass(slots=True)
class _Session:
    user: str
    hashed: str | None  # of the password that it was begun with
    began: float
    seen: float


class Sessions(MutableMapping[str, str]):
    """Users who are signed in, by token: what stands in Gradio's ``App.tokens``.

    A session ends when nothing was asked in it for ``idle_seconds``, when it is ``LONGEST_HOURS``
    old, and when its user is removed or has another password. Reading a token counts as use.
    """

    def __init__(
        self,
        accounts: Accounts,
        idle_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._idle = idle_seconds
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._lock = threading.RLock()

    def begin(self, user: str) -> str:
        """Begin a session and return its token, which nobody can guess."""
        token = secrets.token_urlsafe(32)
        self[token] = user
        return token

    def peek(self, token: str) -> str | None:
        """Return the user of a token without counting it as use."""
        session = self._alive(token)
        return session.user if session else None

    def _alive(self, token: str) -> _Session | None:
        with self._lock:
            session = self._sessions.get(token)
            if session is None:
                return None
            now = self._clock()
            if (
                now - session.seen < self._idle
                and now - session.began < LONGEST_HOURS * 3600
                and session.hashed is not None
                and session.hashed == self._accounts.hash_of(session.user)
            ):
                return session
            del self._sessions[token]
            return None

    def __getitem__(self, token: str) -> str:
        session = self._alive(token)
        if session is None:
            raise KeyError(token)
        session.seen = self._clock()
        return session.user

    def __setitem__(self, token: str, user: str) -> None:
        now = self._clock()
        with self._lock:
            own = [key for key in self if self._sessions[key].user == user]
            for old in own[: 1 - _MOST_SESSIONS]:  # all but the last, with room for this one
                del self._sessions[old]
            self._sessions[token] = _Session(user, self._accounts.hash_of(user), now, now)

    def __delitem__(self, token: str) -> None:
        del self._sessions[token]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter([token for token in list(self._sessions) if self._alive(token)])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def signed_in(request: Request, in_use: bool = True) -> str | None:
    """Return the user who is signed in, by the cookie of the sign-in.

    "" if the page has no logins, None if nobody is signed in.

    Args:
        in_use: count this as use of the session, so that it does not end for being idle.
    """
    app = request.app
    if app.auth is None:
        return ""
    # Gradio's own mapping stands there until the server has started; nobody is signed in by then.
    sessions: Sessions | None = app.tokens if isinstance(app.tokens, Sessions) else None
    token = request.cookies.get(f"access-token-{app.cookie_id}")
    if sessions is None or token is None:
        return None
    return sessions.get(token) if in_use else sessions.peek(token)


def sign_in_route(accounts: Accounts, sessions: Sessions) -> Route:
    """Return the route that takes the place of Gradio's ``/login``.

    Gradio's own checks the password in the event loop, does not know where it came from, and sets
    a cookie that is sent over plain HTTP too.
    """
    throttle = Throttle()
    turn = asyncio.Semaphore(1)
    waiting = 0

    async def checked(name: str, password: str) -> bool:
        nonlocal waiting
        waiting += 1
        try:
            async with turn:
                return await run_in_threadpool(accounts.check, name, password)
        finally:
            waiting -= 1

    async def sign_in(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=8) as form:
            name = str(form.get("username", "")).strip()
            password = str(form.get("password", ""))
        address = request.client.host if request.client else ""
        known = accounts.hash_of(name) is not None
        request.state.user = name if known else ""  # a made-up name may be a password: not logged
        if len(password) > MOST_CHARACTERS or not throttle.admits(name, address):
            return _refused()
        if waiting >= _MOST_WAITING:
            throttle.forgive(name, address)
            return JSONResponse({"detail": BUSY}, 503, headers={"retry-after": "3"})
        if not await checked(name, password):
            return _refused()
        throttle.forgive(name, address)
        response = JSONResponse({"success": True}, headers={"cache-control": "no-store"})
        response.set_cookie(
            f"access-token-{request.app.cookie_id}",
            sessions.begin(name),
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="lax",
        )
        return response

    return Route("/login{slash:path}", sign_in, methods=["POST"])


def _refused() -> Response:
    # 400, the only refusal that Gradio's sign-in page shows.
    headers = {"retry-after": str(int(_WINDOW_SECONDS))}
    return JSONResponse({"detail": REFUSED}, 400, headers=headers)
