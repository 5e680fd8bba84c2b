"""Where indexes are kept: ``protocol`` says what a store offers, ``opening`` finds the one to use.

``embedded`` keeps an index in a folder and is the default. What both kinds share stands here:
``documents``, ``codes``, ``bm25``, ``manifest``, and ``contents``, which writes a whole generation.
"""
