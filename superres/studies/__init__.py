"""Studies of super-resolution: presets, one a question, and the scores, verdicts and reports of their runs. Imports
`networks`, `training`, `prediction`, `evaluation` and `figures`.
"""
