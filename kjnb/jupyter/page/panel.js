// What stands above and below the chart in a page: words, buttons, failures, one index.
//
// All text that comes from a run is set as text (textContent), never as markup. A press is answered here at once; the
// kernel hears of it, and says so by `heard`. Where it does not, the page says what to type in a terminal.

const PATIENCE = 1000; // milliseconds until a press that was not heard is said to wait
const HEARTBEAT = 4000; // milliseconds between signs that somebody looks

const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

const press = (name, text, act) => {
  const made = make("button", name, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
};

// Asks of the kernel, and what is said when it does not hear them.
class Line {
  constructor(model, say) {
    this.model = model;
    this.say = say;
    this.view = Math.random().toString(36).slice(2);
    this.asked = 0;
    this.waiting = null;
    this.onHeard = () => {
      if (this.waiting && model.get("heard") === this.waiting.id) this.end();
    };
    model.on("change:heard", this.onHeard);
  }

  end() {
    if (this.waiting) clearTimeout(this.waiting.timer);
    this.waiting = null;
  }

  send(what, cli) {
    const terminal = cli ? ` In a terminal: ${cli}` : "";
    if (this.model.get("busy")) {
      this.say(`The kernel is busy with a cell and cannot answer.${terminal}`);
      return false;
    }
    this.end();
    const id = `${this.view}-${++this.asked}`;
    const timer = setTimeout(
      () => this.say(`The kernel has not answered yet; it does so when it is free.${terminal}`), PATIENCE);
    this.waiting = { id, timer };
    this.model.send({ ...what, id });
    return true;
  }

  close() {
    this.end();
    this.model.off("change:heard", this.onHeard);
  }
}

// Which loading of the page this is: after another one, outputs that are no widgets do not move any more.
const LOADED = Math.random().toString(36).slice(2);

// Tells the kernel that somebody looks: only then does it draw.
function watch(model, root, view) {
  let isSeen = false;
  const tell = () => {
    const looks = isSeen && !document.hidden;
    model.send({ do: looks ? "seen" : "unseen", view, page: LOADED });
  };
  const eye = new IntersectionObserver((entries) => {
    isSeen = entries[entries.length - 1].isIntersecting;
    tell();
  }, { rootMargin: "400px" });
  requestAnimationFrame(() => eye.observe(root.closest(".kjnb-monitor") || root));
  const beat = setInterval(() => { if (isSeen && !document.hidden) tell(); }, HEARTBEAT);
  document.addEventListener("visibilitychange", tell);
  // a chart listens to the window alone: a cell that becomes narrower tells it so
  let timer = 0, width = root.clientWidth;
  const ruler = new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    clearTimeout(timer);
    timer = setTimeout(() => window.dispatchEvent(new Event("resize")), 60);
  });
  ruler.observe(root);
  return () => {
    eye.disconnect();
    ruler.disconnect();
    clearTimeout(timer);
    clearInterval(beat);
    document.removeEventListener("visibilitychange", tell);
    isSeen = false;
    tell();
  };
}

function top(model, root) {
  root.classList.add("kjnb-top");
  const line = make("div", "kjnb-line"), name = make("b"), words = make("span");
  line.append(name, words);
  const why = make("div", "kjnb-why"), bar = make("div", "kjnb-controls");
  bar.setAttribute("role", "toolbar");
  const ask = make("div", "kjnb-ask"), answer = make("div", "kjnb-answer"), back = make("div", "kjnb-back");
  answer.setAttribute("role", "status");
  root.append(line, why, bar, ask, answer, back);

  const say = (text) => { answer.textContent = text; answer.hidden = !text; };
  const kernel = new Line(model, say);
  const unwatch = watch(model, root, kernel.view);
  const quiet = () => { ask.replaceChildren(); ask.hidden = true; };
  quiet();

  const act = (told, more) => {
    quiet();
    if (told.why) return say(`${told.label}: ${told.why}`);
    const go = () => { quiet(); if (kernel.send({ do: told.do, ...more }, told.cli)) say(`${told.label} …`); };
    if (!told.asks) return go();
    say("");
    const yes = press("kjnb-yes", `Yes, ${told.label.toLowerCase()}`, go);
    ask.replaceChildren(make("span", "", told.asks), yes, press("kjnb-no", "No", quiet));
    ask.hidden = false;
    yes.focus();
  };

  const drawn = new Map();
  const button = (told) => {
    let shown = drawn.get(told.do);
    if (!shown) {
      shown = press(`kjnb-do kjnb-do-${told.do}`, "", () => act(shown.told));
      drawn.set(told.do, shown);
    }
    shown.told = told;
    shown.textContent = told.label;
    shown.title = told.why || told.cli;
    shown.setAttribute("aria-disabled", told.why ? "true" : "false");
    return shown;
  };

  const scale = make("label", "kjnb-scale"), range = make("input"), number = make("output");
  range.type = "range";
  range.setAttribute("aria-label", "how many indexes run at the same time");
  scale.append(make("span", "", "at a time"), range, number);
  let isHeld = false;
  range.addEventListener("input", () => { isHeld = true; number.textContent = range.value; });
  range.addEventListener("change", () => {
    isHeld = false;
    act({ ...scale.told, do: "scale", label: `${range.value} at a time`, cli: scale.told.cli.replace(/N$/, range.value) },
      { number: Number(range.value) });
  });
  const slide = (told) => {
    scale.told = told;
    scale.title = told.why || told.cli;
    range.disabled = Boolean(told.why) || told.most <= told.least;
    if (isHeld) return;
    range.min = told.least;
    range.max = told.most;
    range.value = told.value;
    number.textContent = told.value;
  };

  const controls = () => {
    const { buttons, slider } = model.get("controls");
    if (!buttons) return;
    const wanted = [...buttons.map(button), scale];
    slide(slider);
    if (wanted.length !== bar.children.length || wanted.some((one, i) => bar.children[i] !== one)) {
      bar.replaceChildren(...wanted);
    }
  };
  const draw = {
    name: () => { name.textContent = model.get("name"); },
    line: () => { words.textContent = ` · ${model.get("line")}`; },
    why: () => { why.textContent = model.get("why"); why.hidden = !model.get("why"); },
    answer: () => { kernel.end(); say(model.get("answer")); },
    busy: () => root.classList.toggle("kjnb-busy", model.get("busy")),
    controls,
    hint: () => {
      const hint = model.get("hint"), inside = model.get("inside");
      back.hidden = !hint;
      back.replaceChildren(make("span", "", hint));
      if (inside) back.prepend(press("kjnb-whole", "◂ All indexes", () => kernel.send({ do: "whole" }, "")));
    },
  };
  return bind(model, { ...draw, inside: draw.hint }, () => { unwatch(); kernel.close(); });
}

