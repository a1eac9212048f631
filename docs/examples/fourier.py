"""Gradients through the Fourier transform: sharpen a blurred signal by descent on its spectrum.

A signal is blurred by multiplying its spectrum with a Gaussian. Least squares in the signal space
then has the closed gradient ``blur(blur(x) - y)``, because a real symmetric blur is its own
adjoint; the program's gradient is compared with it.
"""

import numpy

import autograd_clone.numpy as np
from autograd_clone import grad

N = 64
TRANSFER = numpy.exp(-0.5 * (numpy.fft.fftfreq(N) * 12.0) ** 2)


def blur(x):
    """Multiply the spectrum by a Gaussian."""
    return np.real(np.fft.ifft(np.fft.fft(x) * TRANSFER))


def loss(x, observed):
    """Half the squared error of the blurred signal."""
    return 0.5 * np.sum((blur(x) - observed) ** 2)


def main():
    """Deblur a box, and check the first gradient."""
    truth = numpy.zeros(N)
    truth[20:40] = 1.0
    observed = blur(truth)
    x = numpy.zeros(N)
    gradient = grad(loss)
    error = numpy.max(numpy.abs(gradient(x, observed) - blur(blur(x) - observed)))
    print(f"largest error of the gradient: {error:.1e}")
    for step in range(201):
        if step % 50 == 0:
            print(f"step {step:3d}   loss {loss(x, observed):.9f}")
        x = x - gradient(x, observed)
    return error, loss(numpy.zeros(N), observed), loss(x, observed)


if __name__ == "__main__":
    main()
