"""Plain network values: addresses, endpoints, allow-lists, forwarded headers.

Takes text or bytes, gives frozen values; both sides of the wall use them.
Must not know anything else of the harness.
"""
