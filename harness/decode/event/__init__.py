"""Several files of one event: what tells their packets apart, their clocks, what several of them saw, their order.

Takes the packets of each file as tables. Holds what does not grow with the files; the rest goes to files that the
caller gives. Must not look above TCP, but for the random of a TLS hello.
"""
