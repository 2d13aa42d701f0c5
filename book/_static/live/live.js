// Cells tagged `live` can be edited and run in the page. No library; Python itself is loaded at the first Run.
"use strict";
(() => {
  const script = document.currentScript;
  const here = new URL(".", script.src).href;
  const pyodide = new URL(script.dataset.pyodide, new URL("../../", here)).href;
  const own = new URL(pyodide).origin === location.origin;
  const cells = [];
  let worker = null; // the page's one Python, once somebody has pressed Run
  let ready = false;
  let busy = false;
  let hear = () => {}; // what the worker says goes to whoever waits for it
  let line = Promise.resolve(); // cells and formulas ask one after the other
  const inTurn = (job) => (line = line.then(job, job));

  // What a reader has typed stays while the tab is open, also where the page is left and found again.
  const drafts = {
    place: (name) => `${location.pathname} ${name}`,
    get(name) {
      try { return JSON.parse(sessionStorage.getItem(this.place(name))); } catch { return null; }
    },
    set(name, value) {
      try { sessionStorage.setItem(this.place(name), JSON.stringify(value)); } catch { /* it is gone at the next page, then */ }
    },
  };

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const whyNot = () => {
    if (!window.Worker || !window.WebAssembly) return "This browser cannot run Python in a page.";
    if (location.protocol === "file:") return "Opened as a file, a page cannot run Python: look at it over http (make serve).";
    return null;
  };

  class Cell {
    constructor(element, number) {
      this.name = `cell ${number}`;
      this.given = element.querySelector(".cell_input pre").textContent.replace(/\n$/, "");
      this.ran = null; // the text that ran last in the Python of now
      this.source = element.querySelector(".cell_input");
      this.built = element.querySelector(".cell_output");
      this.element = element;
      this.editor = make("textarea", {
        "aria-label": `Code of live ${this.name}. Shift and Enter run it.`,
        spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off",
      });
      this.editor.value = this.given;
      this.editor.hidden = true;
      this.buttons = {};
      const bar = make("div", { class: "live-bar", role: "group", "aria-label": `Live ${this.name}` });
      for (const [name, act] of [["Run", () => this.runAlone()], ["Edit", () => this.edit()], ["Reset", () => this.reset()],
        ["Stop", () => stop("Stopped. Python begins anew at the next Run.")]]) {
        this.buttons[name] = make("button", { type: "button", "aria-label": `${name} live ${this.name}` }, name);
        this.buttons[name].addEventListener("click", act);
        bar.append(this.buttons[name]);
      }
      this.buttons.Stop.hidden = true;
      this.status = make("span", { class: "live-status", role: "status" });
      bar.append(this.status);
      this.output = make("div", { class: "live-output", "aria-live": "polite", "aria-label": `Output of live ${this.name}`, role: "region" });
      this.output.hidden = true;
      element.append(this.editor, bar, this.output);
      if (this.built) element.append(this.built);
      this.source.addEventListener("dblclick", () => this.edit());
      element.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        if (event.shiftKey || event.ctrlKey || event.metaKey) {
          event.preventDefault();
          this.runAlone();
        } else if (event.target === this.editor) {
          event.preventDefault();
          this.newLine();
        }
      });
      this.editor.addEventListener("input", () => { this.drop(null); this.fit(); this.keep(); });
      this.dropped = null; // what Reset has put aside
      const { given, code } = drafts.get(this.name) || {};
      if (given === this.given && code !== given) {
        this.editor.value = code;
        this.open();
        this.say("As you left it.");
      }
    }

    keep() { drafts.set(this.name, { given: this.given, code: this.code }); }

    drop(code) {
      this.dropped = code;
      this.buttons.Reset.textContent = code === null ? "Reset" : "Undo";
      this.buttons.Reset.setAttribute("aria-label", `${code === null ? "Reset" : "Undo the reset of"} live ${this.name}`);
    }

    get code() { return this.editor.value; }

    open() {
      this.source.hidden = this.buttons.Edit.hidden = true;
      this.editor.hidden = false;
      this.fit();
    }

    edit() {
      this.open();
      this.editor.setSelectionRange(0, 0);
      this.editor.focus();
    }

    fit() { this.editor.rows = this.code.split("\n").length; }

    newLine() { // the next line begins where this one does, and deeper behind a colon
      const line = this.code.slice(0, this.editor.selectionStart).split("\n").pop();
      document.execCommand("insertText", false, "\n" + line.match(/^ */)[0] + (/:\s*$/.test(line) ? "    " : ""));
    }

    reset() {
      if (this.dropped !== null) {
        this.editor.value = this.dropped;
        this.drop(null);
        this.keep();
        this.edit();
        this.say("Your code is back.");
        return;
      }
      this.drop(this.code === this.given ? null : this.code);
      const inside = this.element.contains(document.activeElement);
      this.editor.value = this.given;
      this.editor.hidden = true;
      this.source.hidden = this.buttons.Edit.hidden = false;
      this.output.replaceChildren();
      this.output.hidden = true;
      if (this.built) this.built.hidden = false;
      this.keep();
      this.status.textContent = this.dropped === null ? "As it was built." : "As it was built. Undo brings your code back.";
      if (inside) this.buttons.Edit.focus();
    }

    async runAlone() { await runCells(cells.slice(0, cells.indexOf(this) + 1).filter((cell) => cell === this || cell.ran !== cell.code)); }

    async run() {
      const code = this.code;
      this.ran = null;
      this.output.replaceChildren();
      this.output.hidden = false;
      if (this.built) this.built.hidden = true;
      this.say("Running …");
      const began = performance.now();
      const done = await ask({ run: code, name: this.name }, (said) => this.show(said));
      if (done) this.ran = code;
      const seconds = ((performance.now() - began) / 1000).toFixed(2);
      this.say(done ? `Ran here, in ${seconds} s.` : "Stopped at an error.");
      return done;
    }

    show({ text, error, figure }) {
      if (figure) {
        const before = this.code === this.given && this.built?.querySelector("img")?.alt;
        const alt = before || `A figure that ${this.name} drew`;
        this.output.append(make("img", { src: `data:image/png;base64,${figure}`, alt }));
        return;
      }
      const last = this.output.lastElementChild;
      if (text && last?.className === "live-text") last.textContent += text;
      else if (text) this.output.append(make("pre", { class: "live-text", tabindex: "0" }, text));
      if (error) this.output.append(make("pre", { class: "live-error", tabindex: "0" }, error));
    }

    say(words) { this.status.textContent = words; }
  }

  // One message to the worker, and what it says until it is done. Rejects where Python cannot be loaded or was stopped.
  const ask = (message, listen) => new Promise((resolve, reject) => {
    hear = (said) => {
      if (said.failed) reject(new Error(said.failed));
      else if (said.ready || said.done !== undefined) resolve(said.ready || said.done);
      else listen(said);
    };
    worker.postMessage(message);
  });

  const stop = (words) => {
    worker?.terminate();
    worker = null;
    ready = false;
    for (const cell of cells) cell.ran = null;
    hear({ failed: words });
  };

  const load = async (say) => {
    if (!worker) {
      worker = new Worker(here + "worker.js");
      worker.onmessage = ({ data }) => hear(data);
      worker.onerror = (event) => { event.preventDefault(); hear({ failed: event.message || "the worker did not start" }); };
    }
    await ask({ pyodide, here }, ({ step }) => step && say(`${step}, once for this page …`));
    ready = true;
  };

  const told = (problem, button) => { // why there was no answer; Python is gone then
    const stopped = worker === null;
    const words = stopped ? problem.message
      : ready ? `Python broke off (${problem.message}). It begins anew at the next ${button}.`
      : `Python could not be loaded from ${own ? "this site" : new URL(pyodide).host}. Are you offline? ` +
        `What you see is what the book was built with. ${button} tries again.`;
    if (!stopped) stop("");
    return words;
  };

  const runCells = (some) => busy || !some.length ? undefined : inTurn(() => runNow(some));

  const runNow = async (some) => {
    busy = true;
    for (const cell of cells) for (const name of ["Run", "Reset"]) cell.buttons[name].setAttribute("aria-disabled", "true");
    everything.setAttribute("aria-disabled", "true");
    let cell = some.at(-1);
    try {
      cell.buttons.Stop.hidden = false;
      if (!ready) await load((words) => cell.say(words));
      cell.say("");
      for (const next of some) {
        cell.buttons.Stop.hidden = true;
        cell = next;
        cell.buttons.Stop.hidden = false;
        if (!(await cell.run())) break;
      }
      if (cell !== some.at(-1)) some.at(-1).say(`Not run: ${cell.name} above stopped at an error.`);
    } catch (problem) {
      cell.say(told(problem, "Run"));
    } finally {
      const lost = document.activeElement === cell.buttons.Stop;
      cell.buttons.Stop.hidden = true;
      if (lost) cell.buttons.Run.focus();
      for (const cell of cells) for (const name of ["Run", "Reset"]) cell.buttons[name].removeAttribute("aria-disabled");
      everything.removeAttribute("aria-disabled");
      busy = false;
    }
  };

  const everything = make("button", { type: "button" }, "Run all");
  everything.addEventListener("click", () => runCells([...cells]));

  // For formulas.js: the same Python, asked for one formula. `say` hears what is being loaded.
  window.livePython = {
    here, make, whyNot, drafts,
    from: own ? "this site" : new URL(pyodide).host,
    isReady: () => ready,
    formula: (message, say) => inTurn(async () => {
      try {
        if (!ready) await load(say);
        return await ask({ formula: message }, ({ step }) => step && say(`${step} …`));
      } catch (problem) {
        return { failed: told(problem, "Check") };
      }
    }),
  };

  document.addEventListener("DOMContentLoaded", () => {
    const found = [...document.querySelectorAll(".cell.tag_live")].filter((cell) => cell.querySelector(".cell_input pre"));
    if (!found.length) return;
    const words = whyNot();
    const note = make("p", { class: "live-note" });
    found[0].before(note);
    if (words) {
      note.append(`${words} So the live cells of this page stay as they were built.`);
      return;
    }
    found.forEach((element, i) => cells.push(new Cell(element, i + 1)));
    const from = own ? "this site" : new URL(pyodide).host;
    note.append(
      `This page has ${cells.length} live cells: edit them and run them here, in your browser. ` +
      `The first Run loads Python from ${from}, about 15 MB. `, everything);
  });
})();
