// Pictures that a reader can move. They are drawn already, by book/_ext/interactive_figures.py; here they are moved.
// No library.
"use strict";
(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const set = (element, attributes) => {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  };
  const slider = (label, most, move) => {
    const range = make("input", { type: "range", min: 0, max: most, "aria-label": label });
    range.addEventListener("input", () => move(Number(range.value)));
    return range;
  };
  const button = (name, act) => {
    const one = make("button", { type: "button" }, name);
    one.addEventListener("click", act);
    return one;
  };

  // The step h and the error curve: what was measured at each step is shown as it is.
  const step = (figure, controls, said, { frames, at, first }) => {
    const find = (what) => figure.querySelector(what);
    const loss = find(".loss");
    const along = loss.getAttribute("points").split(" ").map((point) => point.split(",")[0]);
    const show = (i) => {
      const { curve, error, wins, said: words } = frames[i];
      const [low, high] = [curve[(along.length - 1) / 4], curve[((along.length - 1) * 3) / 4]];
      const [middle, half] = [(low + high) / 2, (high - low) / 2];
      set(loss, { points: curve.map((y, k) => `${along[k]},${y}`).join(" ") });
      set(find(".secant"), { d: `M-2 ${middle - 2 * half}L2 ${middle + 2 * half}` });
      set(find(".two"), { d: `M-1 ${low}h0M1 ${high}h0` });
      set(find(".here"), { d: `M${at[i]} ${error}h0` });
      for (const term of ["bends", "lost"]) find(`.${term}`).classList.toggle("wins", term === wins);
      said.textContent = words;
      set(range, { "aria-valuetext": words.split(". Slope")[0] });
    };
    const range = slider("step h, from large to small", frames.length - 1, show);
    range.value = first;
    controls.append(make("span", {}, "large h"), range, make("span", {}, "small h"));
    show(first);
  };

  // Batch norm's lines of influence: one value moves, and the layer is run again.
  const batchNorm = (values, gamma, beta, eps) => {
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    return values.map((v) => (gamma * (v - mean)) / Math.sqrt(variance + eps) + beta);
  };

  const influence = (figure, controls, said, data) => {
    const panels = [...figure.querySelectorAll("svg")];
    const first = data.x.map((row) => [...row]);
    const x = data.x.map((row) => [...row]);
    let { sample, feature } = data;
    const height = (v, [low, high]) => 215 - (200 * (v - low)) / (high - low);
    const outputs = (k, rows) => batchNorm(rows.map((row) => row[k]), data.gamma[k], data.beta[k], data.eps);
    const slopes = () => { // of all outputs of the feature along the value: two points, as on the page about steps
      const [low, high] = data.values[feature];
      const h = (high - low) * 1e-5;
      const moved = (by) => outputs(feature, x.map((row, i) => row.map((v, k) => (i === sample && k === feature ? v + by : v))));
      const [there, back] = [moved(h), moved(-h)];
      return there.map((y, i) => (y - back[i]) / (2 * h));
    };

    const show = (silent = false) => {
      let [own, others, most] = [0, 0, 0];
      panels.forEach((panel, k) => {
        const [before, now, along] = [outputs(k, first), outputs(k, x), k === feature ? slopes() : x.map(() => 0)];
        const largest = Math.max(...along.map(Math.abs)) || 1;
        const all = (kind) => panel.querySelectorAll(`.${kind}`);
        const [ins, outs, ownLines, lines] = [all("in"), all("out"), all("own"), all("line")];
        const left = height(x[sample][k], data.values[k]);
        now.forEach((y, i) => {
          const [a, b] = [height(x[i][k], data.values[k]), height(y, data.outputs[k])];
          set(ins[i], { cy: a, "data-value": x[i][k] });
          set(outs[i], { cy: b, "data-value": y });
          set(ownLines[i], { d: `M40 ${a}L150 ${b}` });
          set(lines[i], { d: `M40 ${left}L150 ${b}`, "stroke-width": (6 * Math.abs(along[i])) / largest, "data-slope": along[i] });
          lines[i].classList.toggle("minus", along[i] < 0);
          ins[i].classList.toggle("chosen", i === sample && k === feature);
          const by = Math.abs(y - before[i]);
          if (by > 1e-9) k === feature ? (own += 1) : (others += 1);
          if (k === feature) most = Math.max(most, by);
        });
      });
      const digits = (v) => String(Number(v.toPrecision(4))).replace("-", "−");
      const [now, was] = [x[sample][feature], first[sample][feature]];
      const name = `x of sample ${sample + 1}, feature ${feature + 1}`;
      const [low, high] = data.values[feature];
      range.value = Math.round((100 * (now - low)) / (high - low));
      set(range, { "aria-valuetext": `${name}: ${digits(now)}` });
      if (silent) return; // what the page says of the still picture stays, and is printed
      said.textContent = now === was ? `${name}: ${digits(now)}. Move it.`
        : `${name}: ${digits(now)}, was ${digits(was)}. Outputs of feature ${feature + 1} that moved: ${own} of ${x.length}, ` +
          `by up to ${digits(most)}. Outputs of the other features that moved: ${others}.`;
    };
    const choose = (i, k) => {
      x.forEach((row, at) => row.splice(0, row.length, ...first[at]));
      [sample, feature] = [i, k];
      [samples.value, features.value] = [i, k];
      show();
    };
    const choice = (count, value, act) => {
      const select = make("select", {}, ...Array.from({ length: count }, (_, i) => make("option", { value: i }, i + 1)));
      select.value = value;
      select.addEventListener("change", act);
      return select;
    };
    const chosen = () => choose(Number(samples.value), Number(features.value));
    const [samples, features] = [choice(x.length, sample, chosen), choice(panels.length, feature, chosen)];
    const move = (share) => {
      const [low, high] = data.values[feature];
      x[sample][feature] = low + ((high - low) * share) / 100;
      show();
    };
    const range = slider("the value", 100, move);
    controls.append(make("label", {}, "sample ", samples), make("label", {}, "feature ", features),
      make("label", {}, "value ", range), button("Back to the start", () => choose(sample, feature)));
    panels.forEach((panel, k) => { // with a mouse: take a value and drag it
      const at = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(panel.getScreenCTM().inverse());
      panel.addEventListener("pointerdown", (event) => {
        const i = [...panel.querySelectorAll(".in")].indexOf(event.target);
        if (i < 0 || event.pointerType === "touch") return;
        event.preventDefault();
        panel.setPointerCapture(event.pointerId);
        if (i !== sample || k !== feature) choose(i, k);
      });
      panel.addEventListener("pointermove", (event) => {
        if (panel.hasPointerCapture(event.pointerId)) move(Math.min(100, Math.max(0, (215 - at(event).y) / 2)));
      });
    });
    show(true);
  };

  // The way back through the network, a gradient at a time.
  const walk = (figure, controls) => {
    const steps = [...figure.querySelectorAll("li.step")];
    const said = make("span", { role: "status" });
    let now = 0;
    const show = (to) => {
      now = Math.min(Math.max(to, 0), steps.length - 1);
      const passed = (i) => steps[i].querySelector(".at").dataset;
      const named = (attribute, name) => figure.querySelector(`[data-${attribute}="${name}"]`);
      figure.querySelectorAll("[data-node]").forEach((node) => node.classList.remove("lit", "passed"));
      figure.querySelectorAll("[data-symbol]").forEach((symbol) => symbol.classList.remove("now", "passed"));
      steps.forEach((item, i) => {
        item.hidden = i !== now;
        if (i > now) return;
        for (const name of passed(i).nodes.split(" ")) named("node", name).classList.add(i === now ? "lit" : "passed");
        named("symbol", passed(i).symbol)?.classList.add(i === now ? "now" : "passed");
      });
      const [lit, box] = [figure.querySelector(".lit").getBoundingClientRect(), figure.querySelector(".network")];
      const frame = box.getBoundingClientRect();
      box.scrollLeft += lit.x + lit.width / 2 - frame.x - frame.width / 2; // on a phone the network is wider than the page
      said.textContent = `${now + 1} of ${steps.length}`;
      set(back, { "aria-disabled": now === 0 });
      set(next, { "aria-disabled": now === steps.length - 1 });
    };
    const [back, next] = [button("Back", () => show(now - 1)), button("Next", () => show(now + 1))];
    controls.append(back, next, said, make("span", { class: "hint" }, "or the arrow keys"));
    controls.addEventListener("keydown", ({ key }) => {
      const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: steps.length - 1 }[key];
      if (to !== undefined) show(to);
    });
    const reach = new ResizeObserver((seen) => { // an equation that is wider than a phone is scrolled by keyboard too
      for (const { target } of seen) for (const math of target.querySelectorAll("div.math")) {
        if (math.scrollWidth > math.clientWidth + 1) math.tabIndex = 0;
        else math.removeAttribute("tabindex");
      }
    });
    for (const item of steps) reach.observe(item);
    set(figure.querySelector("ol"), { "aria-live": "polite" });
    show(0);
  };

  const pictures = { step, influence, walk };
  document.addEventListener("DOMContentLoaded", () => {
    for (const marked of document.querySelectorAll("[data-picture]")) {
      const figure = marked.closest(".moving");
      const controls = figure.querySelector(".moving-controls");
      controls.hidden = false;
      const data = figure.querySelector("script");
      pictures[marked.dataset.picture](figure, controls, figure.querySelector(".moving-said"), data && JSON.parse(data.text));
      figure.classList.add("moves");
    }
  });
})();
