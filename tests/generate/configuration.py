"""docs/configuration.md: every setting, from config.yaml and its comments."""

import re
from collections.abc import Iterator

from service.settings.load import SHORT_NAMES
from tests.conftest import ROOT

FILE = ROOT / "docs" / "configuration.md"
SHIPPED = ROOT / "config.yaml"
HEAD = """# Configuration

Every setting. Written by `make pages` from [config.yaml](../config.yaml), which lists them all with their defaults.

Settings can be overridden, in this order of precedence:

1. an environment variable `TOKENHOUSE_<SECTION>__<KEY>` (two underscores between section and key),
2. a file of that name in `/run/secrets` (`TOKENHOUSE_SECRETS_DIR` names another directory); one that everyone can read
   stops the start,
3. `config.yaml` in the working directory (`TOKENHOUSE_CONFIG` names another file).

Durations carry their unit: `250ms`, `10s`, `15m`, `1h`, `30d`. Lists are comma-separated in the environment. A name that does not
exist, or a value that cannot be used, stops the start with one line and exit status 78:

```
tokenhouse: tokens.leeway: write a duration with its unit, such as 250ms, 10s, 15m, 1h or 30d
```

Required are `TOKENHOUSE_SECRET_KEY`, `TOKENHOUSE_DATABASE__URL` and `TOKENHOUSE_REDIS__URL`. `make run` needs none: it makes its own
stores and a secret in `.tokenhouse/`, sets no limits for requests from this machine, and waits 30 s for a store or a password
where production refuses sooner, because a laptop is often busy. SIGHUP reloads `logging`, `keys` and the certificate
([operations.md](operations.md)). These names will not change.

## secrets

| variable | default | |
|---|---|---|
| `TOKENHOUSE_SECRET_KEY` | required | at least 32 random bytes; seals API keys and signing keys |
| `TOKENHOUSE_SECRET_KEYS_PREVIOUS` | none | earlier ones, comma-separated, that still open what they sealed |
| `TOKENHOUSE_LAZY_MIGRATION_SECRET` | none | required with `lazy_migration.url`, whose questions it signs: `whsec_` and the base64 of 24 to 64 random bytes; several, comma-separated, while it changes |
"""
SECTION = re.compile(r"(\w+): *(?:# *(.*))?")
SETTING = re.compile(r"  (\w+): (.*?)(?:  +# (.*))?")
MORE = re.compile(r" {6,}# (.*)")


def text() -> str:
    return HEAD + "\n".join(_sections()) + "\n"


def _sections() -> Iterator[str]:
    short = {long: name for name, long in SHORT_NAMES.items()}
    section, row = "", ""
    for line in [*SHIPPED.read_text(encoding="utf-8").splitlines(), ""]:
        if row and (more := MORE.fullmatch(line)):
            row = f"{row} {more[1]}"
            continue
        if row:
            yield f"{row} |"
            row = ""
        if head := SECTION.fullmatch(line):
            section = head[1]
            yield f"\n## {section}\n"
            if head[2]:
                yield f"{head[2][0].upper()}{head[2][1:]}.\n"
            yield "| variable | default | |\n|---|---|---|"
        elif setting := SETTING.fullmatch(line):
            name = f"TOKENHOUSE_{section}__{setting[1]}".upper()
            also = f" (also `{short[name]}`)" if name in short else ""
            default = setting[2].strip().strip('"')
            shown = "none" if default in ("", "[]", "{}", "null") else f"`{default}`"
            row = f"| `{name}`{also} | {shown} | {(setting[3] or '').replace('|', chr(92) + '|')}"
