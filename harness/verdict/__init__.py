"""Outcome, finding, expectation, verdict: what is said about a trace and how it merges.

Takes outcomes, gives one verdict: FAIL over UNKNOWN over PASS.
Must not know how a check comes to its outcome.
"""
