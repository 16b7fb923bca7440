#!/usr/bin/env bash
# Guess:    GDAL compares the files of a zip with the CRC-32 that the zip holds for each, as unzip and Python's zipfile do.
# Software: GDAL 3.10.3 (in the wheel of rasterio 1.4.4) and GDAL 3.12.4 (in the wheel of pyogrio 0.13.0), on Linux.
# Seen:     A changed bit comes out as a changed value, through /vsizip/, without an exception and without a log message. This
#           is so for stored files and for deflated ones, as long as the deflated data can still be decoded.
# Output:   stored: zipfile refuses scene.tif; rasterio: pixel 2080 is 2081, written as 2080, no message
#           stored: zipfile refuses heights.csv; pyogrio: heights 1000 1001 1902, written as 1000 1001 1002, no message
#           deflated: the same two lines
# Why:      Archives of satellite products are zips, and downloads get damaged. A program that reads them in place needs to
#           compare the CRC-32 itself.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: rasterio==1.4.4 pyogrio==0.13.0 numpy==2.4.6
cat > finding.py <<'PYEOF'
import logging, sys, warnings, zipfile

import numpy as np

METHODS = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}
package = sys.argv[1]  # rasterio and pyogrio bring a GDAL each, so that they run in a process each
messages = []
handler = logging.Handler()
handler.emit = lambda record: messages.append(record.getMessage())
logging.getLogger(package).addHandler(handler)


def damaged_zip(name, content, method, old, new):
    """Write a zip and change a bit of a file in it. Level 0 of deflate keeps the bytes, so that they can be found."""
    path = f"{package}-{method}.zip"
    with zipfile.ZipFile(path, "w", METHODS[method], compresslevel=0) as archive:
        archive.writestr(name, content)
    with open(path, "rb+") as file:
        whole = file.read()
        assert whole.count(old) == 1
        file.seek(0)
        file.write(whole.replace(old, new))
    assert zipfile.ZipFile(path).testzip() == name, "zipfile should refuse the file"
    return f"/vsizip/{path}/{name}"


def read_pixels(method):
    import rasterio

    warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
    pixels = np.arange(4096, dtype="uint16").reshape(64, 64)
    with rasterio.open("scene.tif", "w", driver="GTiff", width=64, height=64, count=1, dtype="uint16") as scene:
        scene.write(pixels, 1)
    row = pixels[32, 32:40].tobytes()  # 2080 to 2087
    path = damaged_zip("scene.tif", open("scene.tif", "rb").read(), method, row, bytes([row[0] ^ 1]) + row[1:])
    with rasterio.open(path) as scene:
        read = scene.read(1)
    changed = [f"pixel {index} is {read.flat[index]}, written as {pixels.flat[index]}" for index in np.flatnonzero(read != pixels)]
    return f"{method}: zipfile refuses scene.tif; rasterio: {'; '.join(changed)}", rasterio.__gdal_version__


def read_heights(method):
    import pyogrio

    path = damaged_zip("heights.csv", "id,height\n1,1000\n2,1001\n3,1002\n", method, b"1002", b"1902")
    heights = " ".join(pyogrio.raw.read(path)[3][1])
    version = ".".join(map(str, pyogrio.__gdal_version__))
    return f"{method}: zipfile refuses heights.csv; pyogrio: heights {heights}, written as 1000 1001 1002", version


expected = {
    "rasterio": "zipfile refuses scene.tif; rasterio: pixel 2080 is 2081, written as 2080, no message",
    "pyogrio": "zipfile refuses heights.csv; pyogrio: heights 1000 1001 1902, written as 1000 1001 1002, no message",
}[package]
for method in METHODS:
    messages.clear()
    seen, version = (read_pixels if package == "rasterio" else read_heights)(method)
    seen += ", a message" if messages else ", no message"
    print(f"GDAL {version}: {seen}")
    if seen != f"{method}: {expected}":
        sys.exit(f"the behaviour has changed; expected: {method}: {expected}")
PYEOF
env/bin/python finding.py rasterio
env/bin/python finding.py pyogrio
