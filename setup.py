"""Packages, console commands and extras of JEOPARDA. Each lower bound of a version has its reason beside it.

The GDAL bindings must match the machine's GDAL library. Horovod must be compiled with the installed TensorFlow and MPI.
`./install.sh` does both, in the right order.
"""

from setuptools import find_packages, setup

setup(
    name="jeoparda",
    version="0.1.0",
    description="Train deep networks on Sentinel-2 imagery in parallel: super-resolution and land-cover classification",
    license="Apache-2.0",
    packages=find_packages(include=["common*", "superres*", "bigearthnet*"]),
    package_data={
        "common": ["report/page.*"],
        "superres": ["tiles/*.txt"],
        "bigearthnet": ["sample_splits/*.csv"],
    },
    python_requires=">=3.10,<3.14",  # 3.10: Ubuntu 22.04; TensorFlow 2.21 has no wheels for 3.14
    install_requires=[
        "numpy>=2.0",  # TensorFlow 2.21 and its Keras are built against numpy 2
        "gdal",  # same version as the machine's libgdal; 3.6.2 (Debian 12) is the oldest tried
        "h5py>=3.11",  # first release for numpy 2
        "scikit-image>=0.24",  # first release for numpy 2
        "scipy>=1.13",  # first release for numpy 2
        "matplotlib>=3.9",  # first release for numpy 2
        "scikit-learn>=1.5",  # first release for numpy 2
        "tqdm>=4.66",
        "jinja2>=3.1",  # reports; 3.1 is the oldest release with fixes
        "xxhash>=3.5",  # seals of HDF5 files; 4.1 is the release tried
        "isal>=1.7",  # compresses GeoTIFFs four times faster than GDAL; the first release with wheels for Python 3.13
        "pystac>=1.15",  # STAC items; the oldest release tried
        "tensorboard>=2.19",  # TensorFlow 2.21 does not install it, but needs it to write its logs
    ],
    extras_require={
        "cpu": ["tensorflow-cpu==2.21.0"],
        "gpu": ["tensorflow[and-cuda]==2.21.*"],
        "fast": ["openvino==2026.4.*"],  # the release tried; superres-predict --engine openvino
        "mpi": ["horovod==0.28.1"],  # the last release; install.sh changes one line of it
        "mpi4py": ["mpi4py>=4.1"],  # the first release whose wheels load Open MPI or MPICH, whichever is there
        "test": [
            "pytest>=8",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.6",  # two test processes in `make test`; 3.8 is the release tried
            "hypothesis>=6.100",
            "mpi4py>=4.1",  # as in mpi4py
            "pyarrow>=15",  # as in reben
            "zarr>=3.1; python_version >= '3.11'",  # as in zarr
            "jsonschema>=4.18",  # pystac checks items with it
            "rasterio>=1.4",  # reads results as other programs do, with a GDAL of its own
            "rioxarray>=0.19",  # as rasterio
            "selenium>=4.20",  # opens reports in Chromium; 4.51 is the release tried
            "import-linter>=2.0",  # the oldest release tried with the contracts in pyproject.toml
        ],
        "reben": ["pyarrow>=15"],  # metadata of BigEarthNet version 2
        "zarr": ["zarr>=3.1"],  # EOPF products in Zarr format 3; 3.1 is the oldest release tried, for Python 3.11
        "notebooks": ["nbmake>=1.5", "ipykernel>=6.29", "nbstripout>=0.7"],
    },
    entry_points={
        "console_scripts": [
            "superres-train=superres.train:main",
            "superres-predict=superres.predict:main",
            "superres-evaluate=superres.evaluate:main",
            "superres-compare=superres.compare:main",
            "superres-weights=superres.weights:main",
            "bigearthnet-prepare=bigearthnet.prepare:main",
            "bigearthnet-train=bigearthnet.train:main",
            "bigearthnet-evaluate=bigearthnet.evaluate:main",
            "bigearthnet-predict=bigearthnet.predict:main",
            "bigearthnet-compare=bigearthnet.compare:main",
        ]
    },
)
