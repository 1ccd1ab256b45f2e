"""Commands about server certificates: check files before they are imported, and make a request for new ones."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.complaint import Complaint, read_file, read_text
from harness.cli.exit_code import ExitCode
from harness.cli.scenario_file import load_site_file

if TYPE_CHECKING:
    from harness.certificate.rule import Flaw
    from harness.certificate.server_certificate import ServerCertificate
    from harness.certificate.upload import File, Upload
    from harness.site.certificate_place import Place
    from harness.site.site import Site


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe `certificate check` and `certificate csr`."""
    group = commands.add_parser(
        "certificate",
        allow_abbrev=False,
        help="check certificate files before they are imported; make a request (CSR)",
        description="Server certificates as the import page takes them.",
    )
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        allow_abbrev=False,
        help="say whether an import will be accepted, and what is wrong",
        description="Judge a PEM chain and its key, or one PFX file, by the rules of the import page. "
        "Exit code 0: accepted (and with --site: every name is there); 1: not.",
    )
    check.add_argument(
        "files", nargs="+", metavar="FILE", help="chain and key (PEM), or one PFX file"
    )
    check.add_argument(
        "--password-file", metavar="FILE", help="its first line is the password of the PFX"
    )
    check.add_argument("--roots", metavar="FILE", help="roots that devices trust (PEM)")
    check.add_argument("--site", metavar="SITE", help="a site or scenario file, for the names")
    check.add_argument("--at", metavar="MACHINE:PORT", help="where it is for, such as vip:443")
    check.add_argument(
        "--on",
        metavar="DATE",
        type=date.fromisoformat,
        help="judge as on that day (2026-12-31), not today",
    )
    check.add_argument("--json", action="store_true", help="one JSON object on stdout")
    check.set_defaults(command=check_files)

    csr = actions.add_parser(
        "csr",
        allow_abbrev=False,
        help="make a key and a signing request with the names that a place needs",
        description="Write MACHINE-PORT.key (PKCS#1) and MACHINE-PORT.csr with the common name and the "
        "alternative names that the site needs there.",
    )
    csr.add_argument("site", metavar="SITE", help="a site or scenario file")
    csr.add_argument(
        "--at", metavar="MACHINE:PORT", required=True, help="where it is for, such as vip:443"
    )
    csr.add_argument("--output", metavar="DIR", default=".", help="folder for both files")
    csr.add_argument("--organization", metavar="TEXT", help="O= of the subject")
    csr.set_defaults(command=make_request)


def check_files(options: argparse.Namespace) -> ExitCode:
    """Judge an import; see the parser's description for the exit codes."""
    from harness.certificate.preflight import find_name_flaws

    if (options.site is None) != (options.at is None):
        raise Complaint("--site and --at go together: the site says which names that place needs")
    place = _find_place(options.at, load_site_file(Path(options.site))) if options.site else None
    upload = _read(options)
    missing: tuple[Flaw, ...] = ()
    if place is not None and upload.certificate is not None:
        missing = find_name_flaws(
            upload.certificate, site=place[1], place=place[0], file=options.files[0]
        )
    if options.json:
        print(_build_json(upload, missing))
    else:
        print("\n".join(_tell(upload, missing)))
    is_good = upload.certificate is not None and not missing
    return ExitCode.AS_EXPECTED if is_good else ExitCode.NOT_AS_EXPECTED


def make_request(options: argparse.Namespace) -> ExitCode:
    """Write a key and a request."""
    from harness.certificate.request import build_request
    from harness.site.certificate_place import find_names

    place, site = _find_place(options.at, load_site_file(Path(options.site)))
    try:
        request = build_request(find_names(site, place), organization=options.organization)
    except ValueError as error:
        raise Complaint(f"{options.site}: {error}") from error
    name = f"{place.machine}-{place.port}"
    key, csr = (Path(options.output) / f"{name}.{ending}" for ending in ("key", "csr"))
    for file in (key, csr):
        if file.exists():
            raise Complaint(f"{file}: exists already; move it away, or name another --output")
    _write(key, request.key_pem, mode=0o600)
    _write(csr, request.request_pem, mode=0o644)
    print(f"request for {', '.join(request.names)}")
    print(f"send {csr} to the authority; keep {key}, and import it with what comes back")
    return ExitCode.AS_EXPECTED


