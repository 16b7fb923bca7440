"""Fuzzing: every reader of outside input is given damaged copies of valid inputs. It may accept or refuse them, nothing else."""
