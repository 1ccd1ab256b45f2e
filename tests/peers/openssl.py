"""Scenes of OpenSSL and GnuTLS: every version, every suite that they still have, and each turn a handshake can take."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.peers.place import Place, wait

PORT = 8443
PAGE = "a page of a few words\n"
ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"
EVERY, EVEN, ODD = slice(None), slice(0, None, 2), slice(1, None, 2)
PSK = "0123456789abcdef0123456789abcdef"
CONFIG = """openssl_conf = main
[main]
ssl_conf = modules
[modules]
system_default = settings
[settings]
MinProtocol = TLSv1
CipherString = ALL:COMPLEMENTOFALL:@SECLEVEL=0
Options = {options}
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Files of one key and its certificate."""

    key: Path
    certificate: Path

    @property
    def options(self) -> tuple[str | Path, ...]:
        """For `openssl s_server` and `s_client`."""
        return "-key", self.key, "-cert", self.certificate


def make_keys(place: Place, name: str, kind: str = "ec", issuer: Keys | None = None) -> Keys:
    """A certificate for NAME.example.test, by itself or by an issuer; `kind` is ec, rsa or ed25519."""
    keys = Keys(place.folder / f"{name}.key", place.folder / f"{name}.pem")
    new = {
        "ec": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        "rsa": ("rsa:1024",),
        "ed25519": ("ed25519",),
    }[kind]
    command: list[str | Path] = ["openssl", "req", "-x509", "-nodes", "-days", "3650"]
    command += ["-newkey", *new, "-keyout", keys.key, "-out", keys.certificate]
    command += ["-subj", f"/CN={name}.example.test"]
    is_authority = str(name == "authority").upper()
    command += ["-addext", f"basicConstraints=critical,CA:{is_authority}"]
    command += ["-addext", f"subjectAltName=DNS:{name}.example.test"]
    if issuer is not None:
        command += ["-CA", issuer.certificate, "-CAkey", issuer.key]
    place.run(*command)
    return keys


def configure(place: Place, options: str = "Bugs") -> None:
    """Let OpenSSL use everything it has; in its tool's words, such as `-EncryptThenMac`."""
    path = place.write("openssl.cnf", CONFIG.format(options=options))
    place.environment["OPENSSL_CONF"] = str(path)
    place.write("page", PAGE)


class Interactive:
    """`openssl s_server` on PORT that answers by hand."""

    def __init__(self, place: Place, *options: str | Path) -> None:
        """Start it."""
        self._log = place.folder / f"server-{PORT}.log"
        self._process = place.serve(
            PORT, "openssl", "s_server", "-accept", f"127.0.0.1:{PORT}", *options
        )

    def say(self, words: bytes, line: bytes) -> None:
        """Type a line when the server has printed some words."""
        wait(lambda: words in self._log.read_bytes(), f"the server to print {words!r}")
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def close(self) -> None:
        """End this connection."""
        self.say(b"", b"q\n")


def serve(place: Place, *options: str | Path) -> subprocess.Popen[bytes]:
    """`openssl s_server` that gives files, on PORT."""
    return place.serve(
        PORT, "openssl", "s_server", "-accept", f"127.0.0.1:{PORT}", "-WWW", *options
    )


def client(place: Place, *options: str | Path) -> tuple[str | Path, ...]:
    """The command of a client that keeps its secrets."""
    address = ("-connect", f"127.0.0.1:{PORT}", "-servername", "server.example.test")
    return "openssl", "s_client", *address, "-keylogfile", place.key_log, *options


def get(place: Place, *options: str | Path, path: str = "/page") -> str:
    """One request; gives the line that is to be found again."""
    request = f"GET {path} HTTP/1.0\r\n\r\n".encode()
    printed = place.run(*client(place, "-ign_eof", "-quiet", *options), said=request)
    assert PAGE.encode() in printed, printed[-300:]
    return f"GET {path}"


