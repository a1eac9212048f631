"""The tools for looking into a program: where a NaN came from, what was computed, what it took."""

import inspect
import re
import shutil
import sys
import threading
import time
from xml.etree import ElementTree

import numpy as onp
import pytest

import autograd_clone.numpy as np
from autograd_clone import (
    Variable,
    check_grads,
    checkpoint,
    custom_vjp,
    detect_anomaly,
    elementwise_grad,
    grad,
    hessian,
    jacobian,
    jvp,
    make_vjp,
    primitive,
    profile,
    stop_gradient,
    trace_graph,
    value_and_grad,
)
from autograd_clone.engine.errors import AnomalyError
from autograd_clone.extend import defvjp

quiet = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def line_of(function, text):
    """``file:line`` of the line of a function that contains `text`."""
    lines, first = inspect.getsourcelines(function)
    (number,) = [first + k for k, line in enumerate(lines) if text in line]
    return f"{inspect.getsourcefile(function)}:{number}"


# ---- anomalies -----------------------------------------------------------------------------------------------


def likelihood(x):
    shifted = x - 1.0
    logs = np.log(shifted)
    return np.sum(logs * logs)


def distances(x):
    squares = np.sum(x * x, axis=1)
    lengths = np.sqrt(squares)
    return np.mean(np.tanh(lengths))


def anomaly(f, *args, **options):
    with detect_anomaly(**options), pytest.raises(AnomalyError) as caught:
        f(*args)
    return str(caught.value)


@quiet
@pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad, jacobian, hessian, make_vjp])
def test_the_line_where_a_value_became_nan(transform):
    message = anomaly(transform(likelihood), onp.array([2.0, 1.0, 0.5]))
    assert "numpy.log gave -inf, nan in 2 of 3 elements, the first at [1]" in message
    assert line_of(likelihood, "np.log") + " in likelihood" in message
    assert "logs = np.log(shifted)" in message
    assert "x: float64 of shape (3,), from -0.5 to 1.0, 0.0 at [1]" in message


@quiet
@pytest.mark.parametrize("transform", [grad, value_and_grad, elementwise_grad])
def test_the_line_where_a_derivative_became_infinite(transform):
    x = onp.array([[3.0, 4.0], [0.0, 0.0]])
    message = anomaly(transform(distances), x)
    assert "the backward pass of numpy.sqrt, for its operand x, gave inf in 1 of 2 elements, the first at [1]" in message
    assert line_of(distances, "np.sqrt") in message
    assert "cotangent: float64 of shape (2,)" in message
    assert "output: float64 of shape (2,), from 0.0 to 5.0, 0.0 at [1]" in message


@quiet
def test_the_line_where_a_tangent_became_infinite():
    def roots(x):
        return np.sum(np.sqrt(x))

    message = anomaly(lambda x: jvp(roots, (x,), (onp.array([1.0, 2.0]),)), onp.array([4.0, 0.0]))
    assert "the tangent of numpy.sqrt gave inf in 1 of 2 elements, the first at [1]" in message
    assert line_of(roots, "np.sqrt") in message
    assert "tangent of x: float64 of shape (2,), from 1.0 to 2.0, 2.0 at [1]" in message


@quiet
def test_programs_that_are_right_pass():
    guarded = lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0))
    x = onp.array([0.0, 4.0])
    with detect_anomaly():
        onp.testing.assert_array_equal(grad(guarded)(x), [0, 0.25])
        assert grad(np.linalg.norm)(onp.zeros(2)).tolist() == [0, 0]
        for f in (distances, guarded, lambda x: np.sum(np.linalg.eigh(np.outer(x, x))[1] ** 4)):
            x = onp.array([[1.0, 2.0], [0.5, 3.0]]) if f is distances else onp.array([1.0, 2.5])
            expected = [t(f)(x) for t in (grad, hessian)]
        got = [t(f)(x) for t in (grad, hessian)]
    for a, b in zip(got, expected, strict=True):
        onp.testing.assert_array_equal(a, b)


