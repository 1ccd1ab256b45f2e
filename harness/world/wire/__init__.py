"""Wires: the real thing (kernel namespaces, veth, bridges).

Takes hosts and segments, gives `Host` objects that listen and connect, and the taps to record.
Must not know what the actors say to each other.
"""
