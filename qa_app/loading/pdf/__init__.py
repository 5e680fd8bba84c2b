"""Reads PDF: from glyphs to lines, layout, headers and footers, blocks and the document."""
