"""What the public releases are: version, size, licence, credential, and which settings point to them afterwards.

Sources. Records: the organisers' announcements and published uses of the releases, which agree. Sizes: PhysioNet's pages
give 90.4 GB for MIMIC-IV-ECG and 12.6 GB for challenge-2021, in units of 2^30 bytes; the other sizes follow from samples x
leads x 2 bytes and the mean header of real records, which gives those two totals to 1 %. Files come one by one and
uncompressed: a download is as large as the files. On disk a file fills blocks of 4 KiB: a header of 0.6 KB takes 4.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from esi.errors import EsiError

PHYSIONET = "https://physionet.org/files"
S3_MIRROR = "https://physionet-open.s3.amazonaws.com"  # PhysioNet's own bucket of the open releases
HOSTS = ("physionet.org", "physionet-open.s3.amazonaws.com")  # where a server may send on to, over https; no other

CC_BY = "CC BY 4.0"
GB = 10**9


@dataclass(frozen=True)
class Release:
    """One set that `esi-data download` fetches: a release of PhysioNet, or the part of one that the pipeline reads."""

    name: str
    title: str
    slug: str  # of the release's address
    version: str
    include: tuple[str, ...]  # globs on the release's paths; `*` crosses folders
    records: int
    record_unit: str  # what `records` counts
    transfer_bytes: int | None  # None: not known before the download
    disk_bytes: int | None
    licence: str
    credentialed: bool
    settings: tuple[str, ...]  # of params.yaml, with {root} for the release's folder and {to} for the folder of all
    hint: str = ""
    sums_sha256: str | None = None  # of SHA256SUMS.txt, where it is known from elsewhere than the server: of none so far

    @property
    def address(self) -> str:
        """The release's page."""
        return f"https://physionet.org/content/{self.slug}/{self.version}/"

    @property
    def folder(self) -> str:
        """Where the release lies below a mirror's address and below `--to`, as `wget` of PhysioNet's files lays it out."""
        return f"{self.slug}/{self.version}"


def _challenge(name: str, title: str, source: str, records: int, size: float, disk: float, licence: str = CC_BY) -> Release:
    """One source of the PhysioNet/CinC Challenge 2021's training data."""
    entry = {"cpsc_2018": "icbeb", "chapman_shaoxing": "chapman", "ningbo": "chapman"}.get(source)
    root = f"{{root}}/training/{source}"
    hint = f"Give it an entry of its own below `ingest` in params.yaml, like chapman's, with root: {root}"
    if entry == "chapman":
        hint = "Chapman-Shaoxing and Ningbo together are the set `chapman`"
    return Release(
        name=name,
        title=title,
        slug="challenge-2021",
        version="1.0.3",
        include=(f"training/{source}/*", "LICENSE.txt"),
        records=records,
        record_unit="records",
        transfer_bytes=int(size * GB),
        disk_bytes=int(disk * GB),
        licence=licence,
        credentialed=False,
        settings=(f"ingest.{entry}.root={root}",) if entry else (),
        hint="" if entry == "icbeb" else hint,
    )


