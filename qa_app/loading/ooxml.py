"""Zip packages of XML parts: shared by Word, PowerPoint, Excel, OpenDocument and EPUB files."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from typing import Any, TypeAlias

from lxml import etree  # type: ignore[import-untyped]  # lxml ships no types

from qa_app.errors import BrokenFileError
from qa_app.loading.limits import needs_password, open_zip
from qa_app.loading.metadata import collect, iso_date
from qa_app.models import MetadataField

Element: TypeAlias = Any


class Package:
    """A zip package, opened after the checks of ``open_zip``. XML entities are not expanded.

    Args:
        refuse_doctype: refuse XML parts with a DOCTYPE, which no Office program writes.

    Raises:
        BrokenFileError: it is damaged, or a part was refused.
        LimitError: it has too many parts, or its expanded size is too large.
        PasswordError: it is encrypted.
    """

    def __init__(self, content: bytes, refuse_doctype: bool = True) -> None:
        self._zip = open_zip(content, refuse_doctype)
        self.names = frozenset(self._zip.namelist())
        # OpenDocument lists its encrypted parts in the manifest.
        if self.part("META-INF/manifest.xml").find(".//{*}encryption-data") is not None:
            raise needs_password()

    def read(self, name: str) -> bytes:
        """Return a part's bytes, empty where the package has no such part.

        Raises:
            BrokenFileError: the part is damaged.
        """
        try:
            return self._zip.read(name) if name in self.names else b""
        # zipfile raises NotImplementedError for an unsupported compression method.
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as exc:
            raise _damaged(name, exc) from exc

    def part(self, name: str) -> Element:
        """Return the root of an XML part, an empty element where there is no such part.

        Raises:
            BrokenFileError: the part is damaged.
        """
        content = self.read(name)
        if name not in self.names:
            return etree.Element("none")
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            return etree.fromstring(content, parser)
        except (etree.XMLSyntaxError, ValueError) as exc:
            raise _damaged(name, exc) from exc

    def main(self, usual: str, program: str) -> tuple[str, Element]:
        """Return the name and the root of an Office package's main part.

        ``usual`` is its name where the package's relationships name none.

        Raises:
            BrokenFileError: the part is damaged or missing.
        """
        name = next(
            (
                relation.get("Target", usual).lstrip("/")
                for relation in self.part("_rels/.rels").iterfind("*")
                if relation.get("Type", "").endswith("/officeDocument")
            ),
            usual,
        )
        if name not in self.names:
            raise BrokenFileError(
                f"It is not of {program}: its main part is missing.",
                f"Save it again from {program}.",
            )
        return name, self.part(name)

    def relations(self, name: str) -> dict[str, str]:
        """Return the names of the parts that a part refers to, by relationship identifier."""
        folder, own = posixpath.split(name)
        return {
            relation.get("Id", ""): posixpath.normpath(
                posixpath.join("/", folder, relation.get("Target", ""))
            ).lstrip("/")
            for relation in self.part(f"{folder}/_rels/{own}.rels").iterfind("*")
            if relation.get("TargetMode") != "External"
        }

    def metadata(self, origin: str, *names: str) -> tuple[MetadataField, ...]:
        """Return title, author, publisher and date, the first of each found in the named parts."""
        facts: dict[str, str] = {}
        for name in names:
            for part in self.part(name).iter():
                if part.text and part.text.strip():
                    facts.setdefault(local_name(part), part.text)

        def first(*keys: str) -> str | None:
            return next((facts[key] for key in keys if key in facts), None)

        return collect(
            ("title", first("title"), origin),
            ("author", first("creator", "initial-creator"), origin),
            ("publisher", first("Company", "publisher"), origin),
            ("date", iso_date(first("modified", "date", "created", "creation-date")), origin),
        )

    def office_metadata(self) -> tuple[MetadataField, ...]:
        """Return the metadata of an Office or OpenDocument package."""
        parts = ("docProps/core.xml", "docProps/app.xml", "meta.xml")
        return self.metadata("document properties", *parts)


def _damaged(name: str, exc: Exception) -> BrokenFileError:
    return BrokenFileError(
        f"Its part {name} is damaged: {exc}.", "Open it in its own program and save it again."
    )


def local_name(element: Element) -> str:
    """Return an element's name without its namespace; "" for comments and other non-elements."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def value(element: Element | None, name: str, space: str = "") -> str | None:
    """Return an attribute by its local name, or None.

    Its namespace must contain ``space``, which by default any does.
    """
    for key, found in element.attrib.items() if element is not None else ():
        owner, _, own = key.rpartition("}")
        if own == name and space in owner:
            return str(found)
    return None


def relation(element: Element) -> str:
    """Return the relationship identifier of an element (its r:id), "" if it has none."""
    return value(element, "id", "relationships") or ""
