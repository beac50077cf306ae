// What the page does: one selection, shown in every plot, in the panels and in the table. It is kept
// in the address, so that a page that refreshes itself, or a copied link, shows the same.

const trials = new Map(data.trials.map(trial => [trial.id, trial]));
const narrow = matchMedia("(max-width: 560px)");
const config = {displaylogo: false, showSendToCloud: false, responsive: true,
                displayModeBar: narrow.matches ? false : "hover", modeBarButtonsToRemove: ["select2d", "lasso2d"]};
const state = {a: data.chosen, b: "", axis: Object.keys(data.tradeoffs)[0], sort: "", find: "",
               status: ""};
const ink = () => getComputedStyle(document.body).color;
const short = value => typeof value !== "number" || Number.isInteger(value)
  ? String(value ?? "") : String(Number(value.toPrecision(4)));

// --- the address

function remember() {
  const kept = Object.entries(state).filter(([, value]) => value);
  history.replaceState(null, "", "#" + new URLSearchParams(kept));
}

for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
  if (key in state) state[key] = value;
}
if (!trials.has(state.a)) state.a = data.chosen;
if (!trials.has(state.b)) state.b = "";
if (!(state.axis in data.tradeoffs)) state.axis = Object.keys(data.tradeoffs)[0];

// --- plots

function plot(id, figure) {
  if (!element(id) || element(id).tagName === "P") return;
  figure.layout.font = {...figure.layout.font, color: ink()};
  if (narrow.matches) {  // a legend above would take the plot's place: a row each below it
    const rows = figure.data.filter(trace => trace.name && trace.showlegend !== false).length;
    figure.layout.legend = {orientation: "v", x: 0, yref: "container", y: 0, yanchor: "bottom"};
    figure.layout.margin = {...figure.layout.margin, b: 70 + 20 * rows};
    element(id).style.height = `${300 + 20 * rows}px`;
  }
  Plotly.react(id, figure.data, figure.layout, config);
  if (element(id).dataset.ready) return;
  element(id).dataset.ready = "yes";
  element(id).on("plotly_click", event => {
    const id = event.points[0].customdata;
    if (trials.has(id)) select(id);
  });
  element(id).on("plotly_hover", event => showTip(event.points[0].customdata, event.event));
  element(id).on("plotly_unhover", () => { element("tip").hidden = true; });
  element(id).on("plotly_relayouting", () => layerOver(element(id)).replaceChildren());
  element(id).on("plotly_afterplot", () => markSelection(element(id)));
  markSelection(element(id));
}

function drawTradeoff() {
  plot("tradeoff", structuredClone(data.tradeoffs[state.axis]));
  for (const note of document.querySelectorAll("[data-axis]")) {
    note.hidden = note.dataset.axis !== (state.axis === "anytime" ? "anytime" : "other");
  }
}

// --- what a hover shows

function facts(trial, names) {
  return names.filter(name => name in trial.parameters || name in trial.metrics)
    .map(name => [data.labels[name], short(trial.parameters[name] ?? trial.metrics[name])]);
}

