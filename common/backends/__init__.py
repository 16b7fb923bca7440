"""The libraries that join the ranks, one module each, for `common/distributed.py` alone. Imports no other room."""
