"use strict";
const errata = (() => {
  const STEP = 20; // rows that are written at a time
  const SHOWN = 300; // characters of a text before it is folded
  const SHORT = 24; // characters of a text that stays in one line
  const read = (key) => JSON.parse(document.getElementById("data-" + key).textContent);
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function make(tag, properties, ...children) {
    const { data, ...rest } = properties;
    const element = Object.assign(document.createElement(tag), rest);
    for (const [name, value] of Object.entries(data || {})) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  // Figures: named colours become the theme's, and the style is the page's.
  function painted(value, key) {
    if (Array.isArray(value)) return value.map((part) => painted(part, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, painted(part, name)]));
    }
    return typeof value === "string" && key.endsWith("color") && value.startsWith("--") ? color(value) : value;
  }

  function draw(element) {
    const figure = painted(read(element.dataset.figure), "");
    const axis = { gridcolor: color("--line"), zeroline: false, fixedrange: true, automargin: true, tickfont: { color: color("--ink-soft") } };
    const titled = (own) => ({ ...axis, ...own, title: { ...own.title, standoff: 10, font: { size: 13, color: color("--ink-soft") } } });
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", dragmode: false, hovermode: "closest",
      font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: color("--ink") },
      margin: { l: 8, r: 12, t: 8, b: 44 },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", itemclick: false, itemdoubleclick: false },
      hoverlabel: { align: "left", bgcolor: color("--card"), bordercolor: color("--line"), font: { family: getComputedStyle(document.body).fontFamily, color: color("--ink") } },
      ...figure.layout, xaxis: titled(figure.layout.xaxis), yaxis: titled(figure.layout.yaxis),
    };
    return Plotly.react(element, figure.data, layout, { displayModeBar: false, responsive: true });
  }

  // Text is only ever set as text; a long one is folded, and written when it is opened.
  function written(text) {
    if (text.length <= SHOWN) return make("span", { className: "text quoted", textContent: text });
    const start = [...text.slice(0, SHOWN)].slice(0, -1).join("");
    const all = make("span", { className: "text quoted" });
    const told = ` … all ${text.length.toLocaleString("en")} characters`;
    const head = make("summary", {}, make("span", { className: "text quoted", textContent: start }), make("b", { textContent: told }));
    const details = make("details", { className: "long" }, head, all);
    details.addEventListener("toggle", () => { all.textContent = details.open ? text : ""; });
    return details;
  }

  const shown = (cell) => (Array.isArray(cell) ? cell[0] : cell);
  const order = (a, b) => (Array.isArray(a) && Array.isArray(b) ? a[1] - b[1] : shown(a).localeCompare(shown(b)));

  function tabulate(element) {
    const table = read(element.dataset.table);
    const state = { query: "", sort: null, down: true, most: STEP, chosen: table.facets.map((facet) => facet.start) };
    const names = table.facets.map((facet) => new Map(facet.labels));
    const title = (cell, column) => {
      const at = table.facets.findIndex((facet) => facet.column === column);
      return (at >= 0 && names[at].get(shown(cell))) || shown(cell);
    };
    const found = table.rows.map((row) => row.map((cell, column) => title(cell, column)).join("\n").toLowerCase());
    const body = make("tbody", {});
    const count = make("span", { className: "count", data: { "aria-live": "polite" } });
    const more = make("button", { className: "more", type: "button", textContent: `Show ${STEP} more` });
    const search = make("input", { type: "search", placeholder: "Search", data: { "aria-label": "Search the table" } });
    const tools = make("div", { className: "tools" }, search);

    const buttons = table.facets.map((facet, at) => {
      const options = [[null, "All"], ...facet.labels];
      const made = options.map(([value, label]) => {
        const button = make("button", { type: "button", textContent: label });
        button.addEventListener("click", () => { state.chosen[at] = value; state.most = STEP; show(); });
        return [value, button];
      });
      tools.append(make("div", { className: "chips", data: { role: "group" } }, ...made.map(([, button]) => button)));
      return made;
    });

    const heads = table.columns.map((name, column) => {
      const button = make("button", { type: "button", textContent: name });
      button.addEventListener("click", () => {
        state.down = state.sort === column ? !state.down : table.numbers.includes(column);
        state.sort = column;
        show();
      });
      return make("th", { className: table.numbers.includes(column) ? "number" : "", scope: "col" }, button);
    });

    function line(row) {
      return make("tr", {}, ...row.map((cell, column) => {
        const text = title(cell, column);
        const data = column ? { "data-label": table.columns[column] } : {};
        const cellElement = make("td", { className: table.numbers.includes(column) ? "number" : "", data });
        const plain = () => make("span", { className: text.length <= SHORT ? "text short" : "text", textContent: text });
        if (text !== "") cellElement.append(column === 0 || text.length > SHOWN ? written(text) : plain());
        return cellElement;
      }));
    }

    function show() {
      const query = state.query.toLowerCase();
      const fits = (row) => table.facets.every((facet, at) => state.chosen[at] === null || shown(row[facet.column]) === state.chosen[at]);
      let rows = table.rows.filter((row, at) => fits(row) && found[at].includes(query));
      if (state.sort !== null) rows = rows.sort((a, b) => (state.down ? -1 : 1) * order(a[state.sort], b[state.sort]));
      body.replaceChildren(...rows.slice(0, state.most).map(line));
      const written = Math.min(state.most, rows.length);
      count.textContent = `${written.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown, ${table.rows.length.toLocaleString("en")} in all`;
      more.hidden = rows.length <= state.most;
      heads.forEach((head, column) => {
        if (column === state.sort) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      });
      buttons.forEach((made, at) => made.forEach(([value, button]) => button.setAttribute("aria-pressed", state.chosen[at] === value)));
    }

    search.addEventListener("input", () => { state.query = search.value; state.most = STEP; show(); });
    more.addEventListener("click", () => { state.most += STEP; show(); });
    element.append(tools, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body), count, more);
    show();
  }

  document.querySelectorAll("[data-table]").forEach(tabulate);
  const figures = [...document.querySelectorAll("[data-figure]")];
  // A figure that cannot be drawn says so, and the rest of the page goes on.
  async function attempt(element) {
    try { await draw(element); } catch (error) {
      console.error(element.dataset.figure, error);
      element.textContent = "This plot could not be drawn.";
    }
  }
  const paint = () => Promise.all(figures.map(attempt));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  paint().then(() => { document.documentElement.dataset.ready = "yes"; });
  return { read, color, make, written };
})();
