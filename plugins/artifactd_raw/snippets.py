"""How clients are pointed at a repository of files."""

from collections.abc import Sequence

from artifactd.plugin import Snippet, SnippetContext


def snippets(context: SnippetContext) -> Sequence[Snippet]:
    """Put and get."""
    return (
        Snippet(
            "curl",
            "Upload and download",
            "console",
            f"curl -u USER:TOKEN -T FILE {context.url}FOLDER/FILE\n"
            f"curl -u USER:TOKEN -O {context.url}FOLDER/FILE",
        ),
    )
