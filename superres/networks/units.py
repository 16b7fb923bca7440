"""The unit of network inputs and outputs."""

DN_DIVISOR = 2000.0  # network unit = reflectance * 10000 / DN_DIVISOR, as in DSen2
