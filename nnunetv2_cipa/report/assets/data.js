// What the page holds, and the cases' pictures, which are in the page or in files beside it.
const data = JSON.parse(document.getElementById("data").textContent);
const FOLDER = document.getElementById("program").dataset.folder;
const MODEL_COLOURS = 8;
const DASHES = ["none", "7 4", "2 3.5", "9 3 2 3"];
const REFERENCE = { name: "Reference", colour: "#ffffff", dashes: "none" };
const KEPT_PICTURES = 40;

const byId = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function svgElement(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

const modelColour = (model) => `var(--model-${model % MODEL_COLOURS})`;
const modelDashes = (model) => DASHES[(model + Math.floor(model / MODEL_COLOURS)) % DASHES.length];
const measureNamed = (name) => data.measures.find((measure) => measure.name === name);
const lossOf = ({ best }, value) => (best === "highest" ? -value : best === "zero" ? Math.abs(value) : value);
let chosen = data.views[0]; // of all labels together, or of one by itself
const valueOf = (measure, model, number) => chosen.values[measure][model][number];

function shownValue(value, measure) {
  if (value === null) return "–";
  return (measure.isFraction ? 100 * value : value).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

const shownSize = (number) => chosen.size[number].toLocaleString("en", { maximumFractionDigits: 1 });

const pictures = new Map(); // key of a file -> promise of what it holds, the latest asked for last
const awaited = new Map();

globalThis.receiveCase = (key, content) => awaited.get(key)?.(content);

// A case by its number, or a part of its slices by "number_part".
function contentOf(key) {
  const known = pictures.get(key) ?? (FOLDER ? loadContent(key) : parseContent(key));
  pictures.delete(key);
  pictures.set(key, known);
  if (pictures.size > KEPT_PICTURES) pictures.delete(pictures.keys().next().value);
  return known;
}

const pictureOf = (number) => contentOf(String(number));

async function sliceOf(picture, index) {
  if (picture.slices) return picture.slices[index];
  const part = await contentOf(`${picture.number}_${Math.floor(index / picture.slicesInFile)}`);
  return part[index % picture.slicesInFile];
}

async function parseContent(key) {
  return JSON.parse(byId(`case-${key}`).textContent);
}

function loadContent(key) {
  return new Promise((resolve, reject) => {
    const file = `${FOLDER}/case_${key}.js`;
    const script = element("script", { src: file });
    const done = (settle) => (result) => {
      awaited.delete(key);
      script.remove();
      settle(result);
    };
    awaited.set(key, done(resolve));
    script.onerror = () => {
      pictures.delete(key);
      done(reject)(new Error(`${decodeURIComponent(file)} is not there. The folder belongs beside this page.`));
    };
    document.head.append(script);
  });
}
