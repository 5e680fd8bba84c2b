"""The manifest, which describes a generation, and ``CURRENT``, which names the live one.

``CURRENT`` holds the SHA-256 of the manifest, and the manifest that of every other file, so a
single changed byte is detected before the file is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from qa_app.errors import IndexCorruptError, IndexMismatchError, IndexNotFoundError
from qa_app.models import Failure, ModelIdentity, to_json
from qa_app.settings import Location

# Increase it when the files of a generation change; an index of another format is refused.
FORMAT_VERSION = 3
CURRENT_FILE = "CURRENT"
GENERATIONS_FOLDER = "generations"
MANIFEST_FILE = "manifest.json"
MEND_HINT = "Build the index again: qa-app build"
# A serial number, padded to six digits.
GENERATION_NAME = re.compile(r"\d{6,}")
# Bytes from which on a file of token codes is not hashed when an index is opened (0.6 s) and not
# copied by each build (4 s): its passages are checked one by one, whenever they are read.
LARGE_FILE = 1 << 30
_PART = re.compile(r"tokens(?:-\d+)?\.bin")

# Bytes of an index from which on its files are hashed in threads: a tenth of a second's work.
_MANY_BYTES = 100 << 20

_CHUNK = 1 << 20  # bytes read at once for hashing: a file need not fit into memory
# All of CURRENT: generation, space, SHA-256 of its manifest, newline.
_CURRENT_LINE = re.compile(r"(\d{6,}) ([0-9a-f]{64})\n")
# Kind of vectors that are all compared with a question; the other kinds are each store's own.
FLAT = "flat"
# A digest as hashlib's hexdigest writes it.
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Current:
    """The live generation's name, and the SHA-256 of its manifest."""

    name: str
    manifest_sha256: str

    def line(self) -> str:
        """Return the content of ``CURRENT``, one line."""
        return f"{self.name} {self.manifest_sha256}\n"


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file's size in bytes and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class VectorsDescription:
    """How the vectors are searched.

    Attributes:
        kind: "flat" (exact) or "ivf_sq4" (approximate).
        recall: share of the true 100 nearest passages that a search finds, measured at build
            time.
        lists, probes: number of cells of an approximate index, and how many a search visits.
    """

    kind: str
    recall: float = 1.0
    lists: int = 0
    probes: int = 0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What determines a generation besides the reports and the model.

    A build compares it with the previous one's to decide what it can reuse.

    Attributes:
        loader, chunking, facets, lexical, topics: versions of the code; for facets and topics also
            fingerprints of the corpus's own files.
        passage_tokens: maximum tokens of a passage.
        language: language of stemming and stop words.
    """

    loader: str = ""
    chunking: str = ""
    facets: str = ""
    lexical: str = ""
    passage_tokens: int = 0
    language: str = "english"
    topics: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A generation's description.

    Attributes:
        created: time of writing, UTC, ISO 8601: "2026-01-31T09:30:00.123456+00:00".
        corpus: folder of the reports, relative to the index folder if possible, absolute in a
            database; "" for none.
        failures, warnings: files that could not be read, and files read with warnings.
        files: every file but the manifest, by path relative to the generation's folder.
    """

    generation: str
    created: str
    model: ModelIdentity
    recipe: Recipe
    documents: int
    passages: int
    vectors: VectorsDescription
    files: Mapping[str, FileStamp]
    corpus: str = ""
    failures: tuple[Failure, ...] = ()
    warnings: tuple[Failure, ...] = ()
    format_version: int = FORMAT_VERSION

    def corpus_folder(self, index: Location) -> Path | None:
        """Return the folder of the reports, or None if the manifest names none."""
        base = index if isinstance(index, Path) else Path()
        return Path(os.path.normpath(base / self.corpus)) if self.corpus else None

    def to_bytes(self) -> bytes:
        """Return the manifest as the bytes of its file."""
        # json, not msgspec: msgspec refuses a lone surrogate, which a file name may hold. Here
        # backslashreplace writes it as a JSON escape.
        text = json.dumps(msgspec.to_builtins(self), ensure_ascii=False, indent=1) + "\n"
        return text.encode(errors="backslashreplace")


def generation_folder(index: Path, name: str) -> Path:
    """Return the folder of a generation."""
    return index / GENERATIONS_FOLDER / name


