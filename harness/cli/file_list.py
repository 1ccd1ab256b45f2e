"""The files that a command line names: a folder means every fitting file below it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.cli.complaint import Complaint

SCENARIO_ENDINGS = (".yaml", ".yml")
CAPTURE_ENDINGS = (".pcapng", ".pcap", ".pcapng.gz", ".pcap.gz")


def expand(arguments: Sequence[str], endings: tuple[str, ...]) -> tuple[Path, ...]:
    """The named files in the order given, each once; folders in the order of their names.

    Raises:
        Complaint: with every name that does not exist, and every folder without a fitting file.
    """
    found: dict[Path, None] = {}
    problems: list[str] = []
    for argument in arguments:
        path = Path(argument)
        if not path.is_dir():
            if not path.exists():
                problems.append(f"{path}: no such file or folder")
            found[path] = None
            continue
        below = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(endings))
        if not below:
            problems.append(f"{path}: holds no file that ends in {' or '.join(endings)}")
        found |= dict.fromkeys(below)
    if problems:
        raise Complaint("\n".join(problems))
    return tuple(found)


def name_apart(files: Sequence[Path]) -> dict[Path, str]:
    """A short name for each file: its own without the ending, with as many folders as tell them apart.

    Raises:
        Complaint: two files that no folder tells apart.
    """
    resolved = {file: file.resolve() for file in files}
    depth = max((len(path.parts) for path in resolved.values()), default=1)
    for folders in range(depth):
        names = {
            file: "-".join((*path.parts[-1 - folders : -1], stem(path)))
            for file, path in resolved.items()
        }
        if len(set(names.values())) == len(names):
            return names
    twice = sorted(str(file) for file in files)
    raise Complaint(f"these files cannot be told apart by name: {', '.join(twice)}; rename one")


def stem(path: Path) -> str:
    """The file's name without its ending (`.pcapng.gz` is one)."""
    for ending in (*CAPTURE_ENDINGS, *SCENARIO_ENDINGS):
        if path.name.endswith(ending) and path.name != ending:
            return path.name.removesuffix(ending)
    return path.name
