// The data of the page. All input is normalized here, so that other code need not check for missing values.

const numberOr = (value, other) => typeof value === "number" && Number.isFinite(value) ? value : other;
const numberOf = (value) => numberOr(value, null);
const textOf = (value) => typeof value === "string" ? value : value === null || value === undefined ? "" : String(value);
const listOf = (value, most) =>
  Array.isArray(value) ? value.slice(0, most).filter((item) => item !== null && typeof item === "object") : [];

/** The length of graphs in seconds, and that of one of their points. */
const hourLength = 3_600;
const mostEvents = 200;
const columns = ["answered", "empty", "refused", "p50", "p99", "coprocesses"];

const model = {
  mode: "live",
  host: "",
  version: "",
  /** The newest second; null before the first one. */
  second: null,
  /** When it arrived, by performance.now(). */
  secondAt: 0,
  /** Oldest first. */
  events: [],
  /** Points from `start` on, one for each `step` seconds, each null or numbers in the order of `columns`. */
  history: { start: 0, step: 5, points: [] },
  replay: null,
  /** By name, the data of each datacenter in the newest second. */
  sites: new Map(),
  /** The same, in the order of the server. */
  siteList: [],
};

/** The server's clock: the browser's may be wrong, and a recording has its own. */
const clock = {
  base: null,
  at: 0,
  set(time) {
    this.base = time;
    this.at = performance.now();
  },
  /** Seconds since 1970; null before the first message of the server. */
  now() {
    if (this.base === null) return null;
    const passed = (performance.now() - this.at) / 1e3;
    const replay = model.replay;
    if (replay === null) return this.base + passed;
    return replay.paused ? this.base : Math.min(replay.to, this.base + Math.min(passed, 1.5) * replay.speed);
  },
};

function readSecond(raw) {
  const rate = raw.rate ?? {}, latency = raw.latency ?? {}, image = raw.image;
  const tops = (list) => listOf(list, 20).map((item) => ({
    name: textOf(item.name), rate: numberOr(item.rate, 0), country: textOf(item.country), asn: numberOf(item.asn),
  }));
  return {
    time: numberOr(raw.time, 0),
    rate: { answered: numberOf(rate.answered), empty: numberOf(rate.empty), refused: numberOf(rate.refused) },
    latency: { p50: numberOf(latency.p50), p99: numberOf(latency.p99) },
    coprocesses: numberOf(raw.coprocesses),
    dropped: numberOr(raw.dropped, 0),
    image: image !== null && typeof image === "object"
      ? { id: textOf(image.id), compiled: numberOf(image.compiled), since: numberOf(image.since) } : null,
    datacenters: listOf(raw.datacenters, 1_000).map((site) => ({
      name: textOf(site.name), latitude: numberOf(site.latitude), longitude: numberOf(site.longitude),
      state: Object.hasOwn(stateWords, site.state) ? site.state : "in_use",
      capacity: numberOf(site.capacity), rate: numberOr(site.rate, 0), share: numberOf(site.share), load: numberOf(site.load),
    })).filter((site) => site.name !== ""),
    countries: tops(raw.countries), names: tops(raw.names), services: tops(raw.services), networks: tops(raw.networks),
    unknown: numberOf(raw.unknown), defaultRule: numberOf(raw.defaultRule),
    problems: listOf(raw.problems, 100).map((problem) => ({
      isError: problem.severity !== "warning", text: textOf(problem.text ?? problem.message), hint: textOf(problem.hint),
    })).filter((problem) => problem.text !== ""),
    rollout: readRollout(raw.rollout),
  };
}

function readRollout(raw) {
  if (raw === null || typeof raw !== "object") return null;
  const side = (value) => ({ rate: numberOf(value?.rate) });
  return {
    id: textOf(raw.id), state: textOf(raw.state), share: numberOf(raw.share), old: side(raw.old), new: side(raw.new),
    byDatacenter: listOf(raw.byDatacenter, 1_000).map((site) => ({
      name: textOf(site.name), old: numberOr(site.old, 0), new: numberOr(site.new, 0),
    })).filter((site) => site.name !== ""),
    compared: numberOf(raw.compared), differing: numberOf(raw.differing),
  };
}

function readEvent(raw) {
  return {
    time: numberOr(raw?.time, 0), kind: textOf(raw?.kind), text: textOf(raw?.text), datacenter: textOf(raw?.datacenter),
  };
}

function readReplay(raw) {
  if (raw === null || typeof raw !== "object") return null;
  const from = numberOr(raw.from, 0);
  return {
    file: textOf(raw.file), from, to: Math.max(from, numberOr(raw.to, from)), position: numberOr(raw.position, from),
    paused: raw.paused === true, speed: numberOr(raw.speed, 1),
  };
}

function takeState(raw) {
  model.mode = raw.mode === "replay" ? "replay" : "live";
  model.host = textOf(raw.host);
  model.version = textOf(raw.version);
  model.replay = readReplay(raw.replay);
  model.events = listOf(raw.events, 10_000).map(readEvent).filter((event) => event.text !== "").slice(-mostEvents);
  takeHistory(raw.history ?? {});
  if (raw.second !== null && typeof raw.second === "object") takeSecond(raw.second);
  const time = model.replay?.position ?? numberOf(raw.time);
  if (time !== null) clock.set(time);
}

function takeHistory(raw) {
  const names = Array.isArray(raw.columns) ? raw.columns : columns;
  const order = columns.map((name) => names.indexOf(name));
  const step = Math.max(1, numberOr(raw.step, 5));
  const points = (Array.isArray(raw.points) ? raw.points : []).slice(-hourLength / step);
  const cut = Array.isArray(raw.points) ? raw.points.length - points.length : 0;
  model.history = {
    start: numberOr(raw.start, 0) + cut * step, step,
    points: points.map((point) => Array.isArray(point) ? order.map((position) => numberOf(point[position])) : null),
  };
  pending.count = 0;
}

