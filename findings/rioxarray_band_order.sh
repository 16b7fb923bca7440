#!/usr/bin/env bash
# Guess:    Bands keep their names and tags when an array of rioxarray is indexed, so that a file of reordered bands names them
#           rightly.
# Software: rioxarray 0.19.0 with xarray 2026.9.0 and rasterio 1.4.4.
# Seen:     Names are one attribute of the whole array, in the order of the file that was read. After isel(band=[2, 1, 0]),
#           to_raster writes them in the old order: B08 is called B02. No exception, no warning. Tags are those of band 1 for all
#           bands. With fewer bands than names, to_raster raises an error, even for sel(band=2).
# Output:   as read: B02=1000 B04=2000 B08=3000
#           reversed: B02=3000 B04=2000 B08=1000, no warning
#           WAVELENGTH of band 3: 492.7, written as 832.8
#           one band: RioXarrayError
# Why:      Red, green, blue is the reverse of the order in which Sentinel-2 numbers its bands. Whoever turns a scene to that order
#           gets a file in which red is called blue.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: rioxarray==0.19.0 xarray==2026.9.0 rasterio==1.4.4 numpy==2.4.6
cat > finding.py <<'PYEOF'
import sys, warnings

import numpy as np, rasterio, rioxarray

# The values of B02, B04 and B08.
DN, NAMES, WAVELENGTHS = (1000, 2000, 3000), ("B02", "B04", "B08"), ("492.7", "664.6", "832.8")
PLACE = rasterio.transform.from_origin(600000, 5000000, 10, 10)


def named_values(path):
    with rasterio.open(path) as scene:
        return " ".join(f"{name}={dn}" for name, dn in zip(scene.descriptions, scene.read()[:, 0, 0]))


with rasterio.open(
    "scene.tif", "w", driver="GTiff", width=8, height=8, count=3, dtype="uint16", crs="EPSG:32633", transform=PLACE
) as scene:
    scene.write(np.repeat(DN, 64).reshape(3, 8, 8).astype("uint16"))
    scene.descriptions = NAMES
    for band, wavelength in enumerate(WAVELENGTHS, 1):
        scene.update_tags(band, WAVELENGTH=wavelength)

with warnings.catch_warnings(record=True) as caught:
    array = rioxarray.open_rasterio("scene.tif")
    array.isel(band=[2, 1, 0]).rio.to_raster("reversed.tif")
warned = "a warning" if caught else "no warning"
seen = [f"as read: {named_values('scene.tif')}", f"reversed: {named_values('reversed.tif')}, {warned}"]
seen.append(f"WAVELENGTH of band 3: {array.sel(band=3).attrs['WAVELENGTH']}, written as {WAVELENGTHS[2]}")
try:
    array.sel(band=2).rio.to_raster("one.tif")
    seen.append("one band: " + named_values("one.tif"))
except rioxarray.exceptions.RioXarrayError:
    seen.append("one band: RioXarrayError")

expected = [
    "as read: B02=1000 B04=2000 B08=3000",
    "reversed: B02=3000 B04=2000 B08=1000, no warning",
    "WAVELENGTH of band 3: 492.7, written as 832.8",
    "one band: RioXarrayError",
]
print(f"rioxarray {rioxarray.__version__}", *seen, sep="\n")
sys.exit(None if seen == expected else "the behaviour has changed; expected:\n" + "\n".join(expected))
PYEOF
env/bin/python finding.py
