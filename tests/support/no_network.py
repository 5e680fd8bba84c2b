"""Runs the program where the kernel refuses the network; prints what it answered as JSON.

    python -m support.no_network killed INDEX CORPUS   build and ask; a socket of the internet's
                                                       families, even for loopback, kills (seccomp)
    python -m support.no_network alone INDEX CORPUS    serve and ask, in a network namespace that
                                                       has only loopback

Each first makes sure that what it relies on is in force. Both hold for all child processes too.
Exit 3: the kernel allows no namespace here.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import os
import platform
import signal
import socket
import struct
import sys
from pathlib import Path

import httpx

from qa_app.cli import main
from support.web_serving import serving

NO_NAMESPACE = 3
QUESTION = "which forces improved data-sharing?"
# By machine: AUDIT_ARCH_* of linux/audit.h and the number of the system call socket.
_MACHINES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # CLONE_* of linux/sched.h
_SET_FLAGS, _UP = 0x8914, 1  # SIOCSIFFLAGS of linux/sockios.h, IFF_UP of linux/if.h
_libc = ctypes.CDLL(None, use_errno=True)


def kill_at_sockets() -> None:
    """Have the kernel kill the process that opens an IPv4 or IPv6 socket."""
    architecture, number = _MACHINES[platform.machine()]
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
    allow, kill = 0x7FFF0000, 0x80000000  # SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS
    steps = [
        (load, 0, 0, 4),  # seccomp_data.arch
        (equal, 0, 5, architecture),
        (load, 0, 0, 0),  # .nr
        (equal, 0, 4, number),
        (load, 0, 0, 16),  # .args[0], its low half: the family
        (equal, 1, 0, socket.AF_INET),
        (equal, 0, 1, socket.AF_INET6),
        (give, 0, 0, kill),
        (give, 0, 0, allow),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code))
    # PR_SET_NO_NEW_PRIVS, then PR_SET_SECCOMP with SECCOMP_MODE_FILTER
    if _libc.prctl(38, 1, 0, 0, 0) or _libc.prctl(22, 2, program, 0, 0):
        raise OSError(ctypes.get_errno(), "no seccomp")
    child = os.fork()
    if child == 0:
        socket.create_connection(("127.0.0.1", 9))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSYS


def leave_the_network() -> None:
    """Move to a network namespace with nothing but loopback."""
    if _libc.unshare(_NEW_NET) and _libc.unshare(_NEW_USER | _NEW_NET):
        print("The kernel allows no network namespace here.", file=sys.stderr)
        sys.exit(NO_NAMESPACE)
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))
    with socket.socket() as any_socket:
        refused = any_socket.connect_ex(("192.0.2.1", 80))  # an address of examples, RFC 5737
    assert refused == errno.ENETUNREACH, os.strerror(refused)


def build_and_ask(index: str, corpus: str) -> None:
    assert main(["build", "--strict", "--corpus", corpus, "--index", index]) == 0
    assert main(["ask", QUESTION, "--index", index, "--json"]) == 0
    # Each would make the first answer seconds later.
    assert not {"transformers", "sentence_transformers", "gradio"} & set(sys.modules)


def serve_and_ask(index: str, corpus: str) -> None:
    with (
        serving(Path(index), Path(corpus)) as address,
        httpx.Client(base_url=address, timeout=60) as http,
    ):
        assert http.get("/").status_code == 200
        asked = http.post("/gradio_api/call/v2/ask", json={"question": QUESTION}).json()
        answer = http.get(f"/gradio_api/call/ask/{asked['event_id']}").text
    print(json.dumps(json.loads(answer.partition("data: ")[2])[0]))


if __name__ == "__main__":
    how, *folders = sys.argv[1:]
    if how == "killed":
        kill_at_sockets()
        build_and_ask(*folders)
    else:
        leave_the_network()
        serve_and_ask(*folders)
