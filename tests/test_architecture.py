"""The architecture as a test: who imports whom, who owns which library, sizes, names, and the mirror of the tests."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "harness"
MODULES = tuple(sorted(PACKAGE.rglob("*.py")))
TESTS = tuple(sorted((ROOT / "tests").rglob("test_*.py")))

RIGHT_OF_THE_WALL = frozenset(
    {"trace", "decode", "verdict", "checks", "report", "replay", "second_opinion"}
)
"""What judges: it must not know how a capture came to be."""
LEFT_OF_THE_WALL = frozenset({"scenario", "world", "run"})
ANYTHING = None

MAY_IMPORT: dict[str, frozenset[str] | None] = {
    "net": frozenset(),
    "site": frozenset({"net"}),
    "certificate": frozenset({"site", "net"}),
    "capture": frozenset({"net"}),
    "trace": frozenset({"net"}),
    "decode": frozenset({"capture", "trace", "net"}),
    "verdict": frozenset({"trace", "net"}),
    "checks": frozenset({"verdict", "trace", "site", "net"}),
    "report": frozenset({"verdict", "trace", "site", "net"}),
    "replay": frozenset({"capture", "decode", "checks", "verdict", "trace", "site", "net"}),
    "second_opinion": frozenset({"verdict", "trace", "net"}),
    "scenario": frozenset({"site", "verdict", "net"}),
    "world": frozenset({"scenario", "site", "certificate", "capture", "net"}),
    "run": frozenset({"scenario", "world", "capture", "replay", "verdict"}),
    "cli": ANYTHING,
    "pytest_plugin": ANYTHING,
}
"""The table of docs/architecture.md. Every package may import itself."""

DECODE_ROOMS: dict[str, frozenset[str]] = {
    "packet": frozenset(),
    "tcp": frozenset({"packet"}),
    "tls": frozenset({"tcp", "detail"}),
    "http": frozenset({"detail"}),
    "event": frozenset({"packet", "tcp"}),
    "swift": frozenset({"tcp", "tls", "http", "detail", "layer_fields", "proxy_header", "sniff"}),
}
"""What the sub-packages of decode import of decode besides themselves: each layer only what lies below it."""

OWNERS: dict[str, tuple[str, ...]] = {
    "cryptography": ("certificate/", "decode/", "world/pki/", "world/tls/"),
    "h11": ("world/http1.py", "world/actors/http1.py"),
    "numpy": ("decode/",),
    "pydantic": ("site/", "scenario/"),
    "pydantic_core": ("site/", "scenario/"),
    "pytest": ("pytest_plugin.py",),
    "_pytest": ("pytest_plugin.py",),
    "ruamel": ("scenario/document.py",),
    "scapy": ("world/recorder/sniffer.py",),
    "tlslite": ("world/tls/",),
    "trustme": ("world/pki/",),
}
"""Third-party packages and the only files that import them; any other package is refused."""

FORBIDDEN_WORDS = frozenset(
    {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "handler"}
)
"""A file is called by its noun; these are none."""

NO_FILES = frozenset(
    {
        "net",
        "site",
        "certificate",
        "capture",
        "trace",
        "decode",
        "verdict",
        "checks",
        "report",
        "replay",
        "scenario",
    }
)
"""Packages that get bytes, text or streams, and open no file themselves."""
FILE_MODULES = frozenset({"os", "pathlib", "shutil", "subprocess", "tempfile"})

WHOLE = ("test_architecture.py", "test_determinism.py", "test_documents.py")
"""Tests about the whole project, which mirror no module."""

UNTESTED: dict[str, str] = {
    "harness/decode/detail.py": "declares one record",
    "harness/decode/tcp/form.py": "declares what a form can do, and does nothing",
    "harness/decode/tcp/group.py": "declares two records",
    "harness/decode/layer_fields.py": "declares one record",
    "harness/decode/tcp/receiver.py": "declares what a receiver can do, and does nothing",
    "harness/decode/swift/odd.py": "declares one error",
    "harness/trace/brief.py": "declares three records",
    "harness/trace/seen.py": "declares one record",
    "harness/world/host.py": "declares what an actor may touch, and does nothing",
    "harness/world/stage.py": "declares what a wire with a recorder gives, and does nothing",
}
"""Modules without a test file of their own, and why."""


def names(path: Path) -> str:
    """The module as the reader knows it."""
    return path.relative_to(ROOT).as_posix()


def part(path: Path) -> str:
    """The package of the import table that a module belongs to; the top package itself is ``."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py") if first != "__init__.py" else ""


