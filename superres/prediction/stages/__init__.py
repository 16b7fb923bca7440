"""Stages of a prediction that run beside each other in threads, and the time spent waiting for them. Imports no other room of superres."""
