// Taking it along: every plot as a file.

function save(text, type, file) {
  const url = URL.createObjectURL(new Blob([text], {type}));
  make("a", {href: url, download: file}).click();
  URL.revokeObjectURL(url);
}

const csvOf = rows => rows.map(row => row.map(value => {
  const text = String(value ?? "");
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}).join(",")).join("\r\n") + "\r\n";

function plotRows(plot) {  // a row per mark; what it belongs to, where it is, what it says
  const keys = ["x", "y", "base", "text", "customdata"];
  const rows = plot.data.filter(trace => trace.x).flatMap(trace => [...trace.x.keys()].map(i =>
    [trace.name, ...keys.map(key => Array.isArray(trace[key]) ? trace[key][i] : trace[key])]));
  return [["trace", ...keys], ...rows];
}

async function savePlot(id, format) {
  const plot = element(id), file = `${data.name}-${id}.${format}`;
  if (format === "csv") {  // parallel coordinates have no marks: they are the table of all trials
    const rows = plotRows(plot);
    save(rows.length > 1 ? csvOf(rows) : asCsv(), "text/csv", file);
    return;
  }
  const font = {...plot.layout.font, color: "#1b1f24"};  // on paper, whatever the reader's scheme
  const layout = {...plot.layout, font, paper_bgcolor: "#ffffff"};
  const size = {width: plot.clientWidth, height: plot.clientHeight, scale: format === "png" ? 2 : 1};
  const url = await Plotly.toImage({data: plot.data, layout}, {format, ...size});
  make("a", {href: url, download: file}).click();
}

for (const button of document.querySelectorAll("[data-format]")) {
  button.addEventListener("click", () => savePlot(button.dataset.plot, button.dataset.format));
}
