"""Settings of the test suite."""


def pytest_configure(config):
    config.addinivalue_line("markers", "unchecked: rules are run as in production, without checking the shapes they return")
