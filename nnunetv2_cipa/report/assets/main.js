// What the user does, and what follows from it.
const numberOrNull = (text) => (text.trim() === "" ? null : Number(text));

function readFilters() {
  state.filter = {
    text: byId("search").value,
    class: byId("class").value,
    least: numberOrNull(byId("least").value),
    most: numberOrNull(byId("most").value),
  };
  update();
}

const KEYS = {
  ArrowLeft: () => step(-1),
  ArrowRight: () => step(1),
  Home: () => step(-Infinity),
  End: () => step(Infinity),
  ArrowUp: () => showSlice(view.slice + 1),
  ArrowDown: () => showSlice(view.slice - 1),
  l: () => stepLesion(1),
  L: () => stepLesion(-1),
  o: toggleAllOutlines,
  p: () => {
    view.pet = !view.pet;
    drawWindows();
  },
  c: () => {
    view.ct = !view.ct;
    drawWindows();
  },
  "[": () => setWindow(view.level - 10 * byId("level").step, view.width),
  "]": () => setWindow(view.level + 10 * byId("level").step, view.width),
  "{": () => setWindow(view.level, view.width - 10 * byId("width").step),
  "}": () => setWindow(view.level, view.width + 10 * byId("width").step),
  "+": () => zoomAt(ZOOM_STEP),
  "-": () => zoomAt(1 / ZOOM_STEP),
  f: () => zoomAt(0),
};

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, select")) return; // they have keys of their own
  const action = /^\d$/.test(event.key) ? () => toggleOutline(Number(event.key)) : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
}

function fillChoices() {
  byId("model").replaceChildren(...data.models.map((name, model) => element("option", { value: model }, name)));
  byId("measure").replaceChildren(...data.measures.map(({ name, title }) => element("option", { value: name }, title)));
  fillClasses();
}

function fillClasses() {
  const titles = chosen.classes.map((title, number) => element("option", { value: number }, title));
  byId("class").replaceChildren(element("option", { value: "" }, "all"), ...titles);
}

function chooseLabel(number) {
  chosen = data.views[number];
  state.label = number;
  for (const part of document.querySelectorAll("[data-label]")) part.hidden = Number(part.dataset.label) !== number;
  fillClasses();
  readFilters();
  showLesion(-1);
  drawProjections();
}

function connectChoices() {
  byId("theme").onclick = nextTheme;
  byId("model").onchange = byId("measure").onchange = () => rankBy(Number(byId("model").value), byId("measure").value);
  whenChanged(() => {
    byId("model").value = state.model;
    byId("measure").value = state.measure;
  });
  byId("filters").oninput = (event) => {
    if (event.target.matches("#search, #class, #least, #most")) readFilters();
  };
  byId("filters").onreset = () => {
    state.filter = { text: "", class: "", least: null, most: null };
    rankBy(0, data.measures[0].name);
  };
  byId("previous-page").onclick = () => turnPage(-ROWS);
  byId("next-page").onclick = () => turnPage(ROWS);
  for (const card of document.querySelectorAll(".differences")) {
    card.querySelector(".difference-measure").onchange = (event) => {
      card.querySelectorAll(".difference").forEach((table, index) => {
        table.hidden = index !== Number(event.target.value);
      });
    };
  }
  for (const svg of document.querySelectorAll(".scatter svg")) svg.onclick = openDot;
  byId("label")?.addEventListener("change", (event) => chooseLabel(Number(event.target.value)));
}

function connectViewer() {
  const stage = byId("stage");
  byId("worst").onclick = KEYS.Home;
  byId("worse").onclick = KEYS.ArrowLeft;
  byId("better").onclick = KEYS.ArrowRight;
  byId("best").onclick = KEYS.End;
  byId("slice").oninput = (event) => showSlice(Number(event.target.value));
  byId("previous-lesion").onclick = KEYS.L;
  byId("next-lesion").onclick = KEYS.l;
  byId("level").oninput = byId("width").oninput = () => setWindow(Number(byId("level").value), Number(byId("width").value));
  byId("upper").oninput = (event) => {
    view.upper = Number(event.target.value);
    view.isUpperChosen = true;
    drawWindows();
  };
  byId("opacity").oninput = () => {
    view.pet = true;
    drawWindows();
  };
  byId("viewer").onkeydown = onKey;
  stage.ondblclick = KEYS.f;
  stage.onpointermove = (event) => {
    pan(event);
    readOut(event);
  };
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && document.activeElement !== stage) return; // so that scrolling the page does not stop here
      event.preventDefault();
      zoomAt(ZOOM_STEP ** (-event.deltaY / 100), pointAt(event));
    },
    { passive: false },
  );
}

setTheme(THEMES.includes(storedTheme()) ? storedTheme() : "system");
fillChoices();
connectChoices();
connectViewer();
rankBy(0, data.measures[0].name);
step(0);
