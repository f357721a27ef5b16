// The picture of one case: CT in a window, PET in colours over it, outlines over both.
const CT_PRESETS = [["Soft tissue", 40, 400], ["Lung", -600, 1500], ["Bone", 400, 1800]];
const HOUNSFIELD_BELOW = -200; // values below it are taken for Hounsfield units
const ZOOM_STEP = 1.25;
const MOST_ZOOM = 40;

const view = { picture: null, slice: 0, content: null, lesion: -1, level: 127.5, width: 255, upper: 255, isUpperChosen: false, ranges: "", box: null, hidden: new Set(), ct: true, pet: true, grey: [] };

const outlined = () => [REFERENCE, ...data.models.map((name, model) => ({ name, colour: modelColour(model), dashes: modelDashes(model) }))];

async function drawCase() {
  const number = state.current;
  if (number === null) return;
  byId("case-name").textContent = data.cases.identifier[number];
  byId("case-about").textContent = `patient ${data.cases.patient[number]} · ${shownSize(number)} ${data.sizeUnit}`;
  try {
    const picture = await pictureOf(number);
    if (number !== state.current || picture === view.picture) return;
    byId("message").textContent = "";
    byId("picture").dataset.case = number;
    view.picture = picture;
    view.slice = picture.first;
    view.lesion = -1;
    view.box = null;
    setRanges(picture);
    drawProjections();
    drawLesion();
    await drawSlice();
    preloadNeighbours();
  } catch (error) {
    if (number !== state.current) return;
    view.picture = view.content = null;
    byId("outlines").replaceChildren();
    for (const id of ["ct", "pet"]) byId(id).removeAttribute("href");
    byId("message").textContent = error.message;
  }
}

function preloadNeighbours() {
  if (!FOLDER) return;
  const place = state.ranked.indexOf(state.current);
  for (const number of [state.ranked[place + 1], state.ranked[place - 1]]) {
    if (number !== undefined) pictureOf(number).catch(() => {}); // it is reported when it is looked at
  }
}

// Windows stay as the user has set them, until a case has values of another range.
function setRanges(picture) {
  const [ct, pet] = picture.ranges;
  byId("ct-controls").hidden = byId("pet-controls").hidden = byId("scale").hidden = !ct;
  if (!ct) return;
  const hounsfield = ct[0] < HOUNSFIELD_BELOW;
  const kind = hounsfield ? "HU" : String(ct);
  const petKind = String(pet) === "0,255" ? "8 bits" : "values";
  const step = (range) => Math.max((range[1] - range[0]) / 255, 1e-6);
  Object.assign(byId("level"), hounsfield ? { min: -1000, max: 1000, step: 5 } : { min: ct[0], max: ct[1], step: step(ct) / 2 });
  Object.assign(byId("width"), hounsfield ? { min: 20, max: 2500, step: 10 } : { min: step(ct), max: ct[1] - ct[0], step: step(ct) });
  Object.assign(byId("upper"), { min: step(pet), max: pet[1], step: step(pet) });
  if (view.ranges !== kind) setWindow(...(hounsfield ? CT_PRESETS[0].slice(1) : [(ct[0] + ct[1]) / 2, ct[1] - ct[0]]));
  if (!view.isUpperChosen || view.petKind !== petKind) view.upper = pet[1];
  view.ranges = kind;
  view.petKind = petKind;
  drawPresets(hounsfield, ct);
}

function drawPresets(hounsfield, ct) {
  const presets = hounsfield ? CT_PRESETS : [["All", (ct[0] + ct[1]) / 2, ct[1] - ct[0]]];
  byId("presets").replaceChildren(
    ...presets.map(([title, level, width]) => {
      const button = element("button", { type: "button" }, title);
      button.onclick = () => setWindow(level, width);
      return button;
    }),
  );
}

function setWindow(level, width) {
  const within = (value, input) => Math.min(Number(input.max), Math.max(Number(input.min), value));
  view.level = within(level, byId("level"));
  view.width = within(width, byId("width"));
  drawWindows();
}

