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


@pytest.fixture(autouse=True)
def own_rules(request):
    """Take back the rules that a test gives to functions of NumPy: they are for the whole process."""
    if "prim" in request.fixturenames:
        yield
        return
    from autograd_clone.array.box import FAST, ArrayBox
    from autograd_clone.engine.primitive import REGISTRY

    records = dict(REGISTRY)
    fast = [dict(table) for table in FAST]
    methods = dict(vars(ArrayBox))
    yield
    if all(REGISTRY.get(fun) is record for fun, record in records.items()):
        return
    REGISTRY.update(records)
    for table, was in zip(FAST, fast, strict=True):
        table.update(was)
    for name, method in methods.items():
        if vars(ArrayBox)[name] is not method:
            setattr(ArrayBox, name, method)
