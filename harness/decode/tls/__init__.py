"""Bytes to TLS: records, messages, keys and plaintext of every version, found again after holes.

Takes bytes in any pieces and secrets, gives facts and plaintext; a bad tag is never plaintext.
Must not know HTTP, nor the frames below.
"""
