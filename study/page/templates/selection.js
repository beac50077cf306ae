// The selection in the plots: drawn over them, so that choosing another trial draws no plot again.

const SVG = "http://www.w3.org/2000/svg";
const chosenOnes = () => [[state.a, ""], [state.b, "2 4"]].filter(([id]) => id);  // and their dashes

function layerOver(plot) {
  const there = plot.querySelector(":scope > .selection");
  if (there) return there;
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("class", "selection");
  made.setAttribute("aria-hidden", "true");
  plot.append(made);
  return made;
}

function placesOf(plot, id) {  // of a trial's marks in the first trace that has it, in pixels
  const axis = (trace, letter) =>
    plot._fullLayout[(trace[`${letter}axis`] ?? letter).replace(letter, `${letter}axis`)];
  for (const trace of plot.data) {
    const at = [...(trace.customdata ?? []).keys()]
      .filter(i => trace.customdata[i] === id && trace.y[i] !== null);
    if (!at.length || trace.type === "bar" || trace.visible === "legendonly") continue;
    const [x, y] = [axis(trace, "x"), axis(trace, "y")];
    return at.map(i => [x._offset + x.d2p(trace.x[i]), y._offset + y.d2p(trace.y[i])])
      .filter(([left, top]) => left >= x._offset && left <= x._offset + x._length
                               && top >= y._offset && top <= y._offset + y._length);
  }
  return [];
}

function markSelection(plot) {  // a ring around a trial's mark, or a strong line through several
  layerOver(plot).replaceChildren(...chosenOnes().flatMap(([id, dash]) => {
    const places = placesOf(plot, id);
    if (!places.length) return [];
    const mark = document.createElementNS(SVG, places.length > 1 ? "polyline" : "circle");
    const [[left, top]] = places;
    const says = places.length > 1 ? {points: places.join(" ")} : {cx: left, cy: top, r: 10};
    for (const [key, value] of Object.entries({...says, "stroke-dasharray": dash})) {
      mark.setAttribute(key, value);
    }
    mark.dataset.trial = id;
    return [mark];
  }));
}

function markEverywhere() {
  for (const plot of document.querySelectorAll(".plot[data-ready]")) markSelection(plot);
}
