"""The handbook's limits, each with the phrases that state it: what one entry says must hold in all of them.

The values are those of the AHA/ACC/HRS recommendations for the standardization of the ECG, parts II to VI (2007 to 2009),
the fourth universal definition of myocardial infarction (2018) and the rhythm guidelines that the entries name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Quantity:
    """A limit or range. The pattern is searched in single sentences; its groups are the numbers."""

    name: str
    values: tuple[str, ...]  # as the text writes them
    unit: str
    pattern: str
    unless: str = "(?!)"  # sentences about another limit in the same words

    @property
    def text(self) -> str:
        return f"{' / '.join(self.values)} {self.unit}"

    def find(self, sentence: str) -> Iterator[re.Match[str]]:
        if not re.search(self.unless, sentence):
            yield from re.finditer(self.pattern, sentence)


_NUMBER = r"(\d+(?:\.\d+)?)"
_SIGNED = r"([-+]?\d+)"
_RATE = rf"{_NUMBER} to {_NUMBER} beats per minute"

QUANTITIES = (
    Quantity("wide QRS complex", ("120",), "ms", rf"QRS (?:complex|duration)(?:(?!\bP wave).)*?{_NUMBER} ms or more"),
    Quantity("wide premature complex", ("120",), "ms", rf"[Ww]ide premature complexes of {_NUMBER} ms"),
    Quantity(
        "narrow QRS complex",
        ("120",),
        "ms",
        rf"QRS (?:complex(?:es)?|duration)[^;]*? (?:is )?below {_NUMBER} ms",
        unless=r"normal ECG|normal variant|(?:PR|RP) interval below",
    ),
    Quantity(
        "normal QRS duration",
        ("110",),
        "ms",
        rf"QRS duration below {_NUMBER} ms(?=$| is a normal|\.)",
        unless=r"fascicular|ragmented|S1S2S3",
    ),
    Quantity("QRS of incomplete block", ("110", "119"), "ms", rf"QRS duration of {_NUMBER} to {_NUMBER} ms"),
    Quantity(
        "prolonged QRS",
        ("110",),
        "ms",
        rf"(?:QRS|duration).*?(?:longer than|duration above|all leads, longer than) {_NUMBER} ms",
        unless=r"R wave longer|PR interval",
    ),
    Quantity(
        "long PR interval",
        ("200",),
        "ms",
        rf"PR interval(?:(?!QRS duration).)*?(?:longer than|exceeds|above|near) {_NUMBER} ms",
        unless="marked",
    ),
    Quantity("marked first-degree AV block", ("300",), "ms", rf"marked.*PR interval exceeds {_NUMBER} ms"),
    Quantity(
        "normal PR interval",
        ("120", "200"),
        "ms",
        rf"(?:PR interval|interval between)(?:(?!QRS duration).)*? {_NUMBER} to {_NUMBER} ms",
    ),
    Quantity(
        "short PR interval", ("120",), "ms", rf"PR interval(?: measures)? (?:below|shorter than|less than) {_NUMBER} ms"
    ),
    Quantity(
        "PR interval from the atria",
        ("120",),
        "ms",
        rf"PR interval(?: of (?:an? )?[a-z ]+)?(?: is| of)? at least {_NUMBER} ms",
    ),
    Quantity(
        "slow rate",
        ("60",),
        "beats per minute",
        rf"(?:below|slower than|less than) {_NUMBER} (?:beats|or above)",
        unless=r"unctional bradycardia|Ectopic atrial rhythm",
    ),
    Quantity(
        "fast rate",
        ("100",),
        "beats per minute",
        rf"(?:above|faster than|exceeds|more than|at most) {_NUMBER} beats per minute",
    ),
    Quantity(
        "RR at the slow rate", ("1.0",), "s", rf"(?:longer than|over) {_NUMBER} s\b", unless=r"unctional bradycardia|pause"
    ),
    Quantity("RR at the fast rate", ("0.6",), "s", rf"(?:shorter than|under) {_NUMBER} s\b"),
    Quantity(
        "sinus rate",
        ("60", "100"),
        "beats per minute",
        rf"(?:[Ss]inus (?:rhythm|node)|normal ECG)(?:(?!unction).)*? {_RATE}",
    ),
    Quantity("accelerated rhythm", ("60", "100"), "beats per minute", rf"[Aa]ccelerated (?:junctional|atrial).*? {_RATE}"),
    Quantity(
        "junctional rate",
        ("40", "60"),
        "beats per minute",
        rf"(?:(?<!ccelerated )[Jj]unctional (?:rhythm|escape)|escape rhythm).*? {_RATE}",
        unless=r"ccelerated (?:junctional|atrial)|ventricular escape rhythm|Ventricular escape",
    ),
    Quantity("slow junctional rate", ("40",), "beats per minute", rf"unctional bradycardia.*?below {_NUMBER} beats"),
    Quantity("accelerated idioventricular rate", ("50", "100"), "beats per minute", rf"idioventricular rhythm.*? {_RATE}"),
    Quantity(
        "ventricular escape rate",
        ("20", "40"),
        "beats per minute",
        rf"(?:Ventricular escape rhythm|wide at)(?:(?!narrow).)*? ?{_RATE}",
    ),
    Quantity(
        "reentrant tachycardia", ("150", "250"), "beats per minute", rf"(?:reentrant|upraventricular) tachycardia.*? {_RATE}"
    ),
    Quantity(
        "flutter waves",
        ("250", "350"),
        "per minute",
        rf"(?:flutter|sawtooth|atrial) waves.*?{_NUMBER} to {_NUMBER} per minute",
        unless="fibrillat",
    ),
    Quantity("typical flutter waves", ("300",), "per minute", rf"(?:flutter|sawtooth) waves near {_NUMBER} per minute"),
    Quantity("wide beat", ("120",), "ms", rf"are wide, {_NUMBER} ms or more"),
    Quantity("ventricular flutter", ("300",), "per minute", rf"sine-like waves near {_NUMBER} per minute"),
    Quantity("non-specific ST deviation", ("0.1",), "mV", rf"ST deviation of less than {_NUMBER} mV"),
    Quantity("non-specific T wave", ("0.1",), "mV", rf"(?:T waves|T-wave deviation).*less than {_NUMBER} mV"),
    Quantity("downsloping ST depression", ("0.05",), "mV", rf"horizontal or downsloping by {_NUMBER} mV"),
    Quantity("inverted T wave", ("0.1",), "mV", rf"(?:negative|inverted) by {_NUMBER} mV"),
    Quantity("fibrillatory waves", ("350", "600"), "per minute", rf"(?:[Ff]ibrillat).*?{_NUMBER} to {_NUMBER} per minute"),
    Quantity("nonsustained tachycardia", ("30",), "s", rf"within {_NUMBER} s\b"),
    Quantity("long sinus pause", ("3",), "s", rf"(?:sinus pauses?|pause without P waves,).*?longer than {_NUMBER} s\b"),
    Quantity("RP of AV nodal reentry", ("90",), "ms", rf"RP interval (?:below|of) {_NUMBER} ms"),
    Quantity(
        "long QTc", ("450", "460"), "ms", rf"corrected QT interval.*?{_NUMBER} ms(?: or more)? in men and {_NUMBER} ms"
    ),
    Quantity("short QTc", ("390",), "ms", rf"corrected QT interval of {_NUMBER} ms or less"),
    Quantity("wide P wave", ("120",), "ms", rf"P waves?(?:(?!QRS|interval).)*?{_NUMBER} ms or more"),
    Quantity("tall P wave", ("0.25",), "mV", rf"(?<!part of the )P waves?(?:(?!positive).)*?(?:above|exceed) {_NUMBER} mV"),
    Quantity("positive P in V1", ("0.15",), "mV", rf"positive part.*?(?:above|exceeds) {_NUMBER} mV"),
    Quantity("negative P in V1", ("40", "0.1"), "ms / mV", rf"negative part.*?{_NUMBER} ms long and {_NUMBER} mV deep"),
    Quantity("notched P wave", ("40",), "ms", rf"peaks at least {_NUMBER} ms"),
    Quantity(
        "normal axis",
        ("-30", "+90"),
        "degrees",
        rf"axis.*? (?:between|near) {_SIGNED} (?:and|or) (\+\d+) degrees",
        unless=r"right axis|frontal QRS axis between \+",
    ),
    Quantity(
        "left axis deviation", ("-30", "-90"), "degrees", rf"Left axis deviation shows.*between {_SIGNED} and {_SIGNED}"
    ),
    Quantity(
        "left axis limit",
        ("-30",),
        "degrees",
        rf"(?<!Marked )[Ll]eft axis deviation (?:beyond|between) {_SIGNED}(?: and -45)?",
        unless="Marked",
    ),
    Quantity("marked left axis", ("-45",), "degrees", rf"Marked left axis deviation beyond {_SIGNED}"),
    Quantity(
        "anterior fascicular block axis",
        ("-45", "-90"),
        "degrees",
        rf"anterior fascicular block.*between {_SIGNED} and {_SIGNED}",
    ),
    Quantity("leftward axis", ("0", "-30"), "degrees", rf"axis between (\d+) and {_SIGNED} degrees"),
    Quantity("right axis deviation", ("+90",), "degrees", rf"[Rr]ight axis deviation beyond {_SIGNED}"),
    Quantity("right axis range", ("+90", "+180"), "degrees", r"axis between (\+\d+) and (\+\d+) degrees"),
    Quantity("extreme axis", ("-90", "180"), "degrees", rf"axis between {_SIGNED} and (\d+) degrees"),
    Quantity(
        "Sokolow-Lyon index", ("3.5",), "mV", rf"S (?:wave )?in V1 plus (?:the )?R (?:wave )?in V5 or V6.*?{_NUMBER} mV"
    ),
    Quantity("Cornell voltage", ("2.8", "2.0"), "mV", rf"aVL.*above {_NUMBER} mV in men and {_NUMBER} mV in women"),
    Quantity("right ventricular R wave", ("0.7",), "mV", rf"R wave in V1,? (?:of )?{_NUMBER} mV or more"),
    Quantity(
        "low voltage in limb leads",
        ("0.5",),
        "mV",
        rf"(?:smaller than|below) {_NUMBER} mV(?: from peak to peak)? in (?:all limb leads|each of I)",
    ),
    Quantity(
        "low voltage in precordial leads",
        ("1.0",),
        "mV",
        rf"(?:smaller than|below) {_NUMBER} mV(?: from peak to peak)? in (?:each of )?V1",
    ),
    Quantity("poor R wave", ("0.3",), "mV", rf"R waves of {_NUMBER} mV or less in V3"),
    Quantity("tall T wave", ("0.5", "1.0"), "mV", rf"exceed {_NUMBER} mV in limb leads or {_NUMBER} mV in precordial leads"),
    Quantity("R peak time of left bundle branch block", ("60",), "ms", rf"R peak time.*exceeds {_NUMBER} ms in V"),
    Quantity(
        "pathological Q wave",
        ("30",),
        "ms",
        rf"Q waves?(?:(?!QRS|R wave).)*?(?:of|last|shorter than|wider than) {_NUMBER} ms",
        unless="narrow Q waves",
    ),
    Quantity(
        "depth of a pathological Q wave", ("0.1",), "mV", rf"Q waves.*ms or more and (?:are )?{_NUMBER} mV or more deep"
    ),
    Quantity("Q wave in V2 and V3", ("20",), "ms", rf"Q waves? longer than {_NUMBER} ms"),
    Quantity("R wave of posterior infarction", ("40",), "ms", rf"R wave longer than {_NUMBER} ms in V1"),
    Quantity("ischemic ST depression", ("0.05",), "mV", rf"ST depression of {_NUMBER} mV", unless="njury|paced rhythm"),
    Quantity("lowered ST segment", ("0.05",), "mV", rf"{_NUMBER} mV or more below the baseline"),
    Quantity("raised ST segment", ("0.1",), "mV", rf"{_NUMBER} mV or more above(?: the baseline| or)"),
    Quantity("subendocardial injury", ("0.1",), "mV", rf"injury.*ST depression of {_NUMBER} mV"),
    Quantity(
        "ST elevation",
        ("0.1",),
        "mV",
        rf"(?:ST segments rise|J-point elevation|ST elevation)(?:(?! to |T wave).)*?(?:by|of) {_NUMBER} mV or more",
        unless="coved|V7|saddle",
    ),
    Quantity("ST elevation in V2 and V3", ("0.15", "0.25"), "mV", rf"by {_NUMBER} to {_NUMBER} mV or more in V2 and V3"),
    Quantity(
        "ST elevation in V2 and V3 by age and sex",
        ("0.2", "0.25", "0.15"),
        "mV",
        rf"V2 and V3 the limit.*? {_NUMBER} mV in men.*?{_NUMBER} mV.*?{_NUMBER} mV in women",
    ),
    Quantity("ischemic T-wave inversion", ("0.1",), "mV", rf"T-wave inversion of more than {_NUMBER} mV"),
    Quantity("dominant R peak of anterior fascicular block", ("45",), "ms", rf"R peak time of {_NUMBER} ms"),
)
