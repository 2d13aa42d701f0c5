// The order and the snippets of search results. Sphinx appends this file to language_data.js (html_search_scorer); the
// weights come from book/_ext/search_ranking.py, in search/weights.js, which only the search page loads.
"use strict";
(() => {
  const stems = () => {
    const words = (new URLSearchParams(location.search).get("q") || "").toLowerCase().match(/[\p{L}\p{N}_]+/gu) || [];
    const stemmer = new Stemmer();
    return words.filter((word) => !stopwords.includes(word)).map((word) => stemmer.stemWord(word));
  };

  // {page: weight} of a stem. Words that begin with it count a little less: norm finds normalization.
  const weightsOf = (stem) => {
    const found = {};
    for (const [word, pages] of Object.entries(window.searchWeights || {})) {
      if (word !== stem && (stem.length < 4 || !word.startsWith(stem) || word.includes("_"))) continue;
      for (const [page, weight] of Object.entries(pages)) {
        found[page] = Math.max(found[page] || 0, word === stem ? weight : 0.9 * weight);
      }
    }
    return found;
  };

  // A page counts in full, a section of it less, an entry of the glossary least.
  Scorer.score = ([page, , anchor]) => {
    const weight = stems().reduce((sum, stem) => sum + (weightsOf(stem)[page] || 0), 0);
    return weight * (anchor ? (anchor.startsWith("#term-") ? 0.1 : 0.5) : 1);
  };

  const plain = (element) => element.textContent.replace(/\s+/g, " ").trim();
  const sentences = (text) => text.split(/(?<=[.?!:])\s+(?=[A-Z(])/);

  // The sentence of the page with most of the words sought, the first of those, without formulas if there is a choice.
  const snippet = (html, words, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".headerlink, script, style, .checked, .margin, aside").forEach((one) => one.remove());
    const main = page.querySelector('[role="main"]');
    if (!main) return "";
    let from = main;
    if (anchor) {
      const target = main.querySelector(anchor);
      if (target) from = target.tagName === "DT" ? target.nextElementSibling : target.closest("section") || target;
    }
    let best = "", most = -1;
    for (const paragraph of from.querySelectorAll("p, li")) {
      if (paragraph.querySelector("p, li")) continue;
      for (const sentence of sentences(plain(paragraph))) {
        if (sentence.startsWith("See ") || sentence.split(" ").length < 4) continue;
        const lower = sentence.toLowerCase();
        const whole = /[.?!:]$/.test(sentence) && !sentence.includes("\\");
        const count = 2 * [...words].filter((word) => lower.includes(word.toLowerCase())).length + (whole ? 1 : 0);
        if (count > most) [best, most] = [sentence, count];
      }
    }
    return best.length > 300 ? `${best.slice(0, 300)} …` : best;
  };

  Search.makeSearchSummary = (html, words, anchor) => {
    const text = snippet(html, words, anchor);
    if (!text) return null;
    const summary = document.createElement("p");
    summary.classList.add("context");
    summary.textContent = text;
    return summary;
  };
})();
