"""What Word, PowerPoint and OpenDocument packages share: zip parts of XML."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from typing import Any, TypeAlias

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from qa_app.errors import BrokenFileError
from qa_app.loading.limits import open_zip
from qa_app.loading.metadata import collect, iso_date
from qa_app.models import MetadataField

Element: TypeAlias = Any


def read_part(package: zipfile.ZipFile, name: str) -> Element | None:
    """Return the root of an XML part, or None where the package has no such part.

    Raises:
        BrokenFileError: the part is damaged.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(package.read(name), parser)
    except KeyError:
        return None
    except (etree.XMLSyntaxError, zipfile.BadZipFile, zlib.error, EOFError, ValueError) as exc:
        raise BrokenFileError(
            f"Its part {name} is damaged: {exc}.", "Open it in its own program and save it again."
        ) from exc


def open_office(content: bytes, usual: str, program: str) -> tuple[zipfile.ZipFile, str, Element]:
    """Return an Office package, its main part's name, which need not be the usual one, and root.

    Raises:
        BrokenFileError: the package or its main part is damaged.
        LimitError: it expands to too much.
        PasswordError: it is encrypted.
    """
    package = open_zip(content)
    main = usual
    relations = read_part(package, "_rels/.rels")
    for relation in relations if relations is not None else ():
        if str(relation.get("Type", "")).endswith("/officeDocument"):
            main = str(relation.get("Target", usual)).lstrip("/")
            break
    root = read_part(package, main)
    if root is None:
        raise BrokenFileError(
            f"It is not of {program}: its main part is missing.", f"Save it again from {program}."
        )
    return package, main, root


def read_relations(package: zipfile.ZipFile, name: str) -> dict[str, str]:
    """Return the parts that a part refers to, by the identifier that it uses for them."""
    folder, _, own = name.rpartition("/")
    root = read_part(package, f"{folder}/_rels/{own}.rels")
    targets = {}
    for relation in root if root is not None else ():
        target = str(relation.get("Target", ""))
        if relation.get("TargetMode") != "External":
            resolved = target.lstrip("/") if target.startswith("/") else f"{folder}/{target}"
            targets[str(relation.get("Id", ""))] = posixpath.normpath(resolved)
    return targets


def local_name(element: Element) -> str:
    """Return an element's name without its namespace; "" for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value(element: Element | None, name: str) -> str | None:
    """Return an attribute by its name without namespace, or None."""
    if element is None:
        return None
    for key, found in element.attrib.items():
        if str(key).rpartition("}")[2] == name:
            return str(found)
    return None


def core_metadata(package: zipfile.ZipFile) -> tuple[MetadataField, ...]:
    """Return title, author, publisher and date from an Office package's properties."""
    core = read_part(package, "docProps/core.xml")
    app = read_part(package, "docProps/app.xml")
    found: dict[str, str] = {}
    for root in (core, app):
        for part in root if root is not None else ():
            found.setdefault(local_name(part), part.text or "")
    return collect(
        ("title", found.get("title"), "document properties"),
        ("author", found.get("creator"), "document properties"),
        ("publisher", found.get("Company"), "document properties"),
        ("date", iso_date(found.get("modified") or found.get("created")), "document properties"),
    )
