"""Bytes to HTTP messages and exchanges, and what two readers could see differently.

Takes the bytes of both sides in any pieces, gives messages and reports of what is malformed.
Must not know TLS or TCP.
"""
