"""The registry: every check, in the order of the report."""

from __future__ import annotations

from harness.checks.check import Check
from harness.checks.completeness import COMPLETENESS
from harness.checks.v01_binding import V01
from harness.checks.v05_right_node import V05
from harness.checks.v06_header_origin import V06
from harness.checks.v07_header_truth import V07
from harness.checks.v08_single_value import V08
from harness.checks.v09_admin_isolation import V09
from harness.checks.v11_mutual_tls import V11
from harness.checks.v14_passthrough import V14
from harness.checks.v15_destination import V15

CHECKS: tuple[Check, ...] = (COMPLETENESS, V01, V05, V06, V07, V08, V09, V11, V14, V15)
