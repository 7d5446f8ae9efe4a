"""What a release does besides bringing its folder, told from its package alone.

The registry states it in the catalogue, so that a plan can show it before anything is downloaded;
the client tells it again from the package it got, but for the labels, which take a scan of the
sources. One function for both, so the rest can only differ when the registry does not say what the
package holds.
"""

from registry_server.contract.archive import Entries
from registry_server.contract.validation import PackageCheck, migration_names
from registry_server.contract.wire import Contents


def contents_of(entries: Entries, checked: PackageCheck) -> Contents:
    """The canonical contents of a package; `checked` is what `check_package` said of these entries."""
    framework_manifest = checked.framework_manifest
    return Contents(
        labels=checked.labels,
        migrations=migration_names(entries),
        env_vars=tuple(sorted(framework_manifest.env_vars)),
        copies=checked.copies,
        instructions=tuple(text for text in framework_manifest.instructions if text),
        postinstall=checked.manifest.postinstall if checked.manifest else "",
    )
