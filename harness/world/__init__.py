"""The live network: a Scenario becomes hosts, actors, packets and one capture file.

Takes a Scenario, gives a pcapng file; nothing else leaves it.
Must not know decode, checks or verdict.
"""
