"""The alert rules as a resource of the Prometheus operator: `python -m tests.generate.rules` writes it for Kubernetes."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
FILE = ROOT / "deploy" / "kubernetes" / "monitoring" / "rules.yaml"
HEADER = """\
# Written by `make rules` from deploy/prometheus/alerts.yml; change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: tokenhouse
  labels: {app.kubernetes.io/name: tokenhouse}
spec:
"""


def resource() -> str:
    """The rules indented below `spec`, so that their words and comments stay as they are."""
    rules = RULES.read_text(encoding="utf-8")
    body = rules[rules.index("groups:") :]
    return HEADER + "".join(f"  {line}" if line.strip() else line for line in body.splitlines(keepends=True))


if __name__ == "__main__":
    FILE.write_text(resource(), encoding="utf-8")
