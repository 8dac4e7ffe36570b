"""What the command line says: each wrong call in one sentence, the facts of each set, and never the password."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from esi.download import cli
from esi.download.catalogue import RELEASES, Release
from esi.params import load
from tests.conftest import ROOT
from tests.download.mirror import release, serve

USER, PASSWORD = "ada-lovelace", "correct horse"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["ptbx"], "there is no set 'ptbx' (did you mean ptbxl?): the sets are ptbxl, chapman, mimic, mimic-patients"),
        (["code15"], "CODE-15% is not on PhysioNet: download exams.csv"),
        (["ptbxl", "--connections", "200"], "--connections 200: give 1 to 16"),
        (["ptbxl", "--mirror", "ftp://x"], "--mirror 'ftp://x' is no http(s) address"),
        (["ptbxl", "--mirror", "https://ada:pw7@x"], "--mirror holds a user name or password"),
        (["mimic-patients", "--mirror", "http://x"], "which is sent over https only"),
        (["mimic-patients"], "set PHYSIONET_USERNAME and PHYSIONET_PASSWORD"),
    ],
)
def test_a_wrong_call_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115
    with pytest.raises(SystemExit) as ended:
        cli.main(["download", *arguments])
    assert sentence in str(ended.value.code)
    assert "\n" not in str(ended.value.code)
    assert "pw7" not in str(ended.value.code)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("asked", [False, True])
def test_the_credential_is_used_and_shown_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], asked: bool
) -> None:
    if asked:
        monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
        monkeypatch.setattr("builtins.input", lambda prompt: USER)
        monkeypatch.setattr(cli.getpass, "getpass", lambda prompt: PASSWORD)
    else:
        monkeypatch.setenv("PHYSIONET_USERNAME", USER)
        monkeypatch.setenv("PHYSIONET_PASSWORD", PASSWORD)
    files = {"hosp/patients.csv.gz": b"gz", "hosp/admissions.csv.gz": b"not needed", "LICENSE.txt": b"l"}
    with serve(release("mimiciv/3.1", files), login=(USER, PASSWORD)) as mirror:
        command = ["download", "mimic-patients", "--to", str(tmp_path), "--mirror", mirror.url]
        cli.main(command)
        assert {path.name for path in (tmp_path / "mimiciv/3.1").rglob("*.*z")} == {"patients.csv.gz"}
        mirror.login = (USER, "changed since")
        (tmp_path / "mimiciv/3.1/hosp/patients.csv.gz").unlink()
        with pytest.raises(
            SystemExit, match=r"patients.csv.gz is refused \(HTTP 403\): check user name and password"
        ) as end:
            cli.main(command)
    out, err = capfd.readouterr()
    assert f"ingest.mimic.patients={tmp_path}/mimiciv/3.1/hosp/patients.csv.gz" in out
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (USER, PASSWORD):
        assert secret not in out + err + str(end.value.code)
        assert secret.encode() not in written


@pytest.mark.parametrize("arguments", [["--help"], ["download", "--help"]])
def test_help_says_what_each_set_needs(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for entry in RELEASES.values():
        for fact in (entry.title, entry.version, f"{entry.records:,}", entry.licence, entry.address):
            assert fact in said, f"{entry.name}: {fact}"
    assert "PHYSIONET_PASSWORD" in said


@pytest.mark.parametrize("entry", RELEASES.values(), ids=RELEASES)
def test_the_settings_of_a_set_exist(entry: Release) -> None:
    sections = load(ROOT / "params.yaml").ingest
    for setting in entry.settings:
        section, dataset, name = setting.split("=")[0].split(".")
        assert section == "ingest"
        assert hasattr(sections[dataset], name)
