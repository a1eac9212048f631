"""Sphinx configuration.

The code of every page is run at each build, and a cell that raises fails the build. The reference is
generated from the modules: the functions below tell the autosummary template what each module offers, so
nothing is listed by hand.
"""

import functools
import importlib
import inspect
import pkgutil
from importlib.metadata import version as installed_version

PACKAGE = "autograd_clone"

project = PACKAGE
author = "The autograd_clone developers"
copyright = f"2026, {author}"
release = version = installed_version(PACKAGE)

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx_design", # the cards of the first page
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "jupyter_execute", "examples/data", "**/.ipynb_checkpoints"]

html_theme = "pydata_sphinx_theme"
html_title = PACKAGE
html_copy_source = False
html_theme_options = {"show_prev_next": True, "navigation_depth": 2}

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_render_markdown_format = "gfm"  # the tables that cells make are tables
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

numpydoc_show_class_members = False
autodoc_typehints = "none"  # numpydoc writes the types in its own section
autosummary_generate = True

#: Packages whose modules the page on the internals describes; users import nothing from them.
INTERNAL = tuple(f"{PACKAGE}.{name}" for name in ("engine", "array", "rules", "transforms", "tools", "variable"))
#: Packages that offer themselves what users need of their modules.
CLOSED = (f"{PACKAGE}.sparse",)


def public_modules(package: str) -> list[str]:
    """The modules directly inside a package, without private and internal ones."""
    if package in CLOSED:
        return []
    module = importlib.import_module(package)
    names = [f"{package}.{m.name}" for m in pkgutil.iter_modules(vars(module).get("__path__", []))]
    return [n for n in names if not n.rpartition(".")[2].startswith("_") and n not in INTERNAL]


def public_objects(module_name: str) -> dict[str, object]:
    """The functions and classes that a module offers; what it re-exports from NumPy is left out."""
    module = importlib.import_module(module_name)
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    objects = {n: getattr(module, n) for n in sorted(names)}
    return {n: o for n, o in objects.items() if callable(o) and is_ours(o)}


def is_ours(obj: object) -> bool:
    """Whether an object was defined in this package, and is not NumPy's own with lists of traced values accepted."""
    defined_in = getattr(inspect.unwrap(obj), "__module__", None) or ""
    return defined_in.split(".")[0] == PACKAGE


def home(obj: object, asking: str) -> str:
    """The module whose page describes an object: the root if it has it, else `extend`, else its own.

    For an object of an internal module, that is the first that offers it.
    """
    defined_in = obj.__module__
    candidates = [PACKAGE, f"{PACKAGE}.extend"]
    if defined_in.startswith(INTERNAL + CLOSED):
        candidates += every_module()
    elif defined_in in every_module():
        candidates.append(defined_in)
    for candidate in candidates:
        if any(o is obj for o in public_objects(candidate).values()):
            return candidate
    return asking


@functools.cache
def every_module() -> list[str]:
    """All public modules, each after its package."""
    found = [PACKAGE]
    for name in found:
        found += public_modules(name)
    return found


def described(module_name: str) -> list[str]:
    """What the page of a module describes."""
    return [n for n, o in public_objects(module_name).items() if home(o, module_name) == module_name]


def aliases(module_name: str) -> list[tuple[str, str]]:
    """What a module offers that is described elsewhere: name and full name there."""
    found = public_objects(module_name).items()
    return [(n, f"{home(o, module_name)}.{n}") for n, o in found if home(o, module_name) != module_name]


suppress_warnings = ["config.cache"]  # the functions of the context cannot be pickled into Sphinx's cache
autosummary_context = {"public_modules": public_modules, "described": described, "aliases": aliases}
