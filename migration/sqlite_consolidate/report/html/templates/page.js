// Filter and search the sections behind page one. Without scripts, everything is shown and nothing of this is there.
(() => {
  "use strict";
  const contents = document.querySelector(".record .contents");
  if (!contents) return;
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const sections = [...contents.querySelectorAll("a")]
    .map((link) => ({ link, element: document.getElementById(link.hash.slice(1))?.closest("section") }))
    .filter(({ element }) => element && !element.querySelector(".signatures"))
    .map(({ link, element }) => ({
      link,
      element,
      rows: [...element.querySelectorAll("tbody tr, .findings li, .checklist li")],
      text: element.textContent.toLowerCase(),
    }));
  const texts = new Map(sections.flatMap(({ rows }) => rows.map((row) => [row, row.textContent.toLowerCase()])));
  const details = [...contents.parentElement.querySelectorAll("details")].map((element) => ({ element, open: element.open }));
  const names = [...document.querySelectorAll("#criteria ~ * tr[id] th code, #tables ~ * .rows tbody th")];

  const search = make("input", { type: "search", placeholder: "Table, criterion or text  ( / )" });
  search.setAttribute("aria-label", "Show only lines with a table, criterion or text");
  search.setAttribute("list", "names");
  const list = make("datalist", { id: "names" });
  list.append(...[...new Set(names.map((name) => name.textContent))].map((value) => make("option", { value })));
  const show = make("select", {});
  show.setAttribute("aria-label", "Show only lines of a kind");
  show.append(
    make("option", { value: "", textContent: "Everything" }),
    make("option", { value: ".failed", textContent: "Only failed" }),
    make("option", { value: ".failed, .not-examined, .not-run, .attention", textContent: "Failed, not examined or to review" }),
  );
  const go = make("select", {});
  go.setAttribute("aria-label", "Go to a section");
  go.append(make("option", { value: "", textContent: "Go to …" }), make("option", { value: "#verdict", textContent: "Verdict" }));
  go.append(...[...contents.querySelectorAll("a")].map((link) => make("option", { value: link.hash, textContent: link.textContent })));
  const number = make("span", { className: "quiet" });
  number.setAttribute("role", "status");
  contents.before(make("div", { className: "tools", role: "search" }, search, list, show, go, number));

  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = words.length > 0 || show.value !== "";
    let lines = 0;
    for (const { link, element, rows, text } of sections) {
      let hits = 0;
      for (const row of rows) {
        const kind = show.value === "" || row.matches(show.value) || row.querySelector(show.value);
        row.hidden = !(kind && words.every((word) => texts.get(row).includes(word)));
        hits += row.hidden ? 0 : 1;
      }
      lines += hits;
      if (rows.length === 0 && show.value === "" && words.every((word) => text.includes(word))) hits = 1;
      element.hidden = active && hits === 0;
      link.parentElement.hidden = element.hidden;
    }
    for (const { element, open } of details) {
      element.open = active ? Boolean(element.querySelector("tr:not([hidden])")) || open : open;
    }
    number.textContent = active ? `${lines} of ${texts.size} lines` : "";
  };
  const reset = () => {
    search.value = show.value = "";
    apply();
  };
  const reveal = () => {
    const element = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!element) return;
    if (element.closest("[hidden]")) reset();
    for (let part = element.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    element.scrollIntoView();
  };
  search.addEventListener("input", apply);
  show.addEventListener("change", apply);
  go.addEventListener("change", () => {
    if (go.value) location.hash = go.value;
    go.value = "";
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape") reset();
  });
  window.addEventListener("hashchange", reveal);
  window.addEventListener("beforeprint", reset);
  if (location.hash) reveal();
})();
