"""Style of all figures, learning curves and bars. The figures rooms alone import matplotlib."""
