"""A scenario file: site, devices, steps, expectation.

Takes YAML text, gives a `Scenario` or every problem of the file at once, each with line and column.
Must not know how a scenario is run.
"""
