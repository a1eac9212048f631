"""What becomes of a number that a program asks a traced value for: the instruction of the program says it.

``float(x)`` and a function of C such as `math.sin` ask for the number and lose the derivative, so that they are refused. Where the
number is only printed or compared, nothing is lost; there they work as with any array.
"""

from __future__ import annotations

from opcode import opmap
from types import CodeType, FrameType


def _opcodes(*names: str) -> frozenset[int]:
    """Of those instructions that this version of Python has."""
    return frozenset(opmap[name] for name in names if name in opmap)


#: Write an element.
_STORING = _opcodes("STORE_SUBSCR", "STORE_SLICE")
#: Use up the number on top of the stack without keeping it: print it, ask whether it is zero. What drops it is not among them: a
#: call whose result is dropped, ``a.fill(x)``, is made for what it does with the number.
_USING = _opcodes(
    "FORMAT_SIMPLE", "CONVERT_VALUE", "TO_BOOL", "UNARY_NOT", "POP_JUMP_IF_FALSE", "POP_JUMP_IF_TRUE",
    "POP_JUMP_FORWARD_IF_FALSE", "POP_JUMP_FORWARD_IF_TRUE", "POP_JUMP_BACKWARD_IF_FALSE", "POP_JUMP_BACKWARD_IF_TRUE",
)  # fmt: skip
#: Use up the number and what has been put on top of it.
_USING_TWO = _opcodes("COMPARE_OP", "FORMAT_WITH_SPEC")
_LOADING = _opcodes("LOAD_CONST", "LOAD_FAST", "LOAD_SMALL_INT", "LOAD_FAST_BORROW")
#: Before Python 3.13 one instruction formats with and without a specification, by a bit of its argument.
_FORMATTING, _WITH_SPEC = opmap.get("FORMAT_VALUE"), 4
#: The operator ``%``, of which a string to the left asks for numbers, and its form in place.
_BINARY, _REMAINDERS = opmap["BINARY_OP"], (6, 19)


def is_storing(frame: FrameType) -> bool:
    """Whether a frame is at an instruction that writes an element: in it NumPy asks a value for its number."""
    return frame.f_code.co_code[frame.f_lasti] in _STORING


def only_reads(frame: FrameType) -> bool:
    """Whether the number that a frame asks for at its present instruction is printed or compared and then forgotten."""
    code, at = frame.f_code.co_code, frame.f_lasti
    if code[at] == _BINARY:
        return code[at + 1] in _REMAINDERS
    if code[at] not in _CALLING:
        return False
    at = _next(frame.f_code, at)
    if code[at] in _LOADING:
        at = _next(frame.f_code, at)
        return code[at] in _USING_TWO or (code[at] == _FORMATTING and bool(code[at + 1] & _WITH_SPEC))
    return code[at] in _USING or code[at] in _COMPARING or (code[at] == _FORMATTING and not code[at + 1] & _WITH_SPEC)


_CALLING = _opcodes("CALL", "PRECALL", "CALL_FUNCTION_EX", "CALL_KW")
_COMPARING = _opcodes("COMPARE_OP")
_CACHE = opmap.get("CACHE", 0)


def _next(code: CodeType, at: int) -> int:
    """Where the instruction after that at `at` is; the places between hold what the interpreter has learnt."""
    at += 2
    while code.co_code[at] == _CACHE and at + 2 < len(code.co_code):
        at += 2
    return at
