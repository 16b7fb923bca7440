"""The expected error of each pixel: a score, and its calibration at reduced scale. Imports no other room of superres; no TensorFlow."""
