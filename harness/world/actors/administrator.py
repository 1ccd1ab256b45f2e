"""The administrator: makes requests, has them signed, and imports what comes back on the nodes' page.

The page is `harness.certificate`, the same code that `harness certificate check` runs; a balancer has no such page and
serves whatever can be loaded.
"""

from __future__ import annotations

from datetime import timedelta

from harness.certificate.request import Request, build_request
from harness.certificate.upload import Upload, read_pem, read_pfx
from harness.scenario.certificate_import import CertificateImport
from harness.scenario.event import parse_duration
from harness.site.certificate_place import Place, find_names, parse_place
from harness.world.actors.setting import Setting
from harness.world.pki.papers import Papers, make_pem, make_pfx
from harness.world.tls.identity import Identity

_DAY = timedelta(days=1)


class Administrator:
    """Whoever may open the settings page."""

    def __init__(self, setting: Setting) -> None:
        """Nothing is imported yet."""
        self._setting = setting
        self._requests: dict[tuple[str, ...], Request] = {}

    def import_certificate(self, step: CertificateImport) -> None:
        """Import one certificate at each place of the step; services show it from their next start on."""
        for text in step.places:
            place = parse_place(text, self._setting.site)
            names = step.names or find_names(self._setting.site, place)
            if "B06" in self._setting.defects:
                names = (place.machine,)
            self._import(step, place, self._request(names))

    def _request(self, names: tuple[str, ...]) -> Request:
        """The request for these names; one key for all, since making one from a seed takes a second."""
        if names not in self._requests:
            known = next(iter(self._requests.values()), None)
            self._requests[names] = build_request(names, key_pem=known.key_pem if known else None)
        return self._requests[names]

    def _import(self, step: CertificateImport, place: Place, request: Request) -> None:
        papers = self._make_papers(step, request)
        is_balancer = place.machine in self._setting.site.balancers
        upload = self._upload(papers)
        loaded = Identity(chain_pem=papers.chain_pem, key_pem=request.key_pem)
        if is_balancer or (upload.certificate is None and "B04" in self._setting.defects):
            identity: Identity | None = loaded
        elif upload.certificate is not None:
            made = upload.certificate
            identity = Identity(chain_pem=made.chain_pem, key_pem=made.key_pem)
        else:
            identity = None
        is_good = is_balancer or step.fault is None
        self._setting.installed.save(
            str(place),
            identity=identity,
            expected=self._setting.pki.fingerprints(papers.chain_pem) if is_good else None,
        )

    def _make_papers(self, step: CertificateImport, request: Request) -> Papers:
        pki = self._setting.pki
        now = pki.now()
        lasts = timedelta(microseconds=parse_duration(step.valid_for) // 1000)
        not_before = now - _DAY
        not_after = now - timedelta(hours=1) if step.fault == "expired" else now + lasts
        chain = pki.sign_request(
            request.request_pem,
            signed_by=step.signed_by,
            key_pem=request.key_pem,
            not_before=not_before,
            not_after=not_after,
            has_root=step.root,
            has_names="B03" not in self._setting.defects,
        )
        make = make_pem if step.file == "pem" else make_pfx
        other = build_request(request.names).key_pem if step.fault == "foreign_key" else ""
        return make(chain, request.key_pem, fault=step.fault, other_key=other)

    def _upload(self, papers: Papers) -> Upload:
        at = self._setting.pki.now()
        if papers.chain.name.endswith(".pfx"):
            return read_pfx(papers.chain, password=papers.password, at=at)
        return read_pem(papers.chain, papers.key, at=at)
