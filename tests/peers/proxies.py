"""Scenes of curl, nginx, HAProxy and tinyproxy: HTTP/1.1 as they speak it, and TLS and PROXY headers between them."""

from __future__ import annotations

import socket
from pathlib import Path
from threading import Thread

from tests.peers.openssl import Keys, configure, make_keys
from tests.peers.place import Place

ACCESS_PORT, NODE_PORT, FRONT_PORT, PROXY_PORT = 8080, 8443, 5262, 8888
BEHIND_PORT, CHAT_PORT, MANY_PORT = 8444, 8081, 8445
NGINX = """user root root; daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{}}
http {{
  access_log off; default_type text/plain; root {folder};
  client_body_temp_path body; proxy_temp_path proxied; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  gzip on; gzip_min_length 1; gzip_types text/plain;
  server {{
    listen 127.0.0.1:{plain};
    location /empty {{ return 204; }}
    location /moved {{ return 302 /page; }}
    location /whole {{ gzip off; }}
    location /said {{ return 200 "$request_method $http_remoteport $http_x_forwarded_for $proxy_protocol_addr\\n"; }}
    location /chat {{
      proxy_pass http://127.0.0.1:{chat}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
    }}
  }}
  server {{
    listen 127.0.0.1:{tls} ssl;
    ssl_certificate server.pem; ssl_certificate_key server.key; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_client_certificate authority.pem; ssl_verify_client optional; ssl_session_cache shared:s:1m;
    location /said {{ return 200 "$ssl_client_s_dn $http_remoteport\\n"; }}
  }}
  server {{
    listen 127.0.0.1:{behind} ssl proxy_protocol;
    ssl_certificate server.pem; ssl_certificate_key server.key;
    location /said {{ return 200 "$proxy_protocol_addr $proxy_protocol_port\n"; }}
  }}
  server {{
    listen 127.0.0.1:{many} ssl http2;
    ssl_certificate server.pem; ssl_certificate_key server.key;
    location /empty {{ return 204; }}
    location /moved {{ return 302 /page; }}
    location /whole {{ gzip off; }}
    location /said {{ return 200 "$request_method $http_remoteport $http_x_forwarded_for\n"; }}
  }}
}}
"""
HAPROXY = """global
  log stderr format raw local0 err
defaults
  timeout connect 5s
  timeout client 5s
  timeout server 5s
{sections}
"""


def start_nginx(place: Place) -> Keys:
    """Nginx with a plain port, a TLS port, and one behind PROXY headers; gives the keys of a device that it knows."""
    configure(place)
    authority = make_keys(place, "authority")
    make_keys(place, "server", issuer=authority)
    text = NGINX.format(
        folder=place.folder,
        plain=ACCESS_PORT,
        tls=NODE_PORT,
        behind=BEHIND_PORT,
        chat=CHAT_PORT,
        many=MANY_PORT,
    )
    place.write("whole", "one page, not compressed\n" * 20)
    config = place.write("nginx.conf", text)
    place.serve(NODE_PORT, "nginx", "-p", place.folder, "-c", config)
    return make_keys(place, "device", issuer=authority)


def start_haproxy(place: Place, port: int, sections: str) -> None:
    """HAProxy with these sections."""
    config = place.write(f"haproxy-{port}.cfg", HAPROXY.format(sections=sections))
    place.serve(port, "haproxy", "-db", "-f", config)


def curl(place: Place, *options: str | Path, fails: bool = False) -> None:
    """One call of curl; its secrets are kept."""
    place.environment["SSLKEYLOGFILE"] = str(place.key_log)
    fixed = ("--silent", "--show-error", "--max-time", "8", "--http1.1", "--noproxy", "none")
    place.run("curl", *fixed, "--output", "/dev/null", *options, fails=fails)


def http_forms(place: Place) -> list[str]:
    """Chunked both ways, keep-alive, HEAD, 204, 302, 304, 404, ranges, Expect, HTTP/1.0, a body until close."""
    start_nginx(place)
    url = f"http://127.0.0.1:{ACCESS_PORT}"
    curl(place, f"{url}/page", f"{url}/empty", f"{url}/moved", f"{url}/absent")
    curl(place, "--compressed", f"{url}/page")
    curl(place, "--head", f"{url}/page", f"{url}/whole")
    curl(place, "--range", "0-9,20-29", f"{url}/whole")
    curl(place, "--header", "If-Modified-Since: Sat, 01 Jan 2094 00:00:00 GMT", f"{url}/page")
    curl(place, "--http1.0", f"{url}/page")
    body = place.write("upload", "what is sent\n" * 100)
    curl(place, "--header", "Transfer-Encoding: chunked", "--upload-file", body, f"{url}/said")
    curl(place, "--header", "Expect: 100-continue", "--data", "a=b", f"{url}/said")
    curl(place, "--request", "DELETE", f"{url}/said")
    return [
        *("GET /page", "GET /empty", "GET /moved", "GET /absent", "GET /page"),
        *("HEAD /page", "HEAD /whole", "GET /whole", "GET /page", "GET /page"),
        *("PUT /said", "POST /said", "DELETE /said"),
    ]


