"""What is no OCSP message and no CRL: said, never raised. What is one: test_revocation.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.decode.http.status_message import read_crl, read_ocsp, read_query


@given(st.binary(max_size=200))
def test_junk_is_named(der: bytes) -> None:
    """An answer says that it cannot be read; a query is none."""
    assert read_query(der) is None
    for read, protocol in ((read_ocsp, "ocsp"), (read_crl, "crl")):
        answer = read(der)
        assert (answer.protocol, answer.status) == (protocol, None)
        assert answer.problem is not None


@pytest.mark.parametrize(("code", "name"), [(1, "malformed_request"), (6, "unauthorized")])
def test_a_refusal_has_its_name(code: int, name: str) -> None:
    """RFC 6960 section 4.2.1: OCSPResponseStatus, and nothing else."""
    assert read_ocsp(bytes((0x30, 3, 0x0A, 1, code))).problem == name
