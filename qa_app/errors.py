"""Every error that qa_app raises deliberately.

    QAAppError                      message + hint (how to fix it)
    ├── ConfigError                 a setting, a facets file or a flag is wrong
    ├── CorpusError                 the corpus as a whole cannot be used
    ├── LoadError                   one file cannot be read; the build continues without it
    │   ├── UnsupportedFormatError
    │   ├── NoTextError             nothing to index: a scan without text, or an empty file
    │   ├── PasswordError
    │   ├── BrokenFileError
    │   └── LimitError              over a limit of size, pages, memory or time
    ├── EmbeddingError              a model cannot be found, checked or run
    ├── StoreError                  the index on disk cannot be read or written
    │   ├── IndexNotFoundError
    │   ├── IndexCorruptError
    │   ├── IndexMismatchError      made with another model or format; both are named
    │   └── IndexLockedError        another build is running
    ├── QueryError                  a question, filter, mode or name in the request is invalid
    ├── BriefError                  a brief or the saved questions cannot be read or changed
    ├── LanguageModelError          the user's language model cannot be reached or used
    ├── ServeError                  the web page cannot be served as configured
    └── UploadError                 a report uploaded to the page cannot be stored

Programming errors raise ValueError or TypeError.
"""

from __future__ import annotations


class QAAppError(Exception):
    """Base of all errors for the user: ``message`` says what is wrong, ``hint`` how to fix it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def full_message(self) -> str:
        """Message and hint as one text."""
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[type[QAAppError], tuple[str, str]]:
        # Load errors cross a process boundary, so they must survive pickling.
        return (type(self), (self.message, self.hint))


class ConfigError(QAAppError):
    """A setting, a facets file or a flag is wrong."""


class CorpusError(QAAppError):
    """The corpus as a whole cannot be used: missing, empty or unreadable."""


class LoadError(QAAppError):
    """One file cannot be read; the build reports it and continues."""


class UnsupportedFormatError(LoadError):
    """There is no loader for the file's format."""


class NoTextError(LoadError):
    """The file can be opened, but has no text."""


class PasswordError(LoadError):
    """The file is protected by a password."""


class BrokenFileError(LoadError):
    """The file is damaged, or its content does not match its suffix."""


class LimitError(LoadError):
    """The file is over a limit of size, pages, memory or time."""


class EmbeddingError(QAAppError):
    """A model (embedding, reader or reranker) cannot be found, checked or run."""


class StoreError(QAAppError):
    """The index on disk cannot be read or written."""


class IndexNotFoundError(StoreError):
    """There is no index yet."""


class IndexCorruptError(StoreError):
    """A file of the index is missing, damaged or not as in the manifest."""


class IndexMismatchError(StoreError):
    """The index was made with another model or format; ``expected`` and ``found`` describe both."""

    def __init__(self, message: str, hint: str = "", expected: str = "", found: str = "") -> None:
        super().__init__(message, hint)
        self.expected = expected
        self.found = found


class IndexLockedError(StoreError):
    """Another process is building this index."""


class QueryError(QAAppError):
    """A question, filter, mode or name in the request is invalid."""


class BriefError(QAAppError):
    """A brief or the saved questions cannot be read, or not be changed as requested."""


class LanguageModelError(QAAppError):
    """The language model that the user named cannot be reached, or its reply not be used."""


class ServeError(QAAppError):
    """The web page cannot be served as configured."""


class UploadError(QAAppError):
    """A report uploaded to the page cannot be stored."""
