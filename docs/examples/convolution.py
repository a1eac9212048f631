"""Convolution in N dimensions: learn an edge filter from its output on an image.

``scipy.signal.convolve`` takes ``axes`` (the axes that are convolved) and ``dot_axes`` (those that
are summed over), so one call filters a stack of images.
"""

import numpy

import autograd_clone.numpy as np
from autograd_clone import grad
from autograd_clone.scipy.signal import convolve

SOBEL = numpy.array([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])


def images(count=4, size=12):
    """A stack of pictures with edges in several directions."""
    i, j = numpy.mgrid[:size, :size]
    return numpy.stack([((i * k + j * (3 - k)) % 7) / 7.0 for k in range(count)])


def loss(kernel, pictures, wanted):
    """Mean squared error of the filtered pictures."""
    return np.mean((convolve(pictures, kernel, axes=([1, 2], [0, 1]), mode="valid") - wanted) ** 2)


def difference(f, x, step=1e-6):
    """The gradient by central differences, for comparison."""
    out = numpy.zeros_like(x)
    for index in numpy.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        out[index] = (f(up) - f(down)) / (2 * step)
    return out


def main():
    """Check one gradient, then learn the filter."""
    pictures = images()
    wanted = convolve(pictures, SOBEL, axes=([1, 2], [0, 1]), mode="valid")
    kernel = numpy.zeros((3, 3))
    gradient = grad(loss)
    expected = difference(lambda k: loss(k, pictures, wanted), kernel)
    error = numpy.max(numpy.abs(gradient(kernel, pictures, wanted) - expected))
    print(f"largest difference to central differences: {error:.1e}")
    for step in range(401):
        if step % 100 == 0:
            print(f"step {step:4d}   loss {loss(kernel, pictures, wanted):.9f}")
        kernel = kernel - 0.25 * gradient(kernel, pictures, wanted)
    print(numpy.round(kernel, 3))
    return error, kernel


if __name__ == "__main__":
    main()
