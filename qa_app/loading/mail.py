"""E-mail messages: subject, sender, date, and the body as text or HTML."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.html import add_html, parse_html
from qa_app.loading.metadata import collect
from qa_app.loading.plain import find_blocks
from qa_app.models import BlockKind, Document


def load_mail(path: str, content: bytes) -> Document:
    """Return the document of an EML message; attachments are not read, but counted in a warning."""
    try:
        message = email.message_from_bytes(
            content, _class=EmailMessage, policy=email.policy.default
        )
        subject, sender = str(message.get("Subject", "")), str(message.get("From", ""))
        stamp = message.get("Date")
        body = message.get_body(("plain", "html"))
        words = body.get_content() if isinstance(body, EmailMessage) else ""
        attached = sum(1 for _ in message.iter_attachments()) if message.is_multipart() else 0
    except (LookupError, ValueError, AttributeError, TypeError) as exc:
        raise BrokenFileError(
            f"The message cannot be read: {exc}.", "Save it again from the mail program."
        ) from exc
    builder = DocumentBuilder(path, "mail")
    builder.add(BlockKind.HEADING, subject, 1)
    if body is not None and body.get_content_type() == "text/html":
        add_html(builder, parse_html(words))
    else:
        text = str(words).replace("\r\n", "\n")
        builder.add_all(text, find_blocks(text), below=1)
    sent = getattr(stamp, "datetime", None)
    return builder.build(
        collect(
            ("author", sender, "message"),
            ("date", sent.date().isoformat() if sent else None, "message"),
        ),
        fallback=subject,
        warnings=[f"{attached} attachments were not read"] if attached else [],
    )
