// Python for a page's live cells, beside the page's own thread. Nothing of this is loaded before the first Run.
// In: {pyodide, here} once, then {run: code, name} or {formula: {what: "look" | "judge", key, latex}}.
// Out: {step}, {ready}, {failed}, {text | error | figure}, {done}.

let pyodide, runner, namespace, formulas, own;

async function fetched(name) {
  const answer = await fetch(own + name);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function start({ pyodide: source, here }) {
  own = here;
  postMessage({ step: "Loading Python" });
  importScripts(source + "pyodide.js");
  pyodide = await loadPyodide({ indexURL: source });
  postMessage({ step: "Loading NumPy" });
  await pyodide.loadPackage("numpy", { messageCallback() {} });
  postMessage({ step: "Loading the gradient check" });
  pyodide.FS.mkdirTree("/live/autograder");
  for (const [name, place] of [["gradcheck.py", "autograder/"], ["runner.py", ""]]) {
    pyodide.FS.writeFile(`/live/${place}${name}`, await fetched(name));
  }
  pyodide.runPython("import sys; sys.path.insert(0, '/live'); import numpy, autograder.gradcheck as g; sys.modules['gradcheck'] = g");
  runner = pyodide.pyimport("runner");
  namespace = pyodide.toPy({ __name__: "__main__" });
}

async function run(code, name) {
  try {
    // what else a cell imports, if this copy has it; what it lacks, Python itself will say
    await pyodide.loadPackagesFromImports(code, { messageCallback() {}, errorCallback() {} });
    if (/\bmatplotlib\b/.test(code)) pyodide.runPython("import matplotlib.pyplot, runner; runner.quiet_show()");
  } catch {}
  const done = runner.run(code, name, namespace, (kind, text) => postMessage({ [kind]: text }));
  postMessage({ done });
}

async function formula({ what, key, latex }) {
  if (!formulas) {
    postMessage({ step: "Loading the reader of formulas" });
    for (const name of ["formulas.py", "checks.py", "formula_page.py", "draws.npz"]) {
      pyodide.FS.writeFile(`/live/${name}`, await fetched(name));
    }
    formulas = pyodide.runPython(
      "import checks, formulas, formula_page; formula_page.Formulas('/live/draws.npz', formulas, checks.CHECKS.shown_by)");
  }
  const began = performance.now();
  const answer = JSON.parse(formulas[what](key, latex));
  postMessage({ done: { ...answer, milliseconds: performance.now() - began } });
}

let queue = Promise.resolve();
onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      if (data.run !== undefined) return await run(data.run, data.name);
      if (data.formula) return await formula(data.formula);
      await start(data);
      postMessage({ ready: true });
    } catch (error) {
      postMessage({ failed: String(error).split("\n")[0] });
    }
  });
};
