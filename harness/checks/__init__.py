"""The promises: one invariant a file, and the registry that lists them.

Takes a Trace and a Site, gives outcomes with evidence; pure functions.
Must not know files, sockets, clocks or the scenario.
"""
