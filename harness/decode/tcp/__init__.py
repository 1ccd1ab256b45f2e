"""Segments to connections and to the bytes of each end in order, one by one or whole groups at once.

Takes packets, gives bytes with the packets that brought them, holes and conflicts included.
Must not know what the bytes mean.
"""