@cache
def tree(path: Path) -> ast.Module:
    """The syntax of a module, parsed once for all rules."""
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a module imports, inside functions too."""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=aliases):
                yield from ((node.lineno, alias.name) for alias in aliases)
            case ast.ImportFrom(module=str(module), level=0, names=aliases):
                joined = module == "harness"
                yield from (
                    (node.lineno, f"{module}.{alias.name}" if joined else module)
                    for alias in aliases
                )
            case _:
                pass


def wrong_imports(path: Path) -> list[str]:
    """Imports of other packages of ours that the table does not allow."""
    own = part(path)
    allowed = MAY_IMPORT.get(own, frozenset())
    if own == "" or allowed is ANYTHING:
        return []
    return [
        f"{names(path)}:{line}: {name}"
        for line, name in imports(path)
        if name.split(".")[0] == "harness"
        and name != "harness.__version__"
        and name.split(".")[1] not in allowed | {own}
    ]


def wrong_rooms(path: Path) -> list[str]:
    """Imports within decode that do not go down the layers."""
    room = path.relative_to(PACKAGE).parts[1]
    return [
        f"{names(path)}:{line}: {name}"
        for line, name in imports(path)
        if name.startswith("harness.decode.")
        and name.split(".")[2] not in DECODE_ROOMS[room] | {room}
    ]


def wrong_libraries(path: Path) -> list[str]:
    """Imports of third-party packages that another file owns."""
    own = path.relative_to(PACKAGE).as_posix()
    return [
        f"{names(path)}:{line}: {name}"
        for line, name in imports(path)
        if (top := name.split(".")[0]) not in sys.stdlib_module_names | {"harness"}
        and not own.startswith(OWNERS.get(top, ("nobody",)))
    ]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield f"{names(path)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def opened_files(path: Path) -> list[str]:
    """Places that open a file, or import what can."""
    found = [
        f"{names(path)}:{line}: {name}" for line, name in imports(path) if name in FILE_MODULES
    ]
    found += [
        f"{names(path)}:{node.lineno}: open()"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
    ]
    return found


def mirror(path: Path) -> Path:
    """The test file of a module."""
    return ROOT / "tests" / path.relative_to(PACKAGE).with_name(f"test_{path.name}")


def test_every_package_is_in_the_table() -> None:
    """A new package takes its place in the table first."""
    assert {part(path) for path in MODULES} - {""} <= set(MAY_IMPORT)


def test_the_table_keeps_the_wall() -> None:
    """Nothing right of the wall may import anything left of it."""
    crossing = {
        name: sorted(allowed & LEFT_OF_THE_WALL)
        for name in RIGHT_OF_THE_WALL
        if (allowed := MAY_IMPORT[name] or frozenset()) & LEFT_OF_THE_WALL
    }

    assert crossing == {}


def test_modules_import_each_other_in_no_circle() -> None:
    """Whoever reads a module has to know those below it, and never itself; imports for types count too."""
    known = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    rest = {name: {to for _, to in imports(path) if to in known} for name, path in known.items()}
    while done := {name for name, below in rest.items() if not below & rest.keys()}:
        rest = {name: below for name, below in rest.items() if name not in done}

    assert rest == {}


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_imports_follow_the_table(path: Path) -> None:
    """A package imports only what the table allows."""
    assert wrong_imports(path) == []


ROOM_MODULES = tuple(
    path
    for path in MODULES
    if path.is_relative_to(PACKAGE / "decode") and path.parent.name != "decode"
)


@pytest.mark.parametrize("path", ROOM_MODULES, ids=names)
def test_decode_goes_up_layer_by_layer(path: Path) -> None:
    """TLS knows nothing of HTTP, TCP nothing of TLS."""
    assert wrong_rooms(path) == []


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_libraries_have_owners(path: Path) -> None:
    """A third-party package is imported by the files that own it."""
    assert wrong_libraries(path) == []


def test_the_rules_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two import rules see a breach where there is one."""
    monkeypatch.setitem(MAY_IMPORT, "trace", frozenset())
    monkeypatch.setitem(OWNERS, "pydantic", ("nowhere/",))

    assert wrong_imports(PACKAGE / "trace" / "connection.py")
    assert wrong_libraries(PACKAGE / "site" / "site.py")


PROGRAM_STARTERS = ("second_opinion/tshark.py", "world/engine.py", "world/wire/kernel_program.py")
"""Who runs programs of others: tshark, and the real balancers, once to ask them and once to have them serve."""


def test_programs_of_others_are_run_in_few_places() -> None:
    """Each of these has its time-outs, and leaves nothing behind."""
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for _, name in imports(path)
        if name.split(".")[0] == "subprocess"
    }

    assert found == set(PROGRAM_STARTERS)


def test_every_owner_uses_its_library() -> None:
    """The table of owners names no library that nobody imports."""
    used = {name.split(".")[0] for path in MODULES for _, name in imports(path)}

    assert set(OWNERS) - {"_pytest"} <= used


def test_actors_see_only_their_host() -> None:
    """An actor has no socket, no file and no process of its own."""
    forbidden = {"socket", "subprocess", "pathlib", "os"}
    found = [
        f"{names(path)}:{line}: {name}"
        for path in sorted((PACKAGE / "world" / "actors").glob("*.py"))
        for line, name in imports(path)
        if name.split(".")[0] in forbidden
    ]

    assert found == []


