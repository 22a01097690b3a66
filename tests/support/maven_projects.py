"""Small Maven projects: folders that a person builds."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.central import DEBIAN
from tests.support.homes import Home

GROUP = "com.acme"

POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  {parent}
  <groupId>{group}</groupId>
  <artifactId>{artifact}</artifactId>
  <version>{version}</version>
  <packaging>{packaging}</packaging>
  <properties>
    <maven.compiler.source>11</maven.compiler.source>
    <maven.compiler.target>11</maven.compiler.target>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <modules>{modules}</modules>
  <dependencies>{dependencies}</dependencies>
  <distributionManagement>
    <repository><id>ours</id><url>{releases}</url></repository>
    <snapshotRepository><id>ours</id><url>{snapshots}</url></snapshotRepository>
  </distributionManagement>
</project>
"""

GREETING = """package com.acme;

public class Greeting {
    public static String of(String whom) {
        return "hello " + whom;
    }
}
"""

CONSUMER = """package com.acme;

import org.apache.commons.lang3.StringUtils;

public class Consumer {
    public static String loud() {
        return StringUtils.upperCase(Greeting.of("world"));
    }
}
"""

CONSUMER_TEST = """package com.acme;

import org.junit.Assert;
import org.junit.Test;

public class ConsumerTest {
    @Test
    public void isLoud() {
        Assert.assertEquals("HELLO WORLD", Consumer.loud());
    }
}
"""

PLUGIN = """package com.acme.plugins;

public class Greet extends org.apache.maven.plugin.AbstractMojo {
    public void execute() {
        getLog().info("hello from a plugin");
    }
}
"""

DESCRIPTOR = """<plugin>
  <name>Politeness</name>
  <groupId>com.acme.plugins</groupId>
  <artifactId>polite-plugin</artifactId>
  <version>1.0</version>
  <goalPrefix>polite</goalPrefix>
  <mojos><mojo>
    <goal>greet</goal>
    <requiresProject>false</requiresProject>
    <implementation>com.acme.plugins.Greet</implementation>
    <language>java</language>
    <instantiationStrategy>per-lookup</instantiationStrategy>
  </mojo></mojos>
</plugin>
"""

JUNIT = "junit:junit:4.13.2:test"
LANG = "org.apache.commons:commons-lang3:3.12.0"


@dataclass(frozen=True, slots=True)
class Targets:
    """URLs that projects are deployed to."""

    releases: str
    snapshots: str


def write_project(
    folder: Path,
    artifact: str,
    version: str,
    targets: Targets,
    *,
    sources: Mapping[str, str] | None = None,
    dependencies: Sequence[str] = (),
    modules: Sequence[str] = (),
    parent: str = "",
) -> Path:
    """A project of jars, or of modules. `sources` are by path below `src/`; dependencies are written as
    `group:artifact:version`, with a scope behind it; `parent` is an artifact of the same version in the
    folder above. Its folder."""
    pom = POM.format(
        group=GROUP,
        artifact=artifact,
        version=version,
        packaging="pom" if modules else "jar",
        parent=parent and f"<parent>{_gav(f'{GROUP}:{parent}:{version}')}</parent>",
        modules="".join(f"<module>{module}</module>" for module in modules),
        dependencies="".join(f"<dependency>{_gav(each)}</dependency>" for each in dependencies),
        releases=targets.releases,
        snapshots=targets.snapshots,
    )
    for path, text in {"pom.xml": pom, **{f"src/{k}": v for k, v in (sources or {}).items()}}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def write_library(folder: Path, version: str, targets: Targets, **more: str) -> Path:
    """The project `greeting`, which others use."""
    sources = {"main/java/com/acme/Greeting.java": GREETING}
    return write_project(folder, "greeting", version, targets, sources=sources, **more)


def write_consumer(folder: Path, targets: Targets, library: str) -> Path:
    """A project that uses this version of the library and another library, and tests it with a third."""
    sources = {
        "main/java/com/acme/Consumer.java": CONSUMER,
        "test/java/com/acme/ConsumerTest.java": CONSUMER_TEST,
    }
    needed = (f"{GROUP}:greeting:{library}", LANG, JUNIT)
    return write_project(folder, "consumer", "1.0", targets, sources=sources, dependencies=needed)


def write_reactor(folder: Path, version: str, targets: Targets) -> Path:
    """A project of three modules: two jars, the second of which needs the first, and their parent."""
    write_project(folder, "reactor", version, targets, modules=("greeting", "door"))
    write_library(folder / "greeting", version, targets, parent="reactor")
    needed = (f"{GROUP}:greeting:{version}",)
    door = {"main/java/com/acme/Door.java": "package com.acme;\n\nclass Door extends Greeting {}\n"}
    write_project(
        folder / "door", "door", version, targets, sources=door, dependencies=needed, parent="reactor"
    )
    return folder


def write_plugin(home: Home, jar: Path) -> Path:
    """A plugin `com.acme.plugins:polite-plugin:1.0` with one goal, `polite:greet`; its jar."""
    source = home.write("Greet.java", PLUGIN)
    api = next(DEBIAN.glob("org/apache/maven/maven-plugin-api/3*/maven-plugin-api-3*.jar"))
    home.program("javac", "-cp", str(api), "--release", "11", "-d", str(home.folder))(source)
    compiled = "com/acme/plugins/Greet.class"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.write(home.folder / compiled, compiled)
        archive.writestr("META-INF/maven/plugin.xml", DESCRIPTOR)
    return jar


def _gav(coordinates: str) -> str:
    names = ("groupId", "artifactId", "version", "scope")  # the last may be left out
    parts = zip(names, coordinates.split(":"), strict=False)
    return "".join(f"<{name}>{value}</{name}>" for name, value in parts)
