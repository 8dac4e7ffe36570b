"""The table of equal wordings: what carts and code tables write in several ways, and the one way that is kept.

Each rule is (pattern, replacement) on lower-case text. A rule joins wordings that say the same thing and no others:
certainty ("possible", "probable", "consider", "cannot rule out", "may be due to"), degree ("borderline", "marked"), age
("old", "acute", "age undetermined"), number ("frequent", "multiple") and the leads of a finding are never touched.
Terms follow the AHA/ACC/HRS recommendations for the standardization of the ECG, part II (Mason et al. 2007).
"""

from __future__ import annotations

ABBREVIATIONS = {
    "1st": "first", "2nd": "second", "3rd": "third", "deg": "degree",
    "abnrm": "abnormality", "abnormalities": "abnormality", "accerated": "accelerated", "amp": "amplitude",
    "af": "atrial fibrillation", "afib": "atrial fibrillation", "flut": "flutter",
    "analysed": "analyzed", "ant": "anterior", "lat": "lateral", "avb": "av block",
    "bvh": "biventricular hypertrophy", "lvh": "left ventricular hypertrophy", "rvh": "right ventricular hypertrophy",
    "cva": "cerebrovascular accident", "depr": "depression", "elev": "elevation", "extremity": "limb", "gender": "sex",
    "indeterm": "undetermined", "ivcd": "intraventricular conduction disturbance",
    "lad": "left axis deviation", "rad": "right axis deviation", "lae": "left atrial enlargement",
    "rae": "right atrial enlargement", "lafb": "left anterior fascicular block", "lpfb": "left posterior fascicular block",
    "lbbb": "left bundle branch block", "rbbb": "right bundle branch block",
    "ilbbb": "incomplete left bundle branch block", "irbbb": "incomplete right bundle branch block",
    "ld": "leads", "lds": "leads", "mi": "myocardial infarction", "pmi": "posterior myocardial infarction",
    "pac": "atrial premature complexes", "pacs": "atrial premature complexes",
    "pvc": "ventricular premature complexes", "pvcs": "ventricular premature complexes",
    "multi": "multiple", "poss": "possible", "prob": "probable", "repol": "repolarization", "rv": "right ventricular",
    "stj": "st junctional", "sv": "supraventricular", "supraven": "supraventricular", "svt": "supraventricular tachycardia",
    "vcd": "ventricular conduction disturbance", "vent": "ventricular", "wpw": "wolff-parkinson-white",
}  # fmt: skip

_REGION = (
    r"(?:(?:antero|infero|postero|inferopostero)?(?:anterior|lateral|inferior|posterior|septal)"
    r"|extensive|diffuse|precordial|limb)"
)
REGIONS = rf"{_REGION}(?:(?: and | ){_REGION})*"
_LEAD = r"(?:i{1,3}|av[rlf]|v[1-6])"
_LEADS = rf"{_LEAD}(?:(?:, ?|-| and | ){_LEAD})*(?!\w)"
_EXTRA = r"(?:contraction|complex|beat|extrasystole)(?:s|es)?"

