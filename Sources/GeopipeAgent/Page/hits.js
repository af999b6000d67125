// Hits on the globe: spikes at the clients, and arcs to the datacenter. They are stored in arrays of fixed size, in
// which the newest replaces the oldest: drawing allocates nothing.

const mostHits = 2_048;
/** Milliseconds. */
const spikeLife = 2_600, arcLife = 1_000, dotLife = 4_000;
/** The colours of datacenters, and one for the others. */
const hitColours = colourCount + 1, hitLevels = 4;

const hitBorn = new Float64Array(mostHits).fill(-Infinity);
const hitPlace = new Float32Array(mostHits * 5);
const hitTarget = new Float32Array(mostHits * 5);
/** The angle of the arc; 0 for none. */
const hitAngle = new Float32Array(mostHits);
/** The height of the spike, in radii; 0 for further datacenters of an answer. */
const hitHeight = new Float32Array(mostHits);
const hitColour = new Uint8Array(mostHits);
const hitIsNew = new Uint8Array(mostHits);
/** Each hit and its datacenter: for picking, and for tests. */
const hitHeard = new Array(mostHits).fill(null);
const hitSite = new Array(mostHits).fill(null);
let nextHit = 0;
let hitsDrawn = 0, arcsDrawn = 0;

/** The hits of one frame by colour and brightness, as lists through `bucketNext`. */
const bucketHead = new Int16Array(hitColours * hitLevels);
const bucketNext = new Int16Array(mostHits);

const spot = {};

/** @param delay milliseconds until it shows. */
function addHit(raw, delay) {
  if (raw === null || typeof raw !== "object") return;
  const weight = Math.max(0, numberOr(raw.weight, 1));
  const sites = Array.isArray(raw.datacenters) ? raw.datacenters : [];
  const first = sites.length > 0 ? textOf(sites[0]) : "";
  countHit(textOf(raw.country), first, weight);
  locate(spot, { latitude: numberOf(raw.lat), longitude: numberOf(raw.lon) });
  if (!spot.isPlaced) {
    stage.unplaced += weight;
    return;
  }
  if (document.hidden) return;
  const born = performance.now() + delay;
  stage.busyUntil = born + dotLife;
  for (let position = 0; position < Math.max(1, Math.min(4, sites.length)); position++) {
    const i = nextHit;
    nextHit = (nextHit + 1) % mostHits;
    const site = position < sites.length ? model.sites.get(textOf(sites[position])) : undefined;
    hitBorn[i] = born;
    hitHeard[i] = raw;
    hitSite[i] = site ?? null;
    hitHeight[i] = position === 0 ? Math.min(0.26, 0.03 + 0.028 * Math.sqrt(weight)) : 0;
    hitColour[i] = site !== undefined && site.colour >= 0 ? site.colour : colourCount;
    hitIsNew[i] = raw.side === "new" ? 1 : 0;
    const at = 5 * i;
    hitPlace[at] = spot.x;
    hitPlace[at + 1] = spot.y;
    hitPlace[at + 2] = spot.z;
    hitPlace[at + 3] = spot.u;
    hitPlace[at + 4] = spot.v;
    hitAngle[i] = 0;
    if (site === undefined || !site.isPlaced) continue;
    hitTarget[at] = site.x;
    hitTarget[at + 1] = site.y;
    hitTarget[at + 2] = site.z;
    hitTarget[at + 3] = site.u;
    hitTarget[at + 4] = site.v;
    const cosine = site.x * spot.x + site.y * spot.y + site.z * spot.z;
    hitAngle[i] = Math.acos(Math.max(-0.9999, Math.min(1, cosine)));
  }
}

function forgetHits() {
  hitBorn.fill(-Infinity);
  hitHeard.fill(null);
  hitSite.fill(null);
}

function levelOf(strength, i, selectedSite) {
  const level = Math.min(hitLevels - 1, Math.floor(strength * hitLevels));
  return selectedSite !== undefined && hitSite[i] !== selectedSite ? 0 : level;
}