@quiet
def test_a_branch_that_is_not_chosen():
    f = lambda x: np.sum(np.where(x > 0, np.log(x), 0.0))
    x = onp.array([-1.0, 2.0])
    assert "numpy.log gave nan" in anomaly(grad(f), x)
    with detect_anomaly(forward=False):
        onp.testing.assert_array_equal(grad(f)(x), [0, 0.5])


@quiet
def test_infinities_may_be_allowed():
    f, x = lambda x: np.sum(np.exp(-1 / x**2)), onp.array([0.0, 1.0])
    assert "numpy.divide gave -inf" in anomaly(elementwise_grad(f), x)
    with detect_anomaly(inf=False):
        assert grad(lambda x: np.min(np.array([1 / x, 3.0 * x])))(0.0) == 3
    assert "numpy.subtract gave nan" in anomaly(grad(lambda x: 1 / x - 1 / x), 0.0, inf=False)


@quiet
def test_what_was_not_finite_before():
    message = anomaly(grad(lambda x: np.sum(x * 2)), onp.array([1.0, onp.nan]))
    assert "numpy.multiply gave nan in 1 of 2 elements, the first at [1]" in message
    assert "nan at [1]; it held 1 NaN or infinite element before" in message
    message = anomaly(grad(lambda x: x * onp.inf), 1.0)
    assert "x2: float64 inf; it held 1 NaN or infinite element before" in message
    assert "gave inf in its only element" in message
    message = anomaly(grad(lambda x: np.sum(np.concatenate([x, x]))), onp.array([onp.nan]))
    assert "arrays[0]: float64 of shape (1,)" in message
    assert "arrays[1]: float64 of shape (1,)" in message


@quiet
def test_the_second_derivative():
    def power(x):
        return np.sum(x**1.5)

    message = anomaly(grad(grad(power)), 0.0)
    assert line_of(power, "x**1.5") in message
    assert "numpy.power" in message


@quiet
def test_rules_of_ones_own_and_checkpoints():
    @custom_vjp
    def half(x):
        return x / 2

    half.defvjp(lambda x: (x / 2, x), lambda x, g: (g / (x - x),))
    message = anomaly(grad(lambda x: half(x) * 3), 1.0)
    assert "the backward pass of half gave inf" in message
    blown = custom_vjp(lambda x: x / 0)
    blown.defvjp(lambda x: (x / 0, x), lambda x, g: (g,))
    assert "<lambda> gave inf" in anomaly(grad(lambda x: blown(x) * 3), onp.float64(1.0))
    message = anomaly(grad(checkpoint(distances)), onp.zeros((1, 2)))
    assert "the backward pass of numpy.sqrt, which is a part of the backward pass of distances, for its operand x, gave inf" in message
    assert line_of(distances, "np.sqrt") in message


@quiet
def test_several_outputs():
    message = anomaly(grad(lambda x: np.sum(np.linalg.slogdet(np.outer(x, x))[1])), onp.array([1.0, 2.0]))
    assert "slogdet gave -inf" in message


@quiet
def test_variables():
    v = Variable([0.0, 4.0])
    with detect_anomaly():
        y = np.sum(np.sqrt(v))
    with pytest.raises(AnomalyError, match=r"the backward pass of numpy\.sqrt"):
        y.backward()
    assert v.grad is None
    with detect_anomaly(), pytest.raises(AnomalyError, match=r"numpy\.log gave -inf"):
        np.log(v)
    with detect_anomaly():
        np.sum(v * Variable([1.0, 2.0], requires_grad=False)).backward()
    onp.testing.assert_array_equal(v.grad, [1, 2])


def test_an_exception_of_a_rule_names_the_line_once():
    @custom_vjp
    def broken(x):
        return x

    broken.defvjp(lambda x: (x, None), lambda _, g: 1 / 0)
    with detect_anomaly(), pytest.raises(ZeroDivisionError) as caught:
        grad(lambda x: broken(x) * 2)(1.0)
    assert [note.startswith("in the backward pass of broken, recorded at") for note in caught.value.__notes__] == [True]