def generation_folders(index: Path) -> list[Path]:
    """Return the folders of all generations, finished or not, newest first."""
    root = index / GENERATIONS_FOLDER
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if GENERATION_NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.name), reverse=True)


def read_current(index: Path) -> Current:
    """Return the name and manifest hash of the live generation.

    Raises:
        IndexNotFoundError: there is no index yet.
        IndexCorruptError: ``CURRENT`` is damaged or cannot be read.
    """
    path = index / CURRENT_FILE
    try:
        text = path.read_bytes().decode("ascii", errors="replace")
    except FileNotFoundError as exc:
        raise IndexNotFoundError(
            f"There is no index in {index}.", "Build one: qa-app build"
        ) from exc
    except OSError as exc:
        raise IndexCorruptError(f"{path} cannot be read: {exc.strerror}.", MEND_HINT) from exc
    found = _CURRENT_LINE.fullmatch(text)
    if found is None:
        raise IndexCorruptError(f"{path} is damaged: it names no generation.", MEND_HINT)
    return Current(found[1], found[2])


def read_manifest(index: Path, current: Current | None = None) -> Manifest:
    """Return the manifest of the live generation, checked against ``CURRENT``.

    Args:
        index: folder of the index.
        current: content of ``CURRENT``, if it was read already.

    Raises:
        IndexNotFoundError: there is no index yet.
        IndexCorruptError: the manifest is missing, or it or ``CURRENT`` is damaged.
        IndexMismatchError: it has another index format.
    """
    current = current or read_current(index)
    path = generation_folder(index, current.name) / MANIFEST_FILE
    content = read_manifest_bytes(path)
    if hashlib.sha256(content).hexdigest() != current.manifest_sha256:
        raise IndexCorruptError(
            f"{path} is damaged: its SHA-256 is not the one in {CURRENT_FILE}.", MEND_HINT
        )
    return parse_manifest(content, str(path), current.name)


def read_manifest_bytes(path: Path) -> bytes:
    """Return the bytes of a manifest file; ``IndexCorruptError`` if it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise IndexCorruptError(f"{path} is missing.", MEND_HINT) from exc
    except OSError as exc:
        raise IndexCorruptError(f"{path} cannot be read: {exc.strerror}.", MEND_HINT) from exc


def parse_manifest(
    content: bytes, where: str, name: str, format_version: int | None = FORMAT_VERSION
) -> Manifest:
    """Return the manifest parsed from the bytes of its file.

    Args:
        content: bytes of the file; their hash is not checked.
        where: named in messages.
        name: of the generation that it must be of.
        format_version: that it must have; None for any.

    Raises:
        IndexCorruptError: it is not a valid manifest, or is another generation's.
        IndexMismatchError: it has another index format.
    """
    try:
        found = json.loads(content)
    except ValueError as exc:
        raise IndexCorruptError(f"{where} is damaged: {exc}.", MEND_HINT) from exc
    version = found.get("format_version") if isinstance(found, dict) else None
    if isinstance(version, int) and format_version not in (None, version):
        newer = version > FORMAT_VERSION
        raise IndexMismatchError(
            f"{where} has index format {version}; this program reads format {FORMAT_VERSION}.",
            "Update qa_app, or build the index again: qa-app build --rebuild"
            if newer
            else "Build the index again: qa-app build --rebuild",
            expected=str(FORMAT_VERSION),
            found=str(version),
        )
    try:
        manifest = msgspec.convert(found, Manifest)
        for file, stamp in manifest.files.items():
            if file.startswith("/") or "\\" in file or ".." in file.split("/"):
                raise ValueError(f"{file!r} lies outside the generation")
            if _SHA256.fullmatch(stamp.sha256) is None:
                raise ValueError(f"{stamp.sha256!r} is no SHA-256")
    except ValueError as exc:
        raise IndexCorruptError(f"{where} is damaged: {exc}.", MEND_HINT) from exc
    if manifest.generation != name:
        raise IndexCorruptError(
            f"{where} is that of generation {manifest.generation}, not {name}.", MEND_HINT
        )
    return manifest


def check_model(manifest: Manifest, expected: ModelIdentity) -> None:
    """Raise ``IndexMismatchError``, naming both models, if the vectors are another model's."""
    found = manifest.model
    if found == expected:
        return
    ours, theirs = _describe(expected, found), _describe(found, expected)
    location = found.location or found.name
    raise IndexMismatchError(
        f"The index was made with the model {theirs}, and this is {ours}.",
        f"Ask with the index's own model (--model {location}{_cut(found, expected)}), or build the "
        f"index again with this one: qa-app build --model {expected.location or expected.name}"
        f"{_cut(expected, found)}",
        expected=ours,
        found=theirs,
    )


