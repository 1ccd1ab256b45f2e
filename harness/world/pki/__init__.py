"""Certificate authorities, server and device certificates of one run (owns trustme, cryptography).

Takes names and addresses, gives chains, keys and verifiers.
Must not know TLS or HTTP.
"""