@quiet
def test_detection_ends_with_its_block_and_is_for_one_thread():
    f, x = likelihood, onp.array([1.0])
    results = []
    with detect_anomaly():
        with detect_anomaly(inf=False):
            pass
        thread = threading.Thread(target=lambda: results.append(grad(f)(x)))
        thread.start()
        thread.join()
        with pytest.raises(AnomalyError):
            grad(f)(x)
    assert len(results) == 1
    assert not onp.isfinite(grad(f)(x)).all()

    @detect_anomaly()
    def decorated(x):
        return grad(f)(x)

    for _ in range(2):
        with pytest.raises(FloatingPointError):
            decorated(x)


# ---- graphs -------------------------------------------------------------------------------------------------


def network(params, x, y):
    h = x
    for w, b in params["hidden"]:
        h = np.tanh(h @ w + b)
    errors = h[:, 0] - y
    if np.sum(errors) > 1e6:
        errors = errors * 0
    return np.mean(errors**2)


def network_arguments(n=5):
    rng = onp.random.default_rng(0)
    hidden = [(rng.normal(size=(3, 3)), rng.normal(size=3)) for _ in range(2)]
    return {"hidden": hidden}, rng.normal(size=(n, 3)), rng.normal(size=n)


def rows(graph):
    """The listing without its columns of blanks and its file names."""
    return [re.sub(r"\s+", " ", re.sub(r"\S+\.py:\d+$", "", line)).strip() for line in str(graph).splitlines()]


def test_a_listing():
    graph = trace_graph(network)(*network_arguments())
    assert rows(graph) == [
        "network:",
        "params['hidden'][0][0] float64[3, 3]",
        "params['hidden'][0][1] float64[3]",
        "params['hidden'][1][0] float64[3, 3]",
        "params['hidden'][1][1] float64[3]",
        "x float64[5, 3]",
        "y float64[5]",
        "%1 float64[5, 3] matmul(x, params['hidden'][0][0])",
        "%2 float64[5, 3] add(%1, params['hidden'][0][1])",
        "%3 float64[5, 3] tanh(%2)",
        "%4 float64[5, 3] matmul(%3, params['hidden'][1][0])",
        "%5 float64[5, 3] add(%4, params['hidden'][1][1])",
        "%6 float64[5, 3] tanh(%5)",
        "%7 float64[5] %6[:, 0]",
        "%8 float64[5] subtract(%7, y)",
        "%9 float64[5] power(%8, 2)",
        "%10 float64 mean(%9)",
        "return %10",
    ]
    (line,) = [line for line in str(graph).splitlines() if "mean(" in line]
    assert line.endswith(line_of(network, "np.mean").rpartition("/")[2])
    assert repr(graph) == str(graph)


def test_arguments_of_every_kind():
    def f(x, n, *rest, scale, kind="a"):
        parts = np.split(x, 2)
        picked = np.concatenate([parts[0] * n, rest[0], x[[0, 2]]])[::-1]
        sign, log = np.linalg.slogdet(np.outer(parts[0], parts[1]) + np.eye(2))
        return {"a": np.cumsum(picked)[picked > 0] * scale, "b": (log, sign, kind), "n": n}

    graph = trace_graph(f)(onp.array([1.0, 2.0, 0.3, 4.0]), 3, onp.array([0.5]), scale=2.0)
    assert [n.label for n in graph.nodes if n.site is None] == ["x", "args[2]", "scale"]
    listing = "\n".join(rows(graph))
    assert "float64[2] x[0:2]" in listing
    assert "multiply(%1, 3)" in listing
    assert "x[[0, 2]]" in listing
    assert re.search(r"%\d+\[::-1\]", listing)
    assert re.search(r"%\d+ SlogdetResult\(sign=float64, logabsdet=float64\) slogdet\(%\d+\)", listing)
    assert re.search(r"multiply\(%\d+, scale\)", listing)
    assert re.search(r"return \{'a': %\d+, 'b': \(%\d+, [%1.\d]+, 'a'\), 'n': 3\}$", listing)


