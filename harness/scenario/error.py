"""What is wrong with a scenario or site file: every problem, each with its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """One problem and its place in a file."""

    file: str
    line: int
    """1-based."""
    column: int
    """1-based, in characters."""
    path: str
    """`$.site.nodes.node2`; "" where the text is no YAML."""
    found: str
    """The value as JSON, or words."""
    expected: str

    def __str__(self) -> str:
        """`file.yaml:12:7: $.site.nodes.node2: got "10.20.1"; expected an IP address such as ...`."""
        path = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}:{self.column}: {path}got {self.found}; expected {self.expected}"


class ScenarioError(ValueError):
    """A file that is no scenario or site; the message has one line for each problem."""

    def __init__(self, problems: tuple[FileProblem, ...]) -> None:
        """Keep the problems in the order of the files' lines."""
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(str(problem) for problem in self.problems))
