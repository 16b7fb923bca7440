"""Studies of a classifier: questions as settings, inputs, scores. Imports `archive`, `networks`, `prepared`, `training`,
`prediction` and `evaluation`.
"""
