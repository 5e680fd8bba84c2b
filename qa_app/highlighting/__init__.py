"""Copies of sources with quotes highlighted: one at a time, or as an archive of several.

``Highlighter`` in ``copies`` makes a copy, ``make_archive`` in ``archive`` a ZIP file of them.
"""
