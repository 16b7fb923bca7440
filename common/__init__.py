"""Code that superres and bigearthnet share, from scenes to training. Imports neither of them.

The setting below hides TensorFlow's notes about its own build. TensorFlow reads it when it is imported.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
