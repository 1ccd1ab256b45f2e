"""The exchange format: one self-contained pcapng, key log lines, and the ledger of its completeness.

Takes and gives bytes and blocks; both sides of the wall use it, and nothing else passes the wall.
Must not know TCP, TLS or roles.
"""
