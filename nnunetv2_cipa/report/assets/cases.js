// Which cases are listed, in which order, and which one is looked at.
const state = {
  label: 0, // number of the view: all labels together, or one by itself
  measure: data.measures[0].name,
  model: 0,
  sort: { column: 3, descending: false },
  filter: { text: "", class: "", least: null, most: null },
  listed: [], // numbers of the cases, as the table has them
  ranked: [], // numbers of the listed cases with a value, from worst to best
  current: null,
};
const listeners = [];
const whenChanged = (listener) => listeners.push(listener);

const collator = new Intl.Collator("en", { numeric: true });
const MODEL_COLUMNS = 3; // case, patient and size come before the models

function spreadOf(number) {
  const values = data.models.map((_, model) => valueOf(state.measure, model, number)).filter((value) => value !== null);
  return values.length > 1 ? Math.max(...values) - Math.min(...values) : null;
}

function cellOf(column, number) {
  if (column === 0) return data.cases.identifier[number];
  if (column === 1) return data.cases.patient[number];
  if (column === 2) return chosen.size[number];
  const model = column - MODEL_COLUMNS;
  return model < data.models.length ? valueOf(state.measure, model, number) : spreadOf(number);
}

// Undefined values come last, whichever way is up; equal ones in the order of the files.
function sorted(numbers, key, descending) {
  const sign = descending ? -1 : 1;
  const compare = (a, b) => (typeof a === "string" ? collator.compare(a, b) : a - b);
  return numbers
    .map((number) => [key(number), number])
    .sort(([a, m], [b, n]) => {
      if (a === null || b === null) return (a === null) - (b === null) || m - n;
      return sign * compare(a, b) || m - n;
    })
    .map(([, number]) => number);
}

function isListed(number) {
  const { text, class: group, least, most } = state.filter;
  if (group !== "" && chosen.class[number] !== Number(group)) return false;
  if (least !== null || most !== null) {
    const value = valueOf(state.measure, state.model, number);
    if (value === null) return false;
    const shown = measureNamed(state.measure).isFraction ? 100 * value : value;
    if ((least !== null && shown < least) || (most !== null && shown > most)) return false;
  }
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const names = `${data.cases.identifier[number]} ${data.cases.patient[number]}`.toLowerCase();
  return words.every((word) => names.includes(word));
}

function update() {
  const { column, descending } = state.sort;
  const listed = data.cases.identifier.map((_, number) => number).filter(isListed);
  state.listed = sorted(listed, (number) => cellOf(column, number), descending);
  const value = (number) => valueOf(state.measure, state.model, number);
  const loss = (number) => lossOf(measureNamed(state.measure), value(number));
  state.ranked = sorted(listed.filter((number) => value(number) !== null), loss, true);
  for (const listener of listeners) listener();
}

function show(number) {
  state.current = number;
  for (const listener of listeners) listener();
}

// Table and viewer begin with the worst of the model and measure that were chosen.
function rankBy(model, measure) {
  state.model = model;
  state.measure = measure;
  state.sort = { column: MODEL_COLUMNS + model, descending: measureNamed(measure).best !== "highest" };
  update();
}

function step(distance) {
  const place = state.ranked.indexOf(state.current);
  const next = place < 0 ? 0 : Math.min(state.ranked.length - 1, Math.max(0, place + distance));
  if (state.ranked.length) show(state.ranked[next]);
}
