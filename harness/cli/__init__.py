"""The command line: one module per group of commands.

Takes arguments, prints, and turns outcomes into exit codes.
Must not hold logic that a library user would miss.
"""
