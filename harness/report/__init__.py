"""A verdict told to people and programs: terminal text, canonical JSON.

Takes a Verdict, gives text.
Must not decide anything.
"""
