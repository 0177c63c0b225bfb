"""Provide lab tests with pools, servers, users and faults, and write pages from their results."""
