"""Reports, pages of HTML that need no other file: records of their content, and a template. Imports `files`, `runs` and `metrics`.

A command fills the record `common.report.records.Report`, and `common.report.page.write_report` writes it.
"""
