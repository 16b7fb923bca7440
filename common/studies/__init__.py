"""Studies: variants that differ in one thing only, tables over seeds, verdicts by a stated rule. Imports `files`, `runs`,
`metrics`, `figures` and `report`.
"""
