"""Style of all figures, learning curves and bars. Imports `files`."""
