"""Training on one or many ranks: batches, optimizer, callbacks, checkpoints. Imports `runs`, `files` and `networks`."""
