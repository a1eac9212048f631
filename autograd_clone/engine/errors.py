"""The named errors of the package.

Every failure a user can cause is one of these. Each derives from the built-in exception that NumPy or HIPS
autograd raises in the same situation, so ``except TypeError`` keeps working.
"""

from numpy.linalg import LinAlgError


class AutogradError(Exception):
    """Base class of every error this package raises on purpose."""


class MissingRuleError(AutogradError, NotImplementedError):
    """A function was called on a traced value but has no derivative rule."""


class NotDifferentiableError(AutogradError, TypeError):
    """A function that has no derivative by its nature was called on a traced value."""


class UnsupportedCallError(AutogradError, NotImplementedError):
    """A function was called on a traced value in a way that NumPy accepts and its derivative does not support."""


class UnsupportedKeywordError(AutogradError, TypeError):
    """A keyword argument was given that the derivative rule does not handle."""


class LeakedBoxError(AutogradError, RuntimeError):
    """A traced value was used after the transform that made it had returned."""


class RuleShapeError(AutogradError, ValueError):
    """A derivative rule returned something of the wrong shape or structure."""


class DirectionNeededError(AutogradError, ArithmeticError):
    """A derivative may exist along every direction, but this backward pass, which knows none, cannot find it.

    So it is for functions of repeated eigenvalues together with their eigenvectors. `grad` and its like go over to forward
    mode then, one pass per element; what cannot run the function again raises this.
    """


class NotConvergedError(AutogradError, ArithmeticError):
    """A solver stopped before it had found a solution, so that there is nothing to differentiate."""


class SingularJacobianError(AutogradError, LinAlgError):
    """The equations that define a solution do not determine how it changes with their parameters."""


class NonScalarOutputError(AutogradError, TypeError):
    """A gradient was asked of a function whose output is not a real scalar."""


class UnsupportedTypeError(AutogradError, TypeError):
    """An argument (or output) has a type that cannot be differentiated."""


class IntegerInputError(UnsupportedTypeError):
    """An integer was given where a floating-point argument is needed."""


class ArgnumError(AutogradError, IndexError, ValueError):
    """``argnum`` does not name an argument of the call."""


class ClosedOverTraceError(AutogradError, RuntimeError):
    """A custom primitive used a traced value that was not passed to it as an argument."""


class DuckArrayError(AutogradError, TypeError):
    """An array of a foreign type does not support what a function or its derivative takes."""


class TracedConversionError(AutogradError, TypeError):
    """A traced value was handed to code that needs a plain number or array."""


class AnomalyError(AutogradError, FloatingPointError):
    """A value or derivative became NaN or infinite while that was looked for."""


class ReadOnlyError(AutogradError, ValueError):
    """A view that NumPy makes read-only, such as a diagonal, was written to."""


class FreedGraphError(AutogradError, RuntimeError):
    """A backward pass came to a part of the graph that an earlier one has freed."""


class NotRecordedError(AutogradError, RuntimeError):
    """A gradient was asked of a variable for which nothing was recorded."""


class InPlaceError(AutogradError, RuntimeError):
    """A variable was updated in place where that cannot be recorded."""


class BatchedValueError(TracedConversionError):
    """One number, truth value or shape was asked of a value that has one per example of a batch."""


class BatchedParameterError(BatchedValueError):
    """A parameter that is not an operand (an index array, a mask) differs between the examples of a batch.

    The engine catches it where the examples can be taken one by one.
    """

    def __init__(self, trace: object, message: str) -> None:
        super().__init__(message)
        self.trace = trace


class BatchAxisError(AutogradError, ValueError):
    """The axes that `vmap` was told to map over do not fit the arguments or the result."""


class NotSparseError(AutogradError, ValueError):
    """A derivative, or an array that it is found through, is too dense for a sparse matrix."""


class PatternError(AutogradError, ValueError):
    """A sparsity pattern does not fit the function: its shape differs, or an entry outside of it is not zero."""
