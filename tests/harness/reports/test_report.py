"""The report as a file: what stands in it, what it never does, how large it is."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from harness.reports import write_report
from tests.harness.reports.synthetic import make_run

KINDS = ("valid", "invalid", "unknown", "killed")
SECTIONS = ("clauses", "anomalies", "weaknesses", "when", "how-long", "bite", "files", "reading")
EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    """A page as its elements; raises AssertionError where they do not nest."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.text.append(data)

    @property
    def words(self) -> str:
        """All text a reader can see."""
        return " ".join(" ".join(self.text).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def report(folder: Path) -> str:
    return write_report(folder).read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_section_is_there_and_elements_nest(kind: str, tmp_path: Path) -> None:
    page = Page(report(make_run(tmp_path, kind)))
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert set(SECTIONS) <= set(identities)
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("kind", KINDS)
def test_same_folder_gives_the_same_bytes_in_another_process(kind: str, tmp_path: Path) -> None:
    first = report(make_run(tmp_path / "one" / "run", kind))
    code = "import sys; from pathlib import Path; from harness.reports import write_report\n"
    code += "write_report(Path(sys.argv[1]))"
    other = make_run(tmp_path / "two" / "run", kind)
    subprocess.run([sys.executable, "-c", code, str(other)], check=True, env={"PYTHONHASHSEED": "77"})
    assert (other / "report.html").read_text(encoding="utf-8") == first


def test_rebuilding_over_an_old_report_changes_nothing(tmp_path: Path) -> None:
    make_run(tmp_path)
    assert report(tmp_path) == report(tmp_path)
    assert not list(tmp_path.glob("*.partial"))


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    source = report(make_run(tmp_path, "invalid"))
    page = Page(source)
    for tag, attributes in page.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert "style" not in attributes
        assert "src" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        target = attributes.get("href") or "#"
        assert target.startswith(("#", "./"))
    style = source[source.index("<style>") : source.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style


def test_policy_allows_exactly_the_style_and_the_script_of_the_page(tmp_path: Path) -> None:
    source = report(make_run(tmp_path))
    policy = Page(source).all("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none';")
    for kind in ("style", "script"):
        (content,) = re.findall(f"<{kind}>(.*?)</{kind}>", source, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_page_says_everything_without_its_script(tmp_path: Path) -> None:
    source = re.sub(r"<script>.*?</script>", "", report(make_run(tmp_path, "invalid")), flags=re.DOTALL)
    page = Page(source)
    assert "Violation" in page.words
    assert "The write of 42 to k3 was acknowledged" in page.words
    assert page.all("button") == []
    assert (
        len([svg for svg in page.all("svg") if svg.get("role") == "img" and "plot" in (svg["class"] or "")])
        >= 6
    )


def test_every_plot_has_a_name_a_description_and_a_table(tmp_path: Path) -> None:
    source = report(make_run(tmp_path))
    page = Page(source)
    identities = {attributes.get("id") for _, attributes in page.elements}
    plots = [svg for svg in page.all("svg") if (svg.get("class") or "").startswith("plot")]
    assert plots
    for plot in plots:
        assert set((plot["aria-labelledby"] or "").split()) <= identities
    for figure in re.findall(r"<figure.*?</figure>", source, flags=re.DOTALL):
        assert "<table>" in figure


def test_hostile_values_stay_text(tmp_path: Path) -> None:
    make_run(tmp_path, "invalid", 200)
    attack = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"
    lines = (tmp_path / "history.jsonl").read_bytes().splitlines()
    ops = [msgspec.json.decode(line) for line in lines]
    for op in ops:
        op |= {"value": [attack], "key": attack, "f": op["f"] if op["process"] == "nemesis" else attack}
        op |= {"error": attack, "node": attack}
    (tmp_path / "history.jsonl").write_bytes(b"".join(msgspec.json.encode(op) + b"\n" for op in ops))
    results = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    for finding in results["anomalies"] + results["weaknesses"]:
        finding |= {"name": attack, "sentence": attack, "clause": attack, "operations": ops[:3]}
        finding["details"] |= {
            attack: attack,
            "series": [{"label": attack, "unit": attack, "points": [[1, 2]]}],
        }
    results |= {"sentence": attack, "reasons": [attack]}
    results["clauses"][0] |= {"id": attack, "says": attack, "verdict": attack, "expect": attack}
    (tmp_path / "results.json").write_bytes(msgspec.json.encode(results))
    test = msgspec.json.decode((tmp_path / "test.json").read_bytes())
    (tmp_path / "test.json").write_bytes(msgspec.json.encode(test | {"name": attack, "command": attack}))
    (tmp_path / "nodes" / "n1" / "<img src=x onerror=alert(3)>.log").write_text("x", encoding="utf-8")

    page = Page(report(tmp_path))
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert attack in " ".join(page.text)


def test_ten_thousand_operations_stay_below_two_megabytes(tmp_path: Path) -> None:
    assert len(report(make_run(tmp_path, "invalid", 20_000)).encode()) < 2_000_000
    assert sum(b'"invoke"' in line for line in (tmp_path / "history.jsonl").open("rb")) > 10_000


def test_size_is_bounded_however_long_the_run(tmp_path: Path) -> None:
    assert len(report(make_run(tmp_path, "valid", 120_000)).encode()) < 2_000_000


def test_killed_run_says_what_is_missing_and_draws_the_open_fault(tmp_path: Path) -> None:
    page = Page(report(make_run(tmp_path, "killed")))
    assert "No verdict" in page.words
    assert "results.json is missing." in page.words
    assert "The last line of history.jsonl is torn and left out." in page.words
    assert "4 of 5" in page.words
    assert "no line in faults.jsonl" in page.words


def test_run_that_died_in_setup_has_a_report(tmp_path: Path) -> None:
    make_run(tmp_path, "unknown")
    for name in ("history.jsonl", "faults.jsonl"):
        (tmp_path / name).unlink()
    page = Page(report(tmp_path))
    assert "Inconclusive" in page.words
    assert "history.jsonl is missing." in page.words
    assert "No operation was recorded." in page.words


def test_run_without_any_operation_or_time_has_a_report(tmp_path: Path) -> None:
    make_run(tmp_path, "unknown")
    for name in ("history.jsonl", "faults.jsonl"):
        (tmp_path / name).write_bytes(b"")
    results = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    results["phases"] = [{"name": "setup", "start_ns": -2_000_000_000, "end_ns": -33_000}]
    (tmp_path / "results.json").write_bytes(msgspec.json.encode(results))
    assert "No operation was recorded." in Page(report(tmp_path)).words


def test_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    make_run(tmp_path, "valid", 200)
    lines = (tmp_path / "history.jsonl").read_bytes().splitlines(keepends=True)
    lines[6] = b'{"index":6,"time":"soon"}\n'
    (tmp_path / "history.jsonl").write_bytes(b"".join(lines))
    assert "Line 7 of history.jsonl is unreadable and left out." in Page(report(tmp_path)).words


def test_folder_without_any_file_of_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a run's folder"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_links_lead_to_files_that_exist(tmp_path: Path) -> None:
    make_run(tmp_path)
    links = [a["href"] for a in Page(report(tmp_path)).all("a") if (a["href"] or "").startswith("./")]
    assert "./nodes/n2/arangod.log" in links
    assert all((tmp_path / (link or "")).is_file() for link in links)


def test_inconclusive_run_shows_the_reason_and_the_fault_without_effect(tmp_path: Path) -> None:
    page = Page(report(make_run(tmp_path, "unknown")))
    assert "partition: 2 faults were injected and none took effect" in page.words
    assert any((rect.get("class") or "") == "bar idle" for rect in page.all("rect"))


def test_weaknesses_are_kept_apart_from_anomalies(tmp_path: Path) -> None:
    source = report(make_run(tmp_path, "valid"))
    anomalies = source[source.index('id="anomalies"') : source.index('id="weaknesses"')]
    assert "None was found." in anomalies
    assert "replication lag" not in anomalies
    assert "These are not violations." in source


def test_many_anomalies_are_counted_and_none_disappears_silently(tmp_path: Path) -> None:
    make_run(tmp_path, "invalid", 400)
    results = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    results["anomalies"] = [results["anomalies"][0] | {"name": f"lost write {n}"} for n in range(40)]
    (tmp_path / "results.json").write_bytes(msgspec.json.encode(results))
    words = Page(report(tmp_path)).words
    assert "Anomalies 40" in words
    assert "28 more anomalies" in words
    assert "lost write 39" in words


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium on this machine")
def test_browser_obeys_its_policy_and_runs_the_script(tmp_path: Path) -> None:
    source = write_report(make_run(tmp_path / "run", "invalid", 400))
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += [
        "--enable-logging=stderr",
        "--virtual-time-budget=2000",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        ["chromium", *options, "--dump-dom", source.as_uri()],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    assert 'aria-label="Zoom in on time"' in done.stdout


def test_interrupted_run_and_its_remarks_are_told(tmp_path: Path) -> None:
    make_run(tmp_path)
    results = msgspec.json.decode((tmp_path / "results.json").read_bytes())
    results |= {"interrupted": True, "remarks": ["the logs of n2 could not be copied"]}
    (tmp_path / "results.json").write_bytes(msgspec.json.encode(results))
    words = Page(report(tmp_path)).words
    assert "The run was interrupted before its time." in words
    assert "The logs of n2 could not be copied" in words


def test_phases_before_the_first_operation_are_not_drawn(tmp_path: Path) -> None:
    source = report(make_run(tmp_path))
    assert ">safety<" in source
    assert ">setup<" not in source
    assert 'data-start="-' not in source