RELEASES = {
    release.name: release
    for release in (
        Release(
            name="ptbxl",
            title="PTB-XL",
            slug="ptb-xl",
            version="1.0.3",
            include=("*",),
            records=21_799,
            record_unit="records, each at 500 and at 100 Hz",
            transfer_bytes=int(3.2 * GB),
            disk_bytes=int(3.4 * GB),
            licence=CC_BY,
            credentialed=False,
            settings=("ingest.ptbxl.root={root}", "ingest.ptbxl.watch=SHA256SUMS.txt"),
            hint="Only 100 Hz: --only 'records100/*' --only '*.csv' --only '*.txt', and -S ingest.ptbxl.rate=100",
        ),
        Release(
            name="chapman",
            title="Chapman-Shaoxing-Ningbo",
            slug="ecg-arrhythmia",
            version="1.0.0",
            include=("*",),
            records=45_152,
            record_unit="records",
            transfer_bytes=int(5.5 * GB),
            disk_bytes=int(5.8 * GB),
            licence=CC_BY,
            credentialed=False,
            settings=("ingest.chapman.root={root}", "ingest.chapman.watch=SHA256SUMS.txt"),
        ),
        Release(
            name="mimic",
            title="MIMIC-IV-ECG",
            slug="mimic-iv-ecg",
            version="1.0",
            include=("*",),
            records=800_035,
            record_unit="records of 161,352 subjects, in 1.6 million files",
            transfer_bytes=97 * GB,
            disk_bytes=102 * GB,
            licence="ODbL 1.0",
            credentialed=False,
            settings=("ingest.mimic.root={root}", "ingest.mimic.watch=record_list.csv", "ingest.mimic.patients=null"),
            hint="Ages and sexes come from mimic-patients (credentialed); null leaves them unknown",
        ),
        Release(
            name="mimic-patients",
            title="MIMIC-IV, hosp/patients.csv.gz only",
            slug="mimiciv",
            version="3.1",
            include=("hosp/patients.csv.gz", "LICENSE.txt"),
            records=364_627,
            record_unit="subjects (ages and sexes for mimic)",
            transfer_bytes=None,
            disk_bytes=None,
            licence="PhysioNet Credentialed Health Data License 1.5.0",
            credentialed=True,
            settings=(
                "ingest.mimic.root={to}/mimic-iv-ecg/1.0",
                "ingest.mimic.watch=record_list.csv",
                "ingest.mimic.patients={root}/hosp/patients.csv.gz",
            ),
        ),
        _challenge("cpsc2018", "CPSC2018 (ICBEB)", "cpsc_2018", 6_877, 1.3, 1.4),
        _challenge("cpsc2018-extra", "CPSC2018 Extra", "cpsc_2018_extra", 3_453, 0.7, 0.7),
        _challenge("georgia", "Georgia 12-lead ECG Challenge Database", "georgia", 10_344, 1.3, 1.4),
        _challenge("ptb", "PTB Diagnostic ECG Database", "ptb", 516, 1.4, 1.4, "ODC-BY 1.0"),
        _challenge("chapman-shaoxing", "Chapman-Shaoxing, Challenge copy", "chapman_shaoxing", 10_247, 1.3, 1.4),
        _challenge("ningbo", "Ningbo, Challenge copy", "ningbo", 34_905, 4.3, 4.5),
    )
}


ELSEWHERE = {  # sets that this project reads and PhysioNet does not have
    "code15": "CODE-15% is not on PhysioNet: download exams.csv and exams_part0.zip to exams_part17.zip, or some of them, "
    "from Zenodo (record 4916206), unpack them into one folder, and give it an entry below `ingest` in params.yaml with "
    "format: code15",
    "sph": "SPH is not on PhysioNet: download metadata.csv and records.tar from figshare "
    "(doi:10.6084/m9.figshare.c.5779802), unpack them into one folder, and give it an entry below `ingest` in params.yaml "
    "with format: sph",
}


def find(name: str) -> Release:
    """The release of that name; another name is an `EsiError` that lists the names there are."""
    if name in ELSEWHERE:
        raise EsiError(ELSEWHERE[name])
    if name not in RELEASES:
        near = difflib.get_close_matches(name, RELEASES, n=1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise EsiError(f"there is no set {name!r}{meant}: the sets are {', '.join(RELEASES)}")
    return RELEASES[name]


def readable(size: int | float | None) -> str:
    """Bytes as "3.2 GB" (10^9 bytes), "850 kB", or "unknown"."""
    if size is None:
        return "unknown"
    for unit, factor in (("GB", GB), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} B"


def describe(release: Release) -> str:
    """What one set needs, in four lines for `--help`."""
    size = f"download {readable(release.transfer_bytes)}, on disk {readable(release.disk_bytes)}"
    if release.transfer_bytes is None:
        size = "one small file"
    access = "PhysioNet credentialed access (training, signed agreement)" if release.credentialed else "open, no account"
    settings = ", ".join(setting.split("=")[0] for setting in release.settings) or "an entry of its own below ingest"
    return "\n".join(
        [
            f"{release.name}: {release.title} ({release.slug} {release.version}), {release.records:,} {release.record_unit}",
            f"    {size}; {release.licence}; {access}",
            f"    {release.address}",
            f"    afterwards set {settings}",
        ]
    )
