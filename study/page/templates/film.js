// Films: the frames of one lie below each other in one picture, of which a window shows one.

const FRAME_MS = 250;

for (const film of document.querySelectorAll(".film")) {
  const strip = film.querySelector("img"), slider = film.querySelector("input");
  const play = film.querySelector("button"), last = Number(slider.max);
  let timer = 0;

  function show(frame) {
    slider.value = frame;
    slider.setAttribute("aria-valuetext", `frame ${frame + 1} of ${last + 1}`);
    strip.style.transform = `translateY(${-100 * frame / (last + 1)}%)`;
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === last) show(0);
    play.textContent = "Stop";
    timer = setInterval(() => {
      show(Number(slider.value) + 1);
      if (Number(slider.value) === last) stop();
    }, FRAME_MS);
  });
  show(last);
}
