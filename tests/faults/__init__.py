"""Faults that are made on purpose: killed processes, power cuts, flipped bits, two jobs at once, disks that refuse to write.

Real trainings, real signals and real disk images. `python -m tests.faults` prints how often a run went on, and what was
lost. The page `docs/promises.md` says what is promised, and shows the numbers.
"""
