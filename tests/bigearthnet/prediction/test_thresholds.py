"""The file `thresholds.csv`."""

from pathlib import Path

import pytest

from bigearthnet.prediction.thresholds import read_thresholds, write_thresholds
from common.errors import RunFolderError
from common.metrics.thresholds import Threshold

THRESHOLDS = [Threshold("a, with comma", 0.1 + 0.2, 1 / 3, 7), Threshold("b", 0.5, 0.0, 0)]


def test_thresholds_survive_a_file(tmp_path: Path) -> None:
    write_thresholds(tmp_path / "thresholds.csv", THRESHOLDS)
    assert read_thresholds(tmp_path / "thresholds.csv") == THRESHOLDS
    assert (tmp_path / "thresholds.csv").read_text().splitlines()[0] == "class,threshold,f1,support"


@pytest.mark.parametrize(
    "text",
    ["class,threshold,f1\na,0.5,1\n", "class,threshold,f1,support\na,0.5\n", "class,threshold,f1,support\na,nan,1,2\n"],
)
def test_a_damaged_file_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "thresholds.csv").write_text(text)
    with pytest.raises(RunFolderError):
        read_thresholds(tmp_path / "thresholds.csv")
