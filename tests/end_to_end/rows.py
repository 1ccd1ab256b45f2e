"""The rows of the deployment documents: which scenarios show each, which defects break it, which checks notice.

`python -m tests.end_to_end.rows` prints the table, and ends with 1 where a row has a gap. Everything comes from
the scenario files: those without a defect show a row, those with one what breaks it, and their findings are the checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.cli.scenario_file import load_scenario_file
from harness.scenario.row import ROWS
from harness.scenario.scenario import Scenario
from tests.end_to_end.scenario_files import SCENARIOS, name

DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowState:
    """What there is for one row."""

    row: str
    scenarios: tuple[str, ...]
    """Without a defect: what the documents say, and mistakes in settings, with what comes of them."""
    defects: tuple[str, ...]
    checks: tuple[str, ...]
    """Those that notice the defects."""

    @property
    def state(self) -> str:
        """`done`, or what is missing."""
        parts = (("scenario", self.scenarios), ("defect", self.defects), ("check", self.checks))
        missing = [part for part, found in parts if not found]
        return f"no {', no '.join(missing)}" if missing else DONE


def load_all() -> dict[str, Scenario]:
    """Every scenario of the project by `folder/name`."""
    return {name(file): load_scenario_file(file)[0] for file in SCENARIOS}


def find_states(scenarios: Mapping[str, Scenario]) -> tuple[RowState, ...]:
    """One for each row of the first two documents, in order."""
    return tuple(_find_state(row, scenarios) for row in ROWS)


def _find_state(row: str, scenarios: Mapping[str, Scenario]) -> RowState:
    marked = {name: one for name, one in scenarios.items() if row in one.rows}
    breaking = [one for one in marked.values() if one.defects]
    return RowState(
        row=row,
        scenarios=tuple(name for name, one in marked.items() if not one.defects),
        defects=tuple(sorted({defect for one in breaking for defect in one.defects})),
        checks=tuple(sorted({check for one in breaking for check in one.expect.findings})),
    )


def build_table(states: Iterable[RowState]) -> str:
    """One line a row, and the scenarios below it."""
    lines = []
    for state in states:
        defects, checks = " ".join(state.defects) or "-", " ".join(state.checks) or "-"
        lines.append(f"{state.row}  {state.state:<10}  {ROWS[state.row]}")
        lines.append(f"     defects {defects}; checks {checks}; {len(state.scenarios)} scenarios:")
        lines.append(f"     {' '.join(state.scenarios) or '-'}")
    return "\n".join(lines)


def main() -> int:
    """Print the table; 1 where a row has a gap."""
    states = find_states(load_all())
    done = sum(state.state == DONE for state in states)
    print(build_table(states))  # noqa: T201 - a command
    print(f"{done} of {len(states)} rows done")  # noqa: T201
    return 0 if done == len(states) else 1


if __name__ == "__main__":
    raise SystemExit(main())
