"""Jobs that need no upload, one JSON file each.

They are the paper's experiments, and spectra of a residual network and a transformer.

References:
    Frye et al., Critical Point-Finding Methods Reveal Gradient-Flat Regions of Deep
    Network Losses, Neural Computation 33, 2021.
"""

from importlib.resources import files

_SUFFIX = ".json"


def names() -> list[str]:
    """Returns their names, in alphabetical order."""
    entries = (entry.name for entry in files(__name__).iterdir())
    return sorted(
        entry.removesuffix(_SUFFIX) for entry in entries if entry.endswith(_SUFFIX)
    )


def read(name: str) -> str:
    """Returns the job of this name as its file has it."""
    return (files(__name__) / f"{name}{_SUFFIX}").read_text()
