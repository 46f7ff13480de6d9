"use strict";
// The list of pairs: search, filters, order, pages; which pair is open is said by the address (#pair-ID).
(() => {
  const { read, make, fill } = errata;
  const list = read("pairs-list");
  const count = list.id.length;
  const place = new Map(list.id.map((id, at) => [id, at]));
  const element = document.getElementById("pairs-list");
  const dialog = document.getElementById("pair");
  const PAGE = 20; // pairs that are written at a time
  const ORDERS = [
    ["", false, "as built"],
    ["edited", true, "edit ratio, largest first"], ["edited", false, "edit ratio, smallest first"],
    ["longer", true, "length ratio, largest first"], ["longer", false, "length ratio, smallest first"],
    ["margin", true, "reward margin, largest first"], ["margin", false, "reward margin, smallest first"],
  ].filter(([column]) => !column || list[column].some((value) => value !== null));
  const facets = list.facets.filter((facet) => facet.name === "kept" || facet.values.length > 1 || (facet.name === "finding" && facet.values.length));
  const [main] = facets;
  const start = () => ({ query: "", chosen: facets.map((facet) => (facet === main ? facet.values.indexOf("kept") : -1)), order: 0, page: 0 });
  let state = start();
  let view = []; // rows that fit, in order
  let found = null; // by row, whether the search finds it

  const texts = errata.chunks("pairs-texts");
  const details = errata.chunks("pairs-details");

  // What a search looks through, in lower case: made while nothing else is done, at the latest for the first search.
  let prepared = null;
  const prepare = () => (prepared ??= (async () => {
    const all = new Array(count);
    const groups = new Map();
    list.places.forEach(([chunk], row) => groups.has(chunk) ? groups.get(chunk).push(row) : groups.set(chunk, [row]));
    await Promise.all(Array.from(groups, async ([chunk, members]) => {
      const opened = await texts(chunk);
      for (const row of members) {
        const [turns, rejected, chosen] = opened[list.places[row][1]];
        all[row] = [...turns.map(([, content]) => content), rejected, chosen ?? "", list.read[row], list.id[row]].join("\n").toLowerCase();
      }
    }));
    return all;
  })());
  (window.requestIdleCallback || setTimeout)(() => prepare().catch(complain));

  function complain(error) {
    counted.textContent = `The texts cannot be opened: ${error}. It takes a browser of 2023 or later.`;
  }

  // Narrowing: a row that misses a single choice counts for the other values of that one.
  function narrow() {
    const counts = facets.map((facet) => new Uint32Array(facet.values.length));
    const any = new Uint32Array(facets.length);
    view = [];
    for (let row = 0; row < count; row++) {
      if (found && !found[row]) continue;
      let missed = -1, misses = 0;
      for (let at = 0; at < facets.length && misses < 2; at++) {
        if (state.chosen[at] >= 0 && !facets[at].rows[row].includes(state.chosen[at])) { missed = at; misses++; }
      }
      if (misses > 1) continue;
      if (!misses) view.push(row);
      facets.forEach((facet, at) => {
        if (misses && at !== missed) return;
        any[at]++;
        for (const value of facet.rows[row]) counts[at][value]++;
      });
    }
    const [column, down] = ORDERS[state.order];
    if (column) {
      const of = list[column];
      view.sort((a, b) => (of[a] === null) - (of[b] === null) || (down ? of[b] - of[a] : of[a] - of[b]) || a - b);
    }
    return [counts, any];
  }

  // The tools
  const search = make("input", { type: "search", placeholder: "Search questions, answers and texts", data: { "aria-label": "Search the pairs" } });
  const counted = make("span", { className: "count", data: { "aria-live": "polite" } });
  const rows = make("ol", { className: "rows" });
  const lost = make("p", { className: "note", hidden: true, data: { role: "status" } });
  const clear = make("button", { type: "button", className: "more", textContent: "Clear" });
  const chips = [...main.values.keys()].sort((a, b) => (main.values[b] === "kept") - (main.values[a] === "kept"));
  const options = [...chips, -1].map((value) => {
    const button = make("button", { type: "button", data: { "data-kept": value < 0 ? "all" : main.values[value] } });
    button.addEventListener("click", () => change(() => { state.chosen[0] = value; }));
    return [value, button];
  });
  const selects = facets.map((facet, at) => {
    const choice = make("select", { data: { "aria-label": facet.label, "data-facet": facet.name } }, ...[-1, ...facet.values.keys()].map((value) => make("option", { value })));
    choice.addEventListener("change", () => change(() => { state.chosen[at] = Number(choice.value); }));
    return choice;
  });
  const order = make("select", { data: { "aria-label": "Order", "data-order": "" } }, ...ORDERS.map(([, , label], value) => make("option", { value, textContent: `Order: ${label}` })));
  order.addEventListener("change", () => change(() => { state.order = Number(order.value); }));
  clear.addEventListener("click", () => { search.value = ""; state = start(); found = null; errata.query = ""; show(); });
  const turnTo = (page) => { state.page = page; write(); };
  const pages = [["First", () => 0], ["Back", () => state.page - 1], ["Next", () => state.page + 1]].map(([label, to]) => {
    const button = make("button", { type: "button", className: "more", textContent: label });
    button.addEventListener("click", () => turnTo(to()));
    return button;
  });
  element.append(
    make("div", { className: "tools" }, search, make("div", { className: "chips", data: { role: "group" } }, ...options.map(([, button]) => button))),
    make("div", { className: "tools narrow" }, ...selects.slice(1), order, clear),
    lost, counted, rows, make("div", { className: "tools" }, ...pages),
  );

  function change(what) { lost.hidden = true; what(); state.page = 0; show(); }

  let asked = 0;
  search.addEventListener("input", async () => {
    const mine = ++asked;
    const query = search.value.toLowerCase();
    if (query && !prepared) counted.textContent = "The texts are being opened …";
    try {
      const all = query ? await prepare() : null;
      if (mine === asked) change(() => { state.query = errata.query = query; found = all && all.map((text) => text.includes(query)); });
    } catch (error) { complain(error); }
  });

  const many = (number) => number.toLocaleString("en");
  function show() {
    const [counts, any] = narrow();
    for (const [value, button] of options) {
      const label = value < 0 ? "All" : main.values[value] === "kept" ? "Kept" : "Dropped";
      button.textContent = `${label} ${many(value < 0 ? any[0] : counts[0][value])}`;
      button.setAttribute("aria-pressed", state.chosen[0] === value);
    }
    facets.slice(1).forEach((facet, less) => {
      const at = less + 1, chosen = state.chosen[at];
      for (const option of selects[at].options) {
        const value = Number(option.value);
        option.textContent = value < 0 ? `${facet.label}: ${chosen < 0 ? "any" : `any (${many(any[at])})`}` : `${facet.values[value]} (${many(counts[at][value])})`;
        option.disabled = value >= 0 && value !== chosen && !counts[at][value];
      }
      selects[at].value = chosen;
      selects[at].classList.toggle("set", chosen >= 0);
      selects[at].disabled = chosen < 0 && !counts[at].some((number) => number);
    });
    order.value = state.order;
    clear.hidden = !state.query && JSON.stringify(state.chosen) === JSON.stringify(start().chosen) && !state.order;
    write();
  }

  function write() {
    const last = Math.max(0, Math.ceil(view.length / PAGE) - 1);
    state.page = Math.min(Math.max(0, state.page), last);
    const from = state.page * PAGE;
    const shown = view.slice(from, from + PAGE);
    rows.replaceChildren(...shown.map(line));
    counted.textContent = shown.length ? `${many(from + 1)}–${many(from + shown.length)} of ${many(view.length)}${view.length < count ? `, ${many(count)} in all` : ""}` : `None of ${many(count)}`;
    pages[0].disabled = pages[1].disabled = state.page === 0;
    pages[2].disabled = state.page === last;
    pages.forEach((button) => { button.hidden = last === 0; });
  }

  const signed = (value) => (value > 0 ? "+" : "") + value.toFixed(2).replace("-", "−");
  const byName = new Map(list.facets.map((facet) => [facet.name, facet]));
  const labels = (name, row) => byName.get(name).rows[row].map((value) => byName.get(name).values[value]);

  function became(row, before) {
    const [dropped] = labels("dropped", row);
    return make("span", { className: dropped === undefined ? "became kept" : "became", textContent: dropped === undefined ? "kept" : before + dropped });
  }

  function line(row) {
    const named = ["rung", "view", "split"].flatMap((name) => labels(name, row)).filter((label) => label !== "none" && label !== "direct");
    const facts = [list.read[row], ...named];
    if (list.edited[row] !== null) facts.push(`${Math.round(100 * list.edited[row])}% edited`);
    if (list.margin[row] !== null) facts.push(`margin ${signed(list.margin[row])}`);
    const meta = make("span", { className: "meta" }, ...facts.map((fact) => make("span", { className: "text", textContent: fact })));
    const question = make("span", { className: "text question", textContent: list.question[row] });
    return make("li", {}, make("a", { href: address(row) }, question, became(row, ""), meta));
  }

  // The open pair
  let open = -1;
  let pushed = false; // whether going back closes it
  let led = false; // whether the address closes it
  let leaving = false; // whether a reader closes it; until that is done, addresses are not followed
  let next = false; // whether a search comes next
  const address = (row) => `#pair-${encodeURIComponent(list.id[row])}`;
  function named() {
    return location.hash.startsWith("#pair-") ? place.get(addressed()) ?? -1 : -1;
  }
  function addressed() {
    const id = location.hash.slice(6);
    try { return decodeURIComponent(id); } catch { return id; } // a % that begins no character
  }

  function shut() { leaving = true; open = -1; dialog.close(); }

  async function follow() {
    if (leaving) return;
    const row = named();
    open = row;
    lost.hidden = row >= 0 || !location.hash.startsWith("#pair-");
    if (!lost.hidden) {
      lost.replaceChildren("Pair ", make("span", { className: "text", textContent: addressed() }), " is not on this page.");
      lost.scrollIntoView({ block: "center" });
    }
    if (row < 0) { if (dialog.open) { led = true; dialog.close(); } return; }
    if (!view.includes(row)) { state = start(); state.chosen[0] = -1; found = null; search.value = errata.query = ""; show(); }
    const [chunk, at] = list.places[row];
    try {
      const [pairs, known] = await Promise.all([texts(chunk), details(chunk)]);
      if (open !== row) return;
      fill(pairs[at], known[at], bar(row));
    } catch (error) { complain(error); return; }
    if (!dialog.open) dialog.showModal();
    dialog.dataset.row = list.id[row];
  }

  function bar(row) {
    const at = view.indexOf(row);
    const button = (label, title, act) => {
      const made = make("button", { type: "button", textContent: label, data: { "aria-label": title, title } });
      made.addEventListener("click", act);
      return made;
    };
    const back = button("‹", "Pair before (k)", () => move(-1)), on = button("›", "Next pair (j)", () => move(1));
    back.disabled = at === 0;
    on.disabled = at === view.length - 1;
    const margin = list.margin[row] === null ? "" : make("span", { className: "soft", textContent: `reward margin ${signed(list.margin[row])}` });
    const where = make("span", { className: "soft at", textContent: `${many(at + 1)} of ${many(view.length)}` });
    return make("div", { className: "bar-line" }, back, where, on, became(row, "dropped: "), margin, button("✕", "Close (Esc)", shut));
  }

  function move(step) {
    const row = view[view.indexOf(open) + step];
    if (row === undefined) return;
    open = row; // the address follows later, and keys are faster
    location.replace(address(row));
  }

  function focus(row) {
    const at = view.indexOf(row);
    if (at < 0) return;
    if (Math.floor(at / PAGE) !== state.page) turnTo(Math.floor(at / PAGE));
    rows.children[at % PAGE].firstChild.focus();
  }

  dialog.addEventListener("close", () => {
    const followed = led;
    led = leaving = false;
    if (dialog.open) return; // again, since
    dialog.replaceChildren();
    if (!followed && named() >= 0) {
      if (pushed) history.back(); else history.replaceState(null, "", "#pairs");
      pushed = false;
    }
    if (next) search.focus(); else focus(place.get(dialog.dataset.row));
    next = false;
  });
  rows.addEventListener("click", (event) => { pushed ||= !(event.ctrlKey || event.metaKey || event.shiftKey); });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); shut(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) shut(); });
  addEventListener("hashchange", follow);

  const typing = (target) => target.matches("input, select, textarea");
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
    if (event.key === "/") {
      event.preventDefault();
      if (dialog.open) { next = true; shut(); } else search.focus();
    } else if (event.key === "Escape" && dialog.open) {
      event.preventDefault();
      shut();
    } else if (dialog.open && (step || event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      event.preventDefault();
      move(step || (event.key === "ArrowRight" ? 1 : -1));
    } else if (step && (rows.contains(event.target) || event.key.length === 1)) {
      const link = event.target.closest(".rows a");
      const at = link ? state.page * PAGE + [...rows.children].indexOf(link.parentElement) + step : state.page * PAGE;
      if (view[at] !== undefined) { event.preventDefault(); focus(view[at]); }
    }
  });

  show();
  follow();
})();
