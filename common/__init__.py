"""What both applications stand on: reading scenes, patches, training on many ranks, metrics.

TensorFlow's own notes on how it was built are kept out of the commands' output; it reads this when it is imported.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
