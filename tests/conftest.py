"""Settings of the test suite."""

import pytest


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "unchecked: rules run as in production, without a check of the shapes that they return"
    )


@pytest.fixture(autouse=True)
def checked(request):
    """In the tests of records, have the engine check what rules return, unless a test says otherwise."""
    if "prim" not in request.fixturenames:
        yield
        return
    from .cases import RECORDS

    before = [p.checked for p in RECORDS]
    for p in RECORDS:
        p.checked = "unchecked" not in request.keywords
    yield
    for p, was in zip(RECORDS, before, strict=True):
        p.checked = was
