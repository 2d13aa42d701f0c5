// MathJax, a fifth of its size: many servers send a file as it lies. Where it cannot be unpacked (an old browser, a page
// opened as a file, a site that forbids scripts from a blob), its parts are loaded one by one, as MathJax itself does.
"use strict";
(() => {
  const here = new URL(".", document.currentScript.src).href;
  const run = (src) => new Promise((done, failed) => {
    document.head.append(Object.assign(document.createElement("script"), { src, onload: done, onerror: failed }));
  });
  const unpacked = async () => {
    const answer = await fetch(here + "mathjax.packed");
    if (!answer.ok) throw Error(answer.statusText);
    const stream = answer.body.pipeThrough(new DecompressionStream("gzip"));
    const url = URL.createObjectURL(new Blob([await new Response(stream).text()], { type: "text/javascript" }));
    const { load } = MathJax.loader;
    MathJax.loader.load = []; // all of it is there
    await run(url).catch((error) => { MathJax.loader.load = load; throw error; });
    URL.revokeObjectURL(url);
  };
  MathJax.loader.paths = { mathjax: here.slice(0, -1) };
  // Other scripts wait for it: every formula of the page is set, or none can be.
  window.formulasSet = unpacked().catch(() => run(here + "startup.js")).then(() => MathJax.startup.promise).catch(() => 0);
})();
