"""How clients are pointed at a repository of images."""

from collections.abc import Sequence

from artifactd.plugin import Snippet, SnippetContext


def snippets(context: SnippetContext) -> Sequence[Snippet]:
    """Log in, push and pull. Without TLS most clients want to be told that this is meant."""
    host, image = context.host, f"{context.host}/{context.repository}/IMAGE:TAG"
    podman = "" if context.is_secure else "--tls-verify=false "
    skopeo = "" if context.is_secure else "--dest-tls-verify=false "
    return (
        Snippet(
            "docker",
            "Push and pull",
            "console",
            f"docker login {host}\ndocker tag IMAGE:TAG {image}\ndocker push {image}\ndocker pull {image}",
        ),
        Snippet(
            "podman",
            "Push and pull",
            "console",
            f"podman login {podman}{host}\npodman push {podman}IMAGE:TAG {image}\n"
            f"podman pull {podman}{image}",
        ),
        Snippet(
            "skopeo",
            "Copy",
            "console",
            f"skopeo copy {skopeo}--dest-creds USER:TOKEN oci:LAYOUT:TAG docker://{image}",
        ),
    )
