"""How clients are pointed at a repository."""

from collections.abc import Sequence

from artifactd.plugin import Snippet, SnippetContext


def snippets(context: SnippetContext) -> Sequence[Snippet]:
    """For installers, then for publishers. Passwords stay where each client keeps them."""
    url, simple = context.url, f"{context.url}simple/"
    name = f"artifactd-{context.repository}"  # poetry keeps the name `pypi` to itself
    variable = "UV_INDEX_" + "".join(each if each.isalnum() else "_" for each in name).upper()
    return (
        Snippet(
            "pip",
            "Install",
            "console",
            f"pip install --index-url {simple} PACKAGE",
        ),
        Snippet(
            "pip",
            "Credentials",
            "~/.netrc",
            f"machine {context.host.partition(':')[0]} login __token__ password TOKEN",
        ),
        Snippet(
            "uv",
            "Install and publish",
            "pyproject.toml",
            f'[[tool.uv.index]]\nname = "{name}"\nurl = "{simple}"\npublish-url = "{url}"\n\n'
            f"# {variable}_USERNAME=__token__ {variable}_PASSWORD=TOKEN uv sync\n"
            f"# UV_PUBLISH_TOKEN=TOKEN uv publish --index {name}",
        ),
        Snippet(
            "poetry",
            "Install and publish",
            "console",
            f"poetry source add --priority=primary {name} {simple}\n"
            f"poetry config http-basic.{name} __token__ TOKEN\n"
            f"poetry config repositories.{name} {url}\n"
            f"poetry publish --repository {name}",
        ),
        Snippet(
            "pdm",
            "Install and publish",
            "pyproject.toml",
            f'[[tool.pdm.source]]\nname = "{name}"\nurl = "{simple}"\nusername = "__token__"\n'
            'password = "${TOKEN}"\n\n'
            f"# pdm publish --repository {url} --username __token__ --password TOKEN",
        ),
        Snippet(
            "twine",
            "Publish",
            "~/.pypirc",
            f"[distutils]\nindex-servers = {name}\n\n[{name}]\nrepository = {url}\nusername = __token__\n"
            f"password = TOKEN\n\n# twine upload --repository {name} dist/*",
        ),
    )
