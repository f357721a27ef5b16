// The list of cases: a page of rows at a time, so that thousands of cases cost nothing.
const ROWS = 50;
let firstRow = 0;
let drawnFor = { listed: null, current: null };

function headings() {
  return ["Case", "Patient", "Size", ...data.models, ...(data.models.length > 1 ? ["Spread"] : [])];
}

function sortBy(column) {
  const same = state.sort.column === column;
  const model = column - MODEL_COLUMNS;
  const ofModel = model >= 0 && model < data.models.length;
  const worstFirst = ofModel ? measureNamed(state.measure).best !== "highest" : column === headings().length - 1;
  if (ofModel) state.model = model;
  state.sort = { column, descending: same ? !state.sort.descending : worstFirst };
  update();
}

function drawHead() {
  const row = element("tr");
  headings().forEach((title, column) => {
    const button = element("button", { type: "button" }, title);
    button.onclick = () => {
      sortBy(column);
      byId("table").querySelectorAll("thead button")[column].focus();
    };
    const head = element("th", { scope: "col", title }, button);
    if (state.sort.column === column) head.setAttribute("aria-sort", state.sort.descending ? "descending" : "ascending");
    row.append(head);
  });
  byId("table").tHead.replaceChildren(row);
}

function drawRow(number) {
  const measure = measureNamed(state.measure);
  const open = element("button", { type: "button" }, data.cases.identifier[number]);
  const row = element("tr", {}, element("td", {}, open), element("td", {}, data.cases.patient[number]));
  row.append(element("td", {}, shownSize(number)));
  data.models.forEach((_, model) => {
    const value = valueOf(measure.name, model, number);
    const cell = element("td", {}, shownValue(value, measure));
    if (measure.isFraction && value !== null) {
      cell.className = "value";
      cell.style.setProperty("--colour", modelColour(model));
      cell.style.setProperty("--part", `${100 * value}%`);
    }
    row.append(cell);
  });
  if (data.models.length > 1) row.append(element("td", {}, shownValue(spreadOf(number), measure)));
  if (number === state.current) row.setAttribute("aria-current", "true");
  row.onclick = () => {
    show(number);
    byId("stage").focus({ preventScroll: window.innerWidth >= 1100 });
  };
  return row;
}

function drawTable() {
  const total = state.listed.length;
  const last = Math.min(firstRow + ROWS, total);
  byId("table").tBodies[0].replaceChildren(...state.listed.slice(firstRow, last).map(drawRow));
  byId("page").textContent = total ? `${(firstRow + 1).toLocaleString("en")}–${last.toLocaleString("en")}` : "none";
  byId("previous-page").disabled = firstRow === 0;
  byId("next-page").disabled = last >= total;
  const measure = measureNamed(state.measure);
  const all = data.cases.identifier.length;
  const unit = measure.unit ? ` in ${measure.unit}` : "";
  byId("count").textContent = `${total.toLocaleString("en")} of ${all.toLocaleString("en")} cases, ${measure.title}${unit}, size in ${data.sizeUnit}`;
}

function turnPage(rows) {
  firstRow += rows;
  drawTable();
}

whenChanged(() => {
  const isNewList = drawnFor.listed !== state.listed;
  if (isNewList) {
    firstRow = 0;
    drawHead();
  }
  if (state.current !== drawnFor.current) {
    const place = state.listed.indexOf(state.current);
    if (place >= 0) firstRow = Math.floor(place / ROWS) * ROWS;
  }
  drawnFor = { listed: state.listed, current: state.current };
  drawTable();
});
