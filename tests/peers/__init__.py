"""Captures of programs that others wrote: OpenSSL, GnuTLS, curl, nginx, HAProxy, tinyproxy. README.md says how."""