def test_the_graph_of_a_gradient():
    listing = rows(trace_graph(grad(lambda x: np.sum(np.sin(x))))(onp.ones(3)))
    assert [row.split(" ", 2)[2] for row in listing[2:-1]] == ["cos(x)", "multiply([1.0, 1.0, 1.0], %1)"]


def test_assignments_are_in_the_graph():
    def f(x):
        out = np.zeros(3)
        out[0] = np.sin(x[0])
        y = x * 2
        y[1:] += out[:2]
        return np.sum(y * out)

    graph = trace_graph(f)(onp.ones(3))
    names = [n.name for n in graph.nodes]
    assert names.count("assigned") == 2
    assert any(re.fullmatch(r"%\d+ float64\[3\] %\d+ with \[1:\] = %\d+", row) for row in rows(graph))
    assert {"sin", "add", "sum"} < set(names)
    assert {row.name for row in profile(f)(onp.ones(3)).primitives} > {"assigned", "numpy.sin"}


def test_what_nothing_depends_on_is_left_out():
    def f(x):
        np.exp(x)
        return x * 2

    assert [n.name for n in trace_graph(f)(1.0).nodes] == ["x", "multiply"]
    assert rows(trace_graph(lambda x, y: 3.0)(1.0, 2.0)) == ["<lambda>:", "x float64", "y float64", "return 3.0"]


def test_primitives_of_ones_own_are_one_operation():
    half = custom_vjp(lambda x: x / 2)
    half.__name__ = half.name = "half"
    assert "half(x)" in str(trace_graph(lambda x: half(x) + 1)(2.0))


def test_dot():
    dot = trace_graph(network)(*network_arguments()).to_dot()
    assert dot.startswith('digraph "network" {')
    assert re.search(r'n6 \[label="%1 = matmul\(x, params\[\'hidden\'\]\[0\]\[0\]\)\\nfloat64\[5, 3\]"', dot)
    assert re.findall(r"n(\d+) -> n6;", dot) == ["4", "0"]
    assert "test_tools.py" in dot


def drawn(svg):
    """The boxes (left, top, right, bottom) and the end points of the edges of a drawing."""
    root = ElementTree.fromstring(svg)
    boxes = [r for g in root.iter("{http://www.w3.org/2000/svg}g") for r in g.findall("{http://www.w3.org/2000/svg}rect")]
    rectangles = []
    for r in boxes:
        x, y, w, h = (float(r.attrib[k]) for k in ("x", "y", "width", "height"))
        rectangles.append((x, y, x + w, y + h))
    edges = []
    for path in root.iter("{http://www.w3.org/2000/svg}path"):
        numbers = [float(t) for t in re.findall(r"-?[\d.]+", path.attrib["d"])]
        if path.attrib["d"].startswith("M0 0L"):
            continue
        edges.append((numbers[0], numbers[1], numbers[6], numbers[7]))
    return rectangles, edges


def test_svg_without_graphviz():
    graph = trace_graph(grad(network))(*network_arguments())
    svg = graph.to_svg(graphviz=False)
    boxes, edges = drawn(svg)
    assert len(boxes) == len(graph.nodes)
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert min(left, top) >= 0
        for l, t, r, b in boxes[:i]:
            assert right <= l or r <= left or bottom <= t or b <= top, "boxes overlap"
    heads = {(x1, y1) for _, _, x1, y1 in edges}
    for node, (left, top, right, _) in zip(graph.nodes, boxes, strict=True):
        arrived = [x for x, y in heads if abs(y - top) < 0.2 and left < x < right]
        assert bool(arrived) == bool(node.parents)
    for _, y0, _, y1 in edges:
        assert y0 < y1, "edges point down"
    assert svg.count("<title>") == len(graph.nodes)
    assert graph._repr_svg_().startswith("<svg")