const levelAlpha = [0.22, 0.45, 0.7, 0.95];

function tracePoint(context, x, y, z, u, v, isDown) {
  project(x, y, z, u, v);
  let isSeen = point.front;
  if (!isSeen) {
    const dx = point.x - view.centreX, dy = point.y - view.centreY;
    isSeen = dx * dx + dy * dy > view.radius * view.radius;
  }
  if (!isSeen) return false;
  if (isDown) context.lineTo(point.x, point.y);
  else context.moveTo(point.x, point.y);
  return true;
}

const arcSteps = 9, arcTail = 0.42;

function traceArc(context, i, age) {
  const at = 5 * i, angle = hitAngle[i];
  // The head leads, and the tail follows.
  const head = Math.min(1, age * 1.35), tail = Math.max(0, age * 1.35 - arcTail);
  if (tail >= 1) return;
  const sine = Math.sin(angle);
  const lift = view.isGlobe ? 0.04 + 0.16 * angle : 0.1;
  const du = hitTarget[at + 3] - hitPlace[at + 3], dv = hitTarget[at + 4] - hitPlace[at + 4];
  const length = view.isGlobe ? 0 : Math.sqrt(du * du + dv * dv);
  let isDown = false;
  for (let step = 0; step <= arcSteps; step++) {
    const part = tail + ((head - tail) * step) / arcSteps;
    const rise = 4 * part * (1 - part);
    if (view.isGlobe) {
      const near = angle < 1e-4 ? 1 - part : Math.sin((1 - part) * angle) / sine;
      const far = angle < 1e-4 ? part : Math.sin(part * angle) / sine;
      const height = 1 + lift * rise;
      isDown = tracePoint(
        context, height * (near * hitPlace[at] + far * hitTarget[at]),
        height * (near * hitPlace[at + 1] + far * hitTarget[at + 1]),
        height * (near * hitPlace[at + 2] + far * hitTarget[at + 2]), 0, 0, isDown);
    } else {
      isDown = tracePoint(
        context, 0, 0, 0, hitPlace[at + 3] + du * part, hitPlace[at + 4] + dv * part + lift * 2 * length * rise, isDown);
    }
  }
}

function traceSpike(context, i, growth) {
  const at = 5 * i;
  const x = hitPlace[at], y = hitPlace[at + 1], z = hitPlace[at + 2], u = hitPlace[at + 3], v = hitPlace[at + 4];
  project(x, y, z, u, v);
  if (!point.front) return;
  context.moveTo(point.x, point.y);
  const height = hitHeight[i] * growth;
  if (view.isGlobe) {
    project(x * (1 + height), y * (1 + height), z * (1 + height), 0, 0);
    context.lineTo(point.x, point.y);
  } else {
    context.lineTo(point.x, point.y - height * view.scale * 0.9);
  }
  if (hitIsNew[i] === 1) context.rect(point.x - 1.5, (view.isGlobe ? point.y : point.y - height * view.scale * 0.9) - 1, 2, 2);
}

function traceDot(context, i, size) {
  const at = 5 * i;
  project(hitPlace[at], hitPlace[at + 1], hitPlace[at + 2], hitPlace[at + 3], hitPlace[at + 4]);
  if (!point.front) return;
  context.moveTo(point.x + size, point.y);
  context.arc(point.x, point.y, size, 0, 2 * Math.PI);
}

/** Strokes all lists of a frame; `trace(context, i, age)` adds one hit to the path.
 *  @param edge how much wider the darker edge is that some colours get; 0 for none. */
