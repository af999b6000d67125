// The last hour as graphs, with a mark for each event.

const eventGlyphs = { switch: "▼", health: "✚", reload: "●", rollout: "◆", agent: "■" };

/** The glyph of a kind of events. */
const eventGlyph = (kind) => Object.hasOwn(eventGlyphs, kind) ? eventGlyphs[kind] : "•";

const graphs = [
  {
    id: "plot-rate", key: "key-rate", words: rateWords,
    lines: [[0, "answered", true], [1, "empty", false], [2, "refused", false]],
  },
  { id: "plot-latency", key: "key-latency", words: latencyWords, lines: [[4, "p99", false], [3, "p50", true]] },
  { id: "plot-coprocesses", key: null, words: meanWords, lines: [[5, "steps", false]], least: 4 },
];

/** Space above the highest line, for the marks. */
const graphTop = 28, graphBottom = 16;
const graphFamily = 'px system-ui, "Segoe UI", "Liberation Sans", Arial, sans-serif';

function startGraphs() {
  for (const graph of graphs) {
    const plot = element(graph.id);
    graph.canvas = plot.querySelector("canvas");
    graph.context = graph.canvas.getContext("2d");
    plot.addEventListener("pointermove", (event) => tellMoment(graph, event));
    plot.addEventListener("pointerleave", () => {
      graphs.forEach((other) => { other.pointer = null; });
      hideTip();
      drawGraphs();
    });
  }
  new ResizeObserver(drawGraphs).observe(element("graphs"));
}

/** Returns the smallest round number that is not below a value. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (step * power >= value * 0.9999) return step * power;
  return 10 * power;
}

function drawGraphs() {
  if (model.second === null && model.history.points.length === 0) return;
  for (const graph of graphs) drawGraph(graph);
}

const graphEnd = () => clock.now() ?? model.history.start + model.history.points.length * model.history.step;

function drawGraph(graph) {
  const { canvas, context, lines } = graph;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0 || height === 0) return;
  const ratio = Math.min(2, devicePixelRatio || 1);
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const { points, start, step } = model.history;
  const end = graphEnd(), from = end - hourLength;
  const unit = view.unit, top = graphTop * unit;
  const bottom = height - graphBottom * unit, room = bottom - top;
  const xOf = (time) => ((time - from) / hourLength) * width;
  let most = 0;
  for (const values of points) {
    if (values === null) continue;
    for (const [column] of lines) if (values[column] > most) most = values[column];
  }
  most = roundUp(Math.max(most, graph.least ?? 1));
  const yOf = (value) => bottom - (value / most) * room;
  context.font = Math.round(11 * unit) + graphFamily;
  context.textBaseline = "alphabetic";
  context.lineWidth = 1;
  context.strokeStyle = look.axis;
  context.beginPath();
  for (let line = 0; line <= 2; line++) {
    const y = Math.round(yOf((most * line) / 2)) + 0.5;
    context.moveTo(0, y);
    context.lineTo(width, y);
  }
  context.stroke();
  context.fillStyle = look.soft;
  const every = width < 260 * unit ? 1_800 : 900;
  context.textAlign = "center";
  for (let time = Math.ceil(from / every) * every; time < end; time += every) {
    const x = xOf(time);
    if (x > 20 * unit && x < width - 20 * unit) context.fillText(timeWords(time, false), x, height - 3);
  }
  drawEventLines(context, xOf, width, bottom);
  context.lineJoin = "round";
  for (const [column, name, isFilled] of lines) {
    context.strokeStyle = look[name];
    context.lineWidth = 1.5 * unit;
    context.beginPath();
    let first = NaN, last = 0;
    const close = () => {
      if (Number.isNaN(first)) return;
      if (isFilled) {
        context.stroke();
        context.lineTo(last, bottom);
        context.lineTo(first, bottom);
        context.globalAlpha = 0.14;
        context.fillStyle = look[name];
        context.fill();
        context.globalAlpha = 1;
      } else {
        context.stroke();
      }
      context.beginPath();
      first = NaN;
    };
    for (let i = 0; i < points.length; i++) {
      const value = points[i]?.[column] ?? null;
      const x = xOf(start + (i + 0.5) * step);
      if (value === null || x < -10) {
        close();
        continue;
      }
      if (Number.isNaN(first)) {
        context.moveTo(x, yOf(value));
        first = x;
      } else {
        context.lineTo(x, yOf(value));
      }
      last = x;
    }
    close();
  }
  context.textAlign = "left";
  context.lineWidth = 3;
  context.strokeStyle = look.paper;
  for (const value of [most, most / 2]) {
    const words = graph.words(value);
    context.strokeText(words, 2, yOf(value) - 3);
    context.fillStyle = look.soft;
    context.fillText(words, 2, yOf(value) - 3);
  }
  if (graph.pointer !== null && graph.pointer !== undefined) {
    context.lineWidth = 1;
    context.strokeStyle = look.soft;
    context.beginPath();
    context.moveTo(graph.pointer, top);
    context.lineTo(graph.pointer, bottom);
    context.stroke();
  }
}

function drawEventLines(context, xOf, width, bottom) {
  context.strokeStyle = look.soft;
  context.globalAlpha = 0.75;
  context.setLineDash([2, 3]);
  context.beginPath();
  for (const event of model.events) {
    const x = Math.round(xOf(event.time)) + 0.5;
    if (x < 0 || x > width) continue;
    context.moveTo(x, 14 * view.unit);
    context.lineTo(x, bottom);
  }
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** Describes the moment under the pointer, with the events near it. */
function tellMoment(graph, pointerEvent) {
  const box = graph.canvas.getBoundingClientRect();
  if (box.width === 0) return;
  const x = pointerEvent.clientX - box.left;
  const time = graphEnd() - hourLength + (x / box.width) * hourLength;
  const { points, start, step } = model.history;
  const values = points[Math.floor((time - start) / step)] ?? null;
  for (const other of graphs) other.pointer = other === graph ? x : (x / box.width) * other.canvas.clientWidth;
  drawGraphs();
  const lines = [timeWords(time)];
  if (values === null) lines.push("not known");
  for (const [column, name] of values === null ? [] : graph.lines) {
    lines.push(`${name === "steps" ? "coprocesses" : name} ${graph.words(values[column])}`);
  }
  const reach = (6 / box.width) * hourLength;
  const near = model.events.filter((event) => Math.abs(event.time - time) <= reach);
  showTip([...lines, ...near.slice(-6).map(eventLine)], pointerEvent.clientX, pointerEvent.clientY);
}