def test_names_are_escaped():
    def f(x):
        return x['a<&"b'] * 2

    graph = trace_graph(f)({'a<&"b': onp.ones(2)})
    ElementTree.fromstring(graph.to_svg(graphviz=False))
    assert '\\"b' in graph.to_dot()


def test_graphviz_is_used_if_it_is_there(tmp_path, monkeypatch):
    graph = trace_graph(network)(*network_arguments())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "float64[3, 3]" in graph.to_svg()
    with pytest.raises(FileNotFoundError, match="Graphviz"):
        graph.to_svg(graphviz=True)
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nprint('<?xml?>\\n<svg>' + str(len(sys.stdin.read())) + '</svg>')\n")
    program.chmod(0o755)
    for drawing in (graph.to_svg(), graph.to_svg(graphviz=True), graph._repr_svg_()):
        assert drawing.strip() == f"<svg>{len(graph.to_dot())}</svg>"
    assert "float64[3, 3]" in graph.to_svg(graphviz=False)


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_svg_by_graphviz():
    graph = trace_graph(network)(*network_arguments())
    assert graph.to_svg(graphviz=True).count("<polygon") > 5


def test_a_long_graph_is_drawn_quickly():
    def f(x):
        for _ in range(1500):
            x = np.sin(x) * x
        return x

    start = time.perf_counter()
    svg = trace_graph(f)(0.5).to_svg(graphviz=False)
    assert svg.count("<rect") == 3002
    assert time.perf_counter() - start < 20


# ---- profiles -----------------------------------------------------------------------------------------------


def test_a_profile_by_primitive_and_by_line():
    found = profile(network, repeat=2)(*network_arguments(200))
    calls = {row.name: row.calls for row in found.primitives}
    assert calls == {
        "numpy.matmul": 2, "numpy.add": 2, "numpy.tanh": 2, "getitem": 1, "numpy.subtract": 1, "numpy.power": 1, "numpy.mean": 1,
        "numpy.sum": 1, "(between them)": 0,
    }  # fmt: skip
    kept = {row.name: row.kept for row in found.primitives}
    assert kept["numpy.tanh"] == 2 * 200 * 3 * 8
    assert kept["numpy.power"] == 200 * 8
    assert found.kept == sum(kept.values())
    by_line = {row.name: row.calls for row in found.lines}
    where = line_of(network, "np.tanh").rpartition("/")[2]
    assert by_line[f"{where}  h = np.tanh(h @ w + b)"] == 6
    for table in (found.primitives, found.lines):
        assert sum(row.forward for row in table) == pytest.approx(found.forward)
        assert sum(row.backward for row in table) == pytest.approx(found.backward)
        assert all(row.forward > 0 for row in table[:-1])
        assert [row.total for row in table[:-1]] == sorted((row.total for row in table[:-1]), reverse=True)
    text = str(found)
    assert text.startswith("network: forward ")
    assert "numpy.matmul" in text
    assert "h = np.tanh(h @ w + b)" in text


def test_time_is_counted_where_it_is_spent():
    @custom_vjp
    def slow(x):
        time.sleep(0.01)
        return x

    def back(_, g):
        time.sleep(0.02)
        return (g,)

    slow.defvjp(lambda x: (slow.fun(x), None), back)
    found = profile(lambda x: np.sum(slow(x) * slow(2 * x)), repeat=1)(onp.ones(3))
    top = found.primitives[0]
    assert (top.name, top.calls) == ("slow", 2)
    assert 0.02 <= top.forward < 0.1
    assert 0.04 <= top.backward < 0.2
    assert found.primitives[1].total < 0.01


def test_time_inside_a_primitive_is_counted_once():
    c = onp.ones(3)

    def f(x):
        return np.sum(checkpoint(lambda y: np.sin(y) * x)(x * c))  # uses x: the function is traced through

    found = profile(f)(onp.ones(3))
    assert {row.name: row.calls for row in found.primitives}["numpy.sin"] == 1
    assert sum(row.forward for row in found.primitives) == pytest.approx(found.forward)


