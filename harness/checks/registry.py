"""The registry: every check, in the order of the report."""

from __future__ import annotations

from harness.checks.check import Check
from harness.checks.completeness import COMPLETENESS
from harness.checks.v01_binding import V01
from harness.checks.v02_uniqueness import V02
from harness.checks.v03_freshness import V03
from harness.checks.v04_single_use import V04
from harness.checks.v05_right_node import V05
from harness.checks.v06_header_origin import V06
from harness.checks.v07_header_truth import V07
from harness.checks.v08_single_value import V08
from harness.checks.v09_admin_isolation import V09
from harness.checks.v10_admin_authentication import V10
from harness.checks.v11_mutual_tls import V11
from harness.checks.v12_proof import V12
from harness.checks.v13_one_identity import V13
from harness.checks.v14_passthrough import V14
from harness.checks.v15_destination import V15
from harness.checks.v16_name_agreement import V16
from harness.checks.v17_server_trust import V17
from harness.checks.v18_user_certificate import V18
from harness.checks.v19_fail_closed import V19
from harness.checks.v20_no_mixing import V20
from harness.checks.v21_framing import V21
from harness.checks.v22_configuration import V22
from harness.checks.v23_least_store import V23
from harness.checks.v26_liveness import V26

CHECKS: tuple[Check, ...] = (
    COMPLETENESS,
    V01,
    V02,
    V03,
    V04,
    V05,
    V06,
    V07,
    V08,
    V09,
    V10,
    V11,
    V12,
    V13,
    V14,
    V15,
    V16,
    V17,
    V18,
    V19,
    V20,
    V21,
    V22,
    V23,
    V26,
)
