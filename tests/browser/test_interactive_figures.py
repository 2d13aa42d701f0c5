"""The pictures that a reader can move, in a real browser: by slider and keyboard, with the numbers of the solutions."""

import gzip
import json
import re

import numpy as np
import pytest

from autograder.gradcheck import numerical_jacobian
from book._ext import interactive_figures
from book._lib.example_network import draw, draw_features
from solutions import batch_norm_forward, two_branch_backward, two_branch_forward
from tests.browser.serving import NEEDED, PICTURES, ROOT, SITES

PAGES = {
    "step": "book/checking/finite_differences.html",
    "influence": "book/block1/batch_norm.html",
    "walk": "book/block2/summary.html",
}
SCRIPT = ROOT / "book/_static/interactive_figures/interactive_figures.js"

pytestmark = NEEDED


@pytest.fixture
def picture(site, visit):
    """picture(name) opens the page with that picture, and returns the picture. Nothing may go wrong on the way.

    Formulas take most of a page's time: without `math=True` they are left as they are.
    """
    (base, _), (tab, wrong) = site, visit
    tab.on("request", lambda request: request.url.startswith((base, "data:", "blob:")) or wrong.append(request.url))

    def opened(name, math=False):
        if not math:
            tab.route("**/_static/mathjax/**", lambda route: route.fulfill(body="", content_type="text/javascript"))
        tab.goto(base + PAGES[name], wait_until="domcontentloaded")
        figure = tab.locator(f".moving-{name}")
        figure.get_by_role("status").first.wait_for(state="attached")
        return figure

    yield opened
    assert wrong == []


def attributes(figure, what, name):
    return figure.locator(what).evaluate_all("(all, name) => all.map(one => one.getAttribute(name))", name)


def numbers(figure, what, name):
    return np.array(attributes(figure, what, name), dtype=float)


def test_a_page_without_a_picture_gets_no_script_and_the_script_is_small(site):
    _, folder = site
    pages = {
        str(page.relative_to(folder))
        for page in folder.glob("book/**/*.html")
        if "interactive_figures.js" in page.read_text()
    }
    assert pages == set(PAGES.values())
    assert len(gzip.compress(SCRIPT.read_bytes())) < 4_000


# -------------------------------------------------------------------------------------------------------- the step


def loss_along_the_weight(t):
    x, y_a, y_b, params, r, p, eps = draw()
    theta = params["theta_2b"].copy()
    theta[1, 2] += t
    return two_branch_forward(x, y_a, y_b, params | {"theta_2b": theta}, r, p, eps)


def number_after(words, text):
    found = re.search(rf"{words} (−?[\d.]+(?:e−?\+?\d+)?)", text)
    return float(found[1].replace("−", "-"))


@pytest.mark.parametrize(("keys", "h"), [(["Home"], 1.0), (["Home"] + ["ArrowRight"] * 6, 1e-2), (["End"], 1e-15)])
def test_the_step_answers_to_keys_with_measured_numbers(picture, keys, h):
    figure = picture("step")
    figure.get_by_role("slider").focus()
    for key in keys:
        figure.page.keyboard.press(key)
    said = figure.get_by_role("status").inner_text()
    right = two_branch_backward(1.0, loss_along_the_weight(0.0)[1])["dtheta_2b"][1, 2]
    asked = (loss_along_the_weight(h)[0] - loss_along_the_weight(-h)[0]) / (2 * h)
    assert number_after("h =", said) == h
    assert number_after("true", said) == pytest.approx(right, rel=1e-9)
    assert number_after("by two points", said) == pytest.approx(asked, abs=2e-12 + 2e-15 / h)  # sums differ by an ulp
    error = number_after("off by", said)
    assert said.endswith("What wins: the curve bends." if h > 1e-5 else "What wins: digits are lost.")
    slope = float(re.search(r"L2 (.*)", figure.locator(".secant").first.get_attribute("d"))[1])
    middle = float(re.search(r"M-2 (\S*?)L", figure.locator(".secant").first.get_attribute("d"))[1])
    if h > 1e-10:
        assert error == pytest.approx(abs(asked / right - 1), rel=0.15)
        assert (slope - middle) / 4000 == pytest.approx(asked / right, abs=2e-3)
    at, height = re.findall(r"-?[\d.]+", figure.locator(".here").get_attribute("d"))[:2]
    assert float(at) == pytest.approx(-np.log10(h), abs=0.01)
    assert 10 ** float(height) == pytest.approx(error, rel=0.15)
    assert figure.locator(".term.wins").count() == 1
    assert figure.get_by_role("slider").get_attribute("aria-valuetext").startswith("h = ")