function showTip(id, event) {
  const trial = trials.get(id), tip = element("tip");
  if (!trial || !event) return;
  const names = [...Object.keys(trial.parameters), ...data.stages.objectives];
  tip.replaceChildren(
    make("strong", {textContent: `trial ${trial.number}, ${trial.ended}`}),
    ...facts(trial, names).map(([label, value]) => make("div", {textContent: `${label} ${value}`})));
  const picture = trial.pictures[data.stages.list.at(-1)?.name];
  if (picture) tip.append(make("img", {src: picture, alt: ""}));
  tip.hidden = false;
  const left = event.clientX + 16 + tip.offsetWidth < innerWidth
    ? event.clientX + 16 : Math.max(4, event.clientX - 16 - tip.offsetWidth);
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY, innerHeight - tip.offsetHeight - 8))}px`;
}

// --- the selected trial, and one beside it

function enlargeable(image) {
  const button = make("button", {type: "button", className: "picture"}, image);
  button.setAttribute("aria-label", `Enlarge ${image.alt}`);
  return button;
}

function panel(trial, which) {
  const pictures = data.stages.list.filter(stage => trial.pictures[stage.name]).map(stage =>
    make("figure", {}, make("figcaption", {textContent: stage.label}),
         enlargeable(make("img", {src: trial.pictures[stage.name], id: `${which}-${stage.name}`,
                                  alt: `${stage.label} of trial ${trial.number}`}))));
  const table = (id, entries) => make("table", {className: "facts", id: `${which}-${id}`},
    ...entries.map(([label, value]) => {
      const row = make("tr");
      for (const text of [label, value]) row.insertCell().textContent = text;
      return row;
    }));
  const command = make("code", {textContent: trial.command, id: `${which}-command`,
                                className: "command", tabIndex: 0});
  const copy = make("button", {type: "button", textContent: "Copy", id: `${which}-copy`});
  copy.setAttribute("aria-label", `Copy the command of trial ${trial.number}`);
  copy.addEventListener("click", () => copyText(trial.command, copy));
  return make("div", {},
    make("p", {className: "soft", id: `${which}-ended`,
               textContent: `Trial ${trial.number} (${trial.id}), ${trial.ended}`}),
    make("div", {className: "pictures"}, ...pictures),
    make("h3", {textContent: "Settings"}),
    table("parameters", facts(trial, Object.keys(trial.parameters))),
    make("p", {className: "soft", style: "margin: 8px 0 0"}, "Run it again: ", copy), command,
    make("h3", {textContent: "Scores"}), table("scores", facts(trial, data.stages.objectives)),
    make("details", {}, make("summary", {textContent: "All that it reported"}),
         table("metrics", facts(trial, Object.keys(trial.metrics)))));
}

async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a page from disk may not use the clipboard directly
    const area = make("textarea", {value: text});
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

function drawPanels() {
  const shown = chosenOnes().map(([id]) => trials.get(id)).filter(Boolean);
  element("panels").className = shown.length > 1 ? "panels two" : "panels";
  element("panels").replaceChildren(...shown.map((trial, place) => panel(trial, place ? "b" : "a")));
  element("trial").value = state.a ?? "";
  element("other").value = state.b;
}

// --- the table

const cell = (trial, key) => trial[key] ?? trial.parameters[key] ?? trial.metrics[key];

function rowsShown() {
  const find = state.find.toLowerCase();
  const rows = data.trials.filter(trial => (!state.status || trial.status === state.status)
    && (!find || [trial.id, ...data.columns.map(c => short(cell(trial, c.key)))]
        .some(text => text.toLowerCase().includes(find))));
  const key = state.sort.replace("-", ""), sign = state.sort.startsWith("-") ? -1 : 1;
  if (!key) return rows;
  return rows.sort((a, b) => {
    const [x, y] = [cell(a, key), cell(b, key)];
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
  });
}

function drawTable() {
  const rows = rowsShown();
  element("table").tBodies[0].replaceChildren(...rows.map(trial => {
    const row = make("tr", {tabIndex: -1});
    row.dataset.id = trial.id;
    for (const column of data.columns) {
      row.insertCell().textContent = short(cell(trial, column.key));
    }
    const link = make("button", {type: "button", textContent: String(trial.number)});
    link.setAttribute("aria-label", `select trial ${trial.number}`);
    row.cells[0].replaceChildren(link);
    row.addEventListener("click", () => select(trial.id));
    return row;
  }));
  for (const button of document.querySelectorAll("#table th button")) {
    const up = state.sort === button.dataset.key, down = state.sort === `-${button.dataset.key}`;
    button.closest("th").setAttribute("aria-sort", up ? "ascending" : down ? "descending" : "none");
  }
  element("count").textContent = `${rows.length} of ${data.trials.length} trials`;
  markRow();
}

function markRow() {
  for (const row of element("table").tBodies[0].rows) {
    row.setAttribute("aria-selected", String([state.a, state.b].includes(row.dataset.id)));
  }
}

function asCsv() {
  const keys = ["id", ...data.columns.map(column => column.key)];
  return csvOf([keys, ...rowsShown().map(trial => keys.map(key => cell(trial, key)))]);
}

// --- everything together

function select(id, other = state.b === id ? "" : state.b) {
  Object.assign(state, {a: id, b: other});
  drawPanels();
  markEverywhere();
  markRow();
  remember();
}

for (const [id, first] of [["trial", []], ["other", [make("option", {value: "", textContent: "none"})]]]) {
  element(id).append(...first, ...data.trials.map(trial => make("option", {
    value: trial.id, textContent: `${trial.number} (${trial.id}), ${trial.status}`})));
}
element("trial").addEventListener("change", event => select(event.target.value));
element("other").addEventListener("change", event => select(state.a, event.target.value));
element("axis").value = state.axis;
element("axis").addEventListener("change", event => {
  state.axis = event.target.value;
  drawTradeoff();
  remember();
});
for (const button of document.querySelectorAll("#table th button")) {
  button.addEventListener("click", () => {
    state.sort = state.sort === button.dataset.key ? `-${button.dataset.key}` : button.dataset.key;
    drawTable();
    remember();
  });
}
for (const [id, key, event] of [["search", "find", "input"], ["status", "status", "change"]]) {
  element(id).value = state[key];
  element(id).addEventListener(event, event => {
    state[key] = event.target.value;
    drawTable();
    remember();
  });
}
element("download").addEventListener("click", () => save(asCsv(), "text/csv", `${data.name}.csv`));
element("verdict-json")?.addEventListener("click", () =>
  save(JSON.stringify(data.verdict, null, 2), "application/json", "verdict.json"));
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", () =>
    copyText(element(button.dataset.copy).textContent, button));
}
for (const details of document.querySelectorAll("details")) {  // a hidden plot has no size
  details.addEventListener("toggle", () => details.querySelectorAll(".plot")
    .forEach(each => Plotly.Plots.resize(each)));
}

async function drawAll() {  // the trade-off first; the others follow while it can be read
  drawTradeoff();
  for (const [id, figure] of Object.entries(data.figures)) {
    await new Promise(next => setTimeout(next));
    plot(id, figure);
  }
}

drawPanels();
drawTable();
loadPlotly().then(drawAll).then(() => {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.body.dataset.ready = "yes";
});
if (data.refreshSeconds) setTimeout(() => location.reload(), 1000 * data.refreshSeconds);
