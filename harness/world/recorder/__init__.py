"""The tap: an mmap ring per bridge, read by scapy's sniffer with no dissection.

Takes interfaces, gives frames with kernel time stamps and the kernel's own counters.
Must not know what the frames mean.
"""
