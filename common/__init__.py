"""Code that superres and bigearthnet share, from scenes to training. Imports neither of them.

A command notes signals from here on, because the imports that follow take seconds; it leaves out imports that it does not need.
The first setting below hides TensorFlow's notes about its own build. The second lets Keras open HDF5 files without a lock,
which some network file systems do not have (`open_hdf5` in `common/files/hdf5.py` says why none is needed). TensorFlow and h5py
read them when they are imported.
"""

import os

from common.runs import imports, signals

if signals.is_started_as_command():
    signals.install()
    imports.speed_up_imports()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("HDF5_USE_FILE_LOCKING", "FALSE")
