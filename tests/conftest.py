"""Settings of the test suite."""

import pytest

from .cases import RECORDS


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "unchecked: rules are run as in production, without checking the shapes they return"
    )


@pytest.fixture(autouse=True)
def _checked(request):
    """Have the engine check what rules return, unless a test wants to see what they return unchecked."""
    before = [p.checked for p in RECORDS]
    for p in RECORDS:
        p.checked = "unchecked" not in request.keywords
    yield
    for p, checked in zip(RECORDS, before, strict=True):
        p.checked = checked