def test_the_slider_moves_the_step(picture):
    figure = picture("step")
    slider, status = figure.get_by_role("slider"), figure.get_by_role("status")
    before, curve = status.inner_text(), figure.locator(".loss").first.get_attribute("points")
    slider.fill("40")
    assert status.inner_text() != before and status.get_attribute("role") == "status"
    assert figure.locator(".loss").first.get_attribute("points") != curve
    slider.fill(str(interactive_figures.FIRST))
    assert status.inner_text() == before and figure.locator(".loss").first.get_attribute("points") == curve


# --------------------------------------------------------------------------------------------------- batch norm


def judge_influence(figure):
    """What the script has computed is what solutions/ compute, from the values that it shows. Returns x and y."""
    x0, gamma, beta, _, eps = draw_features()
    shape = x0.T.shape
    x, y = (numbers(figure, what, "data-value").reshape(shape).T for what in (".in", ".out"))
    np.testing.assert_allclose(y, batch_norm_forward(x, gamma, beta, eps)[0], rtol=1e-9, atol=1e-11)
    feature = int(figure.locator("select").nth(1).input_value())
    sample = int(figure.locator("select").nth(0).input_value())
    lines = numbers(figure, ".line", "data-slope").reshape(shape).T
    slopes = numerical_jacobian(lambda x: batch_norm_forward(x, gamma, beta, eps)[0], {"x": x})["x"]
    np.testing.assert_allclose(lines, slopes[:, :, sample, feature], rtol=1e-5, atol=1e-6 * abs(slopes).max())
    assert (np.delete(lines, feature, axis=1) == 0).all() and (lines[:, feature] != 0).all()
    return x, y


@pytest.mark.parametrize(("sample", "feature"), [(2, 0), (0, 1), (5, 2)])
def test_one_value_moves_all_outputs_of_its_feature_and_no_other(picture, sample, feature):
    figure = picture("influence")
    x0, gamma, beta, _, eps = draw_features()
    y0 = batch_norm_forward(x0, gamma, beta, eps)[0]
    figure.get_by_role("combobox", name="sample").select_option(label=str(sample + 1))
    figure.get_by_role("combobox", name="feature").select_option(label=str(feature + 1))
    figure.get_by_role("slider").focus()
    for keys in (["Home"], ["End"], ["ArrowLeft"] * 7):
        for key in keys:
            figure.page.keyboard.press(key)
        x, y = judge_influence(figure)
        moved = x != x0
        assert moved[sample, feature] and moved.sum() == 1
        assert (abs(y - y0)[:, feature] > 1e-6).all()
        np.testing.assert_allclose(np.delete(y, feature, axis=1), np.delete(y0, feature, axis=1), rtol=1e-9)
    said = figure.get_by_role("status").inner_text()
    assert f"sample {sample + 1}, feature {feature + 1}:" in said and "that moved: 6 of 6" in said
    assert "other features that moved: 0." in said
    figure.get_by_role("button", name="Back to the start").click()
    np.testing.assert_array_equal(judge_influence(figure)[0], x0)


def test_a_value_is_dragged(picture):
    figure = picture("influence")
    dot = figure.locator("svg").nth(1).locator(".in").nth(3)
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = numbers(figure, ".in", "data-value")
    figure.page.mouse.move(*at)
    figure.page.mouse.down()
    figure.page.mouse.move(at[0], at[1] + 25, steps=4)
    figure.page.mouse.up()
    after = numbers(figure, ".in", "data-value")
    assert np.flatnonzero(after != before).tolist() == [6 + 3] and after[9] < before[9]
    judge_influence(figure)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Math.sqrt(variance + eps)", "(Math.sqrt(variance) + eps)"),
        ("/ Math.sqrt", "* Math.sqrt"),
        ("gamma * (v - mean)", "gamma * v"),
        ("(v - mean) ** 2, 0) / values.length", "(v - mean) ** 2, 0) / (values.length - 1)"),
        ("/ (2 * h)", "/ h"),
    ],
)
def test_a_broken_formula_is_seen(picture, right, wrong):
    """The test above, tested."""
    assert right in SCRIPT.read_text()
    figure = picture("influence")
    judge_influence(figure)
    body = SCRIPT.read_text().replace(right, wrong)
    figure.page.route(
        "**/interactive_figures.js*", lambda route: route.fulfill(body=body, content_type="text/javascript")
    )
    with pytest.raises(AssertionError):
        judge_influence(picture("influence"))


