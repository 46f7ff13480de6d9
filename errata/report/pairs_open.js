"use strict";
// An opened pair: question, both texts, and what is known of them.
(() => {
  const { make, written, marks, hits, reach, tint, tokens, folded } = errata;
  const dialog = document.getElementById("pair");
  const SIDES = ["Rejected", "Chosen"];
  const MODES = [["diff", "Words"], ["credit", "Token rewards"], ["before", "Before"], ["after", "After"]];
  const MEANINGS = {
    credit: "β · (log-prob after training − before) of each token, in nats: what training credited",
    before: "log-prob of each token before training, in nats: the stronger, the less expected",
    after: "log-prob of each token after training, in nats: the stronger, the less expected",
  };
  function number(value, digits = 2) {
    const told = Math.abs(value).toFixed(digits);
    return value < 0 && Number(told) ? "−" + told : told;
  }
  const signed = (value, digits = 2) => (Number(value.toFixed(digits)) > 0 ? "+" : "") + number(value, digits);
  const named = (tag, className, ...children) => make(tag, { className }, ...children);
  const text = (value) => make("span", { className: "text", textContent: value });
  let wanted = "diff"; // what a reader wants marked, where the pair has it
  let mode = "diff";

  const tip = make("div", { className: "tip", hidden: true, data: { role: "status" } });

  function badge(verdict) { return make("span", { className: "verdict-" + verdict, textContent: verdict }); }

  function turn([role, content], last) {
    const body = named("div", "text quoted");
    folded(body, content, [hits(content, errata.query || "")]);
    return named("div", last ? "turn last" : "turn", make("h4", { textContent: role === "user" ? "Question" : role }), body);
  }

  function head(side, known, gold) {
    const grade = known.grades[side];
    const line = named("div", "side-head", make("h4", { textContent: SIDES[side] }));
    if (grade && grade.verdict) line.append(badge(grade.verdict));
    if (grade && grade.read !== null) line.append(named("span", "soft", "answer ", text(grade.read)));
    return line;
  }

  function why(side, known) {
    const grade = known.grades[side];
    const lines = named("div", "why soft");
    if (grade && grade.reason) lines.append(named("p", "", "Checker: ", written(grade.reason)));
    for (const [checker, verdict, reason] of (grade && grade.opinions) || []) {
      lines.append(named("p", "", text(checker), " says ", badge(verdict), " ", written(reason)));
    }
    return lines;
  }

  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  const rewards = ([, before, after], beta) => after.map((value, at) => beta * (value - before[at]));
  const values = (side, known) => (mode === "credit" ? rewards(known.credit[side], known.beta) : known.credit[side][mode === "before" ? 1 : 2]);

  // The value of the token under the pointer, beside it.
  function tell(element, side, known) {
    const at = Number(element.dataset.token);
    const [, before, after, counted] = known.credit[side];
    const rows = [["reward", signed(known.beta * (after[at] - before[at]), 3)], ["before", number(before[at], 3)], ["after", number(after[at], 3)]];
    if (counted.length && counted[at] > 1) rows.push(["tokens", String(counted[at])]);
    tip.replaceChildren(make("code", { textContent: element.textContent.replace(/\n/g, "⏎").slice(0, 40) }), ...rows.map(([name, value]) => named("span", "", make("i", { textContent: name }), " " + value)));
    tip.hidden = false;
    const box = element.getClientRects()[0];
    tip.style.left = Math.max(8, Math.min(box.left, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = (box.top > tip.offsetHeight + 12 ? box.top - tip.offsetHeight - 6 : box.bottom + 6) + "px";
  }

  function legend(most) {
    if (mode === "diff") return named("p", "legend soft", named("span", "gone", "gone"), " from rejected, ", named("span", "new", "new"), " in chosen");
    const ends = ["−" + most.toPrecision(2), mode === "credit" ? "+" + most.toPrecision(2) : "0"];
    const scale = named("span", mode === "credit" ? "scale scale-both" : "scale scale-one");
    return named("p", "legend soft", named("span", "scale-line", ends[0], " ", scale, " ", ends[1]), " ", MEANINGS[mode], "; changed words are underlined");
  }

  function panes(pair, known, fresh) {
    const most = mode === "diff" ? 0 : reach([0, 1].flatMap((side) => values(side, known)));
    const sides = SIDES.map((_, side) => {
      const content = pair[side + 1];
      const pane = named("div", "pane", head(side, known));
      if (content === null) {
        const reason = known.findings.find((finding) => finding[1] === "drop");
        pane.append(named("p", "soft none", "There is no chosen text. ", reason ? written(reason[2]) : ""));
        return pane;
      }
      const changed = marks(side ? known.new : known.gone, mode === "diff" ? (side ? "new" : "gone") : "changed");
      const layers = [changed, hits(content, errata.query || "")];
      if (side) known.findings.forEach((finding) => finding[3] && layers.push(marks(finding[3], "found")));
      const body = named("div", "text quoted body");
      if (mode !== "diff") layers.unshift(tokens(known.credit[side][0], values(side, known), most));
      folded(body, content, layers);
      if (mode !== "diff") {
        const found = values(side, known);
        known.credit[side][0].forEach((width, at) => {
          if (width) return;
          const { name, shade } = tint(found[at], most);
          const end = make("span", { className: "end-mark " + name, textContent: "end", data: { "data-token": at } });
          end.style.setProperty("--shade", shade + "%");
          body.append(end);
        });
        const show = (event) => { const over = event.target.closest("[data-token]"); if (over) tell(over, side, known); else tip.hidden = true; };
        body.addEventListener("pointerover", show);
        body.addEventListener("click", show);
        body.addEventListener("pointerleave", () => { tip.hidden = true; });
      }
      pane.append(body);
      if (known.credit) {
        const [, before, after] = known.credit[side];
        const change = total(after) - total(before);
        const sum = named("b", "", signed(known.beta * change));
        pane.append(named("p", "why soft", "Reward ", sum, ` = ${known.beta} × (${signed(change, 1)} nats); log-prob ${number(total(before), 1)} before, ${number(total(after), 1)} after`));
      }
      pane.append(why(side, known));
      return pane;
    });
    fresh.replaceChildren(legend(most), named("div", "panes", ...sides));
  }

  function modes(redraw) {
    const buttons = MODES.map(([name, label]) => {
      const button = make("button", { type: "button", textContent: label, data: { "data-mode": name } });
      button.addEventListener("click", () => { wanted = mode = name; redraw(); });
      return [name, button];
    });
    const group = make("div", { className: "chips", data: { role: "group", "aria-label": "What is marked" } }, ...buttons.map(([, button]) => button));
    return [group, () => buttons.forEach(([name, button]) => button.setAttribute("aria-pressed", name === mode))];
  }

  function findings(known) {
    if (!known.findings.length) return "";
    const items = known.findings.map(([rule, action, reason, , score]) => {
      const what = named("span", "rule", text(rule));
      const strong = make("span", { className: "action-" + action, textContent: action === "drop" ? "drops it" : "flags it" });
      return named("li", "", what, " ", strong, " ", written(reason), score === null ? "" : named("span", "soft", ` (${score})`));
    });
    return named("div", "known", make("h4", { textContent: "Findings" }), named("ul", "findings", ...items));
  }

  function tries(known) {
    if (!known.tries.length) return "";
    const items = known.tries.map(([rung, teacher, came, reason, tried]) => {
      const line = named("li", "", named("span", "rule", text(rung)), teacher ? named("span", "soft", " by ", text(teacher)) : "", " – ", came, reason ? ": " : "", reason ? written(reason) : "");
      if (tried !== null) {
        const body = named("span", "text quoted");
        const details = named("details", "long", make("summary", { textContent: "its text" }), body);
        details.addEventListener("toggle", () => { if (details.open) folded(body, tried, []); });
        line.append(details);
      }
      return line;
    });
    return named("div", "known", make("h4", { textContent: "Tries at this mistake" }), named("ol", "tries", ...items));
  }

  function facts(known) {
    const rows = [...(known.gold === null ? [] : [["Gold answer", known.gold]]), ...known.facts];
    return named("div", "known", make("h4", { textContent: "Where it comes from" }), named("dl", "provenance", ...rows.map(([name, value]) =>
      named("div", "", make("dt", { textContent: name }), named("dd", "", value.length > 80 ? written(value) : text(value))))));
  }

  // What the dialog shows of a pair; `bar` is the line with its place and buttons.
  errata.fill = (pair, known, bar) => {
    mode = known.credit ? wanted : "diff";
    const fresh = named("div", "");
    const [group, press] = modes(redraw);
    function redraw() { tip.hidden = true; press(); panes(pair, known, fresh); }
    redraw();
    const turns = pair[0].map((one, at) => turn(one, at === pair[0].length - 1));
    const note = known.other ? named("p", "soft", "There are token rewards for another version of these texts; they are not shown.") : "";
    const parts = [named("div", "turns", ...turns), known.credit ? group : "", note, fresh, findings(known), tries(known), facts(known)];
    const inside = make("div", { className: "inside", tabIndex: -1, data: { autofocus: "" } }, ...parts);
    inside.addEventListener("scroll", () => { tip.hidden = true; });
    dialog.replaceChildren(bar, inside, tip);
    inside.focus();
  };
})();
