"""A scenario's text for tests of the command."""

from __future__ import annotations

SINGLE_NODE = """\
scenario: one node signs a device in
site:
  fqdn: access.example.com
  nodes: {node1: 10.20.1.1}
  cert_proxy: {destination: localhost}
devices:
  pixel: {user: alice@example.com}
steps:
  - {device: pixel, sign_in: salesforce}
expect: {signed_in: {pixel: alice@example.com}}
"""
