"""What the manifests for Kubernetes promise, as far as no cluster is needed to see it."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from service.settings.load import NOT_SETTINGS
from service.telemetry.metrics import catalog

ROOT = Path(__file__).parents[2]
MANIFESTS = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.31", "1.37")  # the oldest that docs/deployment.md promises, and a new one
KUSTOMIZATION = {
    "apiVersion",
    "kind",
    "namespace",
    "resources",
    "configMapGenerator",
    "secretGenerator",
    "images",
}
KUBECTL = shutil.which("kubectl")

Resource = dict[str, Any]


def kustomization(directory: Path) -> Resource:
    described: Resource = yaml.safe_load((directory / "kustomization.yaml").read_text(encoding="utf-8"))
    assert described.keys() <= KUSTOMIZATION
    return described


def resources_of(directory: Path) -> Iterator[Resource]:
    """What a kustomization names, and what it generates, each under its plain name."""
    described = kustomization(directory)
    for name in described.get("resources", ()):
        place = directory / name
        if place.is_dir():
            yield from resources_of(place.resolve())
        else:
            yield from yaml.safe_load_all(place.read_text(encoding="utf-8"))
    for one in described.get("configMapGenerator", ()):
        files = [(directory / file).read_text(encoding="utf-8") for file in one.get("envs", ())]
        lines = [line for text in files for line in text.splitlines() if line and line[0] != "#"]
        data = dict(line.split("=", 1) for line in (*lines, *one.get("literals", ())))
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": one["name"]}, "data": data}
    for one in described.get("secretGenerator", ()):
        data = {file.rpartition("/")[2]: "" for file in one["files"]}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": one["name"]}, "stringData": data}


SERVICE = list(resources_of(MANIFESTS / "example"))
MIGRATION = list(resources_of(MANIFESTS / "example" / "migrate"))
ALL = [*SERVICE, *MIGRATION]


def names_of(kind: str, resources: list[Resource] = ALL) -> set[str]:
    return {one["metadata"]["name"] for one in resources if one["kind"] == kind}


def the(kind: str, name: str, resources: list[Resource] = ALL) -> Resource:
    return next(one for one in resources if (one["kind"], one["metadata"]["name"]) == (kind, name))


def settings_of(resources: list[Resource]) -> dict[str, str]:
    return {name: value for one in resources if one["kind"] == "ConfigMap" for name, value in one["data"].items()}


PODS = {
    "tokenhouse": the("Deployment", "tokenhouse")["spec"]["template"],
    "tokenhouse-migrate": the("Job", "tokenhouse-migrate")["spec"]["template"],
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("resource", ALL, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_a_manifest_follows_the_schema_of_its_kind(resource: Resource, version: str) -> None:
    assert kubernetes_validate.validate(resource, version, strict=True) == version


def test_a_misspelt_field_is_noticed() -> None:
    deployment = the("Deployment", "tokenhouse")
    misspelt = {**deployment, "spec": {**deployment["spec"], "minReadySecond": 5}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(misspelt, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_meets_the_restricted_standard(name: str) -> None:
    pod = PODS[name]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_finds_what_it_names(name: str) -> None:
    pod = PODS[name]["spec"]
    assert pod["serviceAccountName"] in names_of("ServiceAccount")
    volumes = {volume["name"] for volume in pod["volumes"]}
    secrets = {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
    assert secrets <= names_of("Secret")
    for container in pod["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes
        assert {source["configMapRef"]["name"] for source in container.get("envFrom", ())} <= names_of("ConfigMap")


def test_every_selector_finds_its_pods_and_every_port_is_one_of_theirs() -> None:
    selectors = [("spec", "selector"), ("spec", "selector", "matchLabels"), ("spec", "podSelector", "matchLabels")]
    ports = {port["name"] for port in PODS["tokenhouse"]["spec"]["containers"][0]["ports"]}
    for one in ALL:
        if one["kind"] == "Service":
            assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
        if one["kind"] == "NetworkPolicy":
            incoming = one["spec"].get("ingress", ())
            assert {port["port"] for rule in incoming for port in rule["ports"]} <= ports
        path = selectors[{"Service": 0, "NetworkPolicy": 2}.get(one["kind"], 1)]
        if one["kind"] not in {"Service", "NetworkPolicy", "Deployment", "PodDisruptionBudget"}:
            continue
        labels: Any = one
        for step in path:
            labels = labels[step]
        pod = "tokenhouse-migrate" if one["metadata"]["name"] == "tokenhouse-migrate" else "tokenhouse"
        assert labels.items() <= PODS[pod]["metadata"]["labels"].items()


def test_the_ingress_and_the_autoscaler_find_their_targets() -> None:
    [rule] = the("Ingress", "tokenhouse")["spec"]["rules"]
    [path] = rule["http"]["paths"]
    service = the("Service", path["backend"]["service"]["name"])
    assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}
    target = the("HorizontalPodAutoscaler", "tokenhouse")["spec"]["scaleTargetRef"]
    assert target["name"] in names_of(target["kind"])
    assert "replicas" not in the(target["kind"], target["name"])["spec"]


def test_the_autoscaler_goes_by_the_metric_that_the_adapter_makes() -> None:
    metrics = the("HorizontalPodAutoscaler", "tokenhouse")["spec"]["metrics"]
    [name] = [one["pods"]["metric"]["name"] for one in metrics if one["type"] == "Pods"]
    assert name == catalog.QUEUE_WAITS.name
    adapter = yaml.safe_load((MANIFESTS / "prometheus-adapter.yaml").read_text(encoding="utf-8"))
    [rule] = adapter["rules"]["custom"]
    assert rule["name"]["as"] == name
    assert set(re.findall(r"\w+(?=\{)", rule["seriesQuery"] + rule["metricsQuery"])) == {f"{name}_sum", f"{name}_count"}


def test_what_is_set_is_a_setting() -> None:
    secrets = {name.upper() for one in ALL if one["kind"] == "Secret" for name in one["stringData"]}
    for name in {*settings_of(ALL), *secrets} - NOT_SETTINGS:
        section, _, key = name.removeprefix("TOKENHOUSE_").lower().partition("__")
        assert section in Settings.model_fields, name
        assert not key or key in type(getattr(Settings(), section)).model_fields, name


def test_a_pod_is_given_the_time_that_its_end_takes() -> None:
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["server"]
    drain, shutdown = settings_of(SERVICE)["TOKENHOUSE_SERVER__DRAIN"], shipped["shutdown_timeout"]
    grace = PODS["tokenhouse"]["spec"]["terminationGracePeriodSeconds"]
    assert grace > int(drain.removesuffix("s")) + int(shutdown.removesuffix("s")) + 3


def test_a_pod_hashes_on_as_many_cores_as_it_asks_for() -> None:
    [container] = PODS["tokenhouse"]["spec"]["containers"]
    assert settings_of(SERVICE)["TOKENHOUSE_PASSWORDS__WORKERS"] == container["resources"]["requests"]["cpu"]


def test_the_schema_is_migrated_before_and_not_by_the_service() -> None:
    assert settings_of(SERVICE)["TOKENHOUSE_DATABASE__MIGRATE_ON_START"] == "false"
    assert PODS["tokenhouse-migrate"]["spec"]["containers"][0]["args"] == ["migrate"]
    assert "Job" not in {one["kind"] for one in SERVICE}


def test_the_example_runs_the_version_of_this_checkout() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    images = [image for place in ("example", "example/migrate") for image in kustomization(MANIFESTS / place)["images"]]
    assert {(image["name"], image["newTag"]) for image in images} == {("tokenhouse", version)}


def test_secrets_stay_out_of_the_repository() -> None:
    for place in ("example", "example/migrate"):
        ignored = (MANIFESTS / place / "secrets" / ".gitignore").read_text(encoding="utf-8").split("\n")
        assert "*" in ignored


@pytest.mark.skipif(KUBECTL is None, reason="kubectl is not installed")
@pytest.mark.parametrize("place", ["example", "example/migrate"])
def test_kustomize_renders_what_these_tests_read(place: str, tmp_path: Path) -> None:
    copy = tmp_path / "kubernetes"
    shutil.copytree(MANIFESTS, copy)
    for one in kustomization(copy / place)["secretGenerator"]:
        for file in one["files"]:
            (copy / place / file).write_text("made by a test", encoding="utf-8")
    done = subprocess.run(["kubectl", "kustomize", copy / place], capture_output=True, text=True, check=True)
    rendered = list(yaml.safe_load_all(done.stdout))
    read = SERVICE if place == "example" else MIGRATION
    assert sorted({one["kind"] for one in rendered}) == sorted({one["kind"] for one in read})
    for one in rendered:
        assert kubernetes_validate.validate(one, VERSIONS[-1], strict=True) == VERSIONS[-1]
