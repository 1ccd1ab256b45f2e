"""Capture file to Trace: frames, TCP streams, TLS, HTTP, on cryptography's primitives.

Takes blocks, gives observations; never raises on bad bytes, never guesses at missing ones.
Must not know the site, scapy or tlslite-ng.
"""
