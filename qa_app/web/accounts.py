"""The accounts file: names and hashed passwords, one a line, as ``qa-app user`` writes it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import logging
import os
import re
import secrets
import threading
import unicodedata
from pathlib import Path

from qa_app.errors import QueryError, ServeError
from qa_app.store.embedded.publishing import hold, replace_durably

# scrypt's cost: 32 MB and about 0.3 s of one core, OWASP's least. A hash keeps its own, so that
# these can grow.
_LOG_N, _R, _P = 15, 8, 3
_MOST_MEMORY = 2**27  # of one hash, in bytes: four times today's
_SALT_BYTES, _HASH_BYTES = 16, 32
_LEAST_CHARACTERS, MOST_CHARACTERS = 8, 1000  # of a password; NIST SP 800-63B's least
# A letter or digit first, so that no name looks like a comment or a flag; no colon, which ends a
# name in the file; nothing that could break a line of the log.
_NAME = re.compile(r"\w[\w.@+ -]{0,63}")
# In the form of a PHC string: the cost, then salt and hash in base64 without padding.
_HASHED = re.compile(
    r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{22,86})\$([A-Za-z0-9+/]{43})"
)
_LOG = logging.getLogger("qa_app")


def hash_password(password: str) -> str:
    """Return a password's hash, with its salt and cost, as the accounts file keeps it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return _written(salt, _derive(password, salt, _LOG_N, _R, _P))


def is_right(password: str, hashed: str) -> bool:
    """Tell, in a time that does not depend on how wrong it is, whether a password is right."""
    found = _HASHED.fullmatch(hashed)
    if found is None:
        return False
    log_n, r, p = (int(number) for number in found.groups()[:3])
    try:
        derived = _derive(password, _decoded(found[4]), log_n, r, p)
    except ValueError:  # a cost that scrypt refuses, or over the memory allowed here
        return False
    return hmac.compare_digest(derived, _decoded(found[5]))


def _derive(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # Composed, since keyboards send an accented letter as one character or as two.
    text = unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
    return hashlib.scrypt(
        text, salt=salt, n=2**log_n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=_HASH_BYTES
    )


def _written(salt: bytes, derived: bytes) -> str:
    encoded = (base64.b64encode(part).decode().rstrip("=") for part in (salt, derived))
    return f"$scrypt$ln={_LOG_N},r={_R},p={_P}${'$'.join(encoded)}"


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


class Accounts:
    """The users of an accounts file. Follows its changes. Safe to use from several threads.

    Raises:
        ServeError: the file cannot be read, has a plain password, or names nobody.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._hashes = read_accounts(path)
        # Checked in place of an unknown user's, so that it takes as long.
        self._nobody = _written(secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))
        if not self._hashes:
            raise ServeError(f"{path} names nobody.", f"Add a user: {_command('add', path)}")

    def check(self, name: str, password: str) -> bool:
        """Tell whether there is such a user and the password is right."""
        hashed = self.hash_of(name)
        return is_right(password, hashed or self._nobody) and hashed is not None

    def hash_of(self, name: str) -> str | None:
        """Return a user's stored hash, or None if there is no such user (any more)."""
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._hashes = read_accounts(self._path)
                except ServeError as exc:
                    _LOG.error("%s The users stay as they were.", exc.message)
            return self._hashes.get(unicodedata.normalize("NFC", name))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    with contextlib.suppress(OSError):
        found = path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns
    return None


def read_accounts(path: Path) -> dict[str, str]:
    """Return the users' hashes by name.

    Raises:
        ServeError: the file cannot be read, or a line is not as ``qa-app user add`` writes it.
    """
    hashes: dict[str, str] = {}
    for number, line in enumerate(_lines(path), 1):
        name, value = _parsed(path, number, line)
        if not name:
            continue
        if not _HASHED.fullmatch(value):
            raise ServeError(
                f"{path}, line {number}: the password of {name} is not hashed.",
                f"{_command('add', path, name)} asks for one, and hashes the others' too.",
            )
        hashes[name] = value
    return hashes


def add_user(path: Path, name: str, password: str) -> bool:
    """Add a user, or give one another password; plain passwords in the file are hashed too.

    Returns:
        whether the user is new.

    Raises:
        QueryError: the name or the password will not do.
        ServeError: the file cannot be read or written.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if not _NAME.fullmatch(name):
        raise QueryError(
            f"{name!r} is no name for a user.",
            "Take at most 64 letters, digits, spaces and . @ + - _, a letter or digit first.",
        )
    if not _LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise QueryError(
            f"The password has {len(password)} characters.",
            f"Take {_LEAST_CHARACTERS} to {MOST_CHARACTERS:,}; a few words in a row are good.",
        )
    return not _change(path, name, hash_password(password))


def remove_user(path: Path, name: str) -> None:
    """Remove a user, whose sessions end with that.

    Raises:
        QueryError: there is no such user.
        ServeError: the file cannot be read or written.
    """
    name = unicodedata.normalize("NFC", name.strip())
    if not _change(path, name, None):
        raise QueryError(f"There is no user {name!r} in {path}.", _command("list", path))


def user_names(path: Path) -> list[str]:
    """Return the names in the file, in order; ``ServeError`` if it cannot be read."""
    names = (_parsed(path, number, line)[0] for number, line in enumerate(_lines(path), 1))
    return sorted(filter(None, names))


def _change(path: Path, name: str, hashed: str | None) -> bool:
    """Replace or remove a user's line, and tell whether there was one."""
    try:
        with hold(path.with_name(f".{path.name}.lock")):
            kept: list[str] = []
            found = False
            for number, line in enumerate(_lines(path) if path.exists() else (), 1):
                user, value = _parsed(path, number, line)
                if user == name:
                    found = True
                elif user and not _HASHED.fullmatch(value):
                    kept.append(f"{user}:{hash_password(value)}")
                else:
                    kept.append(line)
            if hashed is not None:
                kept.append(f"{name}:{hashed}")
            if found or hashed is not None:
                _write(path, "".join(f"{line}\n" for line in kept))
            return found
    except OSError as exc:
        raise ServeError(
            f"{path} cannot be written: {exc.strerror or exc}.", "See that its folder may be."
        ) from exc


def _write(path: Path, text: str) -> None:
    before = os.umask(0o077)  # nobody else may read it, not even while it is being written
    try:
        replace_durably(path, text.encode())
    finally:
        os.umask(before)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise ServeError(f"{path} cannot be read: {exc}", _command("add", path)) from exc


def _parsed(path: Path, number: int, line: str) -> tuple[str, str]:
    """Return a line's (name, value); empty for a comment or an empty line."""
    if not line.strip() or line.startswith("#"):
        return "", ""
    name, colon, value = line.partition(":")
    if not (name.strip() and colon and value):
        raise ServeError(
            f"{path}, line {number}: no name and password.",
            f"Take the line out, then: {_command('add', path)}",
        )
    return unicodedata.normalize("NFC", name.strip()), value


def _command(act: str, path: Path, name: str = "NAME") -> str:
    return f"qa-app user {act}{'' if act == 'list' else f' {name}'} --auth {path}"