# ------------------------------------------------------------------------------------------------------- the walk


def gradients():
    return two_branch_backward(1.0, loss_along_the_weight(0.0)[1])


def test_the_walk_goes_back_node_by_node(picture, site):
    figure, student = picture("walk", math=True), site[1] == SITES["student"]
    figure.page.wait_for_function("window.MathJax?.startup?.promise?.then(() => true)")
    sizes = {"m": 7, "n": 5, "n_h": 4, "K": 3}
    following = figure.get_by_role("button", name="Next")
    following.focus()
    for i, (name, (lit, _, label, _)) in enumerate(interactive_figures.WALK.items(), 1):
        shown = figure.locator("li.step:visible")
        assert shown.count() == 1 and shown.locator("code").inner_text() == name
        shape = (
            shown.locator("p")
            .first.locator("mjx-container")
            .first.evaluate(
                "box => [...MathJax.startup.document.getMathItemsWithin(box)].map(item => item.math).join()"
            )
        )
        assert tuple(sizes[size] for size in re.findall("m|n_h|n|K", shape)) == gradients()[name].shape
        assert shown.locator("svg.marks").is_visible()
        assert set(attributes(figure, ".lit", "data-node")) == set(lit.split())
        assert figure.get_by_role("status").inner_text() == f"{i} of 14"
        if student:
            assert shown.locator("div.math").count() == 0 and shown.locator("a").count() == 0
        else:
            assert shown.locator("div.math mjx-container").is_visible()
            assert shown.locator("a").get_attribute("href").endswith(f"#equation-{label}")
        figure.page.keyboard.press("ArrowRight")
    assert following.get_attribute("aria-disabled") == "true"
    assert figure.get_by_role("status").inner_text() == "14 of 14"
    figure.page.keyboard.press("ArrowLeft")
    assert figure.get_by_role("status").inner_text() == "13 of 14"
    figure.page.keyboard.press("Home")
    assert figure.get_by_role("status").inner_text() == "1 of 14"
    following.click()
    figure.get_by_role("button", name="Next").press("Enter")
    assert figure.get_by_role("status").inner_text() == "3 of 14"
    figure.get_by_role("button", name="Back").click()
    assert figure.get_by_role("status").inner_text() == "2 of 14"


def test_on_a_phone_the_network_follows(picture):
    figure = picture("walk")
    figure.page.set_viewport_size({"width": 360, "height": 800})
    for key in ("End", "Home", "ArrowRight"):
        figure.get_by_role("button", name="Next").press(key)
        box, lit = figure.locator(".network").bounding_box(), figure.locator(".lit").bounding_box()
        assert box["x"] <= lit["x"] and lit["x"] + lit["width"] <= box["x"] + box["width"], key


def test_an_equation_wider_than_a_phone_is_reached_by_keyboard(picture, site):
    figure = picture("walk", math=True)
    figure.page.set_viewport_size({"width": 260, "height": 800})  # less than any phone has: all fit at 360
    figure.page.wait_for_function("window.MathJax?.startup?.promise?.then(() => true)")
    wide = "all => all.map(one => one.scrollWidth > one.clientWidth + 1)"
    seen = []
    for key in ["Home"] + ["ArrowRight"] * 13:
        figure.get_by_role("button", name="Next").press(key)
        shown = figure.locator("li.step:visible div.math")
        for _ in range(100):  # the browser tells of a new size when it has drawn it
            if shown.evaluate_all("all => all.map(one => one.tabIndex === 0)") == shown.evaluate_all(wide):
                break
            figure.page.wait_for_timeout(50)
        else:
            raise AssertionError(f"after {key}, a wide equation is no stop for the keyboard, or a narrow one is")
        starts = "one => one.querySelector('mjx-math').getBoundingClientRect().x - one.getBoundingClientRect().x"
        assert all(one.evaluate(starts) >= -1 for one in shown.all()), "its beginning is out of reach"
        seen += shown.evaluate_all(wide)
    assert {*seen} == ({True, False} if site[1] != SITES["student"] else set())


def test_the_walk_leads_to_the_equation(picture, site):
    figure = picture("walk")
    if site[1] == SITES["student"]:
        assert figure.locator("a").count() == 0
        return
    figure.locator("li.step:visible a").click()
    figure.page.wait_for_url(re.compile(r"head\.html#equation-grad-y-hat-b"))
    assert figure.page.locator("#equation-grad-y-hat-b").is_visible()


