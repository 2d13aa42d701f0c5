// What scrolls sideways in the text can be reached and scrolled by keyboard. What does not is no stop on the way.
document.addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector("article");
  if (!article) return;
  const reach = () => {
    for (const part of article.querySelectorAll("div, pre, mjx-container")) {
      const scrolls =
        part.scrollWidth > part.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(part).overflowX) ||
        part.scrollHeight > part.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(part).overflowY);
      if (scrolls && part.tabIndex < 0) {
        part.tabIndex = 0;
        part.dataset.reached = "";
      } else if (!scrolls && "reached" in part.dataset) {
        part.removeAttribute("tabindex");
        delete part.dataset.reached;
      }
    }
  };
  for (const network of article.querySelectorAll(".network")) { // on a phone: the part of which the page speaks
    const lit = network.querySelector(".lit")?.getBoundingClientRect();
    if (lit) network.scrollLeft += lit.x + lit.width / 2 - network.getBoundingClientRect().x - network.clientWidth / 2;
  }
  new ResizeObserver(reach).observe(article); // formulas are set, a cell is run, a box is opened, the phone is turned
});

// Sphinx marks the words that were searched for, and asks also those of a drawing's title where they stand. Nowhere.
for (const hidden of [SVGTitleElement, SVGDescElement]) {
  hidden.prototype.getBBox ??= () => new DOMRect();
}