function setTransfer(filter, slope, intercept) {
  const transfer = byId(filter).querySelector("feComponentTransfer");
  for (const channel of transfer.children) {
    channel.setAttribute("slope", slope);
    channel.setAttribute("intercept", intercept);
  }
}

const shownNumber = (value) => value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 20 ? 1 : 0 });

function drawWindows() {
  if (!view.picture?.ranges.length) return;
  const [ct, pet] = view.picture.ranges;
  setTransfer("ct-window", (ct[1] - ct[0]) / view.width, (ct[0] - view.level) / view.width + 0.5);
  setTransfer("pet-colours", (pet[1] - pet[0]) / view.upper, pet[0] / view.upper);
  byId("pet").style.opacity = view.pet ? byId("opacity").value / 100 : 0;
  byId("ct").style.opacity = view.ct ? 1 : 0;
  Object.assign(byId("level"), { value: view.level });
  Object.assign(byId("width"), { value: view.width });
  Object.assign(byId("upper"), { value: view.upper });
  byId("level-value").textContent = shownNumber(view.level);
  byId("width-value").textContent = shownNumber(view.width);
  byId("upper-value").textContent = byId("scale-top").textContent = shownNumber(view.upper);
  byId("opacity-value").textContent = view.pet ? `${byId("opacity").value} %` : "off";
}

async function drawSlice() {
  const { picture, slice } = view;
  const content = await sliceOf(picture, slice);
  if (picture !== view.picture || slice !== view.slice) return; // another one has been asked for since
  view.content = content;
  const size = { width: picture.width, height: picture.height * picture.pixel };
  ["ct", "pet"].forEach((id, index) => {
    const image = byId(id);
    if (content.images[index]) image.setAttribute("href", content.images[index]);
    else image.removeAttribute("href");
    for (const side of ["width", "height"]) image.setAttribute(side, size[side]);
  });
  view.grey = content.images.map(greyLevels);
  byId("slices").hidden = picture.count < 2;
  Object.assign(byId("slice"), { max: picture.count - 1, value: slice });
  byId("slice-number").textContent = `${slice + 1} of ${picture.count} (no. ${content.number})`;
  byId("readout").textContent = "";
  drawOutlines();
  drawWindows();
  drawBox();
  drawPlace();
}

function outlinePaths(ofMasks, transform) {
  return ofMasks.flatMap((d, index) => {
    if (view.hidden.has(index) || !d) return [];
    const { name, colour, dashes } = outlined()[index];
    const path = svgElement("path", { d, transform, class: "outline", "data-outline": name });
    path.style.setProperty("--colour", colour);
    path.style.setProperty("--dashes", dashes);
    return [svgElement("path", { d, transform, class: "halo" }), path];
  });
}

function drawOutlines() {
  if (!view.content) return;
  const { pixel } = view.picture;
  const drawn = outlinePaths(view.content.outlines[state.label], `scale(1 ${pixel})`);
  const lesion = chosenLesion();
  if (lesion?.slice === view.slice) drawn.push(svgElement("circle", { cx: lesion.x, cy: lesion.y * pixel, r: view.picture.width / 14, class: "ring" }));
  byId("outlines").replaceChildren(...drawn);
  drawProjectedOutlines();
}

function drawToggles() {
  const measure = measureNamed(state.measure);
  byId("outlines-title").textContent = `Outlines, ${measure.title} ${measure.unit}`;
  byId("toggles").replaceChildren(
    ...outlined().map(({ name, colour, dashes }, index) => {
      const box = element("input", { type: "checkbox" });
      box.checked = !view.hidden.has(index);
      box.onchange = () => toggleOutline(index);
      const line = svgElement("svg", { viewBox: "0 0 32 14", "aria-hidden": "true" });
      const stroke = svgElement("path", { d: "M3 7h26", class: "outline" });
      stroke.style.setProperty("--colour", colour);
      stroke.style.setProperty("--dashes", dashes);
      line.append(stroke);
      const value = index && state.current !== null ? shownValue(valueOf(measure.name, index - 1, state.current), measure) : "";
      return element("label", {}, box, line, element("span", { title: name }, name), element("output", {}, value));
    }),
  );
}

