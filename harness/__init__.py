"""certproxy-harness: a scenario becomes packets, and the packets decide.

Read the packages in pipeline order: scenario, world, capture | decode, trace, checks, verdict, report.
The wall stands between capture and decode: `replay` starts there, with the file alone.
"""

__version__ = "0.1.0"
