// Of volumes: maximum projections of PET, and the lesions that one can jump to.
const lesionsOf = () => view.picture?.lesions[state.label] ?? [];
const chosenLesion = () => lesionsOf()[view.lesion];

function drawProjections() {
  const { picture } = view;
  byId("projections").hidden = !picture?.projections.length;
  byId("projections").replaceChildren(...(picture?.projections ?? []).map((projection) => drawProjection(picture, projection)));
  drawProjectedOutlines();
}

function drawProjection(picture, { title, width, height, pixel, image }) {
  const svg = svgElement("svg", { viewBox: `0 0 ${width} ${height * pixel}`, role: "img", "aria-label": `${title}, maximum of PET` });
  const size = { width, height: height * pixel, preserveAspectRatio: "none" };
  if (image) svg.append(svgElement("image", { href: image, filter: "url(#pet-colours)", ...size }));
  svg.append(svgElement("g", { class: "projected-outlines" }), svgElement("line", { class: "place", x1: 0, x2: width }));
  svg.onclick = (event) => {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const row = Math.floor(point.y / pixel);
    showSlice(nearestSlice(picture, picture.isHeadLast ? height - 1 - row : row));
  };
  return element("figure", {}, svg, element("figcaption", {}, title));
}

const nearestSlice = ({ numbers }, wanted) =>
  numbers.reduce((best, number, index) => (Math.abs(number - wanted) < Math.abs(numbers[best] - wanted) ? index : best), 0);

function drawProjectedOutlines() {
  if (!view.picture) return;
  byId("projections").querySelectorAll(".projected-outlines").forEach((group, index) => {
    const { outlines, pixel } = view.picture.projections[index];
    group.replaceChildren(...outlinePaths(outlines[state.label], `scale(1 ${pixel})`));
  });
}

// A line across the projections where the slice is.
function drawPlace() {
  const { picture, content } = view;
  byId("projections").querySelectorAll(".place").forEach((line, index) => {
    const { height, pixel } = picture.projections[index];
    const row = picture.isHeadLast ? height - 1 - content.number : content.number;
    for (const end of ["y1", "y2"]) line.setAttribute(end, (row + 0.5) * pixel);
  });
}

function stepLesion(distance) {
  const total = lesionsOf().length;
  if (total) showLesion((Math.max(view.lesion, distance > 0 ? -1 : 0) + distance + total) % total);
}

function showLesion(number) {
  view.lesion = number;
  drawLesion();
  const lesion = chosenLesion();
  if (!lesion) return drawOutlines();
  if (view.box) view.box = { ...view.box, x: lesion.x, y: lesion.y * view.picture.pixel };
  showSlice(lesion.slice);
}

function drawLesion() {
  const all = lesionsOf();
  const lesion = chosenLesion();
  byId("lesions").hidden = !all.length;
  byId("lesion").textContent = lesion ? `${view.lesion + 1} of ${all.length}: ${aboutLesion(lesion)}` : `${all.length}`;
}

function aboutLesion({ size, found }) {
  const shown = `${size.toLocaleString("en")} ${data.sizeUnit}`;
  if (!Array.isArray(found)) return `${shown}, not in the reference: ${data.models[found]}`;
  const missed = data.models.filter((_, model) => !found[model]);
  return missed.length ? `${shown}, missed by ${missed.join(", ")}` : `${shown}, found by all`;
}
