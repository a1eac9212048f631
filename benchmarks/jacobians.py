"""Programs with many outputs, and their Jacobians by hand."""

import numpy as np

# -- a nonlinear system of tridiagonal structure (Broyden, 1965) ----------------------------------------


def tridiagonal(np, x):
    """Each equation meets its own unknown and the neighbours'."""
    nothing = 0.0 * x[:1]
    before, after = np.concatenate((nothing, x[:-1])), np.concatenate((x[1:], nothing))
    return (3 - 2 * x) * x - before - 2 * after + 1


def tridiagonal_by_hand(x):
    n = len(x)
    jacobian = np.zeros((n, n))
    jacobian.reshape(-1)[:: n + 1] = 3 - 4 * x
    jacobian.reshape(-1)[1 :: n + 1] = -2
    jacobian.reshape(-1)[n :: n + 1] = -1
    return jacobian


def tridiagonal_inputs(rng, n):
    return (rng.standard_normal(n),)


# -- bundle adjustment: where a camera sees a point, one row of the table per observation ----------------


def reprojection(np, row):
    """Two coordinates of the image, of a camera (rotation vector, translation, focal length, two coefficients of
    distortion) and a point in space: the model of Agarwal, Snavely, Seitz and Szeliski, "Bundle adjustment in the
    large" (2010).
    """
    v, translation, focal, k1, k2, point = row[:3], row[3:6], row[6], row[7], row[8], row[9:]
    angle = np.sqrt(np.sum(v * v))
    axis = v / angle
    sine, cosine = np.sin(angle), np.cos(angle)
    a0, a1, a2 = axis[0], axis[1], axis[2]
    x0, x1, x2 = point[0], point[1], point[2]
    along = (a0 * x0 + a1 * x1 + a2 * x2) * (1 - cosine)
    p0 = x0 * cosine + (a1 * x2 - a2 * x1) * sine + a0 * along + translation[0]
    p1 = x1 * cosine + (a2 * x0 - a0 * x2) * sine + a1 * along + translation[1]
    p2 = x2 * cosine + (a0 * x1 - a1 * x0) * sine + a2 * along + translation[2]
    u, w = -p0 / p2, -p1 / p2
    square = u * u + w * w
    scale = focal * (1 + square * (k1 + k2 * square))
    return np.stack((scale * u, scale * w))


def reprojections_by_hand(rows):
    """For all observations at once. The derivative of a rotated point with respect to the rotation vector is that of
    Gallego and Yezzi, J. Math. Imaging Vision 51 (2015), equation 8.
    """
    v, translation, focal, k1, k2, point = rows[:, :3], rows[:, 3:6], rows[:, 6], rows[:, 7], rows[:, 8], rows[:, 9:]
    angle = np.sqrt(np.sum(v * v, axis=1))[:, None, None]
    K = _cross(v) / angle
    rotation = np.eye(3) + np.sin(angle) * K + (1 - np.cos(angle)) * (K @ K)
    outer = v[:, :, None] * v[:, None, :]
    turned = (outer + (np.swapaxes(rotation, 1, 2) - np.eye(3)) @ _cross(v)) / angle**2
    by_rotation = -rotation @ _cross(point) @ turned
    p = (rotation @ point[:, :, None])[:, :, 0] + translation
    n = len(rows)
    by_pose = np.concatenate((by_rotation, np.broadcast_to(np.eye(3), (n, 3, 3)), rotation), axis=2)  # (n, 3, 9)
    uw = -p[:, :2] / p[:, 2:]
    by_p = np.zeros((n, 2, 3))
    by_p[:, 0, 0] = by_p[:, 1, 1] = -1 / p[:, 2]
    by_p[:, :, 2] = -uw / p[:, 2:]
    square = np.sum(uw * uw, axis=1)
    bent = 1 + square * (k1 + k2 * square)
    slope = 2 * focal * (k1 + 2 * k2 * square)
    by_uw = (focal * bent)[:, None, None] * np.eye(2) + slope[:, None, None] * uw[:, :, None] * uw[:, None, :]
    inner = by_uw @ by_p @ by_pose
    by_lens = uw[:, :, None] * np.stack((bent, focal * square, focal * square**2), axis=1)[:, None, :]
    return np.concatenate((inner[:, :, :6], by_lens, inner[:, :, 6:]), axis=2)


def _cross(v):
    """The matrices of the cross products with vectors."""
    zero = np.zeros(len(v))
    rows = ((zero, -v[:, 2], v[:, 1]), (v[:, 2], zero, -v[:, 0]), (-v[:, 1], v[:, 0], zero))
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def reprojection_inputs(rng, n):
    rotations, translations = 0.3 * rng.standard_normal((n, 3)), 0.1 * rng.standard_normal((n, 3))
    lenses = np.stack((500 + rng.standard_normal(n), 0.01 * rng.standard_normal(n), 0.001 * rng.standard_normal(n)), axis=1)
    points = rng.standard_normal((n, 3)) - np.array([0.0, 0.0, 6.0])
    return (np.concatenate((rotations, translations, lenses, points), axis=1),)