def test_several_arguments_and_outputs():
    found = profile(lambda x, y: {"a": np.exp(x) * y, "b": 2.0, "c": np.sort(y)}, argnum=(0, 1))(onp.ones(4), onp.ones(4))
    assert {"numpy.exp", "numpy.multiply"} < {row.name for row in found.primitives}
    assert profile(np.exp, repeat=1)(1.0).primitives[0].calls == 1
    with pytest.raises(ValueError, match="at least 1"):
        profile(np.exp, repeat=0)


# ---- check_grads ----------------------------------------------------------------------------------------------


@primitive
def product(x, y):
    return x * y


defvjp(
    product,
    lambda ans, x, y: lambda g: g * y * onp.where(onp.arange(x.size).reshape(x.shape) == 4, 1.5, 1.0),
    lambda ans, x, y: lambda g: onp.sum(g * x, axis=0),
)


def weighted(params, scale):
    return np.sum(product(params["w"], scale) ** 2) + params["b"]


PARAMS = {"w": onp.arange(1.0, 7).reshape(2, 3), "b": 2.0}
SCALE = onp.array([4.0, 5.0, 6.0])


def report(*args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        check_grads(*args, **kwargs)(PARAMS, SCALE)
    return str(caught.value)


@pytest.mark.parametrize(("mode", "name"), [("rev", "VJP"), ("fwd", "JVP")])
def test_the_elements_that_are_wrong(mode, name):
    text = report(weighted, modes=[mode])
    assert text.startswith(f"Derivative ({name}) check of weighted failed. Along a random direction:\nanalytic: ")
    assert "with respect to argument params['w']: 1 of 6 elements wrong" in text
    assert "with respect to argument params['b']: none of 1 element wrong" in text
    ((place, analytic, numeric, difference),) = re.findall(r"^  (\[.*\]) +(\S+) +(\S+) +(\S+)$", text, re.MULTILINE)
    assert place == "[1, 1]"
    assert float(analytic) / float(numeric) == pytest.approx(1.5, rel=1e-6)
    assert float(difference) == pytest.approx(float(analytic) - float(numeric), rel=0.01)


def test_the_argument_that_is_wrong():
    text = report(weighted, argnum=(0, "scale"), modes=["rev"])
    assert "with respect to argument params['w']: 1 of 6 elements wrong" in text
    assert "with respect to argument scale: none of 3 elements wrong" in text
    check_grads(lambda p, s: np.sum(p["w"] * s), argnum=1)(PARAMS, SCALE)


def test_a_second_derivative_that_is_wrong():
    @custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (g * 3 * stop_gradient(x) ** 2,))
    check_grads(cube, modes=["rev"], order=1)(onp.array([1.0, 2.0]))
    with pytest.raises(AssertionError) as caught:
        check_grads(cube, modes=["rev"])(onp.array([1.0, 2.0]))
    assert "check of vjp_cube failed" in str(caught.value)
    assert "with respect to argument x: 2 of 2 elements wrong" in str(caught.value)
    assert "with respect to the cotangent: none of 2 elements wrong" in str(caught.value)


def test_complex_and_large_arguments():
    wrong = custom_vjp(lambda z: z * 1.0)
    wrong.defvjp(lambda z: (z, None), lambda _, g: (g + 0.5j * g.imag,))
    with pytest.raises(AssertionError) as caught:
        check_grads(wrong, modes=["rev"], order=1)(onp.array([1.0 + 1j, 2.0]))
    assert re.search(r"^  \[\d\] \* 1j ", str(caught.value), re.MULTILINE)
    wrong = custom_vjp(lambda x: x * 1.0)
    wrong.defvjp(lambda x: (x, None), lambda _, g: (g * 2,))
    with pytest.raises(AssertionError) as caught:
        check_grads(wrong, modes=["rev"], order=1)(onp.ones(1000))
    assert "250 of 250 elements looked at (of 1000) wrong" in str(caught.value)
    assert "and 240 more" in str(caught.value)
