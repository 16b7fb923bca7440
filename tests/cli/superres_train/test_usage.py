"""Help and wrong usage of `superres-train`."""

import re

import pytest

from superres import train


@pytest.mark.parametrize(
    "option, end",
    [("--help", r"example:\n  mpirun -np 2 python superres/train\.py --tiles .*\n"), ("--version", r"jeoparda \S+\n")],
)
def test_help_and_version(option: str, end: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main([option])
    assert stopped.value.code == 0
    assert re.search(rf"{end}\Z", capsys.readouterr().out)


def test_example_in_the_help_is_a_valid_command_line() -> None:
    parser = train.build_parser()
    example = parser.epilog.split("superres/train.py ")[1].split()
    assert parser.parse_args(example).tiles == "tiles.txt"


@pytest.mark.parametrize(
    "argv, message",
    [
        ([], "the following arguments are required: --tiles"),
        (["--tiles", "t.txt", "--gsd", "30"], "argument --gsd: invalid choice: 30 (choose from 20, 60)"),
        (["--tiles", "t.txt", "--precision", "int8"], "argument --precision: invalid choice: 'int8'"),
        (["--tiles", "t.txt", "--epochs", "many"], "argument --epochs: invalid int value: 'many'"),
        (["--tiles", "t.txt", "--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
)
def test_wrong_usage_is_exit_code_2(argv: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main(argv)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
