"""Nodes that share a machine: network namespaces, and a wire between them with a latency and a bandwidth of its own."""
