"""Found: cases that broke a property, one file each, named by the target, the place that broke and the content."""

from __future__ import annotations

import hashlib
import traceback
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "fuzz_cases"
"""Where found cases go when they are fixed: TARGET-PLACE-CONTENT.case, replayed by the tests."""


def find_place(error: BaseException) -> str:
    """The kind of error and the innermost line of the project that it passed: one cause, one place."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(ROOT / "harness")
    ] or traceback.extract_tb(error.__traceback__)[-1:]
    where = f"{Path(own[-1].filename).stem}.{own[-1].name}" if own else "unknown"
    return f"{type(error).__name__}.{where}".replace("<", "").replace(">", "")


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Keeps the smallest case for each place, in one folder."""

    folder: Path
    target: str

    def keep(self, material: bytes, error: BaseException) -> Path | None:
        """Write the case; None: a case as small with the same place is there already."""
        place = find_place(error)
        self.folder.mkdir(parents=True, exist_ok=True)
        for other in sorted(self.folder.glob(f"{self.target}-{place}-*.case")):
            if other.stat().st_size <= len(material):
                return None
            other.unlink()
            other.with_suffix(".txt").unlink(missing_ok=True)
        name = f"{self.target}-{place}-{hashlib.sha256(material).hexdigest()[:12]}"
        path = self.folder / f"{name}.case"
        path.write_bytes(material)
        text = "".join(traceback.format_exception(error))
        path.with_suffix(".txt").write_text(text, encoding="utf-8", errors="backslashreplace")
        return path
