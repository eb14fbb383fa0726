"""What a person sees after a sweep: the address that it printed, opened in a browser on a bare ``mlflow ui``."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")
MISSING = [
    *([] if CHROMIUM else ["Chromium (apt-get install chromium)"]),
    *([] if importlib.util.find_spec("playwright") else ["Playwright (pip install playwright)"]),
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(MISSING), reason=f"there is no {' and no '.join(MISSING)}"),
    pytest.mark.timeout(600),
]

CHOICES = ["backend=torch,keras", "activation=relu,tanh"]
WORDS = [*CHOICES, "data=moons", "training.epochs=12"]
RUNS = {f"{backend} {activation}" for backend in ("torch", "keras") for activation in ("relu", "tanh")}
SUMMARY = "sweep over backend, activation"
# A folder in which pictures of the pages are kept, for the documentation.
PICTURES = os.environ.get("RUNNER_SCREENSHOTS")

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_CARD = '[data-testid="experiment-view-compare-runs-card"]'
_SECTION = '[data-testid="experiment-view-compare-runs-section-header"]'
# MLflow opens a panel for a language model when it is visited first.
_NOT_FIRST = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
_CURVES = """card => card.querySelector('.js-plotly-plot').data.map(
    trace => [trace.name, Array.from(trace.x || []), Array.from(trace.y || [])])"""
_LOADED = (
    "card => [...card.querySelectorAll('img')].filter(each => each.complete && each.naturalWidth > 0).length"
)


@dataclass(frozen=True)
class Sweep:
    """A sweep that has ended: its folder of runs, and the address of its charts on the server that is up."""

    runs: tuple[Path, ...]
    root: str
    charts: str

    @property
    def number(self) -> str:
        """Returns what ties its runs together, as its address says it."""
        found = re.search(r"viewStateShareKey=(.+)$", self.charts)
        assert found is not None
        return found[1]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    folder = tmp_path_factory.mktemp("swept")
    printed = command(folder, "runner", "-m", *WORDS)
    found = re.search(r"^charts +(http://127\.0\.0\.1:5000)(/#/\S+)$", printed, re.MULTILINE)
    assert found is not None, printed
    runs = tuple(sorted(path.parent for path in folder.glob("outputs/sweeps/*/*/[0-9]*/result.json")))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "ui", "--port", str(port), "--workers", "1"],
        cwd=folder,
        env=environment() | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until_up(server, root)
        yield Sweep(runs, root, root + found[2])
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def environment() -> dict[str, str]:
    """Returns an environment in which this checkout is found and no other store is meant."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    kept = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return kept | {"PYTHONPATH": os.pathsep.join(paths), "MLFLOW_DISABLE_TELEMETRY": "true"}