def _find_place(text: str, site: Site) -> tuple[Place, Site]:
    from harness.site.certificate_place import parse_place

    try:
        return parse_place(text, site), site
    except ValueError as error:
        raise Complaint(f"--at: got {text!r}; expected {error}") from error


def _read(options: argparse.Namespace) -> Upload:
    from harness.certificate.upload import File, read_pem, read_pfx, read_roots

    at = datetime.combine(options.on, time(12), UTC) if options.on else datetime.now(UTC)
    files = [File(name=name, data=read_file(Path(name))) for name in options.files]
    roots: tuple[bytes, ...] = ()
    if options.roots is not None:
        try:
            roots = read_roots(File(name=options.roots, data=read_file(Path(options.roots))))
        except ValueError as error:
            raise Complaint(str(error)) from error
    password = None
    if options.password_file is not None:
        password = (read_text(Path(options.password_file)).splitlines() or [""])[0]
    if len(files) == 1 and _is_pfx(files[0]):
        return read_pfx(files[0], password=password, at=at, roots=roots)
    if password is not None:
        raise Complaint("--password-file: only a PFX file has a password")
    if len(files) > 2:
        raise Complaint(f"got {len(files)} files; expected chain and key, or one PFX file")
    keys = [file for file in files if b"PRIVATE KEY-" in file.data]
    key = keys[-1] if len(files) == 2 and keys else files[1] if len(files) == 2 else None
    chain = next(file for file in files if file is not key)
    return read_pem(chain, key, at=at, roots=roots)


def _is_pfx(file: File) -> bool:
    # PKCS#12 is DER and begins with version 3 (RFC 7292 section 4); a certificate in DER does not.
    is_marked = file.data[:1] == b"\x30" and b"\x02\x01\x03\x30" in file.data[:12]
    return is_marked or file.name.lower().endswith((".pfx", ".p12"))


def _tell(upload: Upload, missing: Sequence[Flaw]) -> list[str]:
    refused = [flaw for flaw in upload.flaws if flaw.is_refused]
    certificate = upload.certificate
    if certificate is None:
        lines = [f"refused: {len(refused)} rule{'' if len(refused) == 1 else 's'} broken"]
    else:
        lines = [f"accepted: {certificate.common_name or certificate.subjects[0]}"]
    lines += [str(flaw) for flaw in (*upload.flaws, *missing)]
    if certificate is not None:
        names = (*certificate.dns_names, *certificate.ip_addresses)
        lines.append(f"names: {', '.join(names) or 'none'}")
        until = certificate.not_after
        lines.append(
            f"valid: {certificate.not_before:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
        )
        lines += [
            f"{number}: {subject} sha256 {sha256}"
            for number, (subject, sha256) in enumerate(
                zip(certificate.subjects, certificate.sha256, strict=True), start=1
            )
        ]
    return lines


def _build_json(upload: Upload, missing: Sequence[Flaw]) -> str:
    flaws = [
        {
            "rule": str(flaw.rule),
            "place": flaw.place,
            "refused": flaw.is_refused,
            "found": flaw.found,
            "expected": flaw.expected,
        }
        for flaw in (*upload.flaws, *missing)
    ]
    certificate = upload.certificate
    result = {
        "accepted": certificate is not None,
        "flaws": flaws,
        "certificate": None if certificate is None else _summarize(certificate),
    }
    return json.dumps(result, ensure_ascii=False)


def _summarize(certificate: ServerCertificate) -> dict[str, object]:
    return {
        "common_name": certificate.common_name,
        "dns_names": certificate.dns_names,
        "ip_addresses": certificate.ip_addresses,
        "issuer": certificate.issuer,
        "not_before": certificate.not_before.isoformat(),
        "not_after": certificate.not_after.isoformat(),
        "chain": [
            {"subject": subject, "sha256": sha256}
            for subject, sha256 in zip(certificate.subjects, certificate.sha256, strict=True)
        ],
    }


def _write(file: Path, text: str, *, mode: int) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as stream:
            stream.write(text)
    except OSError as error:
        raise Complaint(f"{file}: cannot be written: {error.strerror}") from error
