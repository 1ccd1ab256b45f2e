"""The status check (leg L6): an Access service asks whether a user certificate is revoked.

OCSP first, the CRL after it where the site says so, never the other way round; what is not known to be good is not
good (V18).
"""

from __future__ import annotations

from harness.net.address import Endpoint
from harness.site.responder import CRL_TARGET, OCSP_TARGET
from harness.site.site import Revocation
from harness.world.actors.http1 import HttpClient, Request
from harness.world.actors.setting import Setting
from harness.world.host import Host
from harness.world.pki.revocation import StatusError


async def check_status(host: Host, chain: tuple[bytes, ...], setting: Setting) -> None:
    """Ask as the site says, if it does.

    Raises:
        StatusError: nobody could tell.
        VerificationError: the certificate is revoked.
    """
    revocation = setting.site.revocation
    if revocation is None:
        return
    try:
        if revocation.method == "crl":
            await _ask_crl(host, chain, revocation, setting)
            return
        try:
            await _ask_ocsp(host, chain, revocation, setting)
        except StatusError:
            if revocation.method == "ocsp":
                raise
            await _ask_crl(host, chain, revocation, setting)
    except StatusError:
        # What nobody calls revoked is good.
        if "F76" not in setting.defects:
            raise


async def _ask_ocsp(
    host: Host, chain: tuple[bytes, ...], revocation: Revocation, setting: Setting
) -> None:
    judge = setting.pki.revocation_judge
    nonce = host.entropy(16)
    request = Request(
        method=b"POST",
        target=OCSP_TARGET.encode(),
        headers=(*_headers(revocation), (b"Content-Type", b"application/ocsp-request")),
        body=judge.build_query(chain, nonce=nonce),
    )
    answer = await _exchange(host, request, revocation, setting)
    judge.judge_answer(answer, chain, nonce=nonce, now_ns=host.clock.now_ns())


async def _ask_crl(
    host: Host, chain: tuple[bytes, ...], revocation: Revocation, setting: Setting
) -> None:
    request = Request(method=b"GET", target=CRL_TARGET.encode(), headers=_headers(revocation))
    answer = await _exchange(host, request, revocation, setting)
    setting.pki.revocation_judge.judge_crl(answer, chain, now_ns=host.clock.now_ns())


def _headers(revocation: Revocation) -> tuple[tuple[bytes, bytes], ...]:
    server = Endpoint(revocation.address, revocation.port)
    return ((b"Host", str(server).encode()), (b"Connection", b"close"))


async def _exchange(
    host: Host, request: Request, revocation: Revocation, setting: Setting
) -> bytes:
    """The body of a 200.

    Raises:
        StatusError: there is none.
    """
    server = Endpoint(revocation.address, revocation.port)
    timeout_ns = setting.status_timeout_ns
    try:
        stream = await host.connect(server, timeout_ns=timeout_ns)
        try:
            response = await HttpClient(stream, timeout_ns=timeout_ns).exchange(request)
        except BaseException:
            # What comes too late is not waited for.
            stream.abort()
            raise
        await stream.close()
    except OSError as error:  # Broken, refused or late.
        raise StatusError(f"{server}: {error or type(error).__name__}") from error
    if response.status != 200:
        raise StatusError(f"{server}: {response.status}")
    return response.body
