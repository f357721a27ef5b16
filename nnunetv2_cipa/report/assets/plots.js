// A click on the plot of sizes shows the case whose dot is nearest.
const NEAR = 12; // pixels of the screen

function nearestDot(event) {
  const { x, y, sizes, values } = chosen.frame;
  const toScreen = event.currentTarget.getScreenCTM();
  const [left, right] = sizes.map(Math.log);
  let nearest = { distance: NEAR };
  chosen.size.forEach((size, number) => {
    if (!size) return;
    const across = x[0] + ((Math.log(size) - left) / (right - left)) * (x[1] - x[0]);
    data.models.forEach((_, model) => {
      const value = valueOf(data.measures[0].name, model, number);
      if (value === null) return;
      const up = y[0] + ((value - values[0]) / (values[1] - values[0])) * (y[1] - y[0]);
      const distance = Math.hypot(across * toScreen.a + toScreen.e - event.clientX, up * toScreen.d + toScreen.f - event.clientY);
      if (distance < nearest.distance) nearest = { distance, number, model };
    });
  });
  return nearest;
}

function openDot(event) {
  const { number, model } = nearestDot(event);
  if (number === undefined) return;
  byId("filters").reset();
  rankBy(model, data.measures[0].name);
  show(number);
  byId("viewer").scrollIntoView();
  byId("stage").focus({ preventScroll: true });
}
