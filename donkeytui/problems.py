"""Client-side ProblemError subclasses; those that cross the wire are in the contract's `problems`."""

from registry_server.contract.problems import ProblemError


class NotAProject(ProblemError):
    """No donkeylabs.config.ts here or above."""

    code = "not-a-project"


class ConfigInvalid(ProblemError):
    """Our own configuration: file, variable or flag."""

    code = "config-invalid"


class CredentialsUnusable(ProblemError):
    """A token, or the place where tokens are kept, that cannot be used as it is."""

    code = "credentials-unusable"


class LockfileInvalid(ProblemError):
    code = "lockfile-invalid"


class ResolutionFailed(ProblemError):
    """No set of releases fits; the detail is the derivation in sentences."""

    code = "resolution-failed"


class NotInstalled(ProblemError):
    code = "not-installed"


class PluginNeeded(ProblemError):
    """An uninstall would leave another plugin without what it needs."""

    code = "plugin-needed"


class PluginEdited(ProblemError):
    """The user's own edits would be lost."""

    code = "plugin-edited"


class FolderTaken(ProblemError):
    """A folder that the lockfile does not know stands where a plugin would go."""

    code = "folder-taken"


class FileTaken(ProblemError):
    """A file that is not ours stands where one of a plugin would go."""

    code = "file-taken"


class UndoBlocked(ProblemError):
    """What a change left has been changed again since."""

    code = "undo-blocked"


class NothingToUndo(UndoBlocked):
    """No change of the project is kept that was not taken back already."""

    code = "nothing-to-undo"


class LockfileOutdated(ProblemError):
    """--locked or --frozen: the lockfile does not say what was asked for."""

    code = "lockfile-outdated"


class PlanFileInvalid(ProblemError):
    """A file that should hold a plan does not, or cannot be read or written."""

    code = "plan-file-invalid"


class HookRefused(ProblemError):
    """A plugin's post-install command was not run, or not to its end."""

    code = "hook-refused"


class PlanStale(ProblemError):
    """The project changed since the plan was made."""

    code = "plan-stale"


class ProjectBusy(ProblemError):
    """Another process is changing this project."""

    code = "project-busy"


class ProjectNotWritable(ProblemError):
    code = "project-not-writable"


class CacheUnusable(ProblemError):
    """The folder of the cache cannot be read or written, or another process keeps it."""

    code = "cache-unusable"


class NotConfirmed(ProblemError):
    """A question could not be asked, or was answered with no."""

    code = "not-confirmed"


class SourceUnreadable(ProblemError):
    """The folder to validate or publish cannot be read as a plugin."""

    code = "source-unreadable"


class RegistryUnreachable(ProblemError):
    code = "registry-unreachable"
    exit_status = 3


class UnexpectedResponse(ProblemError):
    """The other side answered, but not as a registry does."""

    code = "unexpected-response"
    exit_status = 3


class CatalogueDamaged(ProblemError):
    """The local mirror cannot be used; most operations throw it away and sync anew."""

    code = "catalogue-damaged"
    exit_status = 3


class OfflineMissing(ProblemError):
    """Offline, and what is needed is not on this machine."""

    code = "offline-missing"
    exit_status = 3


class PortUnavailable(ProblemError):
    code = "port-unavailable"


class PackageRefused(ProblemError):
    """A dry run: the registry would not take the package."""

    code = "package-refused"