const eventLine = (event) => `${timeWords(event.time)} ${visible(event.kind)}: ${visible(event.text)}`;

/** Pixels within which events share a mark. */
const markWidth = 16;

/** The marks that can be reached by keyboard: one for the events of one place of the graph. */
function drawEventMarks() {
  const parent = element("plot-rate").querySelector(".marks");
  const width = parent.clientWidth;
  if (width === 0) return;
  const end = graphEnd();
  const groups = [];
  for (const event of model.events) {
    const x = ((event.time - end + hourLength) / hourLength) * width;
    if (x < 0 || x > width + 1) continue;
    const last = groups.at(-1);
    if (last !== undefined && x - last.x < markWidth * view.unit) last.events.push(event);
    else groups.push({ x, events: [event] });
  }
  const stop = Math.max(0, [...parent.children].indexOf(document.activeElement));
  const makeChild = () => {
    const button = make("button");
    button.type = "button";
    const tell = () => {
      const box = button.getBoundingClientRect();
      showTip(button.events.slice(-8).map(eventLine), box.left, box.bottom);
    };
    button.addEventListener("focus", tell);
    button.addEventListener("pointerenter", tell);
    button.addEventListener("pointermove", (event) => event.stopPropagation());
    button.addEventListener("blur", hideTip);
    button.addEventListener("click", tell);
    button.addEventListener("keydown", (event) => {
      const side = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" }[event.key];
      const next = side === undefined ? null : button[side];
      if (next === null) return;
      event.preventDefault();
      next.focus();
      drawEventMarks();
    });
    return button;
  };
  fill(parent, groups, makeChild, (button, { x, events }, position) => {
    button.events = events;
    // One tab stop for all; the arrow keys move between them.
    button.tabIndex = position === Math.min(stop, groups.length - 1) ? 0 : -1;
    const kinds = new Set(events.map((event) => event.kind));
    setText(button, kinds.size > 1 ? String(events.length) : eventGlyph(events[0].kind));
    const kind = Object.hasOwn(eventGlyphs, events[0].kind) ? events[0].kind : "other";
    setAttribute(button, "data-kind", kinds.size > 1 ? "several" : kind);
    setAttribute(button, "aria-label", events.slice(-8).map(eventLine).join("; "));
    button.style.left = Math.min(width - 9, x) + "px";
  });
}

function drawGraphKeys() {
  for (const { key, lines } of graphs) {
    if (key === null) continue;
    fill(element(key), lines, () => make("span"), (node, [, name]) => {
      setText(node, name);
      node.style.color = look[name];
    });
  }
}
