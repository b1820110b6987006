"""Fixtures that several suites share; each lives in a module of its own under fixtures/."""

pytest_plugins = ["fixtures.stack", "fixtures.tryton", "fixtures.postgres", "fixtures.audit"]
