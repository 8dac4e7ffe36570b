"""Rows of the table of conditions: rhythms, AV blocks, pauses and extra beats."""

from __future__ import annotations

from esi.simulate.conditions.condition import Condition

# fmt: off
RHYTHM_CONDITIONS: tuple[Condition, ...] = (
    # name, SCP codes, SNOMED CT, CPSC2018
    #     MIMIC-IV-ECG
    #     report
    # The rhythm: exactly one of `RHYTHMS` a record.
    Condition("SR", "SR", ("426783006",), None,
              ("Sinus rhythm", "Sinus rhythm.", "SINUS RHYTHM"),
              "sinusrhythmus"),
    Condition("SBRAD", "SBRAD", ("426177001",), None,
              ("Sinus bradycardia", "Sinus bradycardia.", "SINUS BRADYCARDIA"),
              "sinusbradykardie"),
    Condition("STACH", "STACH", ("427084000",), None,
              ("Sinus tachycardia", "Sinus tachycardia.", "SINUS TACHYCARDIA"),
              "sinustachykardie"),
    Condition("SARRH", "SARRH", ("427393009",), None,
              ("Sinus arrhythmia", "Sinus arrhythmia.", "SINUS ARRHYTHMIA"),
              "sinusarrhythmie"),
    Condition("AFIB", "AFIB", ("164889003",), "AF",
              ("Atrial fibrillation", "Atrial fibrillation.", "ATRIAL FIBRILLATION"),
              "vorhofflimmern"),
    Condition("AFLT", "AFLT", ("164890007",), None,
              ("Atrial flutter", "Atrial flutter.", "ATRIAL FLUTTER"),
              "vorhofflattern"),
    Condition("SVTAC", "SVTAC", ("426761007",), None,
              ("Supraventricular tachycardia", "PROBABLE SUPRAVENTRICULAR TACHYCARDIA"),
              "supraventrikulÄre tachykardie"),
    Condition("PSVT", "PSVT", ("426761007",), None,
              ("Supraventricular tachycardia", "PROBABLE SVT, BUT CONSIDER SINUS OR PAROXYSMAL ATRIAL TACHYCARDIA"),
              "paroxysmale supraventrikulÄre tachykardie"),
    Condition("SVARR", "SVARR", ("195101003",), None,
              ("Irregular ectopic atrial rhythm", "Irregular ectopic atrial rhythm.", "Wandering atrial pacemaker"),
              "supraventrikulÄre arrhythmie"),
    Condition("PACE", "PACE", ("10370003",), None,
              ("Pacemaker rhythm", "Pacemaker rhythm - no further analysis",
               "No further rhythm analysis attempted due to paced rhythm"),
              "schrittmacher ekg"),
    # AV blocks and pauses, beside a rhythm.
    Condition("2AVB", "2AVB", ("195042002",), None,
              ("AV block, varying conduction",),
              "a-v block ii"),
    Condition("3AVB", "3AVB", ("27885002",), None,
              ("AV block, complete (third degree)", "COMPLETE A-V BLOCK", "- complete A-V block"),
              "a-v block iii, av-dissoziation"),
    Condition("PAUSE", None, ("5609005",), None,
              ("Sinus pause",),
              "sinuspause"),
    # Extra beats. Bigeminy and trigeminy are ventricular (BIGU, TRIGU) or atrial (ABIGU, ATRIGU): in PTB-XL 38 of 66 records
    # with BIGU have PVC as well, 19 PAC.
    Condition("PAC", "PAC", ("284470004",), "PAC",
              ("Atrial premature complex", "Atrial premature complexes", "- premature atrial contractions",
               "PREMATURE ATRIAL CONTRACTION(S)"),
              "supraventrikulÄre extrasystole(n)"),
    Condition("PVC", "PVC", ("427172004", "17338001"), "PVC",
              ("Ventricular premature complex", "Multiple ventricular premature complexes",
               "- premature ventricular contractions", "PREMATURE VENTRICULAR CONTRACTION(S)"),
              "ventrikulÄre extrasystole(n)"),
    Condition("PRC(S)", "PRC(S)", (), None,
              ("Multiple premature complexes, vent & supraven",),
              "extrasystole(n)"),
    Condition("BIGU", "BIGU", ("11157007", "11157007,17338001"), "PVC",
              ("Ventricular bigeminy", "- bigeminal PVCs", "BIGEMINAL PVCs"),
              "ventrikulÄre extrasystole(n), bigeminus"),
    Condition("TRIGU", "TRIGU", ("251180001", "251180001,17338001"), "PVC",
              ("Ventricular trigeminy",),
              "ventrikulÄre extrasystole(n), trigeminus"),
    Condition("ABIGU", "BIGU", ("251173003", "284470004"), "PAC",
              ("Supraventricular bigeminy", "- bigeminal PACs", "BIGEMINAL PACs"),
              "supraventrikulÄre extrasystole(n), bigeminus"),
    Condition("ATRIGU", "TRIGU", ("284470004",), "PAC",
              ("Atrial premature complexes", "- premature atrial contractions"),
              "supraventrikulÄre extrasystole(n), trigeminus"),
)
# fmt: on