def command(folder: Path, module: str, *words: str) -> str:
    """Returns what a command says that succeeds."""
    answer = subprocess.run(
        [sys.executable, "-m", module, *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def wait_until_up(server: subprocess.Popen[bytes], root: str) -> None:
    for _ in range(600):
        assert server.poll() is None, "mlflow ui has ended"
        try:
            urllib.request.urlopen(f"{root}/health", timeout=10).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    pytest.fail("mlflow ui did not come up")


@pytest.fixture(scope="module")
def page(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Yields the sweep's address in a browser that was never used before."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("browser"),
            executable_path=CHROMIUM,
            args=_FLAGS,
            viewport={"width": 1400, "height": 900},
        )
        browser.set_default_timeout(60_000)
        browser.add_init_script(_NOT_FIRST)
        opened = browser.pages[0]
        opened.goto(sweep.charts)
        yield opened
        browser.close()


def card(page: Page, title: str) -> Locator:
    """Returns a panel among the charts; MLflow makes only those that are near, so it is searched for."""
    page.get_by_placeholder("Search metric charts").fill(title)
    found = page.locator(_CARD).filter(has=page.locator(f'h4[title="{title}"]'))
    found.wait_for(state="attached")
    found.scroll_into_view_if_needed()
    return found


def stored(sweep: Sweep) -> list[dict[str, Any]]:
    """Returns the sweep's runs as the server knows them."""
    request = urllib.request.Request(
        f"{sweep.root}/api/2.0/mlflow/runs/search",
        data=json.dumps({"experiment_ids": ["1"], "filter": f'tags.sweep = "{sweep.number}"'}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["runs"]
    return found


def training_losses(run: Path) -> list[float]:
    """Returns the training loss of every epoch as the run itself wrote it down."""
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    return [epoch["metrics"]["train/loss"] for epoch in result["epochs"]]


def test_a_bare_server_has_the_runs_and_their_summary(sweep: Sweep) -> None:
    assert len(sweep.runs) == 4
    found = {run["info"]["run_name"]: run for run in stored(sweep)}
    assert found.keys() == RUNS | {SUMMARY}
    assert {run["info"]["status"] for run in found.values()} == {"FINISHED"}
    tags = {tag["key"]: tag["value"] for tag in found[SUMMARY]["data"]["tags"]}
    metrics = {metric["key"]: metric["value"] for metric in found[SUMMARY]["data"]["metrics"]}
    assert tags["role"] == "summary"
    assert tags["command"] == " ".join(["python -m runner -m", *WORDS])
    assert found[tags["best_run"]]["info"]["run_id"] == tags["best_run_id"]
    assert metrics["whole_sweep/finished"] == 4
    results = [json.loads((run / "result.json").read_text(encoding="utf-8")) for run in sweep.runs]
    losses = [epoch["metrics"]["validation/loss"] for each in results for epoch in each["epochs"]]
    assert metrics["whole_sweep/best_validation_loss"] == min(losses)


def test_the_page_shows_the_experiment_and_its_runs(page: Page) -> None:
    assert page.get_by_role("link", name="runner", exact=True).first.inner_text() == "runner"
    for name in (*sorted(RUNS), SUMMARY):
        page.get_by_role("link", name=name, exact=True).wait_for()
    page.get_by_text("5 matching runs").wait_for()


def test_a_chart_has_the_points_of_both_backends(sweep: Sweep, page: Page) -> None:
    panel = card(page, "train/loss")
    panel.locator(".js-plotly-plot .scatterlayer .trace").nth(len(RUNS) - 1).wait_for(state="attached")
    drawn = {name: (x, y) for name, x, y in panel.evaluate(_CURVES) if y}
    written = {}
    for run in sweep.runs:
        losses = training_losses(run)
        first_event = (run / "journal.jsonl").read_text(encoding="utf-8").partition("\n")[0]
        written[json.loads(first_event)["card"]["name"]] = ([*range(1, len(losses) + 1)], losses)
    assert drawn.keys() == written.keys() == RUNS
    for name, (epochs, losses) in written.items():
        assert drawn[name][0] == epochs
        assert drawn[name][1] == pytest.approx(losses, rel=1e-12)
    keep(page, "mlflow")


def test_the_charts_are_those_worth_comparing_in_their_order(page: Page) -> None:
    page.get_by_placeholder("Search metric charts").fill("")
    page.locator(_CARD).nth(3).wait_for(state="attached")
    seen = page.locator(_CARD).locator("h4").all_inner_texts()
    assert seen[:3] == ["train/loss", "validation/loss", "validation/accuracy"]
    sections = page.locator(_SECTION).evaluate_all("headers => headers.map(each => each.textContent)")
    counts = [section.partition(")")[0] for section in sections]
    assert counts[:3] == ["curves(3", "test(4", "figures(1"]
    assert counts[3:6] == ["train(4", "validation(2", "whole_sweep(4"]


def test_the_figures_of_all_runs_have_loaded_side_by_side(sweep: Sweep, page: Page) -> None:
    # A search leaves panels of figures where they are.
    page.get_by_placeholder("Search metric charts").fill("no metric")
    panel = page.locator(_CARD).filter(has_text="Image grid")
    panel.scroll_into_view_if_needed()
    figures = {path.stem for path in (sweep.runs[0] / "figures").glob("*.png")}
    assert {"learning_curves", "decision_boundary"} <= figures
    for figure in figures:
        panel.get_by_text(figure, exact=True).wait_for()
    page.wait_for_function(
        f"card => ({_LOADED})(card) === {len(RUNS) * len(figures)}", arg=panel.element_handle()
    )
    # Left alone, MLflow writes all of a run's parameters over its figures.
    assert "batch_size" not in panel.inner_text()


def test_the_table_has_the_choices_and_the_results(sweep: Sweep, page: Page) -> None:
    page.goto("about:blank")
    page.goto(sweep.charts.replace("&compareRunsMode=CHART", ""))
    columns = ["params.`backend.name`", "params.`activation`", "metrics.`validation/loss`"]
    columns += ["metrics.`test/loss`", "metrics.`test/accuracy`"]
    headings = page.locator(".ag-header-cell")
    for column in columns:
        page.locator(f'.ag-header-cell[col-id="{column}"]').wait_for()
    shown = headings.evaluate_all("cells => cells.map(cell => cell.getAttribute('col-id'))")
    assert [each for each in shown if each.startswith(("params.", "metrics."))] == columns


def test_the_page_of_a_run_shows_its_parameters(page: Page) -> None:
    page.get_by_role("link", name="keras tanh", exact=True).click()
    page.get_by_role("heading", name="keras tanh").wait_for()
    for parameter, value in (("activation", "tanh"), ("data", "moons"), ("backend.name", "keras")):
        row = page.get_by_role("row").filter(has=page.get_by_text(parameter, exact=True))
        row.get_by_text(value, exact=True).first.wait_for()
    page.get_by_text(re.compile("^Test: loss .*Weights of epoch .* kept")).wait_for()
    page.get_by_text(
        "python -m runner backend=keras activation=tanh data=moons training.epochs=12"
    ).first.wait_for()


def test_the_page_of_the_summary_leads_to_the_best_run(sweep: Sweep, page: Page) -> None:
    found = {run["info"]["run_name"]: run for run in stored(sweep)}
    tags = {tag["key"]: tag["value"] for tag in found[SUMMARY]["data"]["tags"]}
    page.goto(f"{sweep.root}/#/experiments/1/runs/{found[SUMMARY]['info']['run_id']}")
    page.get_by_role("heading", name=SUMMARY).wait_for()
    page.get_by_text("4 runs over backend (torch, keras) and activation (relu, tanh): 4 finished.").wait_for()
    with page.expect_popup() as opened:
        page.get_by_role("link", name=tags["best_run"], exact=True).click()
    opened.value.get_by_role("heading", name=tags["best_run"]).wait_for()
    assert f"/runs/{tags['best_run_id']}" in opened.value.url


def keep(page: Page, name: str) -> None:
    """Keeps a picture of the curves, with what MLflow tells of a point, where one is asked for."""
    if PICTURES is None:
        return
    page.add_style_tag(content=".modebar { display: none }")
    # The list of runs is made as wide as their names.
    listed = page.locator(".react-resizable").first.bounding_box()
    assert listed is not None
    edge = listed["x"] + listed["width"] - 1
    page.mouse.move(edge, 500)
    page.mouse.down()
    page.mouse.move(edge + 90, 500, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Hide banner").click()
    search = page.get_by_placeholder("Search metric charts")
    search.fill("")
    search.blur()
    page.locator(_CARD).nth(5).wait_for(state="attached")
    for title in ("validation/accuracy", "validation/loss", "train/loss"):
        panel = page.locator(_CARD).filter(has=page.locator(f'h4[title="{title}"]'))
        panel.locator(".js-plotly-plot .scatterlayer .trace").nth(len(RUNS) - 1).wait_for(state="attached")
    plot = panel.locator(".js-plotly-plot").bounding_box()
    assert plot is not None
    # MLflow tells of the point that the mouse was at before its last move.
    for aside in (0, 1, 2):
        page.mouse.move(plot["x"] + plot["width"] / 2 + aside, plot["y"] + plot["height"] / 3)
        page.locator("*", has_text=re.compile(r"^Step \d+$")).first.wait_for()
    page.screenshot(path=Path(PICTURES) / f"{name}.png")
