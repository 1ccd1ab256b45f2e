"""The command `harness`: usage, and how each end becomes an exit code."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from harness import __version__
from harness.cli.complaint import Complaint
from harness.cli.exit_code import ExitCode
from harness.cli.main import GROUPS, build_parser, conclude, main


def raises(error: BaseException) -> ExitCode:
    """A command that ends so."""
    raise error


def read_commands(parser: argparse.ArgumentParser) -> list[str]:
    """The commands that a parser knows."""
    (commands,) = (
        action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
    )
    return list(commands.choices)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        pytest.param(
            Complaint("a.yaml:1:1: wrong"), 2, "harness: a.yaml:1:1: wrong", id="bad input"
        ),
        pytest.param(
            Complaint("no veth", ExitCode.ENVIRONMENT), 4, "harness: no veth", id="environment"
        ),
        pytest.param(KeyboardInterrupt(), 130, "harness: interrupted", id="Ctrl-C"),
        pytest.param(
            ZeroDivisionError("x"),
            70,
            f"this is a bug of certproxy-harness {__version__}",
            id="bug",
        ),
    ],
)
def test_ends(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every end has its code and its words."""
    assert conclude(lambda: raises(error)) == code
    assert message in capsys.readouterr().err


def test_bug_shows_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug is shown in full: that is what its reporter sends."""
    conclude(lambda: raises(KeyError("leg")))

    assert "KeyError: 'leg'" in capsys.readouterr().err


class _Interrupting(list[str]):
    """Arguments at which somebody presses Ctrl-C while they are read, and the command's modules loaded."""

    def __getitem__(self, index: object) -> str:  # type: ignore[override]
        raise KeyboardInterrupt


def test_interrupted_while_loading(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is no traceback, however early it comes."""
    assert main(_Interrupting(["doctor"])) == 130
    assert capsys.readouterr().err == "harness: interrupted\n"


def test_normal_end() -> None:
    """The command's own code is kept."""
    assert conclude(lambda: ExitCode.UNKNOWN) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no command"),
        pytest.param(["judge"], id="unknown command"),
        pytest.param(["run"], id="no scenario"),
        pytest.param(["run", "x.yaml", "--seed", "-1"], id="negative seed"),
        pytest.param(["run", "x.yaml", "--seed", "1.5"], id="seed with a fraction"),
        pytest.param(["run", "x.yaml", "--out", "d"], id="shortened option"),
        pytest.param(["show", "x.pcapng"], id="no number"),
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage ends with 2 and says what is expected."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: harness" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the package's."""
    with pytest.raises(SystemExit) as caught:
        main(["--version"])

    assert caught.value.code == 0
    assert capsys.readouterr().out == f"certproxy-harness {__version__}\n"


def test_help_names_every_command_and_code(capsys: pytest.CaptureFixture[str]) -> None:
    """The help is a table of commands and exit codes."""
    with pytest.raises(SystemExit):
        main(["--help"])

    text = capsys.readouterr().out
    assert [
        word
        for word in ("run", "replay", "show", "doctor", "schema", "check", "70")
        if word not in text
    ] == []


def test_module_is_the_command() -> None:
    """`python -m harness.cli` works without the installed script."""
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == f"certproxy-harness {__version__}\n"


def test_reader_that_leaves() -> None:
    """`harness schema | head -1` ends without a word on stderr."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "harness.cli", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
        code = process.wait(60)

    assert (code, told) == (130, b"")


def test_every_group_describes_its_commands() -> None:
    """Each command is known to the group that describes it, and found there alone."""
    told = [tuple(read_commands(build_parser(names[0]))) for names in GROUPS.values()]

    assert told == list(GROUPS.values())
    assert read_commands(build_parser()) == [name for names in told for name in names]


def test_one_command_loads_no_other() -> None:
    """Loading all of them takes longer than decoding a small file."""
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\n"
            "from harness.cli.main import build_parser\n"
            "build_parser('decode')\n"
            "print(*[name for name in sys.modules if name.startswith(('harness.', 'multiprocessing'))])",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()

    assert "harness.cli.decode" in loaded
    assert not {"harness.cli.judge", "harness.verdict.verdict", "multiprocessing"} & set(loaded)
