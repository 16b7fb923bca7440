#!/usr/bin/env bash
# Guess:    gdalwarp keeps scale and offset of a band if all its inputs have the same. Its manual says that metadata "as well
#           as some band information" are copied from the first input, and that items that differ become "*".
# Software: gdalwarp of GDAL 3.6.2 (Debian 12, package gdal-bin).
# Seen:     With one input, gdalwarp keeps scale, offset and name of the band. With two inputs that agree in all of these, it
#           keeps the name but neither scale nor offset, without a message. So too with inputs whose offsets differ.
# Output:   one input: Description = B04, Offset: -0.1,   Scale:0.0001
#           two inputs that agree: Description = B04
#           two inputs of other offsets: Description = B04
# Why:      Sentinel-2 pixels since baseline 04.00 need the offset: without it, reflectance is 0.1 too high. A mosaic of old and
#           new scenes has a step of 0.1 between them.
# Exit:     0: as described; 2: no gdal-bin here; other: the behaviour has changed.
set -euo pipefail
command -v gdalwarp gdal_create gdal_translate gdalinfo >/dev/null || { echo "install gdal-bin first" >&2; exit 2; }
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

# make NAME LEFT OFFSET: 8 x 8 pixels of 10 m, all 3000.
make() {
    gdal_create -q -of GTiff -outsize 8 8 -bands 1 -ot UInt16 -burn 3000 -a_nodata 0 -a_srs EPSG:32633 \
        -a_ullr "$2" 5000000 $(($2 + 80)) 4999920 plain.tif
    gdal_translate -q -of VRT -a_scale 0.0001 -a_offset "$3" plain.tif "$1.vrt"
    sed -i 's|<Scale>|<Description>B04</Description><Scale>|' "$1.vrt"
    gdal_translate -q "$1.vrt" "$1.tif"
}

# seen TEXT INPUT...: what gdalwarp keeps of the inputs.
seen() {
    local text=$1; shift
    gdalwarp -q -overwrite "$@" out.tif 2>message || { echo "$text: gdalwarp fails"; return; }
    [ ! -s message ] || text+=" (with a message)"
    gdalinfo out.tif | grep -E '^  (Description|Offset)' | sed 's/^ *//' | paste -sd, | sed "s/,/, /; s/^/$text: /"
}

make west 600000 -0.1
make east 600080 -0.1
make old 600080 0
gdalinfo --version
{
    seen "one input" west.tif
    seen "two inputs that agree" west.tif east.tif
    seen "two inputs of other offsets" west.tif old.tif
} | tee got
cat > expected <<'END'
one input: Description = B04, Offset: -0.1,   Scale:0.0001
two inputs that agree: Description = B04
two inputs of other offsets: Description = B04
END
cmp -s got expected || { echo "the behaviour has changed; expected:"; cat expected; exit 1; } >&2
