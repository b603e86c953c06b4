"""Name the files in the report folder of a run, which its bundle holds."""

from __future__ import annotations

EVIDENCE = "evidence.json"
SUMMARY = "summary.txt"
PLAN = "plan.toml"
DIFF = "code.diff"
SQL = "sql.log"
PAGE = "audit.html"
JUNIT = "junit.xml"
MANIFEST = "manifest.json"
