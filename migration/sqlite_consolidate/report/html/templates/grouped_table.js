// Search and filter the lines of a table with groups. Without scripts, every line is shown and there is no search.
(() => {
  "use strict";
  const table = document.querySelector("table.grouped");
  if (!table) return;
  const search = Object.assign(document.createElement("input"), { type: "search", placeholder: table.dataset.search });
  search.setAttribute("aria-label", "Show only lines with these words");
  const show = document.createElement("select");
  show.setAttribute("aria-label", "Show only lines of a kind");
  show.append(new Option("Everything", ""), new Option("Only failed", ".failed"), new Option("Not accepted", ".outcome:not(.passed)"));
  const tools = Object.assign(document.createElement("div"), { className: "tools" });
  tools.append(search, show);
  table.parentElement.before(tools);
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of table.tBodies) {
      const [head, ...lines] = group.rows;
      for (const line of lines) {
        const text = `${head.textContent} ${line.textContent}`.toLowerCase();
        const kind = show.value === "" || line.querySelector(show.value);
        line.hidden = !(kind && words.every((word) => text.includes(word)));
      }
      group.hidden = lines.every((line) => line.hidden);
    }
  };
  search.addEventListener("input", apply);
  show.addEventListener("change", apply);
})();
