"""Captured frames to addresses, ports and TCP headers, one by one or a window of them as columns.

Takes bytes and their link type, gives packets; IP, its tunnels and fragments are all it reads.
Must not know connections.
"""
