#!/usr/bin/env bash
# Guess:    GDAL takes a Zarr chunk for missing, and fills it with nodata, only if the chunk does not exist.
# Software: GDAL 3.10.3 (in the wheel of rasterio 1.4.4); for comparison zarr 3.1.6. Linux.
# Seen:     GDAL fills every chunk that it cannot open: one that the server answers with 503 (try later), 500, 429 (too many
#           requests) or 403, and a local file without read permission. No exception, no log message. zarr raises PermissionError.
# Output:   HTTP 503, 500, 429, 403: 4 of 16 pixels are nodata, no message
#           HTTP 200: 0 of 16 pixels are nodata, no message
#           file without read permission: GDAL: 4 of 16 pixels are nodata, no message; zarr: PermissionError
# Why:      A server that is busy for a moment leaves square holes in a scene, which look as if the satellite had seen nothing.
#           Ask before reading whether each chunk can be read.
# Exit:     0: as described; other: the behaviour has changed, or the packages cannot be installed.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"
"${PYTHON:-python3}" -m venv env
env/bin/pip install -qq --only-binary :all: rasterio==1.4.4 zarr==3.1.6 numpy==2.4.6
cat > finding.py <<'PYEOF'
import functools, http.server, logging, multiprocessing, pathlib, sys, warnings

import numpy as np, rasterio, zarr

CHUNK = pathlib.Path("scene.zarr/0.1")  # the upper right quarter
warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
fork = multiprocessing.get_context("fork")
status, refusals = fork.Value("i", 200), fork.Value("i", 0)
messages = []
handler = logging.Handler()
handler.emit = lambda record: messages.append(record.getMessage())
logging.getLogger("rasterio").addHandler(handler)


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves the folder; the answer to a request for one chunk has the status that is set."""

    def send_head(self):
        if self.path.endswith("/" + CHUNK.name) and status.value != 200:
            refusals.value += 1
            return self.send_error(status.value)
        return super().send_head()

    def log_message(self, *_):
        pass


def read(name):
    """Number of nodata pixels, and whether GDAL said something."""
    messages.clear()
    with rasterio.open(name) as scene:
        nodata = int((scene.read(1) == 0).sum())
    return f"{nodata} of 16 pixels are nodata, {'a message' if messages else 'no message'}"


array = zarr.create_array("scene.zarr", shape=(4, 4), chunks=(2, 2), dtype="uint16", fill_value=0, zarr_format=2, compressors=None)
array[:] = np.arange(1, 17).reshape(4, 4)
seen = []
for code in (503, 500, 429, 403, 200):
    status.value, refusals.value = code, 0
    # A server of its own each time, because GDAL remembers answers by address.
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        process = fork.Process(target=server.serve_forever, daemon=True)
        process.start()
        seen.append(f"HTTP {code}: " + read(f'ZARR:"/vsicurl/http://127.0.0.1:{server.server_port}/scene.zarr"'))
        process.terminate()
        process.join()
    assert (refusals.value > 0) == (code != 200), "the server did not answer as planned"
CHUNK.chmod(0)
line = "file without read permission: GDAL: " + read("ZARR:scene.zarr")
try:
    zarr.open_array("scene.zarr", mode="r")[0, 3]
    line += "; zarr: no error"
except PermissionError:
    line += "; zarr: PermissionError"
seen.append(line)

holes = "4 of 16 pixels are nodata, no message"
expected = [f"HTTP {code}: {holes}" for code in (503, 500, 429, 403)]
expected += ["HTTP 200: 0 of 16 pixels are nodata, no message", f"file without read permission: GDAL: {holes}; zarr: PermissionError"]
print(f"GDAL {rasterio.__gdal_version__}", *seen, sep="\n")
sys.exit(None if seen == expected else "the behaviour has changed; expected:\n" + "\n".join(expected))
PYEOF
# Root may read files without permission; run as another user.
AS_USER=()
[ "$(id -u)" -ne 0 ] || { chown -R 65534:65534 "$T"; AS_USER=(setpriv --reuid 65534 --regid 65534 --clear-groups); }
env -u GDAL_HTTP_MAX_RETRY "${AS_USER[@]}" env/bin/python finding.py
