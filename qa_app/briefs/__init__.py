"""Findings collected into a brief, exported with footnotes, and checked again.

    a finding, passage or span ── brief ──▶ Pin, Brief ── stored_file ──▶ briefs/brief.json
    Brief ── export ──▶ Word, Markdown, CSV
    Brief or Markdown ── check ──▶ ok, moved, changed, document gone

``saved`` keeps questions beside the briefs and asks them again after each build.
"""