def pipelined(place: Place) -> list[str]:
    """Three requests at once, and two more of which the first has a body."""
    start_nginx(place)
    with socket.create_connection(("127.0.0.1", ACCESS_PORT), timeout=5) as wire:
        head = b" HTTP/1.1\r\nHost: access.example.test\r\n"
        wire.sendall(
            b"".join(b"GET /%s%s\r\n" % (name, head) for name in (b"page", b"empty", b"whole"))
        )
        last = b"POST /said%sContent-Length: 3\r\n\r\na=bGET /said%sConnection: close\r\n\r\n"
        wire.sendall(last % (head, head))
        while wire.recv(65536):
            pass
    return ["GET /page", "GET /empty", "GET /whole", "POST /said", "GET /said"]


def mutual_with_nginx(place: Place) -> list[str]:
    """Curl with a certificate, keep-alive; both versions of TLS, and a session that goes on."""
    device = start_nginx(place)
    certificate = ("--cert", device.certificate, "--key", device.key, "--insecure")
    url = f"https://127.0.0.1:{NODE_PORT}/said"
    for version in ("1.2", "1.3"):
        curl(place, *certificate, "--tls-max", version, url, url)
        curl(place, "--insecure", "--tls-max", version, url)
    curl(
        place,
        *certificate,
        "--tls-max",
        "1.2",
        "--no-keepalive",
        "--header",
        "Connection: close",
        url,
        url,
    )
    return ["GET /said"] * 8


def passed_through(place: Place) -> list[str]:
    """HAProxy hands TLS on as it is: plain, with a PROXY header of version 1, and of version 2."""
    device = start_nginx(place)
    ways = (("", NODE_PORT), ("send-proxy", BEHIND_PORT), ("send-proxy-v2", BEHIND_PORT))
    sections = "".join(
        f"listen way{index}\n  mode tcp\n  bind 127.0.0.1:{FRONT_PORT + index}\n"
        f"  server node 127.0.0.1:{port} {option}\n"
        for index, (option, port) in enumerate(ways)
    )
    start_haproxy(place, FRONT_PORT, sections)
    certificate = ("--cert", device.certificate, "--key", device.key, "--insecure")
    for index in range(len(ways)):
        curl(place, *certificate, f"https://127.0.0.1:{FRONT_PORT + index}/said")
    return ["GET /said"] * 6


def terminated(place: Place) -> list[str]:
    """HAProxy ends the TLS and sets the two headers; a client that sends them itself is overruled."""
    device = start_nginx(place)
    server = place.folder / "both.pem"
    server.write_text(
        (place.folder / "server.pem").read_text() + (place.folder / "server.key").read_text()
    )
    start_haproxy(
        place,
        FRONT_PORT,
        f"listen front\n  mode http\n  bind 127.0.0.1:{FRONT_PORT} ssl crt {server}"
        f" ca-file {place.folder / 'authority.pem'} verify optional\n"
        "  option forwardfor\n  http-request set-header RemotePort %[src_port]\n  http-reuse always\n"
        f"  server access 127.0.0.1:{ACCESS_PORT}\n",
    )
    url = f"https://127.0.0.1:{FRONT_PORT}/said"
    certificate = ("--cert", device.certificate, "--key", device.key, "--insecure")
    curl(place, *certificate, url, url)
    forged = ("--header", "RemotePort: 1", "--header", "X-Forwarded-For: 192.0.2.1")
    curl(place, *certificate, *forged, url)
    body = place.write("upload", "what is sent\n" * 100)
    curl(place, "--insecure", "--header", "Transfer-Encoding: chunked", "--upload-file", body, url)
    return [*["GET /said"] * 6, *["PUT /said"] * 2]


