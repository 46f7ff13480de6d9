"use strict";
// A text with marks on it. Text is only ever set as text.
(() => {
  const { make } = errata;

  // A layer is a list of marks {from, to, name, shade?, token?} in order, which do not overlap.
  function paint(text, layers) {
    const cuts = new Set([0, text.length]);
    for (const layer of layers) for (const mark of layer) { cuts.add(mark.from); cuts.add(mark.to); }
    const places = Uint32Array.from(cuts).sort();
    const next = layers.map(() => 0);
    const whole = document.createDocumentFragment();
    for (let at = 0; at + 1 < places.length; at++) {
      const from = places[at];
      const piece = text.slice(from, places[at + 1]);
      const marks = [];
      layers.forEach((layer, which) => {
        while (next[which] < layer.length && layer[next[which]].to <= from) next[which]++;
        const mark = layer[next[which]];
        if (mark && mark.from <= from) marks.push(mark);
      });
      if (!marks.length) { whole.append(piece); continue; }
      const element = make("span", { className: marks.map((mark) => mark.name).join(" "), textContent: piece });
      if (piece.trim() === "" && piece.includes("\n")) element.classList.add("ends-line");
      for (const mark of marks) {
        if (mark.shade) element.style.setProperty("--shade", mark.shade + "%");
        if (mark.token !== undefined) element.dataset.token = mark.token;
      }
      whole.append(element);
    }
    return whole;
  }

  const marks = (flat, name) => Array.from({ length: flat.length / 2 }, (_, at) => ({ from: flat[2 * at], to: flat[2 * at + 1], name }));

  function hits(text, query) {
    if (!query.trim()) return [];
    const literal = query.replace(/[.*+?^${}()|[\]\\\/]/g, "\\$&");
    return Array.from(text.matchAll(new RegExp(literal, "giu")), (found) => ({ from: found.index, to: found.index + found[0].length, name: "hit" }));
  }

  // The size that gets the full color: the largest, but for one token in two hundred.
  function reach(values) {
    const sizes = values.map(Math.abs).sort((a, b) => a - b);
    return Math.max(sizes[Math.ceil(0.995 * (sizes.length - 1))] || 0, 1e-3);
  }

  const STRONGEST = 72; // percent of color; text stays readable on it
  const BEND = 0.6; // small values get more color than their share, as on the scale of the style sheet
  const tint = (value, most) => ({
    name: "token " + (value >= 0 ? "raised" : "lowered"),
    shade: Math.round(STRONGEST * Math.min(1, Math.abs(value) / most) ** BEND),
  });

  // A mark for each token that has width.
  function tokens(widths, values, most) {
    let from = 0;
    const made = [];
    widths.forEach((width, token) => {
      if (width) made.push({ from, to: from + width, token, ...tint(values[token], most) });
      from += width;
    });
    return made;
  }

  // Only the start of a long text is painted, until the rest is asked for.
  const FOLD = 8000;
  function folded(element, text, layers) {
    let end = FOLD;
    if (text.length <= FOLD * 1.25) { element.replaceChildren(paint(text, layers)); return; }
    if (/[\ud800-\udbff]/.test(text[end - 1])) end--;
    const cut = (layer) => layer.filter((mark) => mark.from < end).map((mark) => ({ ...mark, to: Math.min(mark.to, end) }));
    const all = make("button", { type: "button", className: "more", textContent: `… all ${text.length.toLocaleString("en")} characters` });
    all.addEventListener("click", () => element.replaceChildren(paint(text, layers)));
    element.replaceChildren(paint(text.slice(0, end), layers.map(cut)), all);
  }

  Object.assign(errata, { marks, hits, reach, tint, tokens, folded });
})();
