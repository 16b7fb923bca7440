#!/usr/bin/env bash
# Guess:    A file of NDVI holds NDVI: scale and offset belong to the DN of the bands, and arithmetic with xarray drops attributes by
#           default, as it did for years.
# Software: xarray 2026.9.0 with rioxarray 0.19.0 and rasterio 1.4.4; for comparison xarray 2025.10.1.
# Seen:     open_rasterio keeps scale, offset and name as attributes of the array. Since xarray 2025.11 arithmetic keeps them too, and
#           to_raster writes them into the file. Whoever asks for scaled values gets NDVI * 0.0001 - 0.1. So too with reflectance that
#           was computed as DN * 0.0001 - 0.1: it is scaled twice. No exception, no warning.
# Output:   xarray 2025.10.1: NDVI 0.5 is read as 0.5
#           xarray 2025.10.1: reflectance 0.3 is read as 0.3
#           xarray 2026.9.0: NDVI 0.5 is read as -0.09995
#           xarray 2026.9.0: reflectance 0.3 is read as -0.09997 and called B08
# Why:      After an update of xarray the same program writes files whose NDVI is about -0.1 everywhere. Open the bands with
#           mask_and_scale=True: arithmetic then drops scale and offset.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
cat > finding.py <<'PYEOF'
import warnings

import numpy as np, rasterio, rioxarray, xarray

SCALE, OFFSET = 1e-4, -0.1
PLACE = rasterio.transform.from_origin(600000, 5000000, 10, 10)


def reflectance(name, dn):
    """Write a band of one DN as archives do, in a file of its own; return its reflectance."""
    with rasterio.open(
        f"{name}.tif", "w", driver="GTiff", width=8, height=8, count=1, dtype="uint16", crs="EPSG:32633", transform=PLACE, nodata=0
    ) as band:
        band.write(np.full((1, 8, 8), dn, "uint16"))
        band.descriptions, band.scales, band.offsets = [name], [SCALE], [OFFSET]
    return rioxarray.open_rasterio(f"{name}.tif")[0] * SCALE + OFFSET


def written_and_read(array):
    array.rio.to_raster("result.tif")
    with rioxarray.open_rasterio("result.tif", mask_and_scale=True) as read:
        name = read.attrs.get("long_name")
        return f"{float(array[0, 0]):.4g} is read as {float(read[0, 0, 0]):.4g}" + (f" and called {name}" if name else "")


infrared, red = reflectance("B08", 4000), reflectance("B04", 2000)
warnings.simplefilter("error")  # a warning would end this
warnings.simplefilter("ignore", PendingDeprecationWarning)  # of the package affine
print(f"xarray {xarray.__version__}: NDVI {written_and_read((infrared - red) / (infrared + red))}")
print(f"xarray {xarray.__version__}: reflectance {written_and_read(infrared)}")
PYEOF
for version in 2025.10.1 2026.9.0; do
    env/bin/pip install -qq --only-binary :all: xarray==$version rioxarray==0.19.0 rasterio==1.4.4 numpy==2.4.6
    env/bin/python finding.py
done | tee got
cat > expected <<'END'
xarray 2025.10.1: NDVI 0.5 is read as 0.5
xarray 2025.10.1: reflectance 0.3 is read as 0.3
xarray 2026.9.0: NDVI 0.5 is read as -0.09995
xarray 2026.9.0: reflectance 0.3 is read as -0.09997 and called B08
END
cmp -s got expected || { echo "the behaviour has changed; expected:"; cat expected; exit 1; } >&2
