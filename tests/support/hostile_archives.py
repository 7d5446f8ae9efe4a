"""Kinds of archives that nobody may publish or install, each built byte by byte.

Every kind is a plugin that is fine with one thing wrong, so that only the rule in question can refuse
it. The families follow the rules: gzip, tar headers, the archive's end, extensions, names, places
taken twice, layout, caps, manifests, files that do not belong into a plugin or into the project.
"""

from tests.support.hostile_containers import ends, extensions, gzip, tar_headers
from tests.support.hostile_contents import caps, elsewhere, layout, manifests
from tests.support.hostile_names import characters, names, twins, whole_names
from tests.support.plugin_archives import Hostile
from tests.support.severe_archives import severe

FAMILIES: dict[str, dict[str, Hostile]] = {
    "gzip": dict(gzip()),
    "headers": dict(tar_headers()),
    "ends": dict(ends()),
    "extensions": dict(extensions()),
    "names": {**dict(names()), **dict(characters()), **dict(whole_names())},
    "twins": dict(twins()),
    "layout": dict(layout()),
    "caps": dict(caps()),
    "manifests": dict(manifests()),
    "elsewhere": dict(elsewhere()),
}
SEVERE = dict(severe())
"""Those that are meant to cost."""
KINDS = {f"{family}: {name}": kind for family, kinds in FAMILIES.items() for name, kind in kinds.items()}
KINDS |= {f"severe: {name}": kind for name, kind in SEVERE.items()}
