"""Functions and classes by reference: no code travels, only where it is written.

What a module has by name goes as `module:qualname`. A function that is written inside of another one, or a lambda,
goes as its module and its line there, with the values that it has closed over: the other process finds the code in
the module's own functions, or in the module's file. So it works between processes of one script, and wherever both
have the same module; anything else is an error that says so.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from ..errors import OsbError

Pack = Callable[[Any], Any]


class CannotRefer(OsbError):
    """A function or a class cannot be named to another process, or not be found there."""


def of_name(value: Any) -> Optional[str]:
    """`module:qualname`, if the value is found by that; else None."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if isinstance(value, types.BuiltinFunctionType) and module is None:
        module = builtins.__name__
    if not isinstance(module, str) or "<" in name:
        return None
    try:
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part)
    except (KeyError, AttributeError):
        return None
    return f"{module}:{name}" if found is value else None


def by_name(ref: str, file: Optional[str] = None) -> Any:
    """The value that has this name. Raises CannotRefer."""
    module, _, name = ref.partition(":")
    found: Any = _module(module, file)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise CannotRefer(f"{module} has no {name} in this process: {_advice()}") from None
    return found


def _advice() -> str:
    return "write it at the top of a module that both processes import, or give the agent a method, and its name"


def file_of(module: str) -> Optional[str]:
    """The file of a script: it is `__main__` in every process, and not the same in all."""
    return getattr(sys.modules.get(module), "__file__", None) if module == "__main__" else None


def _module(name: str, file: Optional[str]) -> types.ModuleType:
    if name == "__main__" and file is not None and getattr(sys.modules.get(name), "__file__", None) != file:
        raise CannotRefer(f"a function of the script {file} is not known to an agent of another one: {_advice()}")
    found = sys.modules.get(name)
    if found is not None:
        return found
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CannotRefer(f"the module {name} is not known in this process ({error}): {_advice()}") from None


# Functions without a name of their own.


def of_function(function: types.FunctionType, pack: Pack) -> Dict[str, Any]:
    """Where a function is written, and the values that it has closed over, each packed. Raises CannotRefer."""
    code = function.__code__
    closed = [_cell(function, name, cell, pack) for name, cell in zip(code.co_freevars, function.__closure__ or ())]
    return {
        "module": function.__module__, "file": file_of(function.__module__), "name": code.co_name,
        "line": code.co_firstlineno, "does": _does(code), "closed": closed,
        "qualname": function.__qualname__, "defaults": pack(function.__defaults__),
        "kwdefaults": pack(function.__kwdefaults__),
    }  # fmt: skip


def _cell(function: types.FunctionType, name: str, cell: Any, pack: Pack) -> Any:
    try:
        value = cell.cell_contents
    except ValueError:
        raise CannotRefer(f"{function.__qualname__} uses {name}, which has no value yet") from None
    if value is function:
        raise CannotRefer(f"{function.__qualname__} calls itself, and has no name in its module: {_advice()}")
    try:
        return pack(value)
    except (OsbError, ValueError) as error:
        raise CannotRefer(f"{function.__qualname__} uses {name}, which cannot be sent: {error}") from None


def to_function(ref: Dict[str, Any], unpack: Pack) -> types.FunctionType:
    """The function that is written there. Raises CannotRefer."""
    module = _module(ref["module"], ref["file"])
    there = _named(ref)
    if there is not None:
        return there
    code = _find(module, ref)
    if code is None:
        raise CannotRefer(
            f"{ref['qualname']} at line {ref['line']} of {ref['module']} is not found in this process: {_advice()}"
        )
    cells = tuple(types.CellType(unpack(value)) for value in ref["closed"])
    function = types.FunctionType(code, vars(module), ref["name"], unpack(ref["defaults"]), cells)
    function.__kwdefaults__ = unpack(ref["kwdefaults"])
    function.__qualname__ = ref["qualname"]
    function.__module__ = ref["module"]
    return function


def _named(ref: Dict[str, Any]) -> Optional[types.FunctionType]:
    """The function that has its name, if that does the same."""
    if ref.get("named") is None:
        return None
    try:
        there = by_name(ref["named"], ref["file"])
    except CannotRefer:
        return None
    return there if isinstance(there, types.FunctionType) and _does(there.__code__) == ref["does"] else None


def _does(code: types.CodeType) -> Dict[str, Any]:
    """What tells one code from another that begins in the same line, or from that line of another version."""
    consts = [_does(it) if isinstance(it, types.CodeType) else repr(it) for it in code.co_consts]
    return {"code": code.co_code, "names": list(code.co_names), "consts": consts}


def _find(module: types.ModuleType, ref: Dict[str, Any]) -> Optional[types.CodeType]:
    """The code at that line that does the same. What the module runs comes first: a test runner may have altered it,
    and then the file has it otherwise."""
    for roots in (_code_of(module), _code_in_file(module)):
        for root in roots:
            for code in _inside(root):
                if code.co_name == ref["name"] and code.co_firstlineno == ref["line"] and _does(code) == ref["does"]:
                    return code
    return None


def _inside(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from _inside(const)


def _code_of(module: types.ModuleType) -> Iterator[types.CodeType]:
    """The code of all functions that the module has, and those of its classes."""
    places: List[Tuple[Any, int]] = [(vars(module), 0)]
    while places:
        place, depth = places.pop()
        for value in list(place.values()):
            value = getattr(value, "__func__", value)
            value = getattr(value, "__wrapped__", value)
            if isinstance(value, types.FunctionType) and value.__module__ == module.__name__:
                yield value.__code__
            elif isinstance(value, type) and value.__module__ == module.__name__ and depth < 5:
                places.append((vars(value), depth + 1))


def _code_in_file(module: types.ModuleType) -> Iterator[types.CodeType]:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return
    try:
        with open(file, "rb") as source:
            yield compile(source.read(), file, "exec", dont_inherit=True)
    except (OSError, SyntaxError):
        return