function toggleOutline(index) {
  if (index >= outlined().length) return;
  if (!view.hidden.delete(index)) view.hidden.add(index);
  drawOutlines();
  drawToggles();
}

function toggleAllOutlines() {
  view.hidden = view.hidden.size ? new Set() : new Set(outlined().keys());
  drawOutlines();
  drawToggles();
}

function showSlice(number) {
  if (!view.picture) return;
  view.slice = Math.min(view.picture.count - 1, Math.max(0, number));
  drawSlice().catch((error) => (byId("message").textContent = error.message));
}

function drawRank() {
  const place = state.ranked.indexOf(state.current);
  const total = state.ranked.length;
  byId("rank").textContent = total ? `${place < 0 ? "–" : (place + 1).toLocaleString("en")} of ${total.toLocaleString("en")}` : "none";
  byId("worst").disabled = byId("worse").disabled = place === 0 || !total;
  byId("best").disabled = byId("better").disabled = place === total - 1 || !total;
}

// What is seen, as the SVG's view box; null shows all.
function drawBox() {
  const { width, height, pixel } = view.picture;
  const { x, y, zoom } = view.box ?? { x: width / 2, y: (height * pixel) / 2, zoom: 1 };
  byId("stage").style.touchAction = view.box ? "none" : "pan-y"; // a finger moves what is enlarged, else the page
  byId("picture").setAttribute("viewBox", [x - width / 2 / zoom, y - (height * pixel) / 2 / zoom, width / zoom, (height * pixel) / zoom].join(" "));
}

function pointAt(event) {
  return new DOMPoint(event.clientX, event.clientY).matrixTransform(byId("picture").getScreenCTM().inverse());
}

function zoomAt(factor, at) {
  if (!view.picture) return;
  const { width, height, pixel } = view.picture;
  const box = view.box ?? { x: width / 2, y: (height * pixel) / 2, zoom: 1 };
  const zoom = Math.min(MOST_ZOOM, box.zoom * factor);
  const centre = at ?? box;
  const keep = box.zoom / zoom; // what is under the pointer stays there
  view.box = zoom <= 1 ? null : { x: centre.x + (box.x - centre.x) * keep, y: centre.y + (box.y - centre.y) * keep, zoom };
  drawBox();
}

function pan(event) {
  if (!event.buttons || !view.box) return;
  const scale = byId("picture").getScreenCTM().a;
  view.box = { ...view.box, x: view.box.x - event.movementX / scale, y: view.box.y - event.movementY / scale };
  drawBox();
}

// Grey levels of an image, once they are asked for.
function greyLevels(url) {
  let levels = null;
  return async () => {
    levels ??= (async () => {
      const image = new Image();
      image.src = url;
      await image.decode();
      const canvas = element("canvas", { width: image.naturalWidth, height: image.naturalHeight });
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      return context.getImageData(0, 0, canvas.width, canvas.height).data;
    })();
    return levels;
  };
}

async function readOut(event) {
  const { picture, grey, slice } = view;
  if (!picture) return;
  const point = pointAt(event);
  const [x, y] = [Math.floor(point.x), Math.floor(point.y / picture.pixel)];
  if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) {
    byId("readout").textContent = "";
    return;
  }
  const levels = await Promise.all(grey.map((read) => read()));
  if (picture !== view.picture || slice !== view.slice) return;
  const shown = levels.map((of, index) => {
    const [low, high] = picture.ranges[index];
    const unit = index === 0 && low < HOUNSFIELD_BELOW ? " HU" : "";
    return `${["CT", "PET"][index]} ${shownNumber(low + (of[4 * (y * picture.width + x)] / 255) * (high - low))}${unit}`;
  });
  byId("readout").textContent = [`x ${x}, y ${y}`, ...shown].join(" · ");
}

whenChanged(() => {
  drawRank();
  drawToggles();
  drawCase();
});
