"""What the recorder and the patient's skin and muscles do to an ECG in each set, as numbers measured on real records.

Spectra: measured at 500 Hz on 155 records of PTB-XL (none of its test fold), 31 of Chapman-Shaoxing and Ningbo together and
24 of Georgia, all in a regular rhythm without extra beats. `wander` is the median spectrum of what is left without the
median beat, `muscle` that of its pieces between T and P, both without the step's quantisation noise; the leads' were
split into those of nine electrodes by non-negative least squares. Levels and their spread are those of all 203, 79 and
39 records, for the others are louder: wander and mains by `quality.noise_figures`, muscle by the 15th percentile of the
RMS from 40 to 150 Hz in pieces of 0.1 s, which QRS does not reach.
No record had a 35 or 40 Hz muscle filter. All sets are AC-coupled: a record's mean is 10-20 uV off zero where its PR
segment is 50-200; a pole at 0.5 Hz can be ruled out by the level between T and P, one at 0.05 Hz not.

Of MIMIC-IV-ECG no signal was at hand: its spectra are Georgia's, the other set from the United States, its filters those
that 2,000 rows of its `machine_measurements.csv` name. CPSC2018 is a test set that nobody looked at: Chapman's spectra,
spread wider. Shares of jumps, loose electrodes and, but for PTB-XL (3.3 %), bursts are assumed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from esi.simulate.conditions.priors import SetName

WANDER_HZ = np.array([0.1, 0.2, 0.3, 0.42, 0.6, 0.85, 1.25, 1.75, 2.5, 4.0])
MUSCLE_HZ = np.array([1.0, 4.0, 8.0, 14.0, 22.0, 31.0, 42.0, 78.0, 95.0, 110.0, 135.0, 165.0, 190.0, 212.0, 250.0])
# Standard deviations of the log of a record's level where it is below the median and above, and of an electrode's in it.
Spread = tuple[float, float, float]
Nine = tuple[float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True)
class Setting:
    """The filters that a recorder was set to, and how often."""

    share: float
    highpass_hz: float = 0.05  # one pole, as Kligfield et al., Circulation 2007;115:1306 allow for diagnosis
    lowpass_hz: float | None = None  # zero-phase, -3 dB; None: the spectra are as measured, nothing is added
    notch: bool = False


@dataclass(frozen=True)
class Recorder:
    """Noise of the electrodes RA, LA, LL, C1..C6, medians over records; records spread log-normally around them."""

    wander: tuple[float, ...]  # uV/sqrt(Hz) of a chest electrode at WANDER_HZ, before the high-pass
    wander_at: Nine  # of each electrode, relative
    wander_spread: Spread
    muscle: tuple[float, ...]  # uV/sqrt(Hz) at MUSCLE_HZ
    muscle_at: Nine
    muscle_spread: Spread
    muscle_tilt: float  # standard deviation of the exponent of frequency
    mains_hz: float
    mains_uV: tuple[float, float, float]  # RMS of an electrode at the mains' frequency, twice and three times it
    mains_spread: float
    step_uV: float  # of the analogue-digital converter
    smoothing_ms: float  # standard deviation of the Gaussian impulse response that rounds the beats' corners
    neighbours: float  # correlation of wander of neighbouring chest electrodes
    settings: tuple[Setting, ...] = (Setting(1.0),)
    motion_share: float = 0.05  # of the records have an electrode that jumps,
    loose_share: float = 0.03  # one that is loose: noisier all through,
    burst_share: float = 0.035  # a burst of muscle noise,
    # the arms exchanged: 0.4 % of outpatients' ECGs, 4 % in intensive care (Rudiger et al., Am J Emerg Med 2007;25:174).
    swapped_share: float = 0.004


_CHAPMAN = Recorder(
    wander=(51.5, 21.3, 41.4, 40.3, 28.0, 15.9, 9.7, 6.6, 4.3, 2.2),
    wander_at=(0.40, 0.37, 0.48, 0.87, 1.09, 1.00, 1.07, 0.97, 1.02),
    wander_spread=(0.50, 1.10, 0.50),
    muscle=(1.34, 1.27, 1.25, 1.13, 1.02, 1.03, 0.92, 0.54, 0.45, 0.37, 0.34, 0.29, 0.29, 0.21, 0.18),
    muscle_at=(1.31, 1.28, 0.95, 0.95, 0.99, 0.98, 1.03, 0.97, 1.08),
    muscle_spread=(0.35, 0.52, 0.28),
    muscle_tilt=0.22,
    mains_hz=50,
    mains_uV=(1.4, 0.1, 0.2),
    mains_spread=1.5,
    step_uV=4.88,
    smoothing_ms=1.5,
    neighbours=0.6,
)
_GEORGIA = Recorder(
    wander=(50.6, 40.7, 28.6, 20.4, 9.9, 6.1, 3.2, 2.1, 1.9, 1.3),
    wander_at=(0.30, 0.70, 1.10, 0.75, 0.80, 1.10, 1.20, 1.15, 1.05),
    wander_spread=(0.50, 0.95, 0.50),
    muscle=(0.68, 0.59, 0.67, 0.56, 0.54, 0.48, 0.42, 0.29, 0.23, 0.20, 0.18, 0.17, 0.16, 0.15, 0.12),
    muscle_at=(1.07, 1.48, 1.40, 0.88, 1.01, 1.02, 0.98, 1.08, 1.05),
    muscle_spread=(0.35, 0.50, 0.32),
    muscle_tilt=0.22,
    mains_hz=60,
    mains_uV=(1.4, 0.1, 0.05),
    mains_spread=1.0,
    step_uV=5.0,
    smoothing_ms=1.5,
    neighbours=0.55,
)
RECORDERS: dict[SetName, Recorder] = {
    "ptbxl": Recorder(
        wander=(96.5, 59.4, 23.3, 17.5, 11.4, 6.8, 4.6, 3.3, 2.8, 1.6),
        wander_at=(0.40, 0.62, 1.07, 0.82, 0.96, 0.99, 1.05, 1.15, 1.25),
        wander_spread=(0.40, 0.90, 0.50),
        muscle=(0.90, 0.85, 0.94, 0.63, 0.37, 0.27, 0.19, 0.11, 0.083, 0.080, 0.065, 0.047, 0.039, 0.028, 0.021),
        muscle_at=(2.36, 3.02, 0.99, 0.98, 1.40, 1.41, 1.00, 0.70, 0.30),
        muscle_spread=(0.35, 0.45, 0.40),
        muscle_tilt=0.10,
        mains_hz=50,
        mains_uV=(0.4, 0.05, 0.2),
        mains_spread=1.1,
        step_uV=1.0,
        smoothing_ms=1.2,
        neighbours=0.72,
        swapped_share=0.001,  # read by cardiologists: 18 of 12,245 rows name any trouble with electrodes
    ),
    "chapman": _CHAPMAN,
    "mimic": replace(
        _GEORGIA,
        settings=(
            Setting(0.86, 0.005, 150, notch=True),
            Setting(0.14, 0.005, 150),
        ),
    ),
    "icbeb": replace(
        _CHAPMAN,
        wander_spread=(0.60, 1.10, 0.50),
        muscle_spread=(0.40, 0.60, 0.28),
        step_uV=1.0,
        settings=(Setting(0.95), Setting(0.05, 0.5, 40)),  # the latter a monitor's
    ),
}
