"""The sign-in, as the site has its form: whom an answer signs in, and in which session."""

from __future__ import annotations

from harness.site import sign_in_form
from harness.site.site import Site
from harness.trace.certificate import Certificate
from harness.trace.http import Exchange, Message, Request, Response


def find_user(response: Response | None, site: Site) -> str | None:
    """Whom an answer signs in; None when it signs in nobody."""
    if response is None:
        return None
    return sign_in_form.find_user(
        site.sign_in, status=response.status, headers=_lines(response), body=response.body
    )


def is_sign_in(request: Request | None, site: Site) -> bool:
    """Whether a request asks to be signed in."""
    return request is not None and sign_in_form.is_sign_in(site.sign_in, request.target)


def find_sent(exchange: Exchange, site: Site) -> tuple[bytes, ...]:
    """The sessions that a request names."""
    request = exchange.request
    if request is None:
        return ()
    return tuple(sign_in_form.find_cookies_sent(site.sign_in.cookie, _lines(request)))


def find_set(exchange: Exchange, site: Site) -> tuple[bytes, ...]:
    """The sessions that an answer opens."""
    response = exchange.response
    if response is None:
        return ()
    return tuple(sign_in_form.find_cookies_set(site.sign_in.cookie, _lines(response)))


def find_identity(certificate: Certificate) -> str | None:
    """Whom a certificate names: UPN first, then email."""
    return next(iter((*certificate.upns, *certificate.emails)), None)


def is_named(user: str, certificate: Certificate, site: Site) -> bool:
    """Whether a certificate names this user.

    Other forms than our own may tell the user without the domain, or with that of a tenant: then the name before the @
    counts, in any case.
    """
    if site.sign_in.is_own:
        return user == find_identity(certificate)
    names = {_short(name) for name in (*certificate.upns, *certificate.emails)}
    return _short(user) in names


def _short(name: str) -> str:
    return name.partition("@")[0].casefold()


def _lines(message: Message) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((header.name, header.value) for header in message.headers)