def list_suites(place: Place, version: str, *kinds: str) -> list[str]:
    """Suites that OpenSSL has for a version whose names say one of the kinds, in its own spelling."""
    command = (
        "openssl",
        "ciphers",
        "-s",
        "-psk",
        f"-{version}",
        "-v",
        "ALL:COMPLEMENTOFALL:@SECLEVEL=0",
    )
    rows = [line.split() for line in place.run(*command).decode().splitlines()]
    wanted = {
        "RSA": ("Kx=RSA", "Au=RSA"),
        "ECDHE-RSA": ("Kx=ECDH", "Au=RSA"),
        "ECDSA": ("Kx=ECDH", "Au=ECDSA"),
        "DHE-RSA": ("Kx=DH", "Au=RSA"),
        "anon": ("Au=None",),
        "PSK": ("Au=PSK", "Kx=PSK"),
        "ECDHE-PSK": ("Au=PSK", "Kx=ECDHEPSK"),
        "DHE-PSK": ("Au=PSK", "Kx=DHEPSK"),
    }
    rows = [row for row in rows if "ARIA" not in row[0]]  # Nobody here opens them.
    return [row[0] for row in rows if any(all(w in row for w in wanted[k]) for k in kinds)]


def every_suite(
    version: str, key: str, *kinds: str, options: str = "Bugs", part: slice = EVERY
) -> Callable[[Place], list[str]]:
    """One connection for each suite of a version and kind, or a part of them where they are many."""

    def scene(place: Place) -> list[str]:
        configure(place, options)
        more: tuple[str, ...] = ("-psk", PSK) if any("PSK" in kind for kind in kinds) else ()
        suites = list_suites(place, version, *kinds)[part]
        assert suites
        everything = ":".join(suites) + ":@SECLEVEL=0"
        serve(place, *make_keys(place, "server", key).options, "-cipher", everything, *more)
        return [
            get(place, f"-{version}", "-cipher", f"{suite}:@SECLEVEL=0", *more) for suite in suites
        ]

    return scene


def every_tls13_suite(place: Place) -> list[str]:
    """The five suites of TLS 1.3."""
    suites = (
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    )
    configure(place)
    serve(place, *make_keys(place, "server").options, "-ciphersuites", ":".join(suites))
    return [get(place, "-tls1_3", "-ciphersuites", suite) for suite in suites]


def mutual(kind: str) -> Callable[[Place], list[str]]:
    """Both ends show a certificate; then a client that has none, to a server that insists."""

    def scene(place: Place) -> list[str]:
        configure(place)
        authority = make_keys(place, "authority", kind)
        device = make_keys(place, "device", kind, authority)
        server = make_keys(place, "server", kind, authority)
        trust = ("-CAfile", authority.certificate, "-Verify", "2", "-verify_return_error")
        serve(place, *server.options, *trust)
        versions = ("-tls1_2", "-tls1_3") if kind == "ed25519" else ("-tls1", "-tls1_2", "-tls1_3")
        found = [get(place, version, *device.options) for version in versions]
        for version in versions:
            place.run(*client(place, version, "-ign_eof"), fails=True)
        return found

    return scene


def resumed(place: Place) -> list[str]:
    """Sessions resumed by identifier, by ticket and by PSK."""
    configure(place)
    server = make_keys(place, "server")
    found = []
    for options, version in ((("-no_ticket",), "-tls1_2"), ((), "-tls1_2"), ((), "-tls1_3")):
        session = place.folder / "session.pem"
        process = serve(place, *server.options, *options)
        found.append(get(place, version, "-sess_out", session))
        found.append(get(place, version, "-sess_in", session))
        process.terminate()
        process.wait()
    return found


def sent_early(place: Place) -> list[str]:
    """Early data: the first time there is no session for it, then it is taken."""
    configure(place)
    session = place.folder / "session.pem"
    early = place.write("early", "GET /early HTTP/1.0\r\n\r\n")
    server = Interactive(place, *make_keys(place, "server").options, "-early_data")
    end = [(b"200 OK", server.close)]
    place.talk(
        *client(place, "-tls1_3", "-sess_out", session),
        script=[
            (b"---\n", b"GET /first HTTP/1.0\r\n\r\n"),
            (b"", lambda: server.say(b"GET /first", ANSWER)),
            *end,
        ],
    )
    place.talk(
        *client(place, "-tls1_3", "-sess_in", session, "-early_data", early),
        script=[(b"---\n", lambda: server.say(b"GET /early", ANSWER)), *end],
    )
    return ["GET /first", "GET /early"]


