// Pictures four times as large, one laid over another at a line that moves.

const pictures = () => [...document.querySelectorAll(".picture img")];

function showLarge() {
  for (const side of ["left", "right"]) {
    const image = pictures()[element(side).value], large = element(`${side}-image`);
    large.src = image.src;
    large.alt = image.alt;
    large.style.width = `${4 * image.naturalWidth}px`;
  }
  element("right-image").style.clipPath = `inset(0 0 0 ${element("divide").value}%)`;
}

function enlarge(button) {  // what is beside it, or before it, is on the other side
  const shown = pictures(), place = shown.indexOf(button.querySelector("img"));
  for (const [side, chosen] of [["left", Math.max(0, place - 1)], ["right", place]]) {
    element(side).replaceChildren(...shown.map((image, value) =>
      make("option", {value, textContent: image.alt})));
    element(side).value = chosen;
  }
  showLarge();
  element("viewer").showModal();
}

document.addEventListener("click", event => {
  const button = event.target.closest(".picture");
  if (button) enlarge(button);
});
for (const id of ["left", "right", "divide"]) element(id).addEventListener("input", showLarge);
