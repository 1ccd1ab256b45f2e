"""The contract: where the port and the certificate of a call-back stand."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from harness.site.callback import build_target
from harness.site.contract import (
    CallBackForm,
    HeaderNames,
    find_call_back_port,
    find_certificate,
    values,
)

DER = bytes.fromhex("3003020101")
CHAIN = DER + bytes.fromhex("3003020102")
PEM = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(DER) + b"\n-----END CERTIFICATE-----\n"
TEXT = base64.b64encode(DER).decode()


def test_our_own_contract_is_the_default() -> None:
    """The target of callback.py is read back."""
    form = CallBackForm()

    assert (
        find_call_back_port(form, target=build_target(40000).encode(), headers=(), body=b"")
        == 40000
    )
    assert HeaderNames().all == ("RemotePort", "X-Forwarded-For")


@pytest.mark.parametrize(
    ("form", "target", "headers", "body", "port"),
    [
        pytest.param({}, b"/certificate/1?x=1", (), b"", None, id="path with a query"),
        pytest.param({}, b"/certificate/", (), b"", None, id="path without digits"),
        pytest.param({}, b"/certificate/1/2", (), b"", None, id="path goes on"),
        pytest.param({}, b"http://n1:5263/certificate/77", (), b"", 77, id="absolute form"),
        pytest.param({"path": "/a/*/{port}"}, b"/a/x.y/7", (), b"", 7, id="any text in the path"),
        pytest.param({"path": "/a/*/{port}"}, b"/a/x/y/7", (), b"", None, id="a slash more"),
        pytest.param({"path": "/a.b/{port}"}, b"/axb/7", (), b"", None, id="a dot is a dot"),
        pytest.param({"path": "/c", "query": "p"}, b"/c?x=1&p=7", (), b"", 7, id="query"),
        pytest.param({"path": "/c", "query": "p"}, b"/c?p=7&p=8", (), b"", None, id="query twice"),
        pytest.param({"path": "/c", "query": "p"}, b"/d?p=7", (), b"", None, id="another path"),
        pytest.param({"path": "", "query": "p"}, b"/d?p=7", (), b"", 7, id="any path"),
        pytest.param({"path": "", "header": "X-P"}, b"/", ((b"x-p", b"7"),), b"", 7, id="header"),
        pytest.param({"path": "", "header": "X-P"}, b"/", ((b"x-p", b"7a"),), b"", None, id="no port"),
        pytest.param({"path": "/c", "body": '"port": {port},'}, b"/c", (), b'{"port": 7, 1}', 7, id="body"),
        pytest.param({"path": "/c", "body": "p={port}"}, b"/c", (), b"q=7", None, id="another body"),
    ],
)  # fmt: skip
def test_where_the_port_stands(
    form: dict[str, Any],
    target: bytes,
    headers: tuple[tuple[bytes, bytes], ...],
    body: bytes,
    port: int | None,
) -> None:
    """In one place; anything else is no call-back."""
    got = find_call_back_port(
        CallBackForm.model_validate(form), target=target, headers=headers, body=body
    )

    assert got == port


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("form", "headers", "body"),
    [
        pytest.param({}, (), b"# chain\n" + PEM, id="PEM"),
        pytest.param({"certificate_in": "der"}, (), CHAIN, id="DER"),
        pytest.param(
            {"certificate_in": "json", "certificate_name": "data.cert"},
            (),
            _json({"data": {"cert": PEM.decode()}}),
            id="PEM in JSON",
        ),
        pytest.param(
            {"certificate_in": "json", "certificate_name": "chain"},
            (),
            _json({"chain": [TEXT, "x"]}),
            id="list of base64 in JSON",
        ),
        pytest.param(
            {"certificate_in": "header", "certificate_name": "X-Cert"},
            ((b"x-cert", quote(PEM).encode()),),
            b"",
            id="percent-encoded PEM in a header",
        ),
        pytest.param(
            {"certificate_in": "header", "certificate_name": "Client-Cert"},
            ((b"Client-Cert", f":{TEXT}:".encode()),),
            b"",
            id="RFC 9440",
        ),
    ],
)
def test_where_the_certificate_stands(
    form: dict[str, Any], headers: tuple[tuple[bytes, bytes], ...], body: bytes
) -> None:
    """The first one, as DER."""
    got = find_certificate(CallBackForm.model_validate(form), headers=headers, body=body)

    assert got == DER


@pytest.mark.parametrize(
    ("form", "headers", "body"),
    [
        pytest.param({}, (), b"none", id="no PEM"),
        pytest.param({}, (), PEM.replace(b"MA", b"M="), id="broken PEM"),
        pytest.param({"certificate_in": "der"}, (), PEM, id="PEM for DER"),
        pytest.param({"certificate_in": "der"}, (), DER[:-1], id="cut DER"),
        pytest.param({"certificate_in": "der"}, (), b"\x30\x85\x01", id="DER of an odd length"),
        pytest.param({"certificate_in": "json", "certificate_name": "c"}, (), b"[" * 99999, id="deep"),
        pytest.param({"certificate_in": "json", "certificate_name": "c.d"}, (), b'{"c": 1}', id="member"),
        pytest.param({"certificate_in": "json", "certificate_name": "c"}, (), b'{"c": "?"}', id="text"),
        pytest.param({"certificate_in": "header", "certificate_name": "C"}, (), b"", id="no header"),
    ],
)  # fmt: skip
def test_no_certificate(
    form: dict[str, Any], headers: tuple[tuple[bytes, bytes], ...], body: bytes
) -> None:
    """None, never an error."""
    got = find_certificate(CallBackForm.model_validate(form), headers=headers, body=body)

    assert got is None


def test_values_of_any_case() -> None:
    """RFC 9110 section 5.1."""
    assert values(((b"A", b"1"), (b"b", b"2"), (b"a", b"3")), "a") == [b"1", b"3"]
