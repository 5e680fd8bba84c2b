"""Briefs: findings that are collected, exported with footnotes, and checked against the reports.

    a finding, passage or span ── brief ──▶ Pin, Brief ── stored_file ──▶ briefs/brief.json
    Brief ── export ──▶ Word, Markdown, CSV
    Brief or Markdown ── check ──▶ ok, moved, changed, document gone

``saved`` stores questions beside the briefs and asks them again after each build.
"""
