// Search the runs. Without scripts, every run is shown and there is no search.
(() => {
  "use strict";
  const table = document.querySelector("table");
  const search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Workspace, verdict, kind or date" });
  search.setAttribute("aria-label", "Show only runs with these words");
  const tools = Object.assign(document.createElement("div"), { className: "tools" });
  tools.append(search);
  table.parentElement.before(tools);
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of table.tBodies) {
      const [head, ...runs] = group.rows;
      for (const run of runs) {
        const text = `${head.textContent} ${run.textContent}`.toLowerCase();
        run.hidden = !words.every((word) => text.includes(word));
      }
      group.hidden = runs.every((run) => run.hidden);
    }
  });
})();
