"""The page: what is shown of a run, in which order, and in which words. The looks are the templates'."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import jinja2
import pandas as pd
from markupsafe import Markup

from harness.reports import charts, evidence, operations, palette, timeline, words
from harness.reports.failovers import failovers
from harness.reports.plot import Mark, Setting, fault_sentence
from harness.reports.run_folder import Fault, Finding, RunFolder
from harness.reports.verdicts import EXPECTATIONS, SHAPES, headline

IN_FULL = 12
"""So many findings of a kind are shown with their evidence; the others in a table."""
IN_SHORT = 500


def render(run: RunFolder) -> str:
    """The whole page as HTML: the same folder gives the same text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": words.count, "duration": words.duration, "moment": words.moment}
    environment.filters |= {"sentence": words.sentence, "fact": words.fact}
    environment.filters |= {"value": words.value, "percent": words.percent, "size": words.size}
    environment.globals |= {"fault_sentence": fault_sentence, "digits": words.three_digits}
    style = _palette_style() + _source(environment, "report.css")
    script = _source(environment, "report.js")
    template = environment.get_template("report.html.j2")
    return template.render(
        **_context(run),
        style=Markup(style),  # noqa: S704 - our own files, hashed for the page's policy
        script=Markup(script),  # noqa: S704 - as above
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _source(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


def _palette_style() -> str:
    """The colours as CSS: light, dark where the reader's system asks for it, either when chosen by hand."""
    light, dark = palette.declarations(palette.LIGHT), palette.declarations(palette.DARK)
    return (
        f":root{{{light}--point:{palette.POINT};--through:{palette.BAND};color-scheme:light dark}}\n"
        f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n"
        f":root[data-theme=dark]{{{dark}color-scheme:dark}}\n:root[data-theme=light]{{color-scheme:light}}\n"
        f"@media print{{:root,:root:not([data-theme=light]),:root[data-theme=dark]{{{light}}}}}\n"
    )


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as it is drawn."""

    identity: str
    finding: Finding
    clause_anchor: str | None
    deeds: Sequence[evidence.Deed]
    listed: Sequence[evidence.Deed]
    drawing: Markup
    facts: Sequence[tuple[str, str]]
    series: Markup
    series_table: Sequence[tuple[str, str, int, float, float, float]]


@dataclass(frozen=True, slots=True)
class FamilyView:
    """One fault family and whether it bit."""

    family: str
    injected: int
    effective: int
    measure: str
    count: int
    colour: str
    faults: Sequence[Fault]

    @property
    def worked(self) -> bool:
        """Every injected fault was measured to have had its effect."""
        return self.injected > 0 and self.effective == self.injected


def _context(run: RunFolder) -> dict[str, Any]:
    results = run.results
    frame = operations.table(run)
    violations = results.anomalies if results else ()
    weaknesses = results.weaknesses if results else ()
    setting = Setting(
        run.end_ns, run.faults, results.phases if results else (), _marks(violations, "violated")
    )
    anchors = {clause.id: f"clause-{n}" for n, clause in enumerate(results.clauses)} if results else {}
    shown = [*violations[:IN_FULL], *weaknesses[:IN_FULL]]
    deeds = evidence.Deeds(run.operations, (op for finding in shown for op in finding.operations))
    drawn = _Findings(anchors, deeds, setting)
    mix = operations.outcome_mix(frame)
    return {
        "run": run,
        "head": headline(run),
        "facts": _facts(run),
        "clauses": results.clauses if results else (),
        "anchors": anchors,
        "shape": SHAPES,
        "expectations": EXPECTATIONS,
        "anomalies": drawn.views("anomaly", violations[:IN_FULL]),
        "weaknesses": drawn.views("weakness", weaknesses[:IN_FULL]),
        "more_anomalies": violations[IN_FULL : IN_FULL + IN_SHORT],
        "more_weaknesses": weaknesses[IN_FULL : IN_FULL + IN_SHORT],
        "families": _families(run, setting),
        "failovers": failovers(run),
        "mix": mix,
        "all": mix[-1],
        "exposures": operations.exposures(frame, run.faults, run.end_ns),
        "errors": operations.frequent_errors(run.operations),
        "files": [(quote(p.as_posix()), p.as_posix(), (run.path / p).stat().st_size) for p in run.files],
        **_plots(frame, setting, run),
    }


def _marks(findings: Sequence[Finding], kind: str) -> list[Mark]:
    return [Mark(op.time, kind) for finding in findings[:IN_SHORT] for op in finding.operations[-1:]]


def _plots(frame: pd.DataFrame, setting: Setting, run: RunFolder) -> dict[str, Any]:
    rates = operations.rates(frame, run.end_ns)
    quantiles = operations.latencies(frame, run.end_ns)
    clients = frame.groupby("lane")["outcome"].value_counts().unstack(fill_value=0)
    clients = clients.reindex(columns=list(operations.OUTCOMES), fill_value=0)
    return {
        "setting": setting,
        "step_s": operations.step_ns(run.end_ns) / 1e9,
        "timeline": timeline.timeline(frame, setting),
        "client_rows": list(clients.itertuples()),
        "bars": len(frame) <= timeline.SINGLE,
        "latency": charts.latency_chart(frame, setting),
        "latency_rows": list(quantiles.itertuples()),
        "points": len(frame) <= charts.POINTS,
        "outliers": charts.OUTLIERS,
        "rate": charts.rate_chart(frame, setting),
        "rate_rows": list(rates.itertuples()),
    }


@dataclass(frozen=True, slots=True)
class _Findings:
    """Draws findings against the operations, clauses and faults of the run."""

    anchors: Mapping[str, str]
    deeds: evidence.Deeds
    setting: Setting

    def views(self, kind: str, findings: Sequence[Finding]) -> list[FindingView]:
        return [self._view(f"{kind}-{number}", finding) for number, finding in enumerate(findings, start=1)]

    def _view(self, identity: str, finding: Finding) -> FindingView:
        whole = self.deeds.of(finding.operations)
        series = [one for one in _list(finding.details.get("series")) if isinstance(one, Mapping)]
        details = {name: detail for name, detail in finding.details.items() if name != "series"}
        return FindingView(
            identity=identity,
            finding=finding,
            clause_anchor=self.anchors.get(finding.clause or ""),
            deeds=whole,
            listed=whole[: evidence.LISTED],
            drawing=evidence.drawing(whole, self.setting, f"{identity}-evidence", finding.sentence),
            facts=[(name.replace("_", " "), words.fact(detail)) for name, detail in details.items()],
            series=charts.series_chart(series, f"{identity}-series", self.setting),
            series_table=charts.series_rows(series),
        )


def _list(anything: object) -> list[Any]:
    return anything if isinstance(anything, list) else []


def _families(run: RunFolder, setting: Setting) -> list[FamilyView]:
    """What results.json counted; for a run without results, what faults.jsonl tells."""
    totals = run.results.faults if run.results else {}
    names = sorted({*totals, *(fault.family for fault in run.faults)})
    return [_family(name, run, setting) for name in names]


def _family(name: str, run: RunFolder, setting: Setting) -> FamilyView:
    faults = [fault for fault in run.faults if fault.family == name]
    effects = [fault.effect for fault in faults if fault.effect]
    total = run.results.faults.get(name) if run.results else None
    return FamilyView(
        family=name,
        injected=total.injected if total else len(faults),
        effective=total.effective if total else sum(fault.effective for fault in faults),
        measure=(total.measure if total else None) or (effects[0].measure if effects else "not measured"),
        count=(total.count or 0) if total else sum(effect.count for effect in effects),
        colour=setting.colour(name) if name in setting.families else "fault-0",
        faults=faults,
    )


def _verdict(run: RunFolder) -> str:
    if run.results is None:
        return ""
    code = run.results.exit_code
    return run.results.verdict if code is None else f"{run.results.verdict} (exit code {code})"


def _facts(run: RunFolder) -> list[tuple[str, str]]:
    """What was claimed of what, in the order in which a reader asks; what is not known is left out."""
    test, results = run.test, run.results
    product = " ".join(str(test.database[name]) for name in ("product", "version") if name in test.database)
    rest = {k: v for k, v in test.database.items() if k not in ("name", "product", "version", "topology")}
    length = results.duration_s if results else None
    facts = [
        ("Verdict", _verdict(run)),
        ("Claim", test.claim.replace("-", " ")),
        ("Product", product or str(test.database.get("name", ""))),
        ("Topology", test.topology),
        ("Nodes", ", ".join(test.nodes)),
        ("Environment", test.environment),
        ("Workloads", ", ".join(test.workloads)),
        ("Faults", ", ".join(test.nemeses)),
        ("Duration", words.duration(length * 1e9 if length else run.end_ns)),
        ("Clients", "" if test.concurrency is None else str(test.concurrency)),
        ("Rate", "" if test.rate is None else f"{words.three_digits(test.rate)}/s"),
        ("Seed", "" if test.seed is None else str(test.seed)),
        (
            "Started",
            test.started.replace("T", " ").removesuffix("+00:00").removesuffix("Z")
            + " UTC" * bool(test.started),
        ),
    ]
    return [fact for fact in facts if fact[1]] + [
        (k.capitalize(), words.value(v, 80)) for k, v in rest.items() if v
    ]
