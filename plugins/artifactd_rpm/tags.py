"""Numbers of an RPM header: the tags that repodata is made of, types of values, bits of flags."""

from enum import IntEnum, IntFlag
from typing import Final


class Tag(IntEnum):
    """What an entry of the main header is about."""

    NAME = 1000
    VERSION = 1001
    RELEASE = 1002
    EPOCH = 1003
    SUMMARY = 1004
    DESCRIPTION = 1005
    BUILDTIME = 1006
    BUILDHOST = 1007
    SIZE = 1009
    VENDOR = 1011
    LICENSE = 1014
    PACKAGER = 1015
    GROUP = 1016
    URL = 1020
    ARCH = 1022
    OLDFILENAMES = 1027
    FILEMODES = 1030
    FILEFLAGS = 1037
    SOURCERPM = 1044
    ARCHIVESIZE = 1046
    PROVIDENAME = 1047
    REQUIREFLAGS = 1048
    REQUIRENAME = 1049
    REQUIREVERSION = 1050
    CONFLICTFLAGS = 1053
    CONFLICTNAME = 1054
    CONFLICTVERSION = 1055
    CHANGELOGTIME = 1080
    CHANGELOGNAME = 1081
    CHANGELOGTEXT = 1082
    OBSOLETENAME = 1090
    SOURCEPACKAGE = 1106
    PROVIDEFLAGS = 1112
    PROVIDEVERSION = 1113
    OBSOLETEFLAGS = 1114
    OBSOLETEVERSION = 1115
    DIRINDEXES = 1116
    BASENAMES = 1117
    DIRNAMES = 1118
    OLDSUGGESTSNAME = 1156
    OLDSUGGESTSVERSION = 1157
    OLDSUGGESTSFLAGS = 1158
    OLDENHANCESNAME = 1159
    OLDENHANCESVERSION = 1160
    OLDENHANCESFLAGS = 1161
    LONGSIZE = 5009
    RECOMMENDNAME = 5046
    RECOMMENDVERSION = 5047
    RECOMMENDFLAGS = 5048
    SUGGESTNAME = 5049
    SUGGESTVERSION = 5050
    SUGGESTFLAGS = 5051
    SUPPLEMENTNAME = 5052
    SUPPLEMENTVERSION = 5053
    SUPPLEMENTFLAGS = 5054
    ENHANCENAME = 5055
    ENHANCEVERSION = 5056
    ENHANCEFLAGS = 5057
    PAYLOADSIZE = 5112


class SignatureTag(IntEnum):
    """What an entry of the signature header is about. Its own numbers overlap with those of the main
    header."""

    DSA = 267
    RSA = 268
    LONGARCHIVESIZE = 271
    OPENPGP = 278
    PGP = 1002
    GPG = 1005
    PAYLOADSIZE = 1007


class ValueType(IntEnum):
    """What the values of an entry are."""

    NULL = 0
    CHAR = 1
    INT8 = 2
    INT16 = 3
    INT32 = 4
    INT64 = 5
    STRING = 6
    BINARY = 7
    STRING_ARRAY = 8
    I18N_STRING = 9


class Sense(IntFlag):
    """What the flags of a dependency say."""

    LESS = 1 << 1
    GREATER = 1 << 2
    EQUAL = 1 << 3
    POSTTRANS = 1 << 5
    PREREQ = 1 << 6
    PRETRANS = 1 << 7
    SCRIPT_PRE = 1 << 9
    SCRIPT_POST = 1 << 10
    MISSINGOK = 1 << 19
    STRONG = 1 << 27


BEFORE_INSTALL: Final = (
    Sense.POSTTRANS | Sense.PREREQ | Sense.PRETRANS | Sense.SCRIPT_PRE | Sense.SCRIPT_POST
).value
"""Requirements that must be there when the package's scripts run."""

COMPARISON: Final = {
    Sense.LESS.value: "LT",
    Sense.GREATER.value: "GT",
    Sense.EQUAL.value: "EQ",
    (Sense.LESS | Sense.EQUAL).value: "LE",
    (Sense.GREATER | Sense.EQUAL).value: "GE",
}
"""How repodata spells the comparison of a dependency (rpm R46)."""

GHOST: Final = 1 << 6
"""Of a file's flags: it belongs to the package and is not in it."""