function bottom(model, root) {
  root.classList.add("kjnb-failures");
  const list = make("div", "kjnb-groups"), first = make("pre", "kjnb-first"), detail = make("div", "kjnb-detail");
  const note = make("div", "kjnb-answer");
  note.hidden = true;
  root.append(list, first, note, detail);
  const kernel = new Line(model, (text) => { note.textContent = text; note.hidden = !text; });
  const send = (what, cli) => { note.hidden = true; kernel.send(what, cli); };
  const look = (index, number) => send({ do: "look", index, number }, `kjnb logs ${model.get("name")} ${index}`);

  const row = (told) => {
    const shown = make("tr"), cell = make("td");
    cell.append(press("kjnb-index", String(told.index), () => look(told.index, -1)));
    shown.append(cell);
    for (const key of ["label", "attempts", "exit", "rows", "last"]) shown.append(make("td", `kjnb-of-${key}`, told[key]));
    return shown;
  };
  const table = (opened) => {
    const made = make("div", "kjnb-rows"), grid = make("table"), head = make("tr"), body = make("tbody");
    for (const text of ["index", "partition", "attempts", "exit code", "rows", "last line"]) {
      head.append(make("th", "", text));
    }
    body.append(...opened.rows.map(row));
    grid.append(make("thead"), body);
    grid.tHead.append(head);
    made.append(grid);
    if (opened.more) made.append(press("kjnb-more", `${opened.more} more`, () => send({ do: "more" }, "")));
    return made;
  };
  const groups = () => {
    const opened = model.get("opened"), { groups: told = [], more = 0, first: traceback = "" } = model.get("groups");
    list.replaceChildren(...told.flatMap((one) => {
      const isOpen = opened.group === one.group;
      const head = press("kjnb-group", "", () => send({ do: "group", group: isOpen ? "" : one.group },
        `kjnb failures ${model.get("name")}`));
      head.setAttribute("aria-expanded", String(isOpen));
      head.append(make("span", "kjnb-arrow", isOpen ? "▾" : "▸"), make("span", "kjnb-what", one.group),
        make("span", "kjnb-where", one.where));
      return isOpen ? [head, table(opened)] : [head];
    }));
    if (more) list.append(make("div", "kjnb-note", `… and ${more} more groups: %kjob failures ${model.get("name")}`));
    first.textContent = traceback;
    first.hidden = !traceback || Boolean(opened.group) || Boolean(model.get("detail").title);
  };
  const text = (name, words) => { const made = make("pre", name, words); made.tabIndex = 0; return made; };
  const show = () => {
    const told = model.get("detail");
    detail.hidden = !told.title;
    groups();
    if (!told.title) return detail.replaceChildren();
    const head = make("div", "kjnb-head");
    head.append(make("b", "", told.title), press("kjnb-again", "Refresh", () => look(told.index, told.number)),
      press("kjnb-close", "Close", () => send({ do: "unlook" }, "")));
    const tries = make("div", "kjnb-attempts");
    tries.append(...told.attempts.map((words) => make("div", "", words)));
    const pick = make("div", "kjnb-pick");
    for (let number = 0; told.count > 1 && number < told.count; number += 1) {
      const chip = press("kjnb-chip", `attempt ${number + 1}`, () => look(told.index, number));
      chip.setAttribute("aria-pressed", String(number === told.number));
      pick.append(chip);
    }
    const parts = [head, tries, pick];
    if (told.traceback) parts.push(make("div", "kjnb-note", "traceback"), text("kjnb-traceback", told.traceback));
    if (told.log) parts.push(make("div", "kjnb-note", "the end of its log"), text("kjnb-log", told.log));
    if (told.note) parts.push(make("div", "kjnb-note", told.note));
    detail.replaceChildren(...parts);
    const log = detail.querySelector(".kjnb-log");
    if (log) log.scrollTop = log.scrollHeight;
  };
  return bind(model, { groups, opened: groups, detail: show }, () => kernel.close());
}

function bind(model, draw, close) {
  const bound = Object.entries(draw).map(([name, act]) => [`change:${name}`, act]);
  for (const [event, act] of bound) { act(); model.on(event, act); }
  return () => {
    for (const [event, act] of bound) model.off(event, act);
    close();
  };
}

export default {
  render({ model, el }) {
    return (model.get("role") === "top" ? top : bottom)(model, el);
  },
};
