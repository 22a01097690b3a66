"""How builds are pointed at a repository. Passwords stay where each client keeps them."""

from collections.abc import Sequence

from artifactd.plugin import Snippet, SnippetContext


def snippets(context: SnippetContext) -> Sequence[Snippet]:
    """For builds that resolve, then for those that deploy."""
    url, name = context.url, context.repository
    insecure = "" if context.is_secure else "\n      isAllowInsecureProtocol = true"
    sbt = "" if context.is_secure else ".withAllowInsecureProtocol(true)"
    return (
        Snippet(
            "maven",
            "Resolve through this repository",
            "~/.m2/settings.xml",
            f"""<settings>
  <servers>
    <server>
      <id>{name}</id>
      <username>USER</username>
      <password>TOKEN</password>
    </server>
  </servers>
  <mirrors>
    <mirror>
      <id>{name}</id>
      <mirrorOf>*</mirrorOf>
      <url>{url}</url>
    </mirror>
  </mirrors>
</settings>""",
        ),
        Snippet(
            "maven",
            "Deploy",
            "pom.xml",
            f"""<distributionManagement>
  <repository>
    <id>{name}</id>
    <url>{url}</url>
  </repository>
  <snapshotRepository>
    <id>{name}</id>
    <url>{url}</url>
  </snapshotRepository>
</distributionManagement>""",
        ),
        Snippet(
            "maven",
            "Deploy one file",
            "console",
            f"mvn deploy:deploy-file -DrepositoryId={name} -Durl={url} \\\n"
            "  -Dfile=FILE -DgroupId=GROUP -DartifactId=ARTIFACT -Dversion=VERSION",
        ),
        Snippet(
            "gradle",
            "Resolve through this repository",
            "settings.gradle.kts",
            f"""dependencyResolutionManagement {{
  repositories {{
    maven {{
      name = "artifactd"
      url = uri("{url}"){insecure}
      credentials(PasswordCredentials::class)
    }}
  }}
}}
// ~/.gradle/gradle.properties: artifactdUsername=USER and artifactdPassword=TOKEN""",
        ),
        Snippet(
            "gradle",
            "Publish",
            "build.gradle.kts",
            f"""publishing {{
  repositories {{
    maven {{
      name = "artifactd"
      url = uri("{url}"){insecure}
      credentials(PasswordCredentials::class)
    }}
  }}
}}""",
        ),
        Snippet(
            "sbt",
            "Resolve and publish",
            "build.sbt",
            f"""val artifactd = ("artifactd" at "{url}"){sbt}
resolvers += artifactd
publishTo := Some(artifactd)
credentials += Credentials("artifactd", "{context.host.partition(":")[0]}", "USER", "TOKEN")""",
        ),
        Snippet(
            "curl",
            "Upload and download",
            "console",
            f"curl -u USER:TOKEN -T ARTIFACT-VERSION.jar {url}GROUP/ARTIFACT/VERSION/ARTIFACT-VERSION.jar\n"
            f"curl -u USER:TOKEN -O {url}GROUP/ARTIFACT/VERSION/ARTIFACT-VERSION.jar",
        ),
    )
