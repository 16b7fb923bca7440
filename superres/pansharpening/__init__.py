"""Methods without training, which networks are compared with. Imports `prediction`; no TensorFlow, no I/O."""
