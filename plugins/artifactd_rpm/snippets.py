"""How clients are pointed at a repository."""

from collections.abc import Sequence

from artifactd.plugin import Snippet, SnippetContext


def snippets(context: SnippetContext) -> Sequence[Snippet]:
    """For installers, then for publishers. The .repo file has what the repository says of itself."""
    url, name = context.url, context.repository
    file = f"{url}{name}.repo"
    return (
        Snippet(
            "dnf",
            "Install",
            "console",
            f"dnf config-manager --add-repo {file}\ndnf install PACKAGE",
        ),
        Snippet(
            "dnf",
            "Credentials",
            f"/etc/yum.repos.d/{name}.repo",
            f"[{name}]\nname={name}\nbaseurl={url}\nusername=USER\npassword=TOKEN\n"
            f"repo_gpgcheck=1\ngpgkey={url}repodata/repomd.xml.key",
        ),
        Snippet(
            "zypper",
            "Install",
            "console",
            f"zypper addrepo --refresh {url} {name}\nzypper install PACKAGE",
        ),
        Snippet(
            "curl",
            "Publish",
            "console",
            f"curl -u USER:TOKEN -T PACKAGE.rpm '{url}PACKAGE.rpm?wait=metadata'",
        ),
        Snippet(
            "curl",
            "Publish groups, modules or advisories",
            "console",
            f"curl -u USER:TOKEN -T comps.xml {url}.metadata/comps\n"
            f"curl -u USER:TOKEN -T modules.yaml {url}.metadata/modules\n"
            f"curl -u USER:TOKEN -T updateinfo.xml {url}.metadata/updateinfo",
        ),
    )
