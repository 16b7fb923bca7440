"""Style of all figures, learning curves and bars. Only rooms named `figures` import matplotlib. Imports `files`."""
