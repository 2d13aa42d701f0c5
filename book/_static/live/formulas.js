// Boxes for formulas: LaTeX in, typeset as it is typed, judged by the page's Python (live.js) when asked.
"use strict";
(() => {
  const { here, make, whyNot, drafts, from, isReady, formula } = window.livePython;
  const QUIET = 250; // milliseconds without a key before what stands there is looked at
  const boxes = [];
  const HEAD = {
    right: "✓ Right.",
    repaired: "✓ Right after a repair.",
    wrong: "✗ Wrong.",
    inconsistent: "✓ Right, but a step before it is not.",
    ambiguous: "? This can be read in several ways.",
    "not read": "? It is not read yet.",
  };

  // Text as MathJax takes it: what stands on lines of its own is set on lines of its own.
  const displayed = (text) => {
    const lines = text.replace(/(^|[^\\])%.*$/gm, "$1").replace(/\$|\\[[\]]/g, "").split("\n").filter((row) => row.trim());
    const whole = lines.join("\n");
    if (/\\begin\{(aligned|align|gather|gathered|split)\*?\}/.test(whole)) return whole;
    const kind = /&/.test(whole) && !/\\begin/.test(whole) ? "aligned" : "gathered";
    return lines.length > 1 || /\\\\/.test(whole) && !/\\begin/.test(whole)
      ? `\\begin{${kind}} ${lines.map((row) => row.replace(/\\\\\s*$/, "")).join(" \\\\ ")} \\end{${kind}}` : whole;
  };

  // Sets LaTeX with the page's own MathJax. Returns whether it could; what it cannot set leaves `element` as it is.
  const set = async (element, tex, display = true) => {
    await window.formulasSet;
    if (!window.MathJax?.tex2chtmlPromise) return false;
    const node = await MathJax.tex2chtmlPromise(tex, { display });
    if (node.querySelector("mjx-merror")) return false;
    element.replaceChildren(node);
    MathJax.startup.document.clear();
    MathJax.startup.document.updateDocument();
    return true;
  };

  class Box {
    constructor(element, number) {
      this.targets = JSON.parse(element.dataset.targets);
      this.target = this.targets[0];
      this.drafts = drafts.get(`formulas ${number}`) || {};
      this.keep = () => drafts.set(`formulas ${number}`, { ...this.drafts, [this.target.key]: this.field.value });
      this.turn = 0; // counts what was typed: an answer to something older is dropped
      const id = `formula-${number}`;
      this.asked = make("span", { class: "formula-asked" });
      this.label = make("label", { for: id }, "Write it yourself: ", this.asked);
      this.field = make("textarea", {
        id, rows: "2", spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-describedby": `${id}-help`,
        placeholder: "LaTeX, such as \\sum_{i=1}^m x_i",
      });
      this.preview = make("div", { class: "formula-preview", role: "group", "aria-label": "As it is typeset" });
      this.shapes = make("div", { class: "formula-shapes" });
      this.check = make("button", { type: "button" }, "Check");
      this.status = make("span", { class: "live-status", role: "status" });
      const help = make("a", { href: new URL("../../book/teach/formulas.html", here).href }, "what can be written");
      this.help = make("p", { class: "formula-help", id: `${id}-help` },
        make("span", { class: "formula-load" }, `The first Check loads Python from ${from}, about 15 MB. `),
        "Ctrl and Enter check too. See ", help, ".");
      this.verdict = make("div", { class: "formula-verdict", role: "status", "aria-live": "polite" });
      if (this.targets.length > 1) {
        this.select = make("select", { "aria-label": "Which formula" });
        for (const { key, name } of this.targets) this.select.append(make("option", { value: key }, name));
        this.select.addEventListener("change", () => this.choose(this.select.value));
      }
      element.replaceChildren(this.label, ...(this.select ? [this.select] : []), this.field,
        make("div", { class: "live-bar" }, this.check, this.status), this.preview, this.shapes, this.verdict, this.help);
      this.field.addEventListener("input", () => { this.keep(); this.typed(); });
      this.field.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
        event.preventDefault();
        this.judge();
      });
      this.check.addEventListener("click", () => this.judge());
      this.name();
      this.field.value = this.drafts[this.target.key] || "";
      if (this.field.value) this.typed();
    }

    name() { // what is asked now
      const { tex, name } = this.target;
      this.asked.textContent = name;
      set(this.asked, tex, false);
      this.field.setAttribute("aria-label", `Your formula for ${name}, in LaTeX`);
      this.check.setAttribute("aria-label", `Check your formula for ${name}`);
    }

    choose(key) {
      this.drafts[this.target.key] = this.field.value;
      this.target = this.targets.find((target) => target.key === key);
      this.field.value = this.drafts[key] || "";
      this.name();
      this.typed();
    }

    fit() { // as high as what stands in it
      this.field.style.height = "auto";
      this.field.style.height = `${this.field.scrollHeight + 2}px`;
    }

    get latex() { return this.field.value; }

    typed() {
      const turn = ++this.turn;
      this.verdict.replaceChildren();
      this.fit();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(turn), QUIET);
    }

    async look(turn) {
      if (!this.latex.trim()) {
        this.preview.replaceChildren();
        this.shapes.replaceChildren();
        return;
      }
      await this.show(displayed(this.latex), turn);
      if (!isReady()) return;
      const found = await formula({ what: "look", key: this.target.key, latex: this.latex }, () => {});
      if (turn === this.turn && !found.failed) this.understood(found, turn);
    }

    async show(tex, turn) {
      if (turn !== this.turn) return;
      const done = await set(this.preview, tex).catch(() => false);
      this.preview.classList.toggle("formula-old", !done); // half a formula: the last whole one stays, and looks so
    }

    understood({ typeset, shapes, problem }, turn) { // the tree as it was read, and its shapes
      if (typeset) this.show(displayed(typeset), turn);
      else if (this.preview.classList.contains("formula-old")) this.preview.replaceChildren(); // an older one is not this one
      const told = shapes.map(([name, shape]) => this.shape(name, shape));
      this.shapes.replaceChildren(...told);
      if (problem) this.shapes.append(make("pre", { class: "formula-place", tabindex: "0" }, problem));
    }

    shape(name, shape) {
      const tex = make("span", {}, name || "Your formula");
      if (name) set(tex, name, false).catch(() => {});
      return make("p", {}, tex, ` is ${shape}.`);
    }

    async judge() {
      if (this.check.hasAttribute("aria-disabled")) return;
      if (!this.latex.trim()) {
        this.status.textContent = "There is no formula yet.";
        return;
      }
      this.check.setAttribute("aria-disabled", "true");
      clearTimeout(this.timer);
      const turn = ++this.turn;
      this.verdict.replaceChildren();
      this.status.textContent = "Checking …";
      await this.show(displayed(this.latex), turn); // who types and checks at once has not seen it yet
      const found = await formula({ what: "judge", key: this.target.key, latex: this.latex }, (words) => {
        this.status.textContent = words;
      });
      this.check.removeAttribute("aria-disabled");
      this.status.textContent = found.failed || "";
      if (found.failed) return;
      for (const box of boxes) box.help.querySelector(".formula-load")?.remove();
      if (turn !== this.turn) return this.typed(); // something else stands there now
      this.tell(found);
      this.understood({ ...found, problem: null }, turn);
    }

    tell({ verdict, error, name, words }) {
      this.verdict.className = `formula-verdict formula-${verdict.replace(" ", "-")}`;
      this.verdict.replaceChildren(make("p", { class: "formula-head" }, HEAD[verdict]));
      if (verdict === "wrong" && name) this.verdict.append(make("p", {}, make("strong", {}, name)));
      if (verdict === "wrong" && error !== null && (name || !words.some((line) => line.startsWith("Off by")))) {
        this.verdict.append(make("p", {}, `Off by ${error.toPrecision(2)}.`));
      }
      for (const line of words) {
        this.verdict.append(line.includes("\n") ? make("pre", { class: "formula-place", tabindex: "0" }, line) : make("p", {}, line));
      }
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll(".formula[data-targets]").forEach((element, i) => {
      const words = whyNot();
      if (words) element.replaceChildren(make("p", {}, `${words} So there is no box for a formula here.`));
      else boxes.push(new Box(element, i + 1));
    });
  });
})();
