"""Fuzzing: every reader and the judge against bytes and texts that nobody meant to send.

Takes the decoders, the parsers and `replay`; gives inputs that break a property, as files for tests/fuzz_cases.
Must not be imported by the harness.
"""
