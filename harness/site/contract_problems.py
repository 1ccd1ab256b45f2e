"""The problems of a site's contract: names that are none, a port in two places, a listener of nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.site.contract import PORT, CallBackForm, HeaderNames
from harness.site.listener import parse_listener
from harness.site.problem import Path, Problem, choose, show
from harness.site.sign_in_form import USER, SignInForm
from harness.site.site import Site

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
"""RFC 9110 section 5.1."""

JUDGED_ONLY = (
    "the default: a scenario's machines speak only that; other values are for judging captures of others "
    "(harness replay --site)"
)


def find_contract_problems(site: Site, *, is_built: bool) -> Iterator[Problem]:
    """What cannot be; and for a site that is to be built, everything but the defaults."""
    yield from _header_problems(site.headers)
    yield from _form_problems(site.call_back)
    yield from _sign_in_problems(site.sign_in)
    for seen, meant in site.seen_as.items():
        yield from _listener_problems(site, seen, meant)
    if not is_built:
        return
    for key, value, default in (
        ("headers", site.headers, HeaderNames()),
        ("call_back", site.call_back, CallBackForm()),
        ("sign_in", site.sign_in, SignInForm()),
        ("seen_as", site.seen_as, {}),
    ):
        if value != default:
            yield Problem(path=(key,), found="other values", expected=JUDGED_ONLY, at_key=True)


def _header_problems(headers: HeaderNames) -> Iterator[Problem]:
    for key, name in (
        ("remote_port", headers.remote_port),
        ("forwarded_for", headers.forwarded_for),
    ):
        if name and not _NAME.fullmatch(name):
            yield _problem("headers", key, name, "a header name")
    if not headers.all:
        yield _problem("headers", "remote_port", "", "a header name: something must hold the port")
    elif headers.remote_port.lower() == headers.forwarded_for.lower():
        expected = 'another name than forwarded_for, or ""'
        yield _problem("headers", "remote_port", headers.remote_port, expected)


def _form_problems(form: CallBackForm) -> Iterator[Problem]:
    places = (PORT in form.path, bool(form.query), bool(form.header), bool(form.body))
    if sum(places) != 1:
        expected = (
            f"the port in exactly one place: {PORT} in path or body, or a query or header name"
        )
        yield _problem("call_back", "path", form.path, expected)
    if form.path and not form.path.startswith("/"):
        yield _problem("call_back", "path", form.path, "a slash first, such as /certificate/{port}")
    if form.path.count(PORT) > 1:
        yield _problem("call_back", "path", form.path, f"{PORT} once")
    if form.body and form.body.count(PORT) != 1:
        yield _problem("call_back", "body", form.body, f"{PORT} once, where the port stands")
    needs_name = form.certificate_in in ("json", "header")
    if needs_name != bool(form.certificate_name):
        expected = (
            "the name of the JSON member or header" if needs_name else '"": the body itself is it'
        )
        yield _problem("call_back", "certificate_name", form.certificate_name, expected)
    names = [("header", form.header), ("proof_header", form.proof_header)]
    if form.certificate_in == "header":
        names.append(("certificate_name", form.certificate_name))
    for key, name in names:
        if name and not _NAME.fullmatch(name):
            yield _problem("call_back", key, name, "a header name")


def _sign_in_problems(form: SignInForm) -> Iterator[Problem]:
    if form.path and not form.path.startswith("/"):
        yield _problem("sign_in", "path", form.path, "a slash first, such as /SAAS/auth/*")
    if form.user_in == "body" and form.user_name.count(USER) != 1:
        expected = f"{USER} once, where the name stands, such as <b>{USER}</b>"
        yield _problem("sign_in", "user_name", form.user_name, expected)
    elif not form.user_name:
        yield _problem("sign_in", "user_name", "", "the name of the JSON member, header or claim")
    names = [("cookie", form.cookie)]
    if form.user_in == "header":
        names.append(("user_name", form.user_name))
    for key, name in names:
        if not _NAME.fullmatch(name):
            yield _problem("sign_in", key, name, "a name without blanks and signs")


def _listener_problems(site: Site, seen: str, meant: str) -> Iterator[Problem]:
    path: Path = ("seen_as", seen)
    try:
        listener = parse_listener(seen, meant)
    except ValueError as error:
        yield Problem(path=path, found=show(meant), expected=str(error))
        return
    known = (*site.nodes, *site.balancers)
    for machine in (listener.machine, listener.client):
        if machine is not None and machine not in known:
            expected = f"a machine of this site: {choose(known, machine)}"
            yield Problem(path=path, found=show(machine), expected=expected)


def _problem(table: str, key: str, value: str, expected: str) -> Problem:
    return Problem(path=(table, key), found=show(value), expected=expected)