def http_2(place: Place) -> list[str]:
    """HTTP/2 to nginx, and to HAProxy, which writes HTTP/1.1 of it; several streams at once, bodies."""
    start_nginx(place)
    server = place.folder / "both.pem"
    server.write_text(
        (place.folder / "server.pem").read_text() + (place.folder / "server.key").read_text()
    )
    start_haproxy(
        place,
        FRONT_PORT,
        f"listen front\n  mode http\n  bind 127.0.0.1:{FRONT_PORT} ssl crt {server} alpn h2,http/1.1\n"
        "  option forwardfor\n  http-request set-header RemotePort %[src_port]\n"
        f"  server access 127.0.0.1:{ACCESS_PORT}\n",
    )
    body = place.write("upload", "what is sent\n" * 200)
    own = f"https://127.0.0.1:{MANY_PORT}"
    pages = [f"{own}/{name}" for name in ("page", "empty", "moved", "absent")]
    curl(place, "--insecure", "--http2", "--compressed", *pages)
    curl(place, "--insecure", "--http2", "--head", f"{own}/whole", f"{own}/whole")
    for port in (MANY_PORT, FRONT_PORT):
        url = f"https://127.0.0.1:{port}/said"
        curl(place, "--insecure", "--http2", "--parallel", "--parallel-max", "4", *[url] * 4)
        curl(place, "--insecure", "--http2", "--upload-file", body, url)
    alone = ["GET /page", "GET /empty", "GET /moved", "GET /absent", "HEAD /whole", "HEAD /whole"]
    return [*alone, *(["GET /said"] * 4 + ["PUT /said"]) * 3]


def tunnelled(place: Place) -> list[str]:
    """CONNECT: through tinyproxy in the clear, through TLS to it, refused, and with HTTP in the tunnel."""
    start_nginx(place)
    config = place.write(
        "tinyproxy.conf",
        f"Port {PROXY_PORT}\nListen 127.0.0.1\nTimeout 8\nMaxClients 10\nLogLevel Critical\n"
        f"ConnectPort {NODE_PORT}\nConnectPort {ACCESS_PORT}\n",
    )
    place.serve(PROXY_PORT, "tinyproxy", "-d", "-c", config)
    both = place.folder / "both.pem"
    both.write_text(
        (place.folder / "server.pem").read_text() + (place.folder / "server.key").read_text()
    )
    start_haproxy(
        place,
        FRONT_PORT,
        f"listen front\n  mode tcp\n  bind 127.0.0.1:{FRONT_PORT} ssl crt {both}\n"
        f"  server proxy 127.0.0.1:{PROXY_PORT}\n",
    )
    clear, sealed = f"http://127.0.0.1:{PROXY_PORT}", f"https://127.0.0.1:{FRONT_PORT}"
    target = f"https://127.0.0.1:{NODE_PORT}/said"
    plain = f"http://127.0.0.1:{ACCESS_PORT}/said"
    insecure = ("--insecure", "--proxy-insecure")
    curl(place, *insecure, "--proxy", clear, target)
    curl(place, *insecure, "--proxy", sealed, target)
    curl(place, *insecure, "--proxy", clear, "--proxytunnel", plain)
    curl(place, *insecure, "--proxy", clear, "https://127.0.0.1:9/", fails=True)
    curl(place, *insecure, "--proxy", clear, plain)
    connect = f"CONNECT 127.0.0.1:{NODE_PORT}"
    return [
        *(connect, "GET /said", "GET /said"),
        *(connect, connect, "GET /said", "GET /said", "GET /said"),
        *(f"CONNECT 127.0.0.1:{ACCESS_PORT}", "GET /said", "GET /said"),
        "CONNECT 127.0.0.1:9",
        *(f"GET {plain}", "GET /said"),
    ]


def upgraded(place: Place) -> list[str]:
    """101 Switching Protocols through nginx: what follows is no HTTP, and looks like it."""
    start_nginx(place)
    with socket.create_server(("127.0.0.1", CHAT_PORT)) as server:
        ends = Thread(target=_chat, args=(server,))
        ends.start()
        with socket.create_connection(("127.0.0.1", ACCESS_PORT), timeout=5) as wire:
            ask = b"Host: access.example.test\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n"
            wire.sendall(b"GET /chat HTTP/1.1\r\n" + ask)
            said = b""
            while b"welcome" not in said:
                said += wire.recv(65536)
            wire.sendall(b"GET /no-request HTTP/1.1\r\n\r\n")
            while wire.recv(65536):
                pass
        ends.join()
    return ["GET /chat", "GET /chat"]


def _chat(server: socket.socket) -> None:
    """Take the offer, say a word, hear one, end."""
    wire, _ = server.accept()
    with wire:
        wire.settimeout(5)
        wire.recv(65536)
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: Upgrade\r\n\r\n"
        wire.sendall(head + b"welcome\n")
        wire.recv(65536)
