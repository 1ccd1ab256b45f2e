"""The files that a command line names."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cli.complaint import Complaint
from harness.cli.file_list import CAPTURE_ENDINGS, SCENARIO_ENDINGS, expand, name_apart, stem


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two folders with scenarios of the same name, and something else."""
    for name in ("a/one.yaml", "a/two.yml", "b/one.yaml", "b/readme.md", "empty/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_folder_means_all_below(tree: Path) -> None:
    """Only fitting files, in the order of their names."""
    assert expand([str(tree)], SCENARIO_ENDINGS) == (
        tree / "a/one.yaml",
        tree / "a/two.yml",
        tree / "b/one.yaml",
    )


def test_order_is_the_users_and_nothing_twice(tree: Path) -> None:
    """A file named twice, once by its folder, is run once."""
    assert expand([str(tree / "b/one.yaml"), str(tree / "b")], SCENARIO_ENDINGS) == (
        tree / "b/one.yaml",
    )


def test_named_file_needs_no_ending(tree: Path) -> None:
    """What the user names is taken."""
    assert expand([str(tree / "b/readme.md")], SCENARIO_ENDINGS) == (tree / "b/readme.md",)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "no such file or folder"),
        ("empty", r"holds no file that ends in \.pcapng or \.pcap"),
    ],
)
def test_nothing_found_is_said(tree: Path, name: str, message: str) -> None:
    """A name without a file, and a folder without a capture."""
    with pytest.raises(Complaint, match=message):
        expand([str(tree / name)], CAPTURE_ENDINGS)


def test_all_that_is_not_found_comes_at_once(tree: Path) -> None:
    """One line for each name, and none for what is there."""
    with pytest.raises(Complaint) as caught:
        expand([str(tree / "gone"), str(tree / "empty")], CAPTURE_ENDINGS)

    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [
        str(tree / "gone"),
        str(tree / "empty"),
    ]


def test_names_are_short_where_they_can_be(tree: Path) -> None:
    """Different files are called by their own names."""
    files = (tree / "a/one.yaml", tree / "a/two.yml")

    assert list(name_apart(files).values()) == ["one", "two"]


def test_names_tell_files_apart(tree: Path) -> None:
    """Files of one name take their folders into it."""
    files = (tree / "a/one.yaml", tree / "a/two.yml", tree / "b/one.yaml")

    assert list(name_apart(files).values()) == ["a-one", "a-two", "b-one"]


def test_names_that_cannot_differ(tree: Path) -> None:
    """Two endings of one name in one folder would overwrite each other."""
    (tree / "a/one.yml").touch()

    with pytest.raises(Complaint, match="cannot be told apart"):
        name_apart((tree / "a/one.yaml", tree / "a/one.yml"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("x.pcapng.gz", "x"), ("x.y.yaml", "x.y"), ("dump", "dump"), (".yaml", ".yaml")],
)
def test_stem(name: str, expected: str) -> None:
    """The ending goes, whatever its length."""
    assert stem(Path(name)) == expected
