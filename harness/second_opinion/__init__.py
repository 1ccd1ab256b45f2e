"""The second opinion: tshark reads the same file, and its facts are compared with ours, one by one.

Must not decode anything itself: what we read is given to it.
"""
