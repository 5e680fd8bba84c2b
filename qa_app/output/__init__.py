"""Output formats: ``contract`` for programs, ``terminal`` and ``messages`` for people."""
