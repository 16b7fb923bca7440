"""Speed and memory against the plain way, each as a ratio measured in one run; `make bench` runs all."""
