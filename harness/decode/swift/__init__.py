"""Whole, ordinary connections, all their bytes at hand, read in one go.

Takes the talk of both ends, gives what the careful way would give, or nothing where anything is odd.
Must not guess, nor carry state from packet to packet.
"""
