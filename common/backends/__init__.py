"""The MPI launcher, and the libraries that join the ranks that it starts, for `common/distributed.py`. Imports no other
room.
"""