def retried(place: Place) -> list[str]:
    """HelloRetryRequest: the client's first key share is of a group that the server has not."""
    configure(place)
    serve(place, *make_keys(place, "server").options, "-groups", "P-384")
    found = [get(place, "-tls1_3", "-groups", "X25519:P-384")]
    authority = place.folder / "server.pem"
    return [*found, get(place, "-tls1_3", "-groups", "P-256:P-384", "-CAfile", authority)]


def changed_keys(place: Place) -> list[str]:
    """KeyUpdate of the client, and one that asks the server for its own."""
    configure(place)
    serve(place, *make_keys(place, "server").options)
    place.talk(
        *client(place, "-tls1_3"),
        script=[
            (b"---\n", b"k\n"),
            (b"KEYUPDATE", b"K\n"),
            (b"KEYUPDATE", b"GET /page HTTP/1.0\r\n\r\n"),
        ],
    )
    return ["GET /page"]


def renegotiated(place: Place) -> list[str]:
    """A second handshake inside the first, TLS 1.2."""
    configure(place)
    serve(
        place,
        *make_keys(place, "server").options,
        "-client_renegotiation",
        "-cipher",
        "ALL:@SECLEVEL=0",
    )
    for suite in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-SHA"):
        place.talk(
            *client(place, "-tls1_2", "-cipher", suite),
            script=[(b"---\n", b"R\n"), (b"RENEGOTIATING", b"GET /page HTTP/1.0\r\n\r\n")],
        )
    return ["GET /page", "GET /page"]


def asked_later(place: Place) -> list[str]:
    """Post-handshake authentication: the server asks for the certificate when it has read the request."""
    configure(place)
    authority = make_keys(place, "authority")
    device = make_keys(place, "device", issuer=authority)
    own = make_keys(place, "server", issuer=authority)
    server = Interactive(place, *own.options, "-verify", "2", "-CAfile", authority.certificate)

    def ask() -> None:
        server.say(b"GET /later", b"c\n")
        server.say(b"device.example.test", ANSWER)

    place.talk(
        *client(place, "-tls1_3", "-enable_pha", *device.options),
        script=[
            (b"---\n", b"GET /later HTTP/1.0\r\n\r\n"),
            (b"", ask),
            (b"200 OK", server.close),
        ],
    )
    return ["GET /later"]


def camellia_gcm(place: Place) -> list[str]:
    """GnuTLS has suites that OpenSSL has not."""
    configure(place)
    ecdsa, rsa = make_keys(place, "server"), make_keys(place, "server-rsa", "rsa")
    place.environment["SSLKEYLOGFILE"] = str(place.key_log)
    place.serve(
        PORT,
        *("gnutls-serv", "--port", str(PORT), "--http"),
        *("--priority", "LEGACY:+RSA:+CAMELLIA-128-GCM:+CAMELLIA-256-GCM:%VERIFY_ALLOW_BROKEN"),
        *("--x509keyfile", ecdsa.key, "--x509certfile", ecdsa.certificate),
        *("--x509keyfile", rsa.key, "--x509certfile", rsa.certificate),
    )
    found = []
    for exchange in ("ECDHE-ECDSA", "ECDHE-RSA", "RSA"):
        for cipher in ("CAMELLIA-128-GCM", "CAMELLIA-256-GCM"):
            offer = f"-CIPHER-ALL:+{cipher}:-KX-ALL:+{exchange}"
            place.run(
                *("gnutls-cli", "--insecure", "--port", str(PORT), "127.0.0.1"),
                *("--priority", f"LEGACY:-VERS-ALL:+VERS-TLS1.2:{offer}:%VERIFY_ALLOW_BROKEN"),
                said=b"GET /camellia HTTP/1.0\r\n\r\n",
            )
            found.append("GET /camellia")
    return found
