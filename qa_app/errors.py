"""Every error that qa_app raises on purpose.

    QAAppError                      message + hint (what mends it)
    ├── ConfigError                 a setting, a facets file or a flag is wrong
    ├── CorpusError                 the corpus as a whole cannot be used
    ├── LoadError                   one file cannot be read; the build goes on without it
    │   ├── UnsupportedFormatError
    │   ├── NoTextError             nothing to index: a scan, or an empty file
    │   ├── PasswordError
    │   ├── BrokenFileError
    │   └── LimitError              over a limit of size, pages, memory or time
    ├── EmbeddingError              the model cannot be found, checked or run
    ├── StoreError                  the index on disk
    │   ├── IndexNotFoundError
    │   ├── IndexCorruptError
    │   ├── IndexMismatchError      made with another model or format; names both sides
    │   └── IndexLockedError        another build is running
    ├── QueryError                  a question, filter or mode that cannot be answered
    ├── BriefError                  a brief or the saved questions cannot be read or changed so
    ├── ServeError                  the page cannot be served as asked
    └── UploadError                 a report sent to the page cannot be kept

A programmer's mistake stays a ValueError or TypeError.
"""

from __future__ import annotations


class QAAppError(Exception):
    """Base of every error meant for the user: what is wrong, and how to mend it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[QAAppError], tuple[str, str]]:
        # Load errors cross a process boundary, so they must survive pickling.
        return (type(self), (self.message, self.hint))


class ConfigError(QAAppError):
    """A setting, a facets file or a flag is wrong."""


class CorpusError(QAAppError):
    """The corpus as a whole cannot be used: missing, empty or unreadable."""


class LoadError(QAAppError):
    """One file cannot be read; the build names it and goes on."""


class UnsupportedFormatError(LoadError):
    """The file is of a kind that has no loader."""


class NoTextError(LoadError):
    """The file opened, and there is no text in it."""


class PasswordError(LoadError):
    """The file is encrypted and no password is at hand."""


class BrokenFileError(LoadError):
    """The file is damaged, or is not what its name says."""


class LimitError(LoadError):
    """The file is over a limit of size, pages, memory or time."""


class EmbeddingError(QAAppError):
    """The embedding model cannot be found, checked or run."""


class StoreError(QAAppError):
    """The index on disk cannot be used."""


class IndexNotFoundError(StoreError):
    """There is no index yet."""


class IndexCorruptError(StoreError):
    """A file of the index is not what its manifest says."""


class IndexMismatchError(StoreError):
    """The index was made with another model or format; expected and found are both named."""

    def __init__(self, message: str, hint: str = "", expected: str = "", found: str = "") -> None:
        super().__init__(message, hint)
        self.expected = expected
        self.found = found


class IndexLockedError(StoreError):
    """Another process is building this index."""


class QueryError(QAAppError):
    """A question, filter or mode that cannot be answered."""


class BriefError(QAAppError):
    """A brief, or the saved questions, cannot be read, or not be changed as asked."""


class ServeError(QAAppError):
    """The page cannot be served as asked."""


class UploadError(QAAppError):
    """A report sent to the page cannot be kept."""