def choose_earlier(kept: Sequence[str], name: str) -> str:
    """Return the earlier generation that is meant.

    Args:
        kept: names of those that are kept, newest first.
        name: "000002" or "2"; "" for the newest.

    Raises:
        IndexNotFoundError: it is not kept, or none is.
    """
    for each in kept:
        if not name or int(each) == int(name if name.isdecimal() else -1):
            return each
    raise IndexNotFoundError(
        f"Generation {name} is not kept." if name else "There is no earlier generation.",
        f"Kept are: {', '.join(kept)}."
        if kept
        else "Only the live one is kept so far; build again first.",
    )


def hash_kept(version: int, model: ModelIdentity, rebuild: bool) -> bytes:
    """Return the SHA-256 of what decides whether an interrupted build's vectors can be used.

    Args:
        version: of their form.
        model: that made them, compared as models are.
        rebuild: whether everything was to be embedded again.
    """
    same = replace(model, location="", query_prompt="")
    return hashlib.sha256(f"{version} {rebuild} {to_json(same)}".encode()).digest()


def hash_file(path: Path) -> FileStamp:
    """Return a file's size and SHA-256."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileStamp(size, digest.hexdigest())


def part_name(number: int) -> str:
    """Return the name of a file of token codes, counted from 0."""
    return f"tokens-{number}.bin" if number else "tokens.bin"


def check_files(folder: Path, manifest: Manifest, all_bytes: bool = True) -> list[Failure]:
    """Return a failure for every file that is missing, unreadable or not as in the manifest.

    Args:
        folder: of the generation.
        manifest: of the generation.
        all_bytes: also hash large files of token codes, which are checked as they are read.
    """

    def fault(name: str) -> str:
        stamp = manifest.files[name]
        checked_later = stamp.size > LARGE_FILE and _PART.fullmatch(name) is not None
        return _find_fault(folder / name, stamp, all_bytes or not checked_later)

    if sum(stamp.size for stamp in manifest.files.values()) < _MANY_BYTES:
        reasons = list(map(fault, manifest.files))
    else:  # hashing leaves the interpreter free
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            reasons = list(pool.map(fault, manifest.files))
    found = zip(manifest.files, reasons, strict=True)
    return [Failure(name, reason, MEND_HINT) for name, reason in found if reason]


def _find_fault(path: Path, stamp: FileStamp, hashed: bool) -> str:
    """Return how a file differs from its stamp, as words for the user, or ""."""
    try:
        size = path.stat().st_size
        if size != stamp.size:
            return f"it has {size:,} bytes, and the manifest says {stamp.size:,}"
        if hashed and hash_file(path).sha256 != stamp.sha256:
            return "its SHA-256 is not the one in the manifest"
    except FileNotFoundError:
        return "it is missing"
    except OSError as exc:
        return f"it cannot be read: {exc.strerror}"
    return ""


def _cut(identity: ModelIdentity, other: ModelIdentity) -> str:
    """Return the --dimension flag, if the two use the same weights with different dimensions."""
    same = identity.weights_sha256 == other.weights_sha256
    cut = same and identity.dimension != other.dimension
    return f" --dimension {identity.dimension}" if cut else ""


def _describe(identity: ModelIdentity, other: ModelIdentity) -> str:
    text = f"{identity.name} ({identity.dimension} dimensions"
    if identity.document_prompt != other.document_prompt:
        text += f", passages behind {identity.document_prompt!r}"
    if identity.max_tokens != other.max_tokens:
        text += f", {identity.max_tokens} tokens"
    if identity.name == other.name and identity.weights_sha256 != other.weights_sha256:
        text += f", weights {identity.weights_sha256[:12]}…"
    return text + ")"