@pytest.mark.parametrize("path", [p for p in MODULES if part(p) in NO_FILES], ids=names)
def test_the_core_opens_no_file(path: Path) -> None:
    """What parses and judges is given bytes; only the shell opens files."""
    assert opened_files(path) == []


@pytest.mark.parametrize("path", MODULES, ids=names)
def test_modules_are_small(path: Path) -> None:
    """At most 400 lines a module, 60 a function."""
    assert len(path.read_text().splitlines()) <= 400
    assert [f"{name}: {size} lines" for name, size in functions(path) if size > 60] == []


def test_files_are_called_by_nouns() -> None:
    """No module called utils, helpers, manager and the like."""
    found = [
        names(path)
        for path in (*MODULES, *sorted((ROOT / "tests").rglob("*.py")))
        if FORBIDDEN_WORDS & set(path.stem.split("_"))
    ]

    assert found == []


def test_every_module_has_its_test() -> None:
    """`harness/x/y.py` is tested by `tests/x/test_y.py`, or says here why not."""
    needs = [path for path in MODULES if path.name not in ("__init__.py", "__main__.py")]
    without = {names(path) for path in needs if not mirror(path).exists()}

    assert without == set(UNTESTED)


def test_every_test_has_its_module() -> None:
    """A test file mirrors a module, stands in end_to_end, or is one of the few about the whole."""
    whole = {ROOT / "tests" / name for name in WHOLE}
    mirrored = {mirror(path) for path in MODULES}
    homeless = [
        names(path)
        for path in TESTS
        if path not in whole | mirrored and path.parent != ROOT / "tests" / "end_to_end"
    ]

    assert homeless == []


def test_packages_say_what_they_are() -> None:
    """Each package's docstring tells what it takes, gives, and must not know: three sentences, no code."""
    bare = [
        names(path)
        for path in MODULES
        if path.name == "__init__.py"
        and path != PACKAGE / "__init__.py"
        and "Must not" not in (ast.get_docstring(tree(path)) or "")
    ]

    assert bare == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["run", "--help"], id="run help"),
        pytest.param(["--version"], id="version"),
    ],
)
def test_the_command_starts_light(arguments: list[str]) -> None:
    """`harness --help` imports no library of the world's or the judge's."""
    code = (
        "import sys\n"
        "from harness.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "heavy = {'scapy', 'pydantic', 'cryptography', 'tlslite', 'ruamel', 'trustme', 'asyncio'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_replay_imports_nothing_of_the_world() -> None:
    """The judge runs where the libraries of the world are not even installed."""
    code = (
        "import sys\n"
        "import harness.replay\n"
        "left = {'scapy', 'tlslite', 'trustme', 'h11', 'ruamel', 'harness.world', 'harness.scenario', 'harness.run'}\n"
        "sys.exit(', '.join(sorted(left & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


LINUX_ONLY = frozenset({"ctypes", "fcntl", "grp", "mmap", "pwd", "pyroute2", "resource", "scapy"})
LINUX_NAMES = frozenset({"AF_NETLINK", "AF_PACKET", "SO_BINDTODEVICE", "setns", "uname", "unshare"})


def linux_only(path: Path) -> list[str]:
    """Places of a module that only Linux can run: imports, and names of its own system calls."""
    found = [
        f"{names(path)}:{line}: {name}"
        for line, name in imports(path)
        if name.split(".")[0] in LINUX_ONLY
    ]
    return found + [
        f"{names(path)}:{node.lineno}: {node.attr}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in LINUX_NAMES
    ]


def test_judging_and_simulating_need_no_linux() -> None:
    """What is loaded to simulate a scenario and to judge a file runs on macOS and Windows, too."""
    code = (
        "import sys\n"
        "import harness.run, harness.replay, harness.cli.main, harness.world.world\n"
        "import harness.report.terminal, harness.cli.judge\n"
        "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'harness'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = [Path(line) for line in done.stdout.split()]

    assert PACKAGE / "world" / "wire" / "sim_tcp.py" in loaded
    assert PACKAGE / "decode" / "decode.py" in loaded
    assert [place for path in loaded for place in linux_only(path)] == []


def test_the_rule_about_linux_can_fail() -> None:
    """It sees the modules of the kernel wire."""
    assert linux_only(PACKAGE / "world" / "wire" / "namespace.py")
    assert linux_only(PACKAGE / "world" / "recorder" / "ring.py")


def test_each_decision_has_a_number_of_its_own_and_is_listed() -> None:
    """Two people may write one at the same time."""
    files = sorted(path.name for path in (ROOT / "docs" / "adr").glob("0*.md"))
    listed = (ROOT / "docs" / "adr" / "README.md").read_text()
    titles = [(ROOT / "docs" / "adr" / name).read_text().split(maxsplit=2)[1] for name in files]

    assert [name[:4] for name in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    assert titles == [name[:4] for name in files]
    assert [name for name in files if f"[{name[:4]}]({name})" not in listed] == []
