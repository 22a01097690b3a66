"""Maven as a person runs it: with settings, a local repository and nothing else of the machine's.

    maven = Maven(home, mirror, local)
    maven("deploy", cwd=project)
    maven.deploy_file(url, File("com.ex", "lib", "1.0"))

It asks `mirror` for everything, whatever POMs name, and logs in there and where it deploys to as the
administrator. Nothing it does leaves the machine: names of hosts lead nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.homes import Home
from tests.support.maven_files import File
from tests.support.programs import Program, Said
from tests.support.serving import ADMIN

JAVA = (
    "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "  # a run takes two seconds, half of what it would
    "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=9 "
    "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=9 -Dhttp.nonProxyHosts=127.0.0.1"
)
"""Options of the virtual machine. Nobody listens at port 9."""

SETTINGS = """<settings>
  <mirrors><mirror><id>ours</id><url>{mirror}</url><mirrorOf>*</mirrorOf></mirror></mirrors>
  <servers><server><id>ours</id><username>{name}</username><password>{password}</password></server></servers>
  <pluginGroups>{plugin_groups}</pluginGroups>
  <profiles><profile>
    <id>snapshots</id>
    <repositories><repository>
      <id>any</id><url>http://127.0.0.1:9/</url>
      <snapshots><enabled>true</enabled><updatePolicy>always</updatePolicy></snapshots>
    </repository></repositories>
  </profile></profiles>
  <activeProfiles><activeProfile>snapshots</activeProfile></activeProfiles>
</settings>
"""


@dataclass(frozen=True, slots=True)
class Maven:
    """A client with a local repository at `local`, which exists or is made."""

    home: Home
    mirror: str
    local: Path
    plugin_group: str = ""

    def __call__(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run it; what it printed."""
        return self._program()(*arguments, timeout=120, cwd=cwd)

    def refused(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run it; what it said when it failed."""
        said = self.attempt(*arguments, cwd=cwd)
        assert said.code != 0, said.text
        return said.text

    def attempt(self, *arguments: str, cwd: Path | None = None) -> Said:
        """Run it."""
        return self._program().attempt(*arguments, timeout=120, cwd=cwd)

    def get(self, coordinates: str, *flags: str) -> str:
        """Resolve `group:artifact:version[:extension[:classifier]]`, with what that depends on."""
        return self("dependency:get", f"-Dartifact={coordinates}", *flags)

    def deploy_file(self, url: str, file: File, /, **properties: str) -> str:
        """Deploy one file, with a POM that is made for it. `properties` are further ones of the goal."""
        return self("deploy:deploy-file", *self.deployment(url, file, **properties))

    def deployment(self, url: str, file: File, /, **properties: str) -> list[str]:
        """The arguments of `deploy:deploy-file`."""
        jar = self.home.folder / "files" / f"{file.artifact}-{file.version}.jar"
        jar.parent.mkdir(exist_ok=True)
        jar.write_bytes(file.content)
        told = {"file": str(jar), "url": url, "repositoryId": "ours", "groupId": file.group}
        told |= {"artifactId": file.artifact, "version": file.version, "packaging": "jar"}
        return _defined(told | properties)

    def _program(self) -> Program:
        groups = f"<pluginGroup>{self.plugin_group}</pluginGroup>" if self.plugin_group else ""
        settings = self.home.write(
            f"{self.local.name}.xml",
            SETTINGS.format(
                mirror=self.mirror,
                name=ADMIN.name,
                password=ADMIN.password,
                plugin_groups=groups,
            ),
        )
        flags = ["-B", "-ntp", "-s", str(settings), f"-Dmaven.repo.local={self.local}", "-DforkCount=0"]
        return self.home.program("mvn", *flags, MAVEN_OPTS=JAVA, MAVEN_SKIP_RC="1")


def _defined(properties: Mapping[str, str]) -> list[str]:
    return [f"-D{name}={value}" for name, value in properties.items()]
