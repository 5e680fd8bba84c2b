"""Findings collected into a brief, exported with footnotes, and checked again.

    a finding, passage or span ── pinning ──▶ Pin ──▶ Brief ── files ──▶ briefs/brief.json
    Brief ── outline ──▶ word, markdown, spreadsheet
    Brief or Markdown ── checking ──▶ ok, moved, changed, document gone

``saved`` keeps questions beside the briefs and asks them again after each build.
"""