function strokeBuckets(context, trace, life, now, width, edge) {
  for (let bucket = 0; bucket < bucketHead.length; bucket++) {
    if (bucketHead[bucket] < 0) continue;
    const colour = Math.floor(bucket / hitLevels);
    context.globalAlpha = levelAlpha[bucket % hitLevels];
    context.beginPath();
    for (let i = bucketHead[bucket]; i >= 0; i = bucketNext[i]) trace(context, i, (now - hitBorn[i]) / life);
    if (edge > 0) strokeCasing(context, colour, width + edge);
    context.strokeStyle = colour < colourCount ? look.sites[colour] : look.other;
    context.lineWidth = width;
    context.stroke();
  }
  context.globalAlpha = 1;
}

function strokeCasing(context, colour, width) {
  const casing = look.casings[colour];
  if (casing === undefined) return;
  context.strokeStyle = casing;
  context.lineWidth = width;
  context.stroke();
}

const growthOf = (age) => age < 0.06 ? age / 0.06 : age > 0.6 ? 1 - (age - 0.6) * 1.2 : 1;
const traceGrownSpike = (context, i, age) => traceSpike(context, i, growthOf(age));

/** Draws the hits that show now.
 *  @param now by performance.now().
 *  @param selectedSite the datacenter whose hits stand out, or undefined. */
function drawHits(context, now, selectedSite, isStill) {
  hitsDrawn = 0;
  arcsDrawn = 0;
  context.lineCap = "round";
  if (!isStill) {
    bucketHead.fill(-1);
    for (let i = 0; i < mostHits; i++) {
      const age = (now - hitBorn[i]) / arcLife;
      if (age < 0 || age >= 1 || hitAngle[i] === 0) continue;
      const bucket = hitColour[i] * hitLevels + levelOf(0.7 - 0.3 * age, i, selectedSite);
      bucketNext[i] = bucketHead[bucket];
      bucketHead[bucket] = i;
      arcsDrawn++;
    }
    if (arcsDrawn > 0) strokeBuckets(context, traceArc, arcLife, now, 1.4 * view.unit, 0);
  }
  bucketHead.fill(-1);
  const life = isStill ? dotLife : spikeLife;
  for (let i = 0; i < mostHits; i++) {
    const age = (now - hitBorn[i]) / life;
    if (age < 0 || age >= 1 || hitHeight[i] === 0) continue;
    const bucket = hitColour[i] * hitLevels + levelOf(age < 0.35 ? 0.99 : 1.5 * (1 - age), i, selectedSite);
    bucketNext[i] = bucketHead[bucket];
    bucketHead[bucket] = i;
    hitsDrawn++;
  }
  if (hitsDrawn === 0) return;
  if (!isStill) strokeBuckets(context, traceGrownSpike, life, now, 1.8 * view.unit, 1.3);
  for (let bucket = 0; bucket < bucketHead.length; bucket++) {
    if (bucketHead[bucket] < 0) continue;
    const colour = Math.floor(bucket / hitLevels);
    context.fillStyle = colour < colourCount ? look.sites[colour] : look.other;
    context.globalAlpha = levelAlpha[bucket % hitLevels];
    context.beginPath();
    for (let i = bucketHead[bucket]; i >= 0; i = bucketNext[i]) {
      traceDot(context, i, (isStill ? 2 + 14 * hitHeight[i] : 1.6) * view.unit);
    }
    if (isStill) strokeCasing(context, colour, 1.4);
    context.fill();
  }
  context.globalAlpha = 1;
}

/** Returns the newest hit within `reach` of a point of the canvas; null if there is none. */
function hitAt(x, y, reach, now) {
  let best = null, least = reach * reach;
  for (let i = 0; i < mostHits; i++) {
    const age = now - hitBorn[i];
    if (age < 0 || age > dotLife || hitHeight[i] === 0) continue;
    const at = 5 * i;
    project(hitPlace[at], hitPlace[at + 1], hitPlace[at + 2], hitPlace[at + 3], hitPlace[at + 4]);
    if (!point.front) continue;
    const distance = (point.x - x) ** 2 + (point.y - y) ** 2;
    if (distance <= least) {
      least = distance;
      best = hitHeard[i];
    }
  }
  return best;
}
