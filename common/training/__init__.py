"""Training on one or many ranks: batches, optimizer, callbacks, checkpoints. Imports `files`, `runs` and `networks`."""
