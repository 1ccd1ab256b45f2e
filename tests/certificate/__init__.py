"""Tests of the certificate rules."""
