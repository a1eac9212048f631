"""Logistic regression on four points: the small program that every introduction begins with.

The loss is the negative log likelihood, summed. It starts at ``4 log 2`` and after a hundred steps
of 0.01 stands at 1.067270675787.
"""

import autograd_clone.numpy as np
from autograd_clone import grad

INPUTS = np.array([[0.52, 1.12, 0.77], [0.88, -1.08, 0.15], [0.52, 0.06, -1.30], [0.74, -2.49, 1.39]])
TARGETS = np.array([True, True, False, True])


def sigmoid(x):
    """The logistic function, written with tanh so that it does not overflow."""
    return 0.5 * (np.tanh(x / 2.0) + 1.0)


def training_loss(weights):
    """Negative log likelihood of the labels."""
    predictions = sigmoid(np.dot(INPUTS, weights))
    label_probabilities = predictions * TARGETS + (1 - predictions) * (1 - TARGETS)
    return -np.sum(np.log(label_probabilities))


def train(steps=100, rate=0.01):
    """Gradient descent from zero weights."""
    weights = np.array([0.0, 0.0, 0.0])
    gradient = grad(training_loss)
    for _ in range(steps):
        weights = weights - rate * gradient(weights)
    return weights


def main():
    """Train and print; returns the loss before and after."""
    before = training_loss(np.zeros(3))
    weights = train()
    after = training_loss(weights)
    print("loss before:", before)
    print("loss after: ", after)
    print("weights:    ", weights)
    return before, after


if __name__ == "__main__":
    main()
