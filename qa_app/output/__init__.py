"""What users get to see: ``contract`` for programs, ``terminal`` and ``messages`` for people."""
