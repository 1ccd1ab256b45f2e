"""What was on the wire: packets, connections, handshakes, exchanges, and journeys that join the legs.

Frozen observations, each with the numbers of the packets that show it.
Must not know how they were decoded or what they should have been.
"""