RULES: tuple[tuple[str, str], ...] = (
    # Marks of the carts, punctuation, plural in brackets.
    (r"^\(\d+@\d+\)\s*", ""),
    (r"^summary: ?", ""),
    (r"[*!]+", " "),
    (r"\s+", " "),
    (r"^[ .,;:-]+|[ .,;:-]+$", ""),
    # The second half of a statement that a cart broke in two.
    (r"^with (?=[a-z])", ""),
    (r"^or (?=aberrant)", "possible "),
    (r"\? ?(?=[a-z])", "possible "),
    (r"(\w)\((e?s)\)", r"\1\2"),
    (r"\bi\. ?v\. ", "intraventricular "),
    (r"\bprob\. ?", "probable "),
    (r"(v[1-6]) ?- ?(v[1-6])", r"\1-\2"),
    (r" *-+ +", ", "),
    (r"(?<=[a-z]{3})\. ?(?=[a-z?])", ", "),
    (r" ?; ?", ", "),
    (r" *, *(?!\d)", ", "),
    (r" +:", ":"),
    (r"([a-z]) ?\+ ?(?=[a-z])|(?<=[a-z\d]) ?\+ ?(?=tall|\d:1)", r"\1 and "),
    (r", (?=but )", " "),
    (r" ?& ?", " and "),
    (r"\bw/ ?", "with "),
    # Spellings and hyphens.
    (r"\b(un|non)[- ]?(?=specific|sustained|diagnostic)", "non"),
    (r"ischaem", "ischem"),
    (r"polaris", "polariz"),
    (r"\b([pqrstu])-wave", r"\1 wave"),
    (r"\b(qtc?|pr)-interval", r"\1 interval"),
    (r"\b(st|st-t) segment\b", r"\1"),
    (r"\bs-a\b|\bsa(?= block)|\bsino-atrial\b", "sinoatrial"),
    (r"\ba-v\b|\batrio-?ventricular\b", "av"),
    (r"\ba-(?=flutter|noncapt)", "atrial "),
    (r"\bnoncapt\b", "noncapture"),
    (r"\bv-(?=paced)", "ventricular-"),
    (r"\bav junctional\b", "junctional"),
    (r"\batrial-ventricular dual", "av dual"),
    (r"\bpre-?excit(?:'n|at'n|ation) ?(?=\()", "preexcitation "),
    (r"\bpre-? ?excitation\b", "preexcitation"),
    (r"\bacces{1,2}'y\b", "accessory"),
    (r"\bwolff?[- ]parkinson[- ]white\b", "wolff-parkinson-white"),
    (r"\(lad\)", "(left anterior descending artery)"),
    (r"\(lcx\)", "(left circumflex artery)"),
    (r"\babnrm(?= t\b)", "abnormal"),
    (r"\bant(?:erior)?/septal", "anteroseptal"),
    (r"\bant(?:erior)?/lat(?:eral)?\b", "anterolateral"),
    (r"\binferior/lateral", "inferior and lateral"),
    (r"\b(sex/age|sex or age|sex and age|age/sex|age or sex)\b", "age and sex"),
    # Leads and waves of a finding.
    (r"\bv leads?\b|\bchest leads?\b", "precordial leads"),
    (rf"\b({_REGION}) lead\b(?! reversal)", r"\1 leads"),
    (rf"\bin the (?={REGIONS} leads)", "in "),
    (r"\b(st|st-t|t|p|wave) change\b", r"\1 changes"),
    (r"(?<![\w-])t (?=changes|abnormality|inversion)", "t wave "),
    (r"\b(p|t)-waves\b", r"\1 waves"),
    (r"\binverted t waves\b", "t wave inversion"),
    (r"\b(q|t) wave abnormal$", r"\1 wave abnormality"),
    (r"\b(abnormal|tall) ([pt])(?=,| in )", r"\1 \2 waves"),
    (r"\bq (?:wave )?(?=in )", "q waves "),
    (r"\bq suggests\b", "q waves suggest"),
    (rf"^(st|st-t|t wave) changes in ({REGIONS}) leads$", r"\2 \1 changes"),
    (rf"\bmarked st depression in ({REGIONS}) leads", r"marked \1 st depression"),
    (r"\bchanges consistent\b", "changes are consistent"),
    (r"\belevation consider\b", "elevation, consider"),
    (rf"\bischemia, ({REGIONS})$", r"ischemia, \1 leads"),
    (r"\b(depression|interval|arrhythmia|abnormality) are\b", r"\1 is"),
    (r"\blow(?:er)? voltage(?: qrs)?\b", "low qrs voltages"),
    (r"\blow qrs voltages, (?=limb|precordial)", "low qrs voltages in "),
    (r"\bvoltage criteria \(qrs\)", "voltage criteria"),
    (r"^(long|short) (qtc?|pr):", r"\1 \2 interval,"),
    (r"^long (qtc?) interval", r"prolonged \1 interval"),
    (r"^(?:shortened|decreased) (pr|qt) interval", r"short \1 interval"),
    (r"\bischemic(?= in |$)", "ischemic changes"),
    (r"\bdigitalis-effect", "digitalis effect"),
    # Extra beats.
    (rf"\b(?:premature (ventricular|atrial|junctional|supraventricular)|(ventricular|atrial|junctional|supraventricular)"
     rf" (?:premature|extrasystoles)) ?(?:{_EXTRA})?(?= |,|$)", r"\1\2 premature complexes"),
    (r"\bventricular ectopics\b", "ventricular premature complexes"),
    (r"\bfusion beats\b", "fusion complexes"),
    (r"\bbigeminal (ventricular|atrial) premature complexes", r"\1 bigeminy"),
    (r"\bpaired ventricular premature complexes|\bventricular couplet\b", "ventricular couplets"),
    (r"\baberrant conduction of supraventricular complexes", "aberrantly conducted supraventricular complexes"),
    (r"((?: with)(?: occasional| frequent)? atrial premature complexes)( with ventricular premature complexes)", r"\2\1"),
    # Rhythm and pacing.
    (r"^rapid atrial fibrillation$", "atrial fibrillation with rapid ventricular response"),
    (r"\brapid v-rate\b", "rapid ventricular response"),
    (r"\batrial flutter/fibrillation\b", "atrial fibrillation/flutter"),
    (r"^ventricular tachycardia, nonsustained", "nonsustained ventricular tachycardia"),
    (r"\bwide[- ](?:qrs|complex) tachycardia", "wide qrs tachycardia"),
    (r"\b(?:pacemaker|pacing) rhythm\b", "paced rhythm"),
    # Conduction and axis.
    (r"\b([123])(?= degree)", r"\1_"),
    (r"\b1_", "first"),
    (r"\b2_", "second"),
    (r"\b3_", "third"),
    (r"\bav block, complete \(third degree\)|\bcomplete (?:av|heart) block", "third degree av block"),
    (r"\bmobitz type (?=i)", "mobitz "),
    (r"\bwenckebach \(mobitz i\)", "mobitz i (wenckebach)"),
    (r"\bsecond degree (av|sinoatrial) block, (mobitz (?:ii|i \(wenckebach\)))", r"\2 second degree \1 block"),
    (r"\bsecond degree \(mobitz ii\) sinoatrial|\bsinoatrial second degree mobitz ii", "mobitz ii second degree sinoatrial"),
    (r"\b(mobitz (?:ii|i \(wenckebach\))) av block", r"\1 second degree av block"),
    (r"\bsecond degree av block \(type two\)", "mobitz ii second degree av block"),
    (r"\bvar(?:ied|ying) av block", "variable av block"),
    (r"\b(?:intraventricular|iv) conduction (?:delay|defect|disorder|disturbance)(?: \(block\))?",
     "intraventricular conduction disturbance"),
    (r"^conduction defect of (?=left|right)", "intraventricular conduction disturbance of "),
    (r"\bconduction delay\b", "conduction disturbance"),
    (r"(?<!left )\b(anterior|posterior) fascicular block", r"left \1 fascicular block"),
    (r"\b(bundle branch block) and (?=left (?:anterior|posterior) fascicular)", r"\1 with "),
    (r"\brightward qrs axis", "rightward axis"),
    (r"\bindeterminate (?:frontal qrs|cardiac) axis", "indeterminate axis"),
    (r"\bs i, ii, iii syndrome|\bs1, ?s2, ?s3 pattern", "s1s2s3 pattern"),
    # Infarction: one noun, one place for its age.
    (r"\b(?:myocardial )?infarct(?:ion)?\b", "myocardial infarction"),
    (r"\bage (?:indeterminate|indeterm)\b", "age undetermined"),
    (rf"\b({REGIONS} myocardial infarction), (old|acute|recent)(?= \(|$)", r"\2 \1"),
    (rf"\bacute changes in ({REGIONS}) leads", r"acute \1 changes"),
    # The whole report.
    (r"^(abnormal|borderline)$", r"\1 ecg"),
    (r"^within normal limits$", "normal ecg"),
    (r"^available leads normal$", "normal ecg based on available leads"),
    (r"[,:] (?:no further (?:rhythm )?analysis(?: attempted)?|repeat with reversed leads|review|check data"
     r"|interpret together with clinical data|interpretation is based on unpaced beats)(?=$|,| with )", ""),
    (r"^(?:appearances )?suggests? dextrocardia", "suggests dextrocardia"),
    (r"^(?:interpretation|report) made without (?:knowing|knowledge of)", "interpretation made without knowing"),
    (r"^unconfirmedanalysis$", "unconfirmed analysis"),
)  # fmt: skip

# On statements of quality alone: MIMIC names the bad leads in 746 ways; the tables of records keep the raw wording.
QUALITY_RULES: tuple[tuple[str, str], ...] = (
    (rf", only (?:leads )?{_LEADS} analyzed", ""),
    (r"^(?:(?:appearances )?suggests?|suspect) (?=arm|limb)", "suspected "),
    (rf"\bfaulty {_LEADS}", "faulty lead"),
    (rf"\bsequence error: {_LEADS}(?: therefore)?", "sequence error: leads"),
    (rf"(?: in leads?|:)? {_LEADS}", ""),
    (r"\bpartial missing\b", "partially missing"),
    (r"\bcomputer (?=interpretation)", ""),
)

CAPITALS = """
AV QRS ST T P Q R S U PR QT QTc ECG QR RSR IV EDIS S1S2S3 SV1 RV5
I II III aVR aVL aVF V1 V2 V3 V4 V5 V6 V7 V8 V9 V3R V4R
Mobitz Wenckebach Wolff Parkinson White Brugada Sokolow Lyon Cornell Lewis
"""