/** The seconds that the newest point of the history averages. */
const pending = { index: -1, count: 0 };

function takeSecond(raw) {
  const second = readSecond(raw);
  const before = model.second;
  model.second = second;
  model.secondAt = performance.now();
  if (model.replay === null && second.time > 0) {
    // A second is complete when it arrives, and is a whole number; between two of them the clock advances by itself.
    const now = clock.now();
    if (now === null || Math.abs(second.time - now) > 2) clock.set(second.time);
  }
  takeSites(second.datacenters);
  appendHistory(second);
  coolPlaces();
  stage.unplacedRate += (stage.unplaced - stage.unplacedRate) / 5;
  stage.unplaced = 0;
  return before === null || second.time >= before.time - 1;
}

function appendHistory(second) {
  const history = model.history;
  if (second.time <= 0) return;
  if (history.points.length === 0) history.start = Math.floor(second.time / history.step) * history.step;
  let index = Math.floor((second.time - history.start) / history.step);
  if (index < 0) return;
  const most = Math.ceil(hourLength / history.step);
  if (index - history.points.length > most) {
    history.points.length = 0;
    history.start = Math.floor(second.time / history.step) * history.step;
    index = 0;
  }
  while (history.points.length <= index) history.points.push(null);
  const values = [
    second.rate.answered, second.rate.empty, second.rate.refused, second.latency.p50, second.latency.p99,
    second.coprocesses,
  ];
  if (pending.index !== history.start + index * history.step || pending.count === 0) {
    pending.index = history.start + index * history.step;
    pending.count = 0;
  }
  const old = history.points[index];
  history.points[index] = old === null || pending.count === 0
    ? values
    : values.map((value, position) => value === null ? old[position]
      : old[position] === null ? value : old[position] + (value - old[position]) / (pending.count + 1));
  pending.count++;
  const excess = history.points.length - most - 1;
  if (excess > 0) {
    history.points.splice(0, excess);
    history.start += excess * history.step;
  }
}

/** Adds an event; false if it is already known, as after a new connection. */
function takeEvent(raw) {
  const event = readEvent(raw);
  if (event.text === "") return false;
  if (model.events.some((other) => other.time === event.time && other.text === event.text)) return false;
  model.events.push(event);
  if (model.events.length > mostEvents) model.events.shift();
  return true;
}

/** The number of seconds for which the page keeps the rate of each datacenter. */
const seriesLength = 300;

function takeSites(list) {
  const known = model.sites;
  model.siteList = [];
  model.sites = new Map();
  for (const item of list) {
    if (model.sites.has(item.name)) continue;
    const site = known.get(item.name)
      ?? { colour: -1, series: new Float32Array(seriesLength).fill(NaN), words: visible(item.name), labelWidth: 0 };
    if (site.latitude !== item.latitude || site.longitude !== item.longitude || !Object.hasOwn(site, "x")) locate(site, item);
    Object.assign(site, item);
    site.series.copyWithin(0, 1);
    site.series[seriesLength - 1] = item.rate;
    model.sites.set(item.name, site);
    model.siteList.push(site);
  }
  giveColours(model.siteList);
}

/** Gives the colours that are free: in the order of the datacenters if there are enough, as `geopipe map` does, otherwise to those
 *  with the most answers. A datacenter keeps its colour. */
function giveColours(list) {
  const free = [];
  for (let colour = 0; colour < colourCount; colour++) {
    if (!list.some((site) => site.colour === colour)) free.push(colour);
  }
  if (free.length === 0) return;
  const bare = list.filter((site) => site.colour < 0);
  if (list.length > colourCount) bare.sort((one, other) => other.rate - one.rate);
  for (const site of bare) {
    if (free.length === 0) return;
    site.colour = free.shift();
  }
}

// The sampled hits of about the last minute, by country and datacenter: what the tops of a second leave out.

const cooling = Math.exp(-1 / 30);
const mostPlaces = 300, mostSitesOfPlace = 128;
/** By country, the weight of its hits by datacenter ("" is an empty answer). */
const flows = new Map();
let warmth = 0;

function countHit(country, site, weight) {
  let flow = flows.get(country);
  if (flow === undefined) {
    if (flows.size >= mostPlaces) return;
    flow = new Map();
    flows.set(country, flow);
  }
  const old = flow.get(site);
  if (old === undefined && flow.size >= mostSitesOfPlace) return;
  flow.set(site, (old ?? 0) + weight);
}

/** Called after each second. */
function coolPlaces() {
  warmth = warmth * cooling + 1;
  for (const [country, flow] of flows) {
    for (const [site, weight] of flow) {
      if (weight < 0.01) flow.delete(site);
      else flow.set(site, weight * cooling);
    }
    if (flow.size === 0) flows.delete(country);
  }
}

function forgetPlaces() {
  flows.clear();
  warmth = 0;
}

/** Where the answers of a country go, by datacenter; or to a datacenter, from which countries. The largest first. */
function flowOf(selection) {
  const items = [];
  const scale = 1 / Math.max(1, warmth);
  if (selection.kind === "place") {
    for (const [site, weight] of flows.get(selection.name) ?? []) items.push({ name: site, rate: weight * scale });
  } else {
    for (const [country, flow] of flows) {
      const weight = flow.get(selection.name);
      if (weight !== undefined) items.push({ name: country, rate: weight * scale });
    }
  }
  return items.sort((one, other) => other.rate - one.rate);
}
