"""One TLS endpoint over a byte stream (owns tlslite-ng), its acceleration and its key tap.

Takes a Stream and an Identity, gives a Stream whose bytes are plaintext, and the secrets of the session.
Must not know who talks to whom, or why.
"""