# -------------------------------------------------------------------------- without a script, in print, in both themes


@pytest.mark.parametrize("name", PAGES)
def test_without_a_script_the_picture_stands_still(site, browser, name):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(site[0] + PAGES[name])
    figure = tab.locator(f".moving-{name}")
    assert figure.locator("svg").first.is_visible()
    assert figure.locator("svg").first.locator("desc").count() == 1
    assert not figure.locator(".moving-controls").is_visible()
    assert figure.locator("li.step:visible").count() == (14 if name == "walk" else 0)
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_in_print_there_is_nothing_to_press(picture, name):
    figure = picture(name)
    assert figure.locator(".moving-controls").is_visible()
    figure.page.emulate_media(media="print")
    assert figure.locator("svg").first.is_visible()
    assert not figure.locator(".moving-controls").is_visible()
    if name == "influence":
        assert (
            figure.get_by_role("status")
            .inner_text()
            .startswith("Lines lead from sample 3 of feature 1 to all 6 outputs")
        )


def test_who_wants_no_motion_gets_none(picture):
    figure = picture("walk")
    duration = "node => getComputedStyle(node).transitionDuration"
    assert figure.locator(".node").first.evaluate(duration) != "0s"
    figure.page.emulate_media(reduced_motion="reduce")
    assert figure.locator(".node").first.evaluate(duration) == "0s"


CONTRASTS = """figure => {
  const mixed = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (colour, alpha) => {
    mixed.globalAlpha = 1;
    mixed.fillStyle = getComputedStyle(document.body).backgroundColor;
    mixed.fillRect(0, 0, 1, 1);
    mixed.globalAlpha = alpha;
    mixed.fillStyle = colour;
    mixed.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...mixed.getImageData(0, 0, 1, 1).data].map(c => c / 255)
      .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = luminance("rgba(0, 0, 0, 0)", 1);
  const contrast = (colour, alpha = 1) => {
    const one = luminance(colour, alpha);
    return (Math.max(one, ground) + 0.05) / (Math.min(one, ground) + 0.05);
  };
  const found = [];
  for (const one of figure.querySelectorAll("svg *, p, button, label, .hint")) {
    const style = getComputedStyle(one);
    if (["text", "tspan"].includes(one.tagName)) {
      if (!one.closest(".lit")) found.push(["text", one.outerHTML, contrast(style.fill, +style.opacity)]);
    } else if (one.closest("svg")) {
      if (style.stroke !== "none" && style.strokeWidth !== "0px")
        found.push(["line", one.outerHTML.slice(0, 80), contrast(style.stroke, +style.opacity)]);
    } else found.push(["text", one.outerHTML.slice(0, 80), contrast(style.color)]);
  }
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_what_is_drawn_can_be_seen_at_any_width(picture, site, name, theme):
    figure = picture(name, math=name == "walk")
    figure.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    figure.page.wait_for_timeout(300)  # the theme's colours fade in
    found = figure.evaluate(CONTRASTS)
    assert len(found) > 10 and {kind for kind, *_ in found} == {"text", "line"}
    assert [one for one in found if one[2] < {"text": 4.5, "line": 3}[one[0]]] == []
    PICTURES.mkdir(parents=True, exist_ok=True)
    for width in (1280, 360):
        figure.page.set_viewport_size({"width": width, "height": 900})
        assert figure.page.evaluate("document.documentElement.scrollWidth") <= width
        edition = next(edition for edition, folder in SITES.items() if folder == site[1])
        figure.screenshot(path=PICTURES / f"moving-{name}-{edition}-{theme}-{width}.png")


def test_a_line_too_faint_is_noticed(picture):
    figure = picture("step")
    figure.locator(".secant").first.evaluate("line => line.setAttribute('style', 'stroke: #ccc')")
    assert any(ratio < 3 for kind, _, ratio in figure.evaluate(CONTRASTS) if kind == "line")


def test_the_numbers_of_the_page_are_those_of_the_build(picture):
    frames = json.loads(picture("step").locator("script").text_content())["frames"]
    assert len(frames) == len(interactive_figures.STEPS)
    assert frames[interactive_figures.FIRST]["said"] == interactive_figures._said(
        interactive_figures.measured()[interactive_figures.FIRST]
    )
