"""The deployment under test as data: nodes, balancers, the cert-proxy settings page, contracts.

Takes plain data (YAML or JSON already parsed), gives a validated `Site`.
Must not know how a site is built or judged.
"""
